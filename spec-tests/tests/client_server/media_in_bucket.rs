//! Files are the same when they are kept in a bucket of an S3 service.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#content-repository)

use std::{
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
};

use serde_json::json;
use spec_tests::{
    Homeserver, Settings, covers, homeserver,
    http::encode,
    media::{PICTURES, size},
    process::Process,
    sync_until::eventually,
};

const DOWNLOAD: &str = "/v1/media/download";

/// An S3 service with one empty bucket.
struct Service {
    _process: Process,
    url: String,
    _folder: tempfile::TempDir,
}

impl Service {
    fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("SPEC_TEST_S3_SERVER").map(PathBuf::from) else {
            eprintln!("skipped: SPEC_TEST_S3_SERVER does not name an S3 service");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        drop(listener);
        let command = [
            program.display().to_string(),
            "-p".to_owned(),
            port.to_string(),
        ];
        let process = Process::start(&command, &folder.path().join("log"), None)
            .expect("the S3 service to start");
        let service = Self {
            _process: process,
            url: format!("http://127.0.0.1:{port}"),
            _folder: folder,
        };
        eventually(|| {
            let made = ureq::put(format!("{}/files", service.url)).send_empty();
            made.map_err(|error| error.to_string())
        });
        Some(service)
    }

    fn configuration(&self) -> String {
        format!(
            r#"[media]
store = "s3"
[media.s3]
endpoint = "{}"
bucket = "files"
access_key_id = "key"
secret_access_key = "secret"
path_style = true
"#,
            self.url
        )
    }

    /// How many objects the bucket has.
    fn objects(&self) -> usize {
        let mut answer = ureq::get(format!("{}/files", self.url))
            .call()
            .expect("a list");
        let list = answer.body_mut().read_to_string().expect("a list");
        list.matches("<Key>").count()
    }
}

#[test]
fn files_in_a_bucket_come_back_whole_and_in_parts() {
    covers!(
        POST "/_matrix/media/v3/upload",
        GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}",
        GET "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}",
    );
    if homeserver().is_synapse() {
        return;
    }
    let Some(service) = Service::start() else {
        return;
    };
    let settings = Settings {
        fialka: service.configuration(),
        ..Settings::default()
    };
    let Some(server) = Homeserver::own(&settings) else {
        return;
    };
    let alice = server.register("alice");
    // Larger than two parts of a multipart upload.
    let large: Vec<u8> = (0..20_000_000_u32).map(|n| (n % 251) as u8).collect();
    let files = [b"small".to_vec(), Vec::new(), large];
    for content in &files {
        let media = alice.upload("video/mp4", "a.mp4", content);
        let path = format!("{DOWNLOAD}/{media}");
        assert!(alice.get(&path).bytes == *content);
        if content.len() > 4 {
            let part = alice.request("GET", &path).header("Range", "bytes=1-3");
            let part = part.send();
            assert_eq!((part.status, &part.bytes[..]), (206, &content[1..4]));
        }
    }
    assert_eq!(service.objects(), files.len());
    let again = alice.upload("video/mp4", "b.mp4", &files[0]);
    assert_eq!(
        service.objects(),
        files.len(),
        "the same content is stored once"
    );

    let picture = alice.upload("image/png", "picture", PICTURES[0].1);
    let thumbnail = format!("/v1/media/thumbnail/{picture}?width=32&height=32&method=crop");
    for _ in 0..2 {
        let reply = alice.get(&thumbnail);
        assert_eq!(size(&reply.bytes), Some((32, 32)));
    }
    // Whatever the server remembers is in the bucket.
    server.kill_and_restart();
    assert_eq!(size(&alice.get(&thumbnail).bytes), Some((32, 32)));

    let admin = server.register_with_secret("admin", true).unwrap();
    let delete = |media: &str| admin.delete(&format!("/_synapse/admin/v1/media/{media}"));
    delete(&picture).ok();
    assert_eq!(
        service.objects(),
        files.len(),
        "its thumbnails are gone too"
    );
    delete(&again).ok();
    assert_eq!(
        service.objects(),
        files.len(),
        "another file has the content"
    );
    let all = format!("/_synapse/admin/v1/users/{}/media", encode(&alice.id));
    assert_eq!(admin.delete(&all).ok()["total"], json!(files.len()));
    assert_eq!(service.objects(), 0);
}

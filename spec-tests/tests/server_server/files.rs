//! Files, for other servers and from them.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#content-repository)

use serde_json::json;
use spec_tests::{
    Homeserver, Peer, Reply, Settings, User, covers, homeserver,
    media::{PICTURES, size},
    path,
    peer::{Answer, Received},
    server::unique,
};

/// The headers and the content of the second part.
fn second_part(reply: &Reply) -> (String, Vec<u8>) {
    let boundary = reply
        .header("content-type")
        .split_once("boundary=")
        .expect("a boundary")
        .1;
    assert!(
        reply.header("content-type").starts_with("multipart/mixed"),
        "{reply}"
    );
    let delimiter = format!("\r\n--{}", boundary.trim_matches('"')).into_bytes();
    let bytes = [b"\r\n".as_slice(), &reply.bytes].concat();
    let find = |from: usize, wanted: &[u8]| {
        let rest = bytes.get(from..)?;
        Some(
            from + rest
                .windows(wanted.len())
                .position(|window| window == wanted)?,
        )
    };
    let first = find(0, &delimiter).expect("a first part") + delimiter.len();
    let second = find(first, &delimiter).expect("a second part") + delimiter.len() + 2;
    let headers = find(second, b"\r\n\r\n").expect("headers");
    let end = find(headers, &delimiter).expect("an end");
    let head = String::from_utf8_lossy(&bytes[second..headers]).to_ascii_lowercase();
    (head, bytes[headers + 4..end].to_vec())
}

fn media_id(media: &str) -> &str {
    media.split('/').nth(1).expect("a media id")
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1mediadownloadmediaid)
#[test]
fn a_file_is_sent_in_the_second_of_two_parts() {
    covers!(GET "/_matrix/federation/v1/media/download/{mediaId}");
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let content = b"line\r\n--not the boundary\r\n\0\xff".to_vec();
    let media = alice.upload("text/plain", "notes.txt", &content);
    let path = path!("/_matrix/federation/v1/media/download/{}", media_id(&media));
    let reply = peer.request(&homeserver(), "GET", &path, None).send();
    assert_eq!(reply.status, 200, "{reply}");
    let (head, found) = second_part(&reply);
    assert_eq!(found, content);
    assert!(head.contains("content-type: text/plain"), "{head}");
    assert!(head.contains("notes.txt"), "{head}");
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1mediathumbnailmediaid)
#[test]
fn a_thumbnail_is_sent_in_the_second_of_two_parts() {
    covers!(GET "/_matrix/federation/v1/media/thumbnail/{mediaId}");
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let media = alice.upload(PICTURES[0].0, "picture.png", PICTURES[0].1);
    let path = path!(
        "/_matrix/federation/v1/media/thumbnail/{}",
        media_id(&media)
    );
    let ask = |query: &str| {
        peer.request(&homeserver(), "GET", &format!("{path}?{query}"), None)
            .send()
    };
    let reply = ask("width=32&height=32&method=crop");
    assert_eq!(reply.status, 200, "{reply}");
    let (_, picture) = second_part(&reply);
    let (width, height) = size(&picture).expect("a picture");
    assert!(width < 320 && height < 240, "{width}x{height}");
    assert_eq!(ask("width=many&height=32").status, 400);
    let text = alice.upload("text/plain", "a.txt", b"text");
    let path = path!(
        "/_matrix/federation/v1/media/thumbnail/{}?width=32&height=32",
        media_id(&text)
    );
    peer.request(&homeserver(), "GET", &path, None)
        .send()
        .must_be(400);
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1mediadownloadmediaid)
#[test]
fn an_unknown_file_is_not_found() {
    covers!(GET "/_matrix/federation/v1/media/download/{mediaId}");
    let path = "/_matrix/federation/v1/media/download/nothing";
    let reply = Peer::start()
        .request(&homeserver(), "GET", path, None)
        .send();
    reply.must_fail(404, "M_NOT_FOUND");
}

const DOWNLOAD: &str = "/_matrix/federation/v1/media/download/";

fn multipart(second: &[u8]) -> Answer {
    let head =
        b"--frontier\r\nContent-Type: application/json\r\n\r\n{}\r\n--frontier\r\n".as_slice();
    let body = [head, second, b"\r\n--frontier--\r\n"].concat();
    Answer::bytes(200, "multipart/mixed; boundary=frontier", body)
}

/// A peer that gives out one file, whatever its id.
fn peer_with(answer: impl Fn(&Received) -> Answer + Send + 'static) -> Peer {
    let peer = Peer::start();
    peer.on(move |request| {
        request
            .path()
            .starts_with(DOWNLOAD)
            .then(|| answer(request))
    });
    peer
}

fn download(user: &User, peer: &Peer, media_id: &str) -> Reply {
    let path = path!("/v1/media/download/{}/{}", peer.name(), media_id);
    user.request("GET", &path).try_send().expect("an answer")
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaid)
#[test]
fn a_file_of_another_server_is_fetched_once() {
    covers!(GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}");
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let peer = peer_with(|_| {
        multipart(b"Content-Type: text/plain\r\nContent-Disposition: inline; filename=\"a b.txt\"\r\n\r\nhello\r\n--world")
    });
    for user in [&alice, &bob] {
        let reply = download(user, &peer, "abc");
        assert_eq!(reply.status, 200, "{reply}");
        assert_eq!(reply.bytes, b"hello\r\n--world");
        assert_eq!(reply.header("content-type"), "text/plain");
        assert!(
            reply.header("content-disposition").contains("a b.txt"),
            "{reply}"
        );
    }
    assert_eq!(peer.received(DOWNLOAD).len(), 1);
    // As if the server asked itself to be asked for files of others: it gives out its own only.
    let path = format!("{DOWNLOAD}abc");
    peer.request(&homeserver(), "GET", &path, None)
        .send()
        .must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediathumbnailservernamemediaid)
#[test]
fn a_thumbnail_of_a_picture_of_another_server_is_made() {
    covers!(GET "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    let peer = peer_with(|_| {
        multipart(&[b"Content-Type: image/png\r\n\r\n".as_slice(), PICTURES[0].1].concat())
    });
    let thumbnail = Peer::name(&peer);
    let path = path!(
        "/v1/media/thumbnail/{}/abc?width=96&height=96&method=crop",
        thumbnail
    );
    let reply = alice.get(&path);
    assert_eq!(reply.status, 200, "{reply}");
    assert_eq!(size(&reply.bytes), Some((96, 96)));
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1mediadownloadmediaid)
#[test]
fn a_file_elsewhere_is_fetched_from_where_its_server_says() {
    covers!(GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    let store = Peer::start();
    store.on(|request| match request.path() {
        "/hop" => Some(Answer::json(302, &json!({})).header("Location", "/file")),
        "/file" => Some(Answer::bytes(200, "text/csv", "a,b")),
        "/circle" => Some(Answer::json(302, &json!({})).header("Location", "/circle")),
        _ => None,
    });
    let name = store.name().to_owned();
    let peer = peer_with(move |request| {
        let page = request.path().trim_start_matches(DOWNLOAD);
        multipart(format!("Location: https://{name}/{page}\r\n\r\n").as_bytes())
    });
    let reply = download(&alice, &peer, "hop");
    assert_eq!(
        (reply.status, reply.bytes.as_slice()),
        (200, b"a,b".as_slice()),
        "{reply}"
    );
    assert_eq!(reply.header("content-type"), "text/csv");
    assert!(
        store.received("/file")[0]
            .header("authorization")
            .is_empty(),
        "nothing is signed for others"
    );
    assert_eq!(download(&alice, &peer, "circle").status, 404);
}

/// Whoever says where a file is could otherwise have the server ask for what only it can reach.
#[test]
fn a_file_is_not_fetched_from_inside_unless_allowed() {
    covers!(GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}");
    let inside = Peer::start();
    inside.on(|request| match request.path() {
        "/file" => Some(Answer::bytes(200, "text/plain", "a secret of the inside")),
        _ => None,
    });
    let name = inside.name().to_owned();
    let peer =
        peer_with(move |_| multipart(format!("Location: https://{name}/file\r\n\r\n").as_bytes()));
    // The peer itself may be reached, because the configuration says where it is.
    let settings = Settings {
        federation_at_public_addresses_only: true,
        federation: format!("peers = {{ \"{0}\" = \"{0}\" }}", peer.name()),
        ..Settings::default()
    };
    let Some(server) = Homeserver::own(&settings) else {
        return;
    };
    let reply = download(&server.register("alice"), &peer, "file");
    assert_eq!(peer.received(DOWNLOAD).len(), 1);
    assert_eq!(reply.status, 404, "{reply}");
    assert!(inside.received("/file").is_empty());
}

/// Servers from before version 1.11 know the old endpoint only.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#client-behaviour-12)
#[test]
fn a_file_of_an_old_server_is_fetched_by_the_old_endpoint() {
    covers!(GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    let peer = Peer::start();
    let path = format!("/_matrix/media/v3/download/{}/abc", peer.name());
    peer.on(move |request| {
        (request.path() == path).then(|| Answer::bytes(200, "text/plain", "old"))
    });
    let reply = download(&alice, &peer, "abc");
    assert_eq!(
        (reply.status, reply.bytes.as_slice()),
        (200, b"old".as_slice()),
        "{reply}"
    );
    for status in [400, 404, 405] {
        let older = Peer::start();
        let path = format!("/_matrix/media/v3/download/{}/abc", older.name());
        older.on(move |request| match request.path() {
            found if found == path => Some(Answer::bytes(200, "text/plain", "older")),
            found if found.starts_with(DOWNLOAD) => Some(Answer::bytes(status, "text/plain", "no")),
            _ => None,
        });
        assert_eq!(download(&alice, &older, "abc").bytes, b"older", "{status}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaid)
#[test]
fn a_file_that_cannot_be_had_is_refused_as_documented() {
    covers!(GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    let peer = peer_with(
        |request| match request.path().trim_start_matches(DOWNLOAD) {
            "later" => Answer::error(504, "M_NOT_YET_UPLOADED"),
            "large" => Answer::error(502, "M_TOO_LARGE"),
            "cut" => {
                let mut answer = multipart(b"Content-Type: text/plain\r\n\r\nhello");
                answer.body.truncate(answer.body.len() - 14);
                answer
            }
            "plain" => Answer::bytes(200, "text/plain", "no parts"),
            _ => Answer::error(404, "M_NOT_FOUND"),
        },
    );
    download(&alice, &peer, "none").must_fail(404, "M_NOT_FOUND");
    download(&alice, &peer, "later").must_fail(504, "M_NOT_YET_UPLOADED");
    download(&alice, &peer, "large").must_fail(502, "M_TOO_LARGE");
    download(&alice, &peer, "cut").must_be(404);
    download(&alice, &peer, "plain").must_be(404);
    download(&alice, &peer, "a%2Fb").must_be(404);
    let server = unique("no-such-server");
    let path = path!("/v1/media/download/{}.example/abc", server);
    alice.get(&path).must_fail(403, "M_FORBIDDEN");
}

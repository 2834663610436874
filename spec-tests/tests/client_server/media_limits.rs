//! How much users may upload, and how their files are kept.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#content-repo-security-considerations)

use serde_json::json;
use spec_tests::{Homeserver, Settings, covers, homeserver, must::text};

fn server(media: &str) -> Option<Homeserver> {
    if homeserver().is_synapse() {
        return None;
    }
    Homeserver::own(&Settings {
        fialka: format!("[media]\n{media}"),
        ..Settings::default()
    })
}

#[test]
fn nobody_uploads_more_than_their_quota() {
    covers!(POST "/_matrix/media/v3/upload", PUT "/_matrix/media/v3/upload/{serverName}/{mediaId}");
    let Some(server) = server("quota = 1000") else {
        return;
    };
    let (alice, bob) = (server.register("alice"), server.register("bob"));
    alice.upload("text/plain", "a", &[b'a'; 600]);
    alice
        .try_upload("text/plain", "b", &[b'b'; 401])
        .must_fail(403, "M_FORBIDDEN");
    let place = alice.post("/_matrix/media/v1/create", &json!({})).ok();
    let media = text(&place["content_uri"]).replace("mxc://", "");
    let path = format!("/_matrix/media/v3/upload/{media}");
    let put = |size: usize| {
        let request = alice.request("PUT", &path);
        request.bytes("text/plain", vec![b'c'; size]).send()
    };
    put(500).must_fail(403, "M_FORBIDDEN");
    put(400).ok();
    alice
        .try_upload("text/plain", "d", b"d")
        .must_fail(403, "M_FORBIDDEN");
    bob.upload("text/plain", "a", &[b'a'; 1000]);
    // What is deleted counts no longer.
    let admin = server.register_with_secret("admin", true).unwrap();
    admin
        .delete(&format!("/_synapse/admin/v1/media/{media}"))
        .ok();
    alice.upload("text/plain", "e", &[b'e'; 400]);
    // The count survives a restart.
    server.kill_and_restart();
    alice
        .try_upload("text/plain", "f", b"f")
        .must_fail(403, "M_FORBIDDEN");
}

#[test]
fn files_beyond_the_limit_are_too_large() {
    covers!(POST "/_matrix/media/v3/upload", PUT "/_matrix/media/v3/upload/{serverName}/{mediaId}");
    let Some(server) = server("max_upload = 1000") else {
        return;
    };
    let alice = server.register("alice");
    let config = alice.get("/v1/media/config").ok();
    assert_eq!(config["m.upload.size"], 1000);
    alice.upload("text/plain", "a", &[b'a'; 1000]);
    alice
        .try_upload("text/plain", "b", &[b'b'; 1001])
        .must_fail(413, "M_TOO_LARGE");
    let place = alice.post("/_matrix/media/v1/create", &json!({})).ok();
    let media = text(&place["content_uri"]).replace("mxc://", "");
    let put = |size: usize| {
        let request = alice.request("PUT", &format!("/_matrix/media/v3/upload/{media}"));
        request.bytes("text/plain", vec![b'c'; size]).send()
    };
    put(1001).must_fail(413, "M_TOO_LARGE");
    // The address is still there for a smaller one.
    put(1000).ok();
}

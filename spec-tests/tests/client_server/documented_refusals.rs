//! Refusals that the specification documents and that no other test comes upon.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#standard-error-response)

use serde_json::json;
use spec_tests::{covers, homeserver, path};

#[test]
fn account_data_of_what_is_no_room_is_refused() {
    covers!(
        GET "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}",
        PUT "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}",
    );
    let alice = homeserver().register("alice");
    let path = path!("/v3/user/{}/rooms/{}/account_data/x.y", alice.id, "no room");
    alice.get(&path).must_fail(400, "M_INVALID_PARAM");
    alice
        .put(&path, &json!({}))
        .must_fail(400, "M_INVALID_PARAM");
}

#[test]
fn aliases_of_what_is_no_room_are_refused() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/aliases");
    let alice = homeserver().register("alice");
    let path = path!("/v3/rooms/{}/aliases", "no room");
    alice.get(&path).must_fail(400, "M_INVALID_PARAM");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixmediav3uploadservernamemediaid)
#[test]
fn content_is_uploaded_only_to_addresses_that_were_made() {
    covers!(PUT "/_matrix/media/v3/upload/{serverName}/{mediaId}");
    let server = homeserver();
    let alice = server.register("alice");
    let id = "A".repeat(24);
    let path = path!("/_matrix/media/v3/upload/{}/{}", server.server_name(), id);
    alice
        .request("PUT", &path)
        .bytes("text/plain", "x")
        .send()
        .must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups)
#[test]
fn keys_of_a_backup_that_is_not_there_are_not_found() {
    covers!(
        GET "/_matrix/client/v3/room_keys/keys/{roomId}",
        PUT "/_matrix/client/v3/room_keys/keys/{roomId}",
        DELETE "/_matrix/client/v3/room_keys/keys/{roomId}",
        GET "/_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}",
        DELETE "/_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}",
    );
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let of_room = path!("/v3/room_keys/keys/{}?version=77", room);
    let of_session = path!("/v3/room_keys/keys/{}/session?version=77", room);
    for path in [&of_room, &of_session] {
        alice.get(path).must_fail(404, "M_NOT_FOUND");
        alice.delete(path).must_fail(404, "M_NOT_FOUND");
    }
    alice
        .put(&of_room, &json!({ "sessions": {} }))
        .must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3profileuseridkeyname)
#[test]
fn only_known_fields_of_ones_own_profile_are_removed() {
    covers!(DELETE "/_matrix/client/v3/profile/{userId}/{keyName}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let of = |user: &str, field: &str| path!("/v3/profile/{}/{}", user, field);
    alice
        .delete(&of(&alice.id, "Bad-Name"))
        .must_fail(400, "M_INVALID_PARAM");
    alice
        .delete(&of(&bob.id, "m.tz"))
        .must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3events)
#[test]
fn the_old_stream_of_events_goes_on_from_its_own_tokens_only() {
    covers!(GET "/_matrix/client/v3/events");
    let alice = homeserver().register("alice");
    alice.get("/v3/events?timeout=0").ok();
    let reply = alice.get("/v3/events?timeout=0&from=nonsense");
    assert_eq!(reply.status, 400, "{}", reply.json);
}

/// Clients look whole profiles up at this path as long as they know of no stable one.
/// [MSC4133](https://github.com/matrix-org/matrix-spec-proposals/pull/4133)
#[test]
fn a_whole_profile_is_found_at_its_first_path_too() {
    let alice = homeserver().register("alice");
    alice.set_display_name("Alice");
    let path = path!(
        "/_matrix/client/unstable/uk.tcpip.msc4133/profile/{}",
        alice.id
    );
    assert_eq!(alice.get(&path).ok()["displayname"], "Alice");
}

//! Server-side key backup: fourteen operations.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    must::{must_contain, text},
    path,
};

const OLD_KEY: &str = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo";
const NEW_KEY: &str = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08";
const ALGORITHM: &str = "m.megolm_backup.v1.curve25519-aes-sha2";

fn new_version(user: &User) -> String {
    let body =
        json!({ "algorithm": ALGORITHM, "auth_data": { "public_key": OLD_KEY, "signatures": {} } });
    text(&user.post("/v3/room_keys/version", &body).ok()["version"])
}

fn session(first_index: u64, forwarded: u64, verified: bool) -> Value {
    json!({
        "first_message_index": first_index,
        "forwarded_count": forwarded,
        "is_verified": verified,
        "session_data": { "ephemeral": OLD_KEY, "ciphertext": "dGhlIGtleQ", "mac": "bWFjbWFjbWE" },
    })
}

fn session_path(version: &str, room: &str, session: &str) -> String {
    path!(
        "/v3/room_keys/keys/{}/{}?version={}",
        room,
        session,
        version
    )
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3room_keysversion)
#[test]
fn the_newest_version_is_current() {
    covers!(
        POST "/_matrix/client/v3/room_keys/version",
        GET "/_matrix/client/v3/room_keys/version",
        GET "/_matrix/client/v3/room_keys/version/{version}",
    );
    let alice = homeserver().register("alice");
    alice
        .get("/v3/room_keys/version")
        .must_fail(404, "M_NOT_FOUND");
    let first = new_version(&alice);
    let second = new_version(&alice);
    assert_ne!(first, second);
    let current = alice.get("/v3/room_keys/version").ok();
    must_contain(
        &current,
        &json!({ "version": second, "algorithm": ALGORITHM, "auth_data": { "public_key": OLD_KEY, "signatures": {} }, "count": 0 }),
    );
    let older = alice.get(&path!("/v3/room_keys/version/{}", first)).ok();
    assert_eq!(older["version"], first);
    alice
        .get("/v3/room_keys/version/999999")
        .must_fail(404, "M_NOT_FOUND");
}

#[test]
fn the_auth_data_of_a_version_changes_and_its_algorithm_does_not() {
    covers!(PUT "/_matrix/client/v3/room_keys/version/{version}");
    let alice = homeserver().register("alice");
    let version = new_version(&alice);
    let path = path!("/v3/room_keys/version/{}", version);
    let body = json!({ "algorithm": ALGORITHM, "auth_data": { "public_key": NEW_KEY, "signatures": {} }, "version": version });
    alice.put(&path, &body).ok();
    assert_eq!(
        alice.get(&path).ok()["auth_data"],
        json!({ "public_key": NEW_KEY, "signatures": {} })
    );
    let mut other = body.clone();
    other["algorithm"] = json!("m.other");
    alice.put(&path, &other).must_fail(400, "M_INVALID_PARAM");
    let mut wrong = body.clone();
    wrong["version"] = json!("999999");
    alice.put(&path, &wrong).must_fail(400, "M_INVALID_PARAM");
    let mut absent = body;
    absent["version"] = json!("999999");
    alice
        .put("/v3/room_keys/version/999999", &absent)
        .must_fail(404, "M_NOT_FOUND");
}

#[test]
fn a_deleted_version_is_gone_with_its_keys() {
    covers!(DELETE "/_matrix/client/v3/room_keys/version/{version}");
    let alice = homeserver().register("alice");
    let version = new_version(&alice);
    alice
        .put(
            &session_path(&version, "!r:spec.test", "s"),
            &session(0, 0, true),
        )
        .ok();
    alice
        .delete(&path!("/v3/room_keys/version/{}", version))
        .ok();
    alice
        .get("/v3/room_keys/version")
        .must_fail(404, "M_NOT_FOUND");
    alice
        .get(&session_path(&version, "!r:spec.test", "s"))
        .must_fail(404, "M_NOT_FOUND");
    alice
        .delete("/v3/room_keys/version/999999")
        .must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeysroomidsessionid)
#[test]
fn one_session_is_stored_read_and_deleted() {
    covers!(
        PUT "/_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}",
        GET "/_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}",
        DELETE "/_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}",
    );
    let alice = homeserver().register("alice");
    let version = new_version(&alice);
    let path = session_path(&version, "!r:spec.test", "a/b+c");
    alice.get(&path).must_fail(404, "M_NOT_FOUND");
    let stored = alice.put(&path, &session(3, 0, true)).ok();
    assert_eq!(stored["count"], 1);
    assert_eq!(alice.get(&path).ok(), session(3, 0, true));
    let deleted = alice.delete(&path).ok();
    assert_eq!(deleted["count"], 0);
    assert_ne!(deleted["etag"], stored["etag"]);
    alice.get(&path).must_fail(404, "M_NOT_FOUND");
}

/// Verified beats unverified, then the lower first index, then the lower forwarded count.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeysroomidsessionid)
#[test]
fn the_better_session_stays() {
    covers!(PUT "/_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}");
    let alice = homeserver().register("alice");
    let version = new_version(&alice);
    let path = session_path(&version, "!r:spec.test", "s");
    let mut best = session(5, 2, false);
    alice.put(&path, &best).ok();
    for (offered, is_better) in [
        (session(6, 0, false), false),
        (session(5, 3, false), false),
        (session(5, 1, false), true),
        (session(4, 9, false), true),
        (session(8, 9, true), true),
        (session(0, 0, false), false),
    ] {
        alice.put(&path, &offered).ok();
        if is_better {
            best = offered;
        }
        assert_eq!(alice.get(&path).ok(), best);
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeysroomid)
#[test]
fn the_sessions_of_a_room_are_stored_read_and_deleted_together() {
    covers!(
        PUT "/_matrix/client/v3/room_keys/keys/{roomId}",
        GET "/_matrix/client/v3/room_keys/keys/{roomId}",
        DELETE "/_matrix/client/v3/room_keys/keys/{roomId}",
    );
    let alice = homeserver().register("alice");
    let version = new_version(&alice);
    let path = path!("/v3/room_keys/keys/{}?version={}", "!r:spec.test", version);
    let other = session_path(&version, "!other:spec.test", "s");
    alice.put(&other, &session(0, 0, true)).ok();
    let sessions = json!({ "sessions": { "a": session(0, 0, true), "b": session(1, 0, false) } });
    assert_eq!(alice.put(&path, &sessions).ok()["count"], 3);
    assert_eq!(alice.get(&path).ok(), sessions);
    assert_eq!(alice.delete(&path).ok()["count"], 1);
    assert_eq!(alice.get(&path).ok(), json!({ "sessions": {} }));
    alice.get(&other).ok();
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeys)
#[test]
fn all_sessions_are_stored_read_and_deleted_together() {
    covers!(
        PUT "/_matrix/client/v3/room_keys/keys",
        GET "/_matrix/client/v3/room_keys/keys",
        DELETE "/_matrix/client/v3/room_keys/keys",
    );
    let alice = homeserver().register("alice");
    let version = new_version(&alice);
    let path = path!("/v3/room_keys/keys?version={}", version);
    let rooms = json!({ "rooms": {
        "!a:spec.test": { "sessions": { "s": session(0, 0, true) } },
        "!b:spec.test": { "sessions": { "s": session(1, 1, false) } },
    } });
    assert_eq!(alice.put(&path, &rooms).ok()["count"], 2);
    assert_eq!(alice.get(&path).ok(), rooms);
    assert_eq!(alice.get("/v3/room_keys/version").ok()["count"], 2);
    assert_eq!(alice.delete(&path).ok()["count"], 0);
    assert_eq!(alice.get(&path).ok(), json!({ "rooms": {} }));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeys)
#[test]
fn only_the_current_version_takes_keys() {
    covers!(
        PUT "/_matrix/client/v3/room_keys/keys",
        PUT "/_matrix/client/v3/room_keys/keys/{roomId}",
        PUT "/_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}",
    );
    let alice = homeserver().register("alice");
    let old = new_version(&alice);
    let current = new_version(&alice);
    let all = alice.put(
        &path!("/v3/room_keys/keys?version={}", old),
        &json!({ "rooms": {} }),
    );
    must_contain(
        &all.must_fail(403, "M_WRONG_ROOM_KEYS_VERSION"),
        &json!({ "current_version": current }),
    );
    let room = path!("/v3/room_keys/keys/{}?version={}", "!r:spec.test", old);
    alice
        .put(&room, &json!({ "sessions": {} }))
        .must_fail(403, "M_WRONG_ROOM_KEYS_VERSION");
    let one = session_path(&old, "!r:spec.test", "s");
    alice
        .put(&one, &session(0, 0, true))
        .must_fail(403, "M_WRONG_ROOM_KEYS_VERSION");
}

#[test]
fn keys_of_a_version_that_is_not_there_are_not_found() {
    covers!(
        GET "/_matrix/client/v3/room_keys/keys",
        PUT "/_matrix/client/v3/room_keys/keys",
        DELETE "/_matrix/client/v3/room_keys/keys",
    );
    let alice = homeserver().register("alice");
    let path = "/v3/room_keys/keys?version=999999";
    alice.get(path).must_fail(404, "M_NOT_FOUND");
    alice
        .put(path, &json!({ "rooms": {} }))
        .must_fail(404, "M_NOT_FOUND");
    alice.delete(path).must_fail(404, "M_NOT_FOUND");
}

#[test]
fn backups_belong_to_one_account() {
    covers!(GET "/_matrix/client/v3/room_keys/version/{version}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let version = new_version(&alice);
    alice
        .put(
            &session_path(&version, "!r:spec.test", "s"),
            &session(0, 0, true),
        )
        .ok();
    new_version(&bob);
    let answer = bob.get(&session_path(&version, "!r:spec.test", "s"));
    answer.must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keysversionversion)
#[test]
fn deleting_a_version_again_succeeds() {
    covers!(DELETE "/_matrix/client/v3/room_keys/version/{version}");
    let alice = homeserver().register("alice");
    let version = new_version(&alice);
    let path = path!("/v3/room_keys/version/{}", version);
    for _ in 0..2 {
        alice.delete(&path).ok();
    }
    let never = alice.delete("/v3/room_keys/version/987654");
    never.must_fail(404, "M_NOT_FOUND");
}

//! What only clients understand, and servers keep as it is.

use serde_json::{Value, json};
use spec_tests::{User, covers, homeserver, path};

fn comes_back(user: &User, kind: &str, content: &Value) {
    user.set_account_data(kind, content);
    let path = path!("/v3/user/{}/account_data/{}", user.id, kind);
    assert_eq!(user.get(&path).ok(), *content, "{kind}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#secrets)
#[test]
fn secret_storage_is_kept_as_it_is() {
    covers!(GET "/_matrix/client/v3/user/{userId}/account_data/{type}");
    let alice = homeserver().register("alice");
    let key = json!({ "name": "k", "algorithm": "m.secret_storage.v1.aes-hmac-sha2", "iv": "a", "mac": "b" });
    let secret = json!({ "encrypted": { "abc": { "iv": "a", "ciphertext": "b", "mac": "c" } } });
    comes_back(
        &alice,
        "m.secret_storage.default_key",
        &json!({ "key": "abc" }),
    );
    comes_back(&alice, "m.secret_storage.key.abc", &key);
    comes_back(&alice, "m.cross_signing.master", &secret);
    comes_back(&alice, "m.megolm_backup.v1", &secret);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#image-packs)
#[test]
fn image_packs_are_kept_as_they_are() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let pack = json!({
        "images": { "cat": { "url": "mxc://example.org/cat", "usage": ["emoticon"] } },
        "pack": { "display_name": "Cats" },
    });
    alice.set_state(&room, "m.room.image_pack", "cats", &pack);
    let path = path!("/v3/rooms/{}/state/m.room.image_pack/cats", room);
    assert_eq!(alice.get(&path).ok(), pack);
    comes_back(
        &alice,
        "m.image_pack.rooms",
        &json!({ "rooms": { &room: { "cats": {} } } }),
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#policy-servers)
#[test]
fn a_room_may_name_its_policy_server() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    // Without a server and a key there is no policy server.
    let nobody = json!({ "via": 1 });
    alice.set_state(&room, "m.room.policy", "", &nobody);
    let path = path!("/v3/rooms/{}/state/m.room.policy/", room);
    assert_eq!(alice.get(&path).ok(), nobody);
}

//! Closing an account with the wish to be forgotten.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#account-deactivation)

use serde_json::json;
use spec_tests::{
    covers, homeserver,
    matchers::{at, bodies, timeline_has},
    path,
};

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate)
#[test]
fn messages_of_erased_users_are_hidden_from_newcomers_only() {
    covers!(POST "/_matrix/client/v3/account/deactivate");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&bob]);
    let event = alice.say(&room, "a secret");
    let body = json!({ "erase": true });
    alice
        .with_password("POST", "/v3/account/deactivate", &body)
        .ok();
    // Who was there before can still read.
    let words = json!({ "content": { "body": "a secret" } });
    bob.must_see(timeline_has(&room, words));
    carol.join(&room);
    let all = carol.initial_sync();
    let events = at(&all, &["rooms", "join", &room, "timeline", "events"]);
    assert!(!bodies(events).contains(&"a secret"), "{events}");
    let history = carol.messages(&room, "dir=b&limit=50");
    assert!(
        !bodies(&history["chunk"]).contains(&"a secret"),
        "{history}"
    );
    let one = carol.event(&room, &event).ok();
    assert!(one["content"].get("body").is_none(), "{one}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate)
#[test]
fn without_the_wish_messages_stay() {
    covers!(POST "/_matrix/client/v3/account/deactivate");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    // Somebody has to stay, or the room is gone with its last member.
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&carol]);
    alice.say(&room, "for ever");
    alice
        .with_password("POST", "/v3/account/deactivate", &json!({}))
        .ok();
    bob.join(&room);
    let words = json!({ "content": { "body": "for ever" } });
    bob.must_see(timeline_has(&room, words));
}

/// An administrator opens the account again to look.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups)
#[test]
fn key_backups_of_erased_users_are_gone() {
    covers!(POST "/_matrix/client/v3/account/deactivate", GET "/_matrix/client/v3/room_keys/version");
    // Synapse fails inside when an account is opened again.
    let admin = homeserver().register_admin();
    let Some(admin) = admin.filter(|_| !homeserver().is_synapse()) else {
        return;
    };
    let alice = homeserver().register("alice");
    let backup = json!({
        "algorithm": "m.megolm_backup.v1.curve25519-aes-sha2",
        "auth_data": { "public_key": "abcdefg", "signatures": {} },
    });
    alice.post("/v3/room_keys/version", &backup).ok();
    alice
        .with_password("POST", "/v3/account/deactivate", &json!({ "erase": true }))
        .ok();
    let opened = json!({ "deactivated": false, "password": alice.password });
    let account = path!("/_synapse/admin/v2/users/{}", alice.id);
    admin.put(&account, &opened).ok();
    alice
        .new_device()
        .get("/v3/room_keys/version")
        .must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#events-on-change-of-profile-information)
#[test]
fn of_two_names_in_a_row_rooms_show_the_second() {
    covers!(PUT "/_matrix/client/v3/profile/{userId}/{keyName}");
    let alice = homeserver().register("alice");
    let rooms: Vec<String> = (0..12).map(|_| alice.private_room()).collect();
    alice.set_display_name("First");
    alice.set_display_name("Second");
    for room in rooms {
        spec_tests::sync_until::eventually(|| {
            let member = alice.get(&path!(
                "/v3/rooms/{}/state/m.room.member/{}",
                room,
                alice.id
            ));
            spec_tests::matchers::contains(&member.ok(), &json!({ "displayname": "Second" }))
        });
    }
}

//! Client config and room tags.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#client-config)

use serde_json::json;
use spec_tests::{
    covers, homeserver,
    matchers::{has_item, joined_room_has},
    path,
};

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridaccount_datatype)
#[test]
fn account_data_is_read_back_and_synced_to_other_devices() {
    covers!(
        PUT "/_matrix/client/v3/user/{userId}/account_data/{type}",
        GET "/_matrix/client/v3/user/{userId}/account_data/{type}",
    );
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    let before = laptop.initial_sync();
    phone.set_account_data("test.settings", &json!({ "theme": "dark" }));
    let path = path!("/v3/user/{}/account_data/test.settings", phone.id);
    assert_eq!(phone.get(&path).ok(), json!({ "theme": "dark" }));
    let event = json!({ "type": "test.settings", "content": { "theme": "dark" } });
    laptop.must_see_after(&before, has_item(&["account_data", "events"], &event));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridaccount_datatype)
#[test]
fn absent_account_data_is_not_found() {
    covers!(
        GET "/_matrix/client/v3/user/{userId}/account_data/{type}",
        GET "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}",
    );
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let global = path!("/v3/user/{}/account_data/test.absent", alice.id);
    alice.get(&global).must_fail(404, "M_NOT_FOUND");
    let in_room = path!(
        "/v3/user/{}/rooms/{}/account_data/test.absent",
        alice.id,
        room
    );
    alice.get(&in_room).must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridroomsroomidaccount_datatype)
#[test]
fn room_account_data_belongs_to_the_room() {
    covers!(
        PUT "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}",
        GET "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}",
    );
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let before = alice.initial_sync();
    let path = path!(
        "/v3/user/{}/rooms/{}/account_data/test.draft",
        alice.id,
        room
    );
    alice.put(&path, &json!({ "text": "Hel" })).ok();
    assert_eq!(alice.get(&path).ok(), json!({ "text": "Hel" }));
    let event = json!({ "type": "test.draft", "content": { "text": "Hel" } });
    alice.must_see_after(&before, joined_room_has(&room, "account_data", event));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridaccount_datatype)
#[test]
fn account_data_of_others_is_out_of_reach() {
    covers!(
        PUT "/_matrix/client/v3/user/{userId}/account_data/{type}",
        GET "/_matrix/client/v3/user/{userId}/account_data/{type}",
        PUT "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}",
        GET "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}",
    );
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let global = path!("/v3/user/{}/account_data/test.settings", bob.id);
    let in_room = path!(
        "/v3/user/{}/rooms/{}/account_data/test.settings",
        bob.id,
        room
    );
    for path in [global, in_room] {
        alice.put(&path, &json!({})).must_fail(403, "M_FORBIDDEN");
        alice.get(&path).must_fail(403, "M_FORBIDDEN");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridaccount_datatype)
#[test]
fn types_that_the_server_manages_cannot_be_set() {
    covers!(
        PUT "/_matrix/client/v3/user/{userId}/account_data/{type}",
        PUT "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}",
    );
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let rules = path!("/v3/user/{}/account_data/m.push_rules", alice.id);
    alice.put(&rules, &json!({})).must_fail(405, "M_BAD_JSON");
    let marker = path!(
        "/v3/user/{}/rooms/{}/account_data/m.fully_read",
        alice.id,
        room
    );
    alice.put(&marker, &json!({})).must_fail(405, "M_BAD_JSON");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-tagging)
#[test]
fn a_tag_is_set_listed_synced_and_removed() {
    covers!(
        PUT "/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}",
        GET "/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags",
        DELETE "/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}",
    );
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let before = alice.initial_sync();
    let tags = path!("/v3/user/{}/rooms/{}/tags", alice.id, room);
    assert_eq!(alice.get(&tags).ok(), json!({ "tags": {} }));
    let favourite = format!("{tags}/m.favourite");
    alice.put(&favourite, &json!({ "order": 0.25 })).ok();
    alice.put(&format!("{tags}/u.work"), &json!({})).ok();
    let both = json!({ "tags": { "m.favourite": { "order": 0.25 }, "u.work": {} } });
    assert_eq!(alice.get(&tags).ok(), both);
    let event = json!({ "type": "m.tag", "content": both });
    let seen = alice.must_see_after(&before, joined_room_has(&room, "account_data", event));
    alice.delete(&favourite).ok();
    let event = json!({ "type": "m.tag", "content": { "tags": { "u.work": {} } } });
    alice.must_see_after(&seen, joined_room_has(&room, "account_data", event));
    assert_eq!(alice.get(&tags).ok(), json!({ "tags": { "u.work": {} } }));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-tagging)
#[test]
fn tags_of_others_are_out_of_reach() {
    covers!(
        GET "/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags",
        PUT "/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}",
    );
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let tags = path!("/v3/user/{}/rooms/{}/tags", bob.id, room);
    alice.get(&tags).must_fail(403, "M_FORBIDDEN");
    alice
        .put(&format!("{tags}/u.work"), &json!({}))
        .must_fail(403, "M_FORBIDDEN");
}

/// Every first sync tells all of a user's account data, so there is not without end of it.
#[test]
fn account_data_has_a_size() {
    covers!(PUT "/_matrix/client/v3/user/{userId}/account_data/{type}");
    // Synapse takes whatever a request can have.
    if homeserver().is_synapse() {
        return;
    }
    let alice = homeserver().register("alice");
    let put = |length: usize| {
        let path = path!("/v3/user/{}/account_data/{}", alice.id, "org.example.long");
        alice.put(&path, &json!({ "long": "x".repeat(length) }))
    };
    put(300_000).must_fail(413, "M_TOO_LARGE");
    put(100_000).ok();
}

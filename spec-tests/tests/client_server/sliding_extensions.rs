//! The extensions of simplified sliding sync.

use serde_json::json;
use spec_tests::{
    covers,
    crypto::Device,
    homeserver,
    matchers::{at, contains, has_item, items},
    must::{must, must_find, text},
};

use crate::sliding_sync::{list, settled};

#[test]
fn extensions_are_silent_until_they_are_enabled() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let response = alice.sliding_sync("c").next(&list(0, 9));
    let extensions = &response["extensions"];
    assert!(
        extensions
            .as_object()
            .is_none_or(|extensions| extensions.is_empty()),
        "{extensions}"
    );
}

#[test]
fn the_to_device_extension_keeps_messages_until_its_since_moves_on() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice.send_to_device("test.hello", &bob, &json!({ "n": 1 }));
    let body = |since: Option<&str>| {
        let mut to_device = json!({ "enabled": true });
        if let Some(since) = since {
            to_device["since"] = json!(since);
        }
        json!({ "extensions": { "to_device": to_device } })
    };
    let event = json!({ "type": "test.hello", "sender": alice.id, "content": { "n": 1 } });
    let check = has_item(&["extensions", "to_device", "events"], &event);
    let first = bob.sliding_sync("c").next(&body(None));
    must(&first, &check);
    let again = bob.sliding_sync("d").next(&body(None));
    must(&again, &check);
    let since = text(&first["extensions"]["to_device"]["next_batch"]);
    let after = bob.sliding_sync("e").next(&body(Some(&since)));
    assert!(items(&after["extensions"]["to_device"]["events"]).is_empty());
}

#[test]
fn the_e2ee_extension_counts_keys_and_tells_changed_devices() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice.room_with(&[&bob]);
    let keys = Device::of(&alice);
    let upload =
        json!({ "device_keys": keys.keys(), "one_time_keys": keys.one_time_keys(&["A", "B"]) });
    alice.post("/v3/keys/upload", &upload).ok();
    let body = json!({ "extensions": { "e2ee": { "enabled": true } } });
    let mut connection = alice.sliding_sync("encryption");
    let first = connection.next(&body);
    let counts = &first["extensions"]["e2ee"]["device_one_time_keys_count"];
    assert_eq!(counts["signed_curve25519"], 2);
    assert_eq!(
        first["extensions"]["e2ee"]["device_unused_fallback_key_types"],
        json!([])
    );
    bob.post(
        "/v3/keys/upload",
        &json!({ "device_keys": Device::of(&bob).keys() }),
    )
    .ok();
    connection.must_see(&body, |response| {
        let changed = at(response, &["extensions", "e2ee", "device_lists", "changed"]);
        match items(changed).contains(&json!(bob.id)) {
            true => Ok(()),
            false => Err(response.to_string()),
        }
    });
}

#[test]
fn the_account_data_extension_has_global_and_room_data() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    alice.set_account_data("test.settings", &json!({ "theme": "dark" }));
    let tag = spec_tests::path!("/v3/user/{}/rooms/{}/tags/m.favourite", alice.id, room);
    alice.put(&tag, &json!({})).ok();
    let mut body = list(0, 9);
    body["extensions"] = json!({ "account_data": { "enabled": true } });
    let mut connection = alice.sliding_sync("c");
    let first = connection.next(&body);
    let data = &first["extensions"]["account_data"];
    must_find(
        &data["global"],
        &json!({ "type": "test.settings", "content": { "theme": "dark" } }),
    );
    must_find(&data["global"], &json!({ "type": "m.push_rules" }));
    must_find(&data["rooms"][&room], &json!({ "type": "m.tag" }));
    alice.set_account_data("test.settings", &json!({ "theme": "light" }));
    let event = json!({ "type": "test.settings", "content": { "theme": "light" } });
    connection.must_see(
        &body,
        has_item(&["extensions", "account_data", "global"], &event),
    );
}

#[test]
fn receipts_and_typing_come_for_the_rooms_of_the_lists() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let event = alice.say(&room, "read me");
    let mut body = list(0, 9);
    body["extensions"] = json!({ "receipts": { "enabled": true }, "typing": { "enabled": true } });
    let mut connection = alice.sliding_sync("c");
    settled(&mut connection, &body);
    bob.typing(&room, true);
    connection.must_see(&body, |response| {
        let typing = at(response, &["extensions", "typing", "rooms", &room]);
        contains(
            typing,
            &json!({ "type": "m.typing", "content": { "user_ids": [bob.id] } }),
        )
    });
    bob.read(&room, "m.read", &event, None);
    connection.must_see(&body, |response| {
        let receipt = at(response, &["extensions", "receipts", "rooms", &room]);
        let expected = json!({ "content": { &event: { "m.read": { &bob.id: {} } } } });
        contains(receipt, &expected)
    });
}

#[test]
fn what_is_read_on_another_device_changes_the_count_of_its_room() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let mut body = list(0, 9);
    body["extensions"] = json!({ "receipts": { "enabled": true } });
    let mut connection = alice.sliding_sync("c");
    bob.say(&room, "one");
    let second = bob.say(&room, "two");
    bob.say(&room, "three");
    settled(&mut connection, &body);
    alice.read(&room, "m.read", &second, None);
    connection.must_see(&body, |response| {
        let count = at(response, &["rooms", &room, "notification_count"]);
        contains(count, &json!(1))
    });
}

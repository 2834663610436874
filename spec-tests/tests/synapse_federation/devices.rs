//! Encrypted chats: keys, messages to devices, and changes of devices.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#end-to-end-encryption)

use serde_json::{Value, json};
use spec_tests::{
    User,
    crypto::{CrossSigning, Device},
    matchers::{Verdict, contains},
    must::must_contain,
    server::unique,
    sync_until::eventually,
};

use crate::pair::{on_both_sides, pair, room, shared_room};

/// Uploads keys for a user's device and returns them.
fn with_keys(user: &User) -> Value {
    let device = Device::of(user);
    let keys = json!({
        "device_keys": device.keys(),
        "one_time_keys": device.one_time_keys(&[&unique("one"), &unique("two")]),
    });
    user.post("/v3/keys/upload", &keys).ok();
    keys
}

/// What a user sees of another's keys.
fn keys_of(user: &User, of: &User) -> Value {
    user.post("/v3/keys/query", &json!({ "device_keys": { &of.id: [] } }))
        .ok()
}

fn is_changed(of: &User) -> impl Fn(&Value) -> Verdict + use<'_> {
    move |response| {
        let changed = response["device_lists"]["changed"].as_array();
        match changed.is_some_and(|changed| changed.contains(&json!(of.id))) {
            true => Ok(()),
            false => Err(format!("not told: {}", response["device_lists"])),
        }
    }
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn an_encrypted_direct_chat_works() {
    on_both_sides(|alice, bob, version| {
        // Devices of their own for each room: keys are uploaded once.
        let (alice, bob) = (&alice.new_device(), &bob.new_device());
        let (_, bobs) = (with_keys(alice), with_keys(bob));
        let encryption = json!({
            "type": "m.room.encryption",
            "state_key": "",
            "content": { "algorithm": "m.megolm.v1.aes-sha2" },
        });
        let options = json!({
            "preset": "trusted_private_chat", "is_direct": true, "invite": [bob.id], "initial_state": [encryption],
        });
        let room = room(alice, version, &options);
        bob.must_be_invited(&room);
        bob.join_via(&room, &alice.server);
        bob.must_see_state(&room, "m.room.encryption", "", &encryption["content"]);
        alice.must_see_member(&room, bob, "join");
        must_contain(
            &keys_of(alice, bob)["device_keys"][&bob.id][&bob.device_id],
            &bobs["device_keys"],
        );
        let claim =
            json!({ "one_time_keys": { &bob.id: { &bob.device_id: "signed_curve25519" } } });
        let claimed = alice.post("/v3/keys/claim", &claim).ok();
        let claimed = &claimed["one_time_keys"][&bob.id][&bob.device_id];
        let known = bobs["one_time_keys"].as_object().expect("keys");
        let (name, key) = claimed
            .as_object()
            .and_then(|keys| keys.iter().next())
            .expect("a key");
        must_contain(key, &known[name]);
        let before = bob.initial_sync();
        let olm = json!({ "algorithm": "m.olm.v1.curve25519-aes-sha2", "ciphertext": {}, "sender_key": "x" });
        alice.send_to_device("m.room.encrypted", bob, &olm);
        bob.must_see_after(&before, |response| {
            let expected =
                json!({ "type": "m.room.encrypted", "sender": alice.id, "content": olm });
            spec_tests::matchers::has_item(&["to_device", "events"], &expected)(response)
        });
        let megolm =
            json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x", "session_id": "y" });
        let event = alice.send(&room, "m.room.encrypted", &megolm);
        bob.must_see_event(
            &room,
            &event,
            &json!({ "type": "m.room.encrypted", "content": megolm }),
        );
    });
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#device-management)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn new_and_removed_devices_are_told() {
    for (alice, bob) in pair().both_ways() {
        shared_room(&alice, &bob, "11");
        with_keys(&alice);
        eventually(|| {
            let seen = keys_of(&bob, &alice);
            contains(
                &seen["device_keys"][&alice.id][&alice.device_id],
                &json!({ "user_id": alice.id }),
            )
        });
        let before = bob.initial_sync();
        let phone = alice.new_device();
        let keys = with_keys(&phone);
        bob.must_see_after(&before, is_changed(&alice));
        eventually(|| {
            let seen = keys_of(&bob, &alice);
            contains(
                &seen["device_keys"][&alice.id][&phone.device_id],
                &keys["device_keys"],
            )
        });
        let before = bob.initial_sync();
        phone.post("/v3/logout", &json!({})).ok();
        bob.must_see_after(&before, is_changed(&alice));
        eventually(|| {
            match keys_of(&bob, &alice)["device_keys"][&alice.id].get(&phone.device_id) {
                None => Ok(()),
                Some(keys) => Err(format!("still there: {keys}")),
            }
        });
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#cross-signing)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn cross_signing_keys_are_seen() {
    for (alice, bob) in pair().both_ways() {
        shared_room(&alice, &bob, "11");
        with_keys(&alice);
        keys_of(&bob, &alice);
        let before = bob.initial_sync();
        let keys = CrossSigning::of(&alice).upload_body();
        alice
            .with_password("POST", "/v3/keys/device_signing/upload", &keys)
            .ok();
        bob.must_see_after(&before, is_changed(&alice));
        eventually(|| {
            let seen = keys_of(&bob, &alice);
            contains(
                &seen["master_keys"][&alice.id]["keys"],
                &keys["master_key"]["keys"],
            )?;
            contains(
                &seen["self_signing_keys"][&alice.id]["keys"],
                &keys["self_signing_key"]["keys"],
            )
        });
    }
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn messages_to_devices_arrive_in_order_and_once() {
    for (alice, bob) in pair().both_ways() {
        shared_room(&alice, &bob, "11");
        let mut last = bob.initial_sync();
        for number in 0..30 {
            alice.send_to_device("test.note", &bob, &json!({ "number": number }));
        }
        let mut seen = Vec::new();
        while seen.len() < 30 {
            last = bob.must_see_after(&last, |response| {
                match response["to_device"]["events"].as_array() {
                    Some(events) if !events.is_empty() => Ok(()),
                    _ => Err("no message".to_owned()),
                }
            });
            let events = last["to_device"]["events"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            seen.extend(
                events
                    .iter()
                    .filter_map(|event| event["content"]["number"].as_u64()),
            );
        }
        assert_eq!(seen, (0..30).collect::<Vec<u64>>());
    }
}

/// Synapse signs what its users send to devices as they sent it.
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn a_message_with_a_fraction_does_not_stop_what_comes_behind_it() {
    let pair = pair();
    let (alice, bob) = (pair.synapse.register("alice"), pair.fialka.register("bob"));
    let before = bob.initial_sync();
    for number in [json!(1.5), json!(1e300), json!(2)] {
        alice.send_to_device("test.note", &bob, &json!({ "number": number }));
        bob.must_see_after(&before, |response| {
            let expected = json!({ "content": { "number": number } });
            spec_tests::matchers::has_item(&["to_device", "events"], &expected)(response)
        });
    }
}

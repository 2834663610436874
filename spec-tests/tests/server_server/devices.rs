//! Messages to devices and changed devices across servers.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#send-to-device-messaging)

use serde_json::json;
use spec_tests::{
    Peer, User, homeserver,
    http::encode,
    matchers::has_item,
    path,
    server::{homeserver2, unique},
};

fn in_one_room() -> Option<(User, User, String)> {
    let second = homeserver2()?;
    let (alice, bob) = (homeserver().register("alice"), second.register("bob"));
    let room = alice.public_room();
    let path = format!(
        "{}?via={}",
        path!("/v3/join/{}", room),
        encode(alice.server.server_name())
    );
    bob.post(&path, &json!({})).ok();
    Some((alice, bob, room))
}

#[test]
fn a_message_reaches_a_device_of_another_server_once() {
    let Some((alice, bob, _)) = in_one_room() else {
        return;
    };
    let before = bob.initial_sync();
    bob.sync_after(&before);
    alice.send_to_device("test.note", &bob, &json!({ "number": 1 }));
    alice.send_to_device("test.note", &bob, &json!({ "number": 2 }));
    let mut seen = Vec::new();
    let mut last = before;
    while seen.len() < 2 {
        last = bob.must_see_after(&last, |response| {
            match response["to_device"]["events"].as_array() {
                Some(events) if !events.is_empty() => Ok(()),
                _ => Err("no message".to_owned()),
            }
        });
        for event in last["to_device"]["events"].as_array().into_iter().flatten() {
            assert_eq!(event["sender"], alice.id);
            seen.push(event["content"]["number"].clone());
        }
    }
    assert_eq!(seen, [1, 2]);
    let after = bob.sync_after(&last);
    assert!(
        after["to_device"]["events"]
            .as_array()
            .is_none_or(Vec::is_empty),
        "{after}"
    );
}

#[test]
fn a_new_device_is_told_to_those_who_share_a_room_on_another_server() {
    let Some((alice, bob, _)) = in_one_room() else {
        return;
    };
    let before = bob.initial_sync();
    let phone = alice.new_device();
    phone
        .post(
            "/v3/keys/upload",
            &json!({ "device_keys": {
                "user_id": phone.id, "device_id": phone.device_id, "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
                "keys": { format!("ed25519:{}", phone.device_id): "x", format!("curve25519:{}", phone.device_id): "x" },
                "signatures": { &phone.id: { format!("ed25519:{}", phone.device_id): "x" } },
            } }),
        )
        .ok();
    bob.must_see_after(&before, |response| {
        let changed = response["device_lists"]["changed"].as_array();
        match changed.is_some_and(|changed| changed.contains(&json!(alice.id))) {
            true => Ok(()),
            false => Err(format!("not told: {}", response["device_lists"])),
        }
    });
    let keys = bob
        .post(
            "/v3/keys/query",
            &json!({ "device_keys": { &alice.id: [] } }),
        )
        .ok();
    assert!(
        keys["device_keys"][&alice.id][&phone.device_id].is_object(),
        "{keys}"
    );
}

/// What cannot be signed would never leave, and neither would anything behind it.
/// [spec](https://spec.matrix.org/v1.19/appendices/#canonical-json)
#[test]
fn a_message_with_a_fraction_is_refused_and_stops_nothing() {
    let Some((alice, bob, _)) = in_one_room() else {
        return;
    };
    if alice.server.is_synapse() {
        // It sends it, signed as it is.
        return;
    }
    let before = bob.initial_sync();
    let path = path!("/v3/sendToDevice/test.note/{}", unique("txn"));
    let messages = json!({ "messages": { &bob.id: { &bob.device_id: { "number": 1.5 } } } });
    alice.put(&path, &messages).must_fail(400, "M_BAD_JSON");
    alice.send_to_device("test.note", &bob, &json!({ "number": 2 }));
    let expected = json!({ "content": { "number": 2 } });
    bob.must_see_after(&before, has_item(&["to_device", "events"], &expected));
}

#[test]
fn a_message_with_a_fraction_of_another_server_is_taken() {
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let before = alice.initial_sync();
    let edu = json!({ "edu_type": "m.direct_to_device", "content": {
        "sender": peer.user("bob"),
        "type": "test.note",
        "message_id": "1",
        "messages": { &alice.id: { &alice.device_id: { "number": 1.5 } } },
    } });
    peer.send_transaction(&alice.server, &[], &[edu]).ok();
    let expected = json!({ "sender": peer.user("bob"), "content": { "number": 1.5 } });
    alice.must_see_after(&before, has_item(&["to_device", "events"], &expected));
}

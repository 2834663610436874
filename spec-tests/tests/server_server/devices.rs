//! Messages to devices and changed devices across servers.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#send-to-device-messaging)

use serde_json::{Value, json};
use spec_tests::{
    Peer, User,
    crypto::Device,
    homeserver,
    http::encode,
    matchers::has_item,
    path,
    peer::Dag,
    server::{homeserver2, unique},
    sync_until::eventually,
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

fn device_keys(user: &User) -> Value {
    json!({
        "user_id": user.id, "device_id": user.device_id, "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
        "keys": { format!("ed25519:{}", user.device_id): "x", format!("curve25519:{}", user.device_id): "x" },
        "signatures": { &user.id: { format!("ed25519:{}", user.device_id): "x" } },
    })
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
            &json!({ "device_keys": device_keys(&phone) }),
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

/// Nobody tells a server of changes of users who are in none of its rooms.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#device-management)
#[test]
fn keys_of_somebody_who_has_left_are_asked_for_anew() {
    let Some((alice, bob, room)) = in_one_room() else {
        return;
    };
    let keys = || {
        let wanted = json!({ "device_keys": { &alice.id: [] } });
        let answer = bob.post("/v3/keys/query", &wanted).ok();
        answer["device_keys"][&alice.id].clone()
    };
    let upload = |user: &User| {
        let own = Device::of(user).keys();
        user.post("/v3/keys/upload", &json!({ "device_keys": own }))
            .ok();
    };
    upload(&alice);
    eventually(|| match &keys()[&alice.device_id] {
        known if known.is_object() => Ok(()),
        other => Err(format!("no keys: {other}")),
    });
    alice.leave(&room);
    bob.must_see_member(&room, &alice, "leave");
    let phone = alice.new_device();
    upload(&phone);
    let keys = keys();
    assert!(keys[&phone.device_id].is_object(), "{keys}");
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

/// What a peer was told of a user's devices.
fn told_of(peer: &Peer, user: &User) -> Vec<Value> {
    let sent = peer.received("/_matrix/federation/v1/send/");
    let edus = sent
        .iter()
        .filter_map(|request| request.body["edus"].as_array())
        .flatten();
    edus.filter(|edu| {
        edu["edu_type"] == "m.device_list_update" && edu["content"]["user_id"] == user.id.as_str()
    })
    .map(|edu| edu["content"].clone())
    .collect()
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#device-management)
#[test]
fn servers_in_a_room_are_told_of_the_devices_of_those_who_enter_it() {
    let Some(second) = homeserver2() else {
        return;
    };
    let (alice, bob) = (homeserver().register("alice"), second.register("bob"));
    let (peer, carol) = (Peer::start(), homeserver().register("carol"));
    let room = alice.public_room();
    Dag::join(&peer, &alice.server, &room, &peer.user("eve"));
    carol.join(&room);
    let via = encode(alice.server.server_name());
    let path = format!("{}?via={via}", path!("/v3/join/{}", room));
    bob.post(&path, &json!({})).ok();
    for user in [&carol, &bob] {
        eventually(|| match told_of(&peer, user).first() {
            Some(content) if content["device_id"] == user.device_id.as_str() => Ok(()),
            other => Err(format!("the peer was told of {other:?}")),
        });
    }
}

#[test]
fn a_server_that_follows_somebodys_devices_is_not_told_of_them_again() {
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let carol = homeserver().register("carol");
    let rooms = [alice.public_room(), alice.public_room()];
    for room in &rooms {
        Dag::join(&peer, &alice.server, room, &peer.user("eve"));
        carol.join(room);
    }
    // What is sent to a server keeps its order, so her keys come after whatever her joins had to tell.
    carol
        .post(
            "/v3/keys/upload",
            &json!({ "device_keys": device_keys(&carol) }),
        )
        .ok();
    eventually(|| match told_of(&peer, &carol).last() {
        Some(content) if content["keys"].is_object() => Ok(()),
        other => Err(format!("the last that the peer was told is {other:?}")),
    });
    assert_eq!(told_of(&peer, &carol).len(), 2);
}

/// Those who are in the room see somebody enter; that their server hears of the devices besides is no second change.
#[test]
fn who_enters_a_room_is_told_of_once() {
    let Some(second) = homeserver2() else {
        return;
    };
    let (alice, bob) = (homeserver().register("alice"), second.register("bob"));
    let room = alice.public_room();
    let mut last = alice.initial_sync();
    bob.join_via(&room, &alice.server);
    // What is sent to a server keeps its order, so the message comes after whatever the join had to tell.
    bob.send_to_device("test.note", &alice, &json!({ "number": 1 }));
    let mut times = 0;
    for _ in 0..60 {
        last = alice.must_see_after(&last, |_| Ok(()));
        let changed = last["device_lists"]["changed"].as_array();
        times += usize::from(changed.is_some_and(|changed| changed.contains(&json!(bob.id))));
        let messages = last["to_device"]["events"].as_array();
        if messages.is_some_and(|messages| !messages.is_empty()) {
            assert_eq!(times, 1);
            return;
        }
    }
    panic!("the message did not come: {last}");
}

//! What `/sync` tells of rooms the user is no longer in, or never was.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)

use serde_json::{Value, json};
use spec_tests::{
    covers, homeserver,
    matchers::{bodies, invited, items, joined, left},
    must::{must, must_find, must_not_find},
    path,
    sync_until::since,
};

fn room_left<'a>(response: &'a Value, room: &str) -> &'a Value {
    &response["rooms"]["leave"][room]
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)
#[test]
fn a_room_that_was_entered_and_left_in_between_is_told_whole() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.public_room();
    alice.set_state(&room, "test.state", "", &json!({ "a": 1 }));
    let before = bob.initial_sync();
    bob.join(&room);
    bob.leave(&room);
    let filter = json!({ "room": {
        "timeline": { "types": [] },
        "state": { "types": ["test.state"] },
    } });
    let filter = path!("{}", filter);
    let query = format!("timeout=0&filter={filter}&since={}", since(&before));
    let response = bob.get(&format!("/v3/sync?{query}")).ok();
    let state = &room_left(&response, &room)["state"]["events"];
    assert_eq!(items(state).len(), 1, "{response}");
    must_find(
        state,
        &json!({ "type": "test.state", "content": { "a": 1 } }),
    );
}

/// What is said and changed after somebody has left is none of their business.
#[test]
fn a_room_that_was_left_shows_nothing_of_later() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let before = bob.initial_sync();
    alice.say(&room, "while there");
    bob.leave(&room);
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "secret" }));
    alice.say(&room, "secret");
    let include = path!("{}", json!({ "room": { "include_leave": true } }));
    let no_timeline = path!(
        "{}",
        json!({ "room": { "include_leave": true, "timeline": { "limit": 0 } } })
    );
    for query in [
        format!("timeout=0&since={}", since(&before)),
        format!("timeout=0&since={}&use_state_after=true", since(&before)),
        format!("timeout=0&filter={include}"),
        format!("timeout=0&filter={include}&use_state_after=true"),
        format!("timeout=0&filter={no_timeline}"),
        format!("timeout=0&full_state=true&since={}", since(&before)),
    ] {
        let response = bob.sync(&query);
        must(&response, left(&room));
        let seen = room_left(&response, &room).to_string();
        assert!(!seen.contains("secret"), "{query}: {seen}");
    }
    let response = bob.sync_after(&before);
    let timeline = &room_left(&response, &room)["timeline"]["events"];
    assert_eq!(bodies(timeline), ["while there"]);
    let leave = json!({ "state_key": bob.id, "content": { "membership": "leave" } });
    must_find(timeline, &leave);
}

#[test]
fn a_declined_invitation_moves_to_the_rooms_left() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.create_room(&json!({ "preset": "private_chat", "topic": "secret" }));
    alice.invite(&room, &bob);
    let is_invited = bob.must_see(invited(&room));
    bob.leave(&room);
    let declined = bob.must_see_after(&is_invited, left(&room));
    assert!(declined["rooms"]["invite"].get(&room).is_none());
    assert!(!room_left(&declined, &room).to_string().contains("secret"));
    let next = bob.sync_after(&declined);
    assert!(next["rooms"]["leave"].get(&room).is_none(), "{next}");
}

/// Clients that ask for the state at the end, as those made with matrix-js-sdk do, look for their membership nowhere else.
#[test]
fn the_state_at_the_end_tells_the_membership_that_changed() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.create_room(&json!({ "preset": "private_chat", "topic": "secret" }));
    alice.invite(&room, &bob);
    let mut last = bob.must_see(invited(&room));
    let mut expect = |membership: &str| {
        let query = format!("timeout=0&use_state_after=true&since={}", since(&last));
        let response = bob.sync(&query);
        let left = room_left(&response, &room);
        let own = json!({ "state_key": bob.id, "content": { "membership": membership } });
        must_find(&left["state_after"]["events"], &own);
        must_find(&left["timeline"]["events"], &own);
        assert!(!left.to_string().contains("secret"), "{left}");
        last = response;
    };
    bob.leave(&room);
    expect("leave");
    let body = json!({ "user_id": bob.id });
    for (action, membership) in [("ban", "ban"), ("unban", "leave")] {
        alice
            .post(&path!("/v3/rooms/{}/{}", room, action), &body)
            .ok();
        expect(membership);
    }
}

#[test]
fn somebody_who_is_banned_learns_by_whom_and_why() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let before = bob.initial_sync();
    let path = path!("/v3/rooms/{}/ban", room);
    let body = json!({ "user_id": bob.id, "reason": "spam" });
    alice.post(&path, &body).ok();
    let banned = bob.must_see_after(&before, left(&room));
    let ban = json!({
        "state_key": bob.id, "sender": alice.id,
        "content": { "membership": "ban", "reason": "spam" },
    });
    must_find(&room_left(&banned, &room)["timeline"]["events"], &ban);
}

#[test]
fn a_room_that_is_joined_again_comes_whole() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let before = bob.initial_sync();
    bob.leave(&room);
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "new" }));
    bob.join(&room);
    let again = bob.must_see_after(&before, joined(&room));
    assert!(again["rooms"]["leave"].get(&room).is_none(), "{again}");
    let room = &again["rooms"]["join"][&room];
    let all: Vec<Value> = items(&room["state"]["events"])
        .iter()
        .chain(items(&room["timeline"]["events"]))
        .cloned()
        .collect();
    must_find(&json!(all), &json!({ "type": "m.room.create" }));
    must_find(&json!(all), &json!({ "content": { "topic": "new" } }));
}

#[test]
fn data_of_a_room_that_was_left_comes_with_it() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let path = path!(
        "/v3/user/{}/rooms/{}/account_data/test.note",
        alice.id,
        room
    );
    alice.put(&path, &json!({ "note": 1 })).ok();
    alice.leave(&room);
    let filter = path!("{}", json!({ "room": { "include_leave": true } }));
    let response = alice.sync(&format!("timeout=0&filter={filter}"));
    let data = &room_left(&response, &room)["account_data"]["events"];
    must_find(
        data,
        &json!({ "type": "test.note", "content": { "note": 1 } }),
    );
}

/// Whoever was removed is told once, like whoever left: a first sync lists the room only when it is asked to.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#leaving-rooms)
#[test]
fn a_room_somebody_was_removed_from_is_listed_only_when_asked_for() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let include = path!("{}", json!({ "room": { "include_leave": true } }));
    for how in ["kick", "ban"] {
        let room = alice.room_with(&[&bob]);
        let before = bob.initial_sync();
        alice.membership(how, &room, &bob).ok();
        bob.must_see_after(&before, left(&room));
        let response = bob.initial_sync();
        assert!(room_left(&response, &room).is_null(), "{response}");
        let response = bob.sync(&format!("timeout=0&filter={include}"));
        must(&response, left(&room));
    }
}

/// The heroes of a room that everybody else has left are those who left.
#[test]
fn a_room_is_named_after_those_who_left_when_nobody_else_is_there() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let before = alice.initial_sync();
    bob.leave(&room);
    let lazy = json!({ "room": { "state": { "lazy_load_members": true } } });
    let query = path!("filter={}", lazy);
    let after = alice.must_see_with(&before, &query, |response| match response["rooms"]["join"]
        [&room]["summary"]
        .is_object()
    {
        true => Ok(()),
        false => Err("no summary".to_owned()),
    });
    let summary = &after["rooms"]["join"][&room]["summary"];
    assert_eq!(summary["m.heroes"], json!([bob.id]));
    assert_eq!(summary["m.joined_member_count"], 1);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridfilter)
#[test]
fn events_come_as_servers_exchange_them_when_asked_for() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let sent = alice.say(&room, "hello");
    let filter = path!("{}", json!({ "event_format": "federation" }));
    let response = alice.sync(&format!("timeout=0&filter={filter}"));
    let events = &response["rooms"]["join"][&room]["timeline"]["events"];
    let event = must_find(events, &json!({ "content": { "body": "hello" } }));
    for key in [
        "auth_events",
        "prev_events",
        "depth",
        "hashes",
        "signatures",
    ] {
        assert!(event.get(key).is_some(), "no {key}: {event}");
    }
    assert_eq!(event["room_id"], json!(room));
    let plain = alice.initial_sync();
    let events = &plain["rooms"]["join"][&room]["timeline"]["events"];
    let event = must_find(events, &json!({ "event_id": sent }));
    assert!(event.get("auth_events").is_none(), "{event}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridfilter)
#[test]
fn filters_of_rooms_hold_for_receipts_and_data_too() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let (one, other) = (alice.private_room(), alice.private_room());
    for room in [&one, &other] {
        let path = path!(
            "/v3/user/{}/rooms/{}/account_data/test.note",
            alice.id,
            room
        );
        alice.put(&path, &json!({})).ok();
        let event = alice.say(room, "x");
        let path = path!("/v3/rooms/{}/receipt/m.read/{}", room, event);
        alice.post(&path, &json!({})).ok();
    }
    let rooms = json!({ "not_rooms": [other] });
    let filter = json!({ "room": { "ephemeral": rooms, "account_data": rooms } });
    let response = alice.sync(&format!("timeout=0&{}", path!("filter={}", filter)));
    let events = |room: &str, part: &str| response["rooms"]["join"][room][part]["events"].clone();
    must_find(&events(&one, "ephemeral"), &json!({ "type": "m.receipt" }));
    must_find(
        &events(&one, "account_data"),
        &json!({ "type": "test.note" }),
    );
    must_not_find(
        &events(&other, "ephemeral"),
        &json!({ "type": "m.receipt" }),
    );
    must_not_find(
        &events(&other, "account_data"),
        &json!({ "type": "test.note" }),
    );
}

/// [MSC4222](https://github.com/matrix-org/matrix-spec-proposals/pull/4222)
#[test]
fn state_after_has_its_earlier_name_for_clients_that_ask_so() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({ "name": "Room" }));
    let first = alice.sync("timeout=0&org.matrix.msc4222.use_state_after=true");
    let seen = &first["rooms"]["join"][&room];
    let state = &seen["org.matrix.msc4222.state_after"]["events"];
    must_find(state, &json!({ "type": "m.room.name" }));
    assert!(seen.get("state").is_none() && seen.get("state_after").is_none());
    alice.say(&room, "no state changes");
    let query = "timeout=0&org.matrix.msc4222.use_state_after=true";
    let next = alice.sync(&format!("{query}&since={}", since(&first)));
    let seen = &next["rooms"]["join"][&room];
    assert!(
        seen.get("org.matrix.msc4222.state_after").is_some(),
        "it is there also when it is empty: {seen}"
    );
}

/// [MSC2732](https://github.com/matrix-org/matrix-spec-proposals/pull/2732)
#[test]
fn unused_fallback_keys_have_their_earlier_name_too() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    if alice.server.is_synapse() {
        return;
    }
    let response = alice.initial_sync();
    let names = [
        "device_unused_fallback_key_types",
        "org.matrix.msc2732.device_unused_fallback_key_types",
    ];
    for name in names {
        assert_eq!(response[name], json!([]), "{name}");
    }
}

/// The user's other devices learn that a room is gone, however soon it was forgotten.
#[test]
fn a_room_that_was_forgotten_at_once_is_seen_to_be_left() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/forget");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let before = bob.initial_sync();
    alice.say(&room, "words that are not to be had any more");
    bob.leave(&room);
    bob.post(&path!("/v3/rooms/{}/forget", room), &json!({}))
        .ok();
    let response = bob.sync_after(&before);
    must(&response, left(&room));
    let seen = room_left(&response, &room).to_string();
    assert!(!seen.contains("words that"), "{seen}");
    let include = path!("{}", json!({ "room": { "include_leave": true } }));
    let response = bob.sync(&format!("timeout=0&filter={include}"));
    assert!(room_left(&response, &room).is_null(), "{response}");
}

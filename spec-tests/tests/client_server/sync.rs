//! `/sync`: sections, gaps, filters, waiting.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#syncing)

use std::time::Duration;

use serde_json::{Value, json};
use spec_tests::{
    User,
    coverage::in_background,
    covers, homeserver,
    matchers::{bodies, event_ids, has, invited, items, joined, left, timeline_has},
    must::{must, must_contain, must_find, must_not_find, text},
    path,
    sync_until::since,
};

pub(crate) fn room_in<'a>(response: &'a Value, room: &str) -> &'a Value {
    &response["rooms"]["join"][room]
}

pub(crate) fn filtered(user: &User, filter: &Value) -> Value {
    user.sync(&path!("timeout=0&filter={}", filter))
}

pub(crate) fn filtered_after(user: &User, earlier: &Value, filter: &Value) -> Value {
    user.sync(&format!(
        "{}&since={}",
        path!("timeout=0&filter={}", filter),
        since(earlier)
    ))
}

#[test]
fn the_first_sync_has_every_room_with_its_state_and_newest_messages() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({ "name": "Room" }));
    alice.say(&room, "hello");
    let response = alice.initial_sync();
    let room = room_in(&response, &room);
    must_find(
        &room["timeline"]["events"],
        &json!({ "content": { "body": "hello" } }),
    );
    let all: Vec<Value> = items(&room["state"]["events"])
        .iter()
        .chain(items(&room["timeline"]["events"]))
        .cloned()
        .collect();
    must_find(&json!(all), &json!({ "type": "m.room.create" }));
    must_find(
        &json!(all),
        &json!({ "type": "m.room.name", "content": { "name": "Room" } }),
    );
    must_contain(
        &room["unread_notifications"],
        &json!({ "notification_count": 0, "highlight_count": 0 }),
    );
}

/// State is what was before the timeline: no event is in both.
#[test]
fn state_and_timeline_do_not_overlap() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({ "name": "one", "topic": "x" }));
    alice.say(&room, "a");
    alice.set_state(&room, "m.room.name", "", &json!({ "name": "two" }));
    alice.say(&room, "b");
    let response = filtered(&alice, &json!({ "room": { "timeline": { "limit": 2 } } }));
    let room = room_in(&response, &room);
    assert_eq!(room["timeline"]["limited"], true);
    let state = event_ids(&room["state"]["events"]);
    let timeline = event_ids(&room["timeline"]["events"]);
    assert_eq!(timeline.len(), 2);
    assert!(timeline.iter().all(|event| !state.contains(event)));
    must_find(
        &room["state"]["events"],
        &json!({ "type": "m.room.name", "content": { "name": "one" } }),
    );
    must_find(
        &room["timeline"]["events"],
        &json!({ "type": "m.room.name", "content": { "name": "two" } }),
    );
}

#[test]
fn an_incremental_sync_has_only_what_is_new() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let (quiet, busy) = (alice.private_room(), alice.private_room());
    let first = alice.initial_sync();
    alice.say_all(&busy, &["one", "two"]);
    let next = alice.must_see_after(
        &first,
        timeline_has(&busy, json!({ "content": { "body": "two" } })),
    );
    assert!(next["rooms"]["join"].get(&quiet).is_none());
    let again = alice.sync_after(&first);
    assert_eq!(
        bodies(&room_in(&again, &busy)["timeline"]["events"]),
        ["one", "two"]
    );
    assert_ne!(room_in(&again, &busy)["timeline"]["limited"], true);
    let nothing = alice.sync_after(&again);
    assert_eq!(
        nothing["rooms"]["join"]
            .as_object()
            .map_or(0, |rooms| rooms.len()),
        0
    );
}

/// Old tokens stay good: the same question has the same answer.
#[test]
fn a_token_may_be_used_again() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let first = alice.initial_sync();
    let sent = alice.say(&room, "once");
    for _ in 0..2 {
        let next = alice.must_see_after(&first, timeline_has(&room, json!({ "event_id": sent })));
        assert_eq!(
            event_ids(&room_in(&next, &room)["timeline"]["events"]),
            [sent.as_str()]
        );
    }
}

#[test]
fn a_gap_is_limited_and_brings_the_state_that_changed_in_it() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let first = alice.initial_sync();
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "in the gap" }));
    alice.say_all(&room, &["1", "2", "3"]);
    let filter = json!({ "room": { "timeline": { "limit": 2 } } });
    let next = filtered_after(&alice, &first, &filter);
    let room = room_in(&next, &room);
    assert_eq!(room["timeline"]["limited"], true);
    assert_eq!(bodies(&room["timeline"]["events"]), ["2", "3"]);
    assert!(room["timeline"]["prev_batch"].is_string());
    let topic = json!({ "type": "m.room.topic", "content": { "topic": "in the gap" } });
    must_find(&room["state"]["events"], &topic);
    must_not_find(
        &room["state"]["events"],
        &json!({ "type": "m.room.create" }),
    );
}

#[test]
fn full_state_brings_everything_again() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({ "name": "Room" }));
    let first = alice.initial_sync();
    let next = alice.sync(&format!(
        "timeout=0&full_state=true&since={}",
        since(&first)
    ));
    let state = &room_in(&next, &room)["state"]["events"];
    must_find(state, &json!({ "type": "m.room.create" }));
    must_find(state, &json!({ "type": "m.room.name" }));
}

/// With `use_state_after` the state is that after the timeline, and comes under another name.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)
#[test]
fn state_after_is_the_state_after_the_timeline() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({ "name": "one" }));
    let first = alice.sync("timeout=0&use_state_after=true");
    let seen = room_in(&first, &room);
    assert!(seen.get("state").is_none(), "{seen}");
    must_find(
        &seen["state_after"]["events"],
        &json!({ "type": "m.room.name", "content": { "name": "one" } }),
    );
    must_find(
        &seen["state_after"]["events"],
        &json!({ "type": "m.room.create" }),
    );
    alice.set_state(&room, "m.room.name", "", &json!({ "name": "two" }));
    let next = alice.sync(&format!(
        "timeout=0&use_state_after=true&since={}",
        since(&first)
    ));
    let seen = room_in(&next, &room);
    let name = json!({ "type": "m.room.name", "content": { "name": "two" } });
    must_find(&seen["state_after"]["events"], &name);
    must_find(&seen["timeline"]["events"], &name);
    assert_eq!(items(&seen["state_after"]["events"]).len(), 1);
}

#[test]
fn a_newly_joined_room_comes_with_its_whole_state() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.create_room(&json!({ "preset": "public_chat", "name": "Room" }));
    let before = bob.initial_sync();
    bob.join(&room);
    let seen = bob.must_see_after(&before, joined(&room));
    let room = room_in(&seen, &room);
    let all: Vec<Value> = items(&room["state"]["events"])
        .iter()
        .chain(items(&room["timeline"]["events"]))
        .cloned()
        .collect();
    must_find(&json!(all), &json!({ "type": "m.room.create" }));
    must_find(&json!(all), &json!({ "type": "m.room.name" }));
    must_find(
        &json!(all),
        &json!({ "type": "m.room.member", "state_key": bob.id }),
    );
}

#[test]
fn a_room_moves_from_invite_to_join_to_leave() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.private_room();
    let before = bob.initial_sync();
    alice.invite(&room, &bob);
    let is_invited = bob.must_see_after(&before, invited(&room));
    bob.join(&room);
    let is_joined = bob.must_see_after(&is_invited, joined(&room));
    assert!(is_joined["rooms"]["invite"].get(&room).is_none());
    bob.leave(&room);
    let has_left = bob.must_see_after(&is_joined, left(&room));
    assert!(has_left["rooms"]["join"].get(&room).is_none());
    let leave = json!({ "type": "m.room.member", "content": { "membership": "leave" } });
    must_find(
        &has_left["rooms"]["leave"][&room]["timeline"]["events"],
        &leave,
    );
}

/// A long poll wakes at once; nobody waits for the end of its timeout.
#[test]
fn a_waiting_sync_wakes_with_the_message() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let before = bob.initial_sync();
    let waiting = {
        let (bob, token) = (bob.clone(), since(&before));
        in_background(move || bob.get(&format!("/v3/sync?timeout=60000&since={token}")))
    };
    let sent = alice.say(&room, "wake up");
    let reply = waiting.join().unwrap();
    assert!(
        reply.took < Duration::from_secs(30),
        "waited {:?}",
        reply.took
    );
    must(
        &reply.ok(),
        timeline_has(&room, json!({ "event_id": sent })),
    );
}

#[test]
fn a_waiting_sync_answers_with_nothing_when_its_time_is_over() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let mut before = alice.initial_sync();
    // What registration left behind may still arrive.
    before = alice.sync_after(&before);
    let reply = alice.get(&format!("/v3/sync?timeout=400&since={}", since(&before)));
    assert!(
        reply.took >= Duration::from_millis(350),
        "answered after {:?}",
        reply.took
    );
    let response = reply.ok();
    assert!(response["next_batch"].is_string());
    assert!(
        response["rooms"]["join"]
            .as_object()
            .is_none_or(|rooms| rooms.is_empty())
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#send-to-device-messaging)
#[test]
fn to_device_messages_wait_until_they_are_acknowledged() {
    covers!(GET "/_matrix/client/v3/sync", PUT "/_matrix/client/v3/sendToDevice/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let before = bob.initial_sync();
    alice.send_to_device("test.hello", &bob, &json!({ "n": 1 }));
    let event = json!({ "type": "test.hello", "sender": alice.id, "content": { "n": 1 } });
    let check = spec_tests::matchers::has_item(&["to_device", "events"], &event);
    let first = bob.must_see_after(&before, &check);
    must(&bob.sync_after(&before), &check);
    let after = bob.sync_after(&first);
    assert_eq!(
        items(&after["to_device"]["events"]).len(),
        0,
        "acknowledged messages are gone"
    );
}

#[test]
fn tokens_and_filters_that_make_no_sense_are_refused() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    for query in [
        "since=nonsense",
        "filter=987654",
        "filter=%7B",
        "timeout=long",
        "full_state=perhaps",
    ] {
        let answer = alice.get(&format!("/v3/sync?{query}"));
        assert!(matches!(answer.status, 400 | 404), "{query}: {answer}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#direct-messaging)
#[test]
fn direct_chats_are_kept_in_account_data() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let options =
        json!({ "preset": "trusted_private_chat", "is_direct": true, "invite": [bob.id] });
    let room = alice.create_room(&options);
    let direct = json!({ &bob.id: [room] });
    alice.set_account_data("m.direct", &direct);
    let seen = alice.initial_sync();
    let event = must_find(
        &seen["account_data"]["events"],
        &json!({ "type": "m.direct" }),
    );
    assert_eq!(event["content"], direct);
    bob.join(&room);
    let member = json!({ "type": "m.room.member", "state_key": bob.id });
    let sent = alice.must_see_after(&seen, timeline_has(&room, member));
    let events = &room_in(&sent, &room)["timeline"]["events"];
    let joined = must_find(
        events,
        &json!({ "state_key": bob.id, "content": { "membership": "join" } }),
    );
    assert_eq!(joined["unsigned"]["prev_content"]["is_direct"], true);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-event-format)
#[test]
fn events_in_sync_leave_out_the_room_and_carry_their_age() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let sent = alice.say(&room, "x");
    let seen = alice.must_see(timeline_has(&room, json!({ "event_id": sent })));
    let event = must_find(
        &room_in(&seen, &room)["timeline"]["events"],
        &json!({ "event_id": sent }),
    );
    assert!(event.get("room_id").is_none(), "{event}");
    assert!(event["unsigned"]["age"].as_i64().is_some(), "{event}");
    for internal in [
        "auth_events",
        "prev_events",
        "hashes",
        "signatures",
        "depth",
    ] {
        assert!(event.get(internal).is_none(), "{event}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)
#[test]
fn new_state_shows_what_it_replaced() {
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({ "topic": "old" }));
    let first = text(
        &alice
            .get(&path!(
                "/v3/rooms/{}/state/m.room.topic/?format=event",
                room
            ))
            .ok()["event_id"],
    );
    let second = alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "new" }));
    let seen = alice.must_see(timeline_has(&room, json!({ "event_id": second })));
    let event = must_find(
        &room_in(&seen, &room)["timeline"]["events"],
        &json!({ "event_id": second }),
    );
    assert_eq!(event["unsigned"]["prev_content"]["topic"], "old");
    must(&event["unsigned"], has(&["replaces_state"], &json!(first)));
}

/// Clients tell a gap from none without knowing what its absence means.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)
#[test]
fn a_timeline_always_says_whether_it_has_a_gap() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let limited =
        |response: &Value| response["rooms"]["join"][&room]["timeline"]["limited"].clone();
    let first = alice.initial_sync();
    assert!(limited(&first).is_boolean(), "{first}");
    alice.say(&room, "hello");
    let next = alice.sync_after(&first);
    assert_eq!(limited(&next), json!(false), "{next}");
}

/// A client that just joined knows nothing of what was said before, also where its filter hides that.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)
#[test]
fn the_timeline_of_a_room_that_was_just_joined_has_a_gap_before_it() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.public_room();
    alice.say(&room, "before");
    let before = bob.initial_sync();
    bob.join(&room);
    let filter = path!(
        "{}",
        json!({ "room": { "timeline": { "types": ["m.room.message"] } } })
    );
    let query = format!("timeout=0&since={}&filter={filter}", since(&before));
    let response = bob.sync(&query);
    let timeline = &response["rooms"]["join"][&room]["timeline"];
    assert_eq!(timeline["limited"], json!(true), "{response}");
}

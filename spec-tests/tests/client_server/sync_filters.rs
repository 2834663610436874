//! Filters of `/sync`, lazy members and the room summary that goes with them.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#filtering)

use serde_json::json;
use spec_tests::{
    covers, homeserver,
    matchers::{bodies, items, joined, left},
    must::{must, must_contain, must_find, must_not_find},
    path,
};

use crate::sync::{filtered, filtered_after, room_in};

#[test]
fn rooms_left_before_come_only_when_asked_for() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    alice.leave(&room);
    let plain = alice.initial_sync();
    assert!(plain["rooms"]["leave"].get(&room).is_none());
    let all = filtered(&alice, &json!({ "room": { "include_leave": true } }));
    must(&all, left(&room));
}

#[test]
fn filters_choose_rooms_types_and_sections() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let (wanted, unwanted) = (alice.private_room(), alice.private_room());
    alice.say(&wanted, "words");
    alice.send(&wanted, "test.other", &json!({}));
    let filter = json!({ "room": {
        "rooms": [wanted],
        "timeline": { "types": ["m.room.message"], "limit": 1 },
        "state": { "types": ["m.room.create"] },
    } });
    let response = filtered(&alice, &filter);
    let seen = room_in(&response, &wanted);
    assert_eq!(bodies(&seen["timeline"]["events"]), ["words"]);
    assert_eq!(items(&seen["timeline"]["events"]).len(), 1);
    let state = items(&seen["state"]["events"]);
    assert!(
        state.iter().all(|event| event["type"] == "m.room.create"),
        "{state:?}"
    );
    assert!(response["rooms"]["join"].get(&unwanted).is_none());
}

#[test]
fn a_filtered_timeline_is_limited_only_if_something_of_it_was_left_out() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    alice.say(&room, "first");
    let filter = json!({ "room": { "timeline": { "types": ["m.room.message"], "limit": 1 } } });
    let limited = || {
        let response = filtered(&alice, &filter);
        room_in(&response, &room)["timeline"]["limited"] == true
    };
    assert!(!limited());
    alice.send(&room, "test.other", &json!({}));
    assert!(!limited());
    alice.say(&room, "second");
    assert!(limited());
}

#[test]
fn rooms_that_are_filtered_out_stay_out() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let (wanted, unwanted) = (alice.private_room(), alice.private_room());
    let response = filtered(&alice, &json!({ "room": { "not_rooms": [unwanted] } }));
    assert!(
        response["rooms"]["join"].get(&unwanted).is_none(),
        "{response}"
    );
    must(&response, joined(&wanted));
}

#[test]
fn a_stored_filter_works_like_the_same_filter_inline() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    alice.say_all(&room, &["1", "2", "3"]);
    let id = alice.define_filter(&json!({ "room": { "timeline": { "limit": 1 } } }));
    let response = alice.sync(&format!("timeout=0&filter={id}"));
    let timeline = &room_in(&response, &room)["timeline"];
    assert_eq!(bodies(&timeline["events"]), ["3"]);
    assert_eq!(timeline["limited"], true);
}

#[test]
fn only_the_fields_asked_for_come() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    alice.say(&room, "words");
    let filter = json!({
        "event_fields": ["content.body"],
        "room": { "timeline": { "types": ["m.room.message"] } },
    });
    // Asked for directly: an event without its type breaks the schema, as it should here.
    let path = path!("/v3/sync?timeout=0&filter={}", filter);
    let response = alice.request("GET", &path).try_send().unwrap().json;
    let event = &room_in(&response, &room)["timeline"]["events"][0];
    assert_eq!(*event, json!({ "content": { "body": "words" } }));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#lazy-loading-room-members)
#[test]
fn lazy_loading_brings_members_when_they_speak() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    // The name keeps members from coming along as heroes.
    let room = alice.create_room(&json!({ "preset": "public_chat", "name": "Room" }));
    bob.join(&room);
    carol.join(&room);
    bob.say_all(&room, &["1", "2"]);
    let filter = json!({ "room": {
        "state": { "lazy_load_members": true },
        "timeline": { "limit": 1 },
    } });
    let first = filtered(&alice, &filter);
    let state = &room_in(&first, &room)["state"]["events"];
    must_find(
        state,
        &json!({ "type": "m.room.member", "state_key": bob.id }),
    );
    must_not_find(
        state,
        &json!({ "type": "m.room.member", "state_key": carol.id }),
    );
    carol.say(&room, "3");
    let next = filtered_after(&alice, &first, &filter);
    let state = &room_in(&next, &room)["state"]["events"];
    must_find(
        state,
        &json!({ "type": "m.room.member", "state_key": carol.id }),
    );
    must_not_find(
        state,
        &json!({ "type": "m.room.member", "state_key": bob.id }),
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)
#[test]
fn the_summary_counts_members_and_names_heroes() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&bob]);
    alice.invite(&room, &carol);
    let filter = json!({ "room": { "state": { "lazy_load_members": true } } });
    let first = filtered(&alice, &filter);
    let summary = &room_in(&first, &room)["summary"];
    must_contain(
        summary,
        &json!({ "m.joined_member_count": 2, "m.invited_member_count": 1 }),
    );
    let heroes = items(&summary["m.heroes"]);
    assert!(
        heroes.contains(&json!(bob.id)) && !heroes.contains(&json!(alice.id)),
        "{heroes:?}"
    );
}

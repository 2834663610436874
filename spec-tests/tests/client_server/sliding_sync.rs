//! Simplified sliding sync (MSC4186), as matrix-sdk-ui asks for it.

use std::time::Duration;

use serde_json::{Value, json};
use spec_tests::{
    User,
    coverage::in_background,
    covers, homeserver,
    matchers::{Verdict, at, bodies, has_item, items},
    must::{must_contain, must_find, must_not_find, text},
    sliding_sync::Connection,
};

/// One list named `all` over these positions.
pub(crate) fn list(from: u64, to: u64) -> Value {
    json!({ "lists": { "all": {
        "ranges": [[from, to]],
        "timeline_limit": 5,
        "required_state": [["m.room.create", ""], ["m.room.name", ""]],
    } } })
}

fn rooms_with(users: &[&User], count: usize) -> Vec<String> {
    let [first, others @ ..] = users else {
        return Vec::new();
    };
    (0..count).map(|_| first.room_with(others)).collect()
}

fn has_message<'a>(room: &'a str, words: &'a str) -> impl Fn(&Value) -> Verdict + use<'a> {
    move |response| {
        let timeline = at(response, &["rooms", room, "timeline"]);
        match bodies(timeline).contains(&words) {
            true => Ok(()),
            false => Err(format!("no {words}: {timeline}")),
        }
    }
}

pub(crate) fn settled(connection: &mut Connection<'_>, body: &Value) -> Value {
    let mut response = connection.next(body);
    // What arrives late, such as the user's own device list, must not be mistaken for news.
    for _ in 0..3 {
        let next = connection.next(body);
        if next["rooms"]
            .as_object()
            .is_none_or(|rooms| rooms.is_empty())
        {
            break;
        }
        response = next;
    }
    response
}

#[test]
fn a_list_counts_all_rooms_and_shows_those_in_range() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let rooms = rooms_with(&[&alice], 4);
    alice.say(&rooms[1], "newest");
    let response = alice.sliding_sync("c").next(&list(0, 1));
    assert_eq!(response["lists"]["all"]["count"], 4);
    let shown = response["rooms"].as_object().unwrap();
    assert_eq!(shown.len(), 2);
    assert!(
        shown.contains_key(&rooms[1]) && shown.contains_key(&rooms[3]),
        "{response}"
    );
    must_contain(
        &shown[&rooms[1]],
        &json!({ "initial": true, "joined_count": 1 }),
    );
    assert!(shown[&rooms[1]]["bump_stamp"].is_u64());
    assert_eq!(
        bodies(&shown[&rooms[1]]["timeline"]).last(),
        Some(&"newest")
    );
}

#[test]
fn growing_the_range_brings_the_rooms_that_were_not_sent() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    rooms_with(&[&alice], 4);
    let mut connection = alice.sliding_sync("c");
    let first = connection.next(&list(0, 1));
    let second = connection.next(&list(0, 3));
    let first = first["rooms"].as_object().unwrap();
    let second = second["rooms"].as_object().unwrap();
    assert_eq!((first.len(), second.len()), (2, 2));
    assert!(second.keys().all(|room| !first.contains_key(room)));
    assert!(second.values().all(|room| room["initial"] == true));
}

#[test]
fn only_what_changed_is_sent_again() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let rooms = rooms_with(&[&alice], 3);
    let mut connection = alice.sliding_sync("c");
    settled(&mut connection, &list(0, 9));
    alice.say(&rooms[0], "news");
    let next = connection.must_see(&list(0, 9), has_message(&rooms[0], "news"));
    let shown = next["rooms"].as_object().unwrap();
    assert_eq!(shown.len(), 1);
    let room = &shown[&rooms[0]];
    assert_ne!(room["initial"], true);
    assert_eq!(bodies(&room["timeline"]), ["news"]);
    assert!(
        room.get("required_state")
            .is_none_or(|state| items(state).is_empty())
    );
}

/// The wildcards and placeholders that clients of today use.
#[test]
fn required_state_knows_lazy_me_and_wildcards() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&bob, &carol]);
    alice.set_state(&room, "m.space.child", "!a:b", &json!({ "via": ["b"] }));
    alice.set_state(&room, "m.space.child", "!c:b", &json!({ "via": ["b"] }));
    alice.set_state(
        &room,
        "m.room.topic",
        "",
        &json!({ "topic": "not asked for" }),
    );
    bob.say(&room, "hello");
    let body = json!({ "lists": { "all": {
        "ranges": [[0, 9]],
        "timeline_limit": 1,
        "required_state": [
            ["m.room.member", "$ME"], ["m.room.member", "$LAZY"],
            ["m.room.create", ""], ["m.space.child", "*"],
        ],
    } } });
    let response = alice.sliding_sync("c").next(&body);
    let state = &response["rooms"][&room]["required_state"];
    for (kind, key) in [
        ("m.room.member", alice.id.as_str()),
        ("m.room.member", &bob.id),
        ("m.room.create", ""),
        ("m.space.child", "!a:b"),
        ("m.space.child", "!c:b"),
    ] {
        must_find(state, &json!({ "type": kind, "state_key": key }));
    }
    must_not_find(
        state,
        &json!({ "type": "m.room.member", "state_key": carol.id }),
    );
    must_not_find(state, &json!({ "type": "m.room.topic" }));
}

#[test]
fn lazy_members_come_once_they_speak() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    alice.say(&room, "first");
    let body = json!({ "lists": { "all": {
        "ranges": [[0, 9]], "timeline_limit": 1, "required_state": [["m.room.member", "$LAZY"]],
    } } });
    let mut connection = alice.sliding_sync("c");
    settled(&mut connection, &body);
    bob.say(&room, "now me");
    let next = connection.must_see(&body, has_message(&room, "now me"));
    let state = &next["rooms"][&room]["required_state"];
    must_find(
        state,
        &json!({ "type": "m.room.member", "state_key": bob.id }),
    );
}

#[test]
fn a_subscription_brings_a_room_outside_the_lists() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let rooms = rooms_with(&[&alice], 3);
    alice.say_all(&rooms[0], &["1", "2", "3"]);
    alice.say(&rooms[2], "top");
    let subscription = json!({
        "timeline_limit": 2, "required_state": [["m.room.create", ""]],
    });
    let mut body = list(0, 0);
    body["lists"]["all"]["ranges"] = json!([[0, 0]]);
    let mut connection = alice.sliding_sync("c");
    connection.next(&body);
    body["room_subscriptions"] = json!({ &rooms[0]: subscription });
    let response = connection.must_see(&body, has_message(&rooms[0], "3"));
    let room = &response["rooms"][&rooms[0]];
    assert_eq!(bodies(&room["timeline"]), ["2", "3"]);
    assert_eq!(room["limited"], true);
    assert!(room["prev_batch"].is_string());
    must_find(&room["required_state"], &json!({ "type": "m.room.create" }));
}

#[test]
fn the_prev_batch_of_a_room_continues_in_messages() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    alice.say_all(&room, &["1", "2", "3", "4"]);
    let mut body = list(0, 9);
    body["lists"]["all"]["timeline_limit"] = json!(2);
    let response = alice.sliding_sync("c").next(&body);
    let shown = &response["rooms"][&room];
    assert_eq!(bodies(&shown["timeline"]), ["3", "4"]);
    let from = text(&shown["prev_batch"]);
    let page = alice.messages(&room, &spec_tests::path!("dir=b&limit=2&from={}", from));
    assert_eq!(bodies(&page["chunk"]), ["2", "1"]);
}

#[test]
fn a_subscription_to_a_strangers_room_shows_nothing() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.private_room();
    let subscription = json!({ "timeline_limit": 5, "required_state": [["*", "*"]] });
    let body = json!({ "room_subscriptions": { &room: subscription } });
    let response = bob.sliding_sync("c").next(&body);
    let shown = &response["rooms"][&room];
    assert!(
        items(&shown["timeline"]).is_empty() && items(&shown["required_state"]).is_empty(),
        "{response}"
    );
}

#[test]
fn an_invite_shows_its_stripped_state() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.create_room(&json!({ "name": "Come in", "invite": [bob.id] }));
    let response = bob.sliding_sync("c").next(&list(0, 9));
    let shown = &response["rooms"][&room];
    let name = json!({ "type": "m.room.name", "content": { "name": "Come in" } });
    // `stripped_state` in the current draft, `invite_state` in what clients read today.
    let found =
        ["invite_state", "stripped_state"].map(|key| has_item(&[key], &name)(shown).is_ok());
    assert!(found.contains(&true), "{shown}");
    assert!(items(&shown["timeline"]).is_empty());
}

#[test]
fn filters_choose_between_kinds_of_rooms() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let plain = alice.private_room();
    let encryption =
        json!({ "type": "m.room.encryption", "content": { "algorithm": "m.megolm.v1.aes-sha2" } });
    let encrypted = alice.create_room(&json!({ "initial_state": [encryption] }));
    let space = alice.create_room(&json!({ "creation_content": { "type": "m.space" } }));
    let direct = alice.private_room();
    alice.set_account_data("m.direct", &json!({ &bob.id: [direct] }));
    let invite = bob.private_room();
    bob.invite(&invite, &alice);
    for (filter, expected) in [
        (json!({ "is_encrypted": true }), vec![&encrypted]),
        (json!({ "is_dm": true }), vec![&direct]),
        (json!({ "is_invite": true }), vec![&invite]),
        (json!({ "room_types": ["m.space"] }), vec![&space]),
        (
            json!({ "not_room_types": ["m.space"], "is_dm": false, "is_encrypted": false, "is_invite": false }),
            vec![&plain],
        ),
    ] {
        let mut body = list(0, 9);
        body["lists"]["all"]["filters"] = filter.clone();
        let response = alice.sliding_sync("c").next(&body);
        let shown: Vec<&String> = response["rooms"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(room, _)| room)
            .collect();
        assert_eq!(shown, expected, "{filter}");
        assert_eq!(response["lists"]["all"]["count"], 1, "{filter}");
    }
    // No room has one of no types.
    let mut body = list(0, 9);
    body["lists"]["all"]["filters"] = json!({ "room_types": [] });
    let response = alice.sliding_sync("c").next(&body);
    assert_eq!(response["lists"]["all"]["count"], 0, "{response}");
}

#[test]
fn two_connections_of_one_device_do_not_disturb_each_other() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let (mut first, mut second) = (
        alice.sliding_sync("room-list"),
        alice.sliding_sync("encryption"),
    );
    settled(&mut first, &list(0, 9));
    settled(&mut second, &list(0, 9));
    alice.say(&room, "for both");
    first.must_see(&list(0, 9), has_message(&room, "for both"));
    second.must_see(&list(0, 9), has_message(&room, "for both"));
}

#[test]
fn an_unknown_position_is_refused_so_that_the_client_starts_again() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let path = format!(
        "{}?timeout=0&pos=987654%2Fs1",
        spec_tests::sliding_sync::PATH
    );
    let answer = alice.post(&path, &list(0, 9));
    answer.must_fail(400, "M_UNKNOWN_POS");
}

#[test]
fn a_waiting_request_wakes_with_the_message() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let started = {
        let bob = bob.clone();
        let room = room.clone();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let waiting = in_background(move || {
            let mut connection = bob.sliding_sync("c");
            settled(&mut connection, &list(0, 9));
            ready.send(()).unwrap();
            let reply = connection.try_next(&list(0, 9), Duration::from_secs(60));
            (reply.took, has_message(&room, "wake up")(&reply.ok()))
        });
        is_ready.recv().unwrap();
        waiting
    };
    alice.say(&room, "wake up");
    let (took, seen) = started.join().unwrap();
    assert_eq!(seen, Ok(()));
    assert!(took < Duration::from_secs(30), "waited {took:?}");
}

#[test]
fn unread_counts_come_with_the_room() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    alice.say_all(&room, &["1", "2"]);
    let response = bob.sliding_sync("c").next(&list(0, 9));
    must_contain(
        &response["rooms"][&room],
        &json!({ "notification_count": 2, "highlight_count": 0 }),
    );
}

#[test]
fn heroes_name_a_room_without_a_name() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    bob.set_display_name("Bob");
    let room = alice.room_with(&[&bob]);
    let response = alice.sliding_sync("c").next(&list(0, 9));
    let shown = &response["rooms"][&room];
    must_find(
        &shown["heroes"],
        &json!({ "user_id": bob.id, "displayname": "Bob" }),
    );
    assert!(shown.get("name").is_none_or(Value::is_null), "{shown}");
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    for body in [
        json!({ "lists": "all" }),
        json!({ "lists": { "all": { "ranges": [["a", 1]], "timeline_limit": 1, "required_state": [] } } }),
        json!({ "room_subscriptions": [] }),
    ] {
        let answer = alice.sliding_sync("c").try_next(&body, Duration::ZERO);
        assert_eq!(answer.status, 400, "{body}: {answer}");
    }
}

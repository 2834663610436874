//! What a connection of simplified sliding sync remembers, and what it must not show.
//! [MSC4186](https://github.com/matrix-org/matrix-spec-proposals/pull/4186)

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Settings, User, covers, homeserver,
    matchers::{Verdict, bodies, items},
    must::{must_find, text},
    path,
    sliding_sync::PATH,
};

use crate::sliding_sync::{list, settled};

fn has_room(room: &str) -> impl Fn(&Value) -> Verdict + use<'_> {
    move |response| match response["rooms"].get(room) {
        Some(_) => Ok(()),
        None => Err(format!("{room} is not told: {response}")),
    }
}

fn shown(response: &Value) -> Vec<&String> {
    let rooms = response["rooms"].as_object();
    rooms.into_iter().flatten().map(|(room, _)| room).collect()
}

fn ask(user: &User, pos: &str, body: &Value) -> Value {
    let pos = spec_tests::http::encode(pos);
    user.post(&format!("{PATH}?timeout=0&pos={pos}"), body).ok()
}

/// An answer that was lost is made anew: nothing of it is missing.
#[test]
fn a_repeated_request_loses_nothing() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let body = list(0, 9);
    let first = alice.post(&format!("{PATH}?timeout=0"), &body).ok();
    let pos = text(&first["pos"]);
    alice.say(&room, "one");
    let lost = ask(&alice, &pos, &body);
    assert_eq!(bodies(&lost["rooms"][&room]["timeline"]), ["one"]);
    alice.say(&room, "two");
    let again = ask(&alice, &pos, &body);
    assert_eq!(bodies(&again["rooms"][&room]["timeline"]), ["one", "two"]);
    let next = ask(&alice, &text(&again["pos"]), &body);
    assert!(shown(&next).is_empty(), "{next}");
}

#[test]
fn a_position_of_somebody_else_is_refused() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let body = list(0, 9);
    let first = alice.post(&format!("{PATH}?timeout=0"), &body).ok();
    bob.post(&format!("{PATH}?timeout=0"), &body).ok();
    let pos = spec_tests::http::encode(&text(&first["pos"]));
    let answer = bob.post(&format!("{PATH}?timeout=0&pos={pos}"), &body);
    answer.must_fail(400, "M_UNKNOWN_POS");
}

#[test]
fn after_a_restart_clients_begin_again() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let Some(server) = Homeserver::own(&Settings::default()) else {
        return;
    };
    if server.is_synapse() {
        return;
    }
    let alice = server.register("alice");
    let room = alice.private_room();
    let body = list(0, 9);
    let first = alice.post(&format!("{PATH}?timeout=0"), &body).ok();
    server.kill_and_restart();
    let pos = spec_tests::http::encode(&text(&first["pos"]));
    let answer = alice.post(&format!("{PATH}?timeout=0&pos={pos}"), &body);
    answer.must_fail(400, "M_UNKNOWN_POS");
    let anew = alice.post(&format!("{PATH}?timeout=0"), &body).ok();
    assert_eq!(shown(&anew), [&room]);
}

/// A position is a token for `/messages` too.
#[test]
fn messages_may_begin_at_a_position() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    if alice.server.is_synapse() {
        return;
    }
    let room = alice.private_room();
    alice.say(&room, "before");
    let first = alice.post(&format!("{PATH}?timeout=0"), &list(0, 9)).ok();
    alice.say(&room, "after");
    let pos = text(&first["pos"]);
    let page = alice.messages(&room, &path!("dir=b&limit=1&from={}", pos));
    assert_eq!(bodies(&page["chunk"]), ["before"]);
}

/// Any event moves a room up, also one of a type that does not change its `bump_stamp`.
#[test]
fn lists_are_ordered_by_the_last_event() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let rooms = [(); 3].map(|()| alice.private_room());
    alice.set_state(&rooms[0], "m.room.topic", "", &json!({ "topic": "x" }));
    let response = alice.sliding_sync("c").next(&list(0, 0));
    assert_eq!(shown(&response), [&rooms[0]]);
}

#[test]
fn a_higher_limit_brings_older_events_at_once() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    alice.say_all(&room, &["1", "2", "3", "4"]);
    let mut connection = alice.sliding_sync("c");
    let mut body = list(0, 9);
    body["lists"]["all"]["timeline_limit"] = json!(1);
    let first = settled(&mut connection, &body);
    assert_eq!(bodies(&first["rooms"][&room]["timeline"]), ["4"]);
    body["lists"]["all"]["timeline_limit"] = json!(3);
    let more = connection.next(&body);
    let answer = &more["rooms"][&room];
    assert_eq!(bodies(&answer["timeline"]), ["2", "3", "4"]);
    assert_eq!(answer["num_live"], 0);
    assert_eq!(answer["unstable_expanded_timeline"], true);
    let next = connection.next(&body);
    assert!(shown(&next).is_empty(), "{next}");
}

#[test]
fn state_that_is_asked_for_newly_comes_at_once() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({ "topic": "x" }));
    let mut connection = alice.sliding_sync("c");
    let mut body = list(0, 9);
    settled(&mut connection, &body);
    body["lists"]["all"]["required_state"] = json!([["m.room.create", ""], ["m.room.topic", ""]]);
    let next = connection.must_see(&body, has_room(&room));
    let state = &next["rooms"][&room]["required_state"];
    must_find(state, &json!({ "type": "m.room.topic" }));
    assert_eq!(items(state).len(), 1, "{state}");
}

/// What happens after somebody has left is none of their business.
#[test]
fn a_room_that_was_left_shows_nothing_of_later() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let everything = json!({ "timeline_limit": 20, "required_state": [["*", "*"]] });
    let mut body = list(0, 9);
    body["lists"]["all"]["required_state"] = json!([["*", "*"]]);
    let mut connection = bob.sliding_sync("c");
    settled(&mut connection, &body);
    bob.leave(&room);
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "secret" }));
    alice.set_state(&room, "m.room.name", "", &json!({ "name": "secret" }));
    alice.say(&room, "secret");
    let left = connection.must_see(&body, has_room(&room));
    assert!(!left.to_string().contains("secret"), "{left}");
    let leave = json!({ "state_key": bob.id, "content": { "membership": "leave" } });
    must_find(&left["rooms"][&room]["timeline"], &leave);
    let subscription = json!({ "room_subscriptions": { &room: everything } });
    let seen = bob.sliding_sync("d").next(&subscription);
    assert!(!seen.to_string().contains("secret"), "{seen}");
    let again = bob.sliding_sync("e").next(&body);
    assert!(again["rooms"].get(&room).is_none(), "{again}");
}

/// Who was removed may not know it, so the room stays in lists.
#[test]
fn somebody_who_was_removed_sees_the_room_in_lists() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let (bob, carol) = (homeserver().register("bob"), homeserver().register("carol"));
    let room = alice.room_with(&[&bob, &carol]);
    alice.membership("kick", &room, &bob).ok();
    alice.membership("ban", &room, &carol).ok();
    alice.say(&room, "secret");
    for (user, membership) in [(&bob, "leave"), (&carol, "ban")] {
        let seen = user.sliding_sync("c").next(&list(0, 9));
        assert_eq!(shown(&seen), [&room]);
        assert!(!seen.to_string().contains("secret"), "{seen}");
        let timeline = &seen["rooms"][&room]["timeline"];
        let removal = json!({ "state_key": user.id, "content": { "membership": membership } });
        must_find(timeline, &removal);
    }
}

#[test]
fn a_room_that_becomes_a_direct_chat_says_so() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    if alice.server.is_synapse() {
        return;
    }
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let mut connection = alice.sliding_sync("c");
    settled(&mut connection, &list(0, 9));
    for (direct, expected) in [(json!({ &bob.id: [room] }), true), (json!({}), false)] {
        alice.set_account_data("m.direct", &direct);
        let next = connection.must_see(&list(0, 9), has_room(&room));
        assert_eq!(next["rooms"][&room]["is_dm"], expected, "{next}");
    }
}

#[test]
fn heroes_come_again_when_one_has_another_name() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    if alice.server.is_synapse() {
        return;
    }
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let mut connection = alice.sliding_sync("c");
    settled(&mut connection, &list(0, 9));
    bob.set_display_name("Robert");
    let next = connection.must_see(&list(0, 9), has_room(&room));
    let robert = json!({ "user_id": bob.id, "displayname": "Robert" });
    must_find(&next["rooms"][&room]["heroes"], &robert);
}

#[test]
fn filters_know_tags_names_and_spaces() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let tagged = alice.create_room(&json!({ "name": "Algebra" }));
    let plain = alice.create_room(&json!({ "name": "Biology" }));
    let space = alice.create_room(&json!({ "creation_content": { "type": "m.space" } }));
    let path = path!("/v3/user/{}/rooms/{}/tags/m.favourite", alice.id, tagged);
    alice.put(&path, &json!({})).ok();
    let via = json!({ "via": [homeserver().server_name()] });
    alice.set_state(&space, "m.space.child", &plain, &via);
    let mut cases = vec![
        (json!({ "tags": ["m.favourite", "u.x"] }), vec![&tagged]),
        (
            json!({ "not_tags": ["m.favourite"], "not_room_types": ["m.space"] }),
            vec![&plain],
        ),
    ];
    if !alice.server.is_synapse() {
        cases.push((json!({ "spaces": [space] }), vec![&plain]));
        cases.push((json!({ "room_name_like": "geb" }), vec![&tagged]));
    }
    for (filter, expected) in cases {
        let mut body = list(0, 9);
        body["lists"]["all"]["filters"] = filter.clone();
        let response = alice.sliding_sync("c").next(&body);
        assert_eq!(shown(&response), expected, "{filter}");
        assert_eq!(response["lists"]["all"]["count"], 1, "{filter}");
    }
}

#[test]
fn too_many_lists_and_subscriptions_are_refused() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let list = json!({ "ranges": [[0, 1]], "timeline_limit": 1, "required_state": [] });
    let lists: serde_json::Map<_, _> = (0..101)
        .map(|number| (number.to_string(), list.clone()))
        .collect();
    let mut bodies = vec![json!({ "lists": lists })];
    if !alice.server.is_synapse() {
        let room = json!({ "timeline_limit": 1, "required_state": [] });
        let rooms: serde_json::Map<_, _> = (0..101)
            .map(|number| (format!("!{number}:example.org"), room.clone()))
            .collect();
        bodies.push(json!({ "room_subscriptions": rooms }));
        bodies.push(json!({ "lists": { "a": { "ranges": [[5, 1]], "timeline_limit": 1 } } }));
    }
    for body in bodies {
        let answer = alice.post(&format!("{PATH}?timeout=0"), &body);
        assert_eq!(answer.status, 400, "{answer}");
    }
}

/// Account data and receipts of a room that was out of sight come once it is in sight again.
#[test]
fn nothing_beside_a_room_is_lost_while_it_is_out_of_sight() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let (near, far) = (alice.room_with(&[&bob]), alice.room_with(&[&bob]));
    let event = alice.say(&far, "read me");
    let mut body = list(0, 9);
    body["extensions"] = json!({
        "account_data": { "enabled": true }, "receipts": { "enabled": true },
    });
    let mut connection = alice.sliding_sync("c");
    settled(&mut connection, &body);
    // Only the other room is in sight.
    alice.say(&near, "up");
    body["lists"]["all"]["ranges"] = json!([[0, 0]]);
    connection.must_see(&body, has_room(&near));
    connection.next(&body);
    let path = path!("/v3/user/{}/rooms/{}/account_data/test.note", alice.id, far);
    alice.put(&path, &json!({ "n": 1 })).ok();
    let path = path!("/v3/rooms/{}/receipt/m.read/{}", far, event);
    bob.post(&path, &json!({})).ok();
    connection.next(&body);
    body["lists"]["all"]["ranges"] = json!([[0, 9]]);
    let back = connection.next(&body);
    let data = &back["extensions"]["account_data"]["rooms"][&far];
    must_find(data, &json!({ "type": "test.note", "content": { "n": 1 } }));
    let receipt = &back["extensions"]["receipts"]["rooms"][&far];
    assert!(receipt["content"][&event]["m.read"].is_object(), "{back}");
}

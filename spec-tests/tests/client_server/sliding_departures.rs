//! How sliding sync tells that a user is not in a room any more, or never came to be.
//! [MSC4186](https://github.com/matrix-org/matrix-spec-proposals/pull/4186)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    must::{must_contain, must_find},
    path,
};

use crate::sliding_sync::list;

fn everything() -> Value {
    let mut body = list(0, 9);
    body["lists"]["all"]["required_state"] = json!([["*", "*"]]);
    body
}

fn knock_room(user: &User) -> String {
    let rule = json!({ "type": "m.room.join_rules", "content": { "join_rule": "knock" } });
    user.create_room(&json!({ "initial_state": [rule] }))
}

/// The user's other devices have to take the room from their lists.
#[test]
fn an_invitation_or_knock_that_came_to_nothing_is_told() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let mut connection = bob.sliding_sync("c");
    let body = list(0, 9);
    let (declined, taken_back) = (alice.private_room(), alice.private_room());
    let refused = knock_room(&alice);
    for room in [&declined, &taken_back] {
        alice.invite(room, &bob);
    }
    bob.post(&path!("/v3/knock/{}", refused), &json!({})).ok();
    let first = connection.next(&body);
    assert_eq!(first["lists"]["all"]["count"], 3, "{first}");
    bob.leave(&declined);
    for room in [&taken_back, &refused] {
        alice.membership("kick", room, &bob).ok();
    }
    let next = connection.next(&body);
    let left = json!({ "state_key": bob.id, "content": { "membership": "leave" } });
    for room in [&declined, &taken_back, &refused] {
        // Synapse does not tell that a knock was refused.
        if *room != refused || !homeserver().is_synapse() {
            must_find(&next["rooms"][room]["timeline"], &left);
        }
    }
}

#[test]
fn what_became_of_a_room_after_an_invitation_is_not_for_those_who_declined() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let (new, left) = (alice.private_room(), alice.room_with(&[&bob]));
    bob.leave(&left);
    for room in [&new, &left] {
        alice.invite(room, &bob);
    }
    let mut connection = bob.sliding_sync("c");
    let first = connection.next(&everything());
    for room in [&new, &left] {
        assert!(first["rooms"][room]["invite_state"].is_array(), "{first}");
        alice.set_state(room, "m.room.topic", "", &json!({ "topic": "a secret" }));
        bob.leave(room);
    }
    let next = connection.next(&everything());
    for room in [&new, &left] {
        let left = json!({ "state_key": bob.id, "content": { "membership": "leave" } });
        must_find(&next["rooms"][room]["timeline"], &left);
    }
    assert!(!next.to_string().contains("a secret"), "{next}");
}

#[test]
fn a_member_who_leaves_sees_the_last_changes_and_none_after() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let mut connection = bob.sliding_sync("c");
    connection.next(&everything());
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "seen" }));
    bob.leave(&room);
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "a secret" }));
    alice.invite(&room, &bob);
    bob.leave(&room);
    let next = connection.next(&everything());
    let topic = json!({ "type": "m.room.topic", "content": { "topic": "seen" } });
    must_find(&next["rooms"][&room]["required_state"], &topic);
    assert!(!next.to_string().contains("a secret"), "{next}");
}

#[test]
fn a_name_that_was_taken_away_is_null() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    // Synapse leaves it out, and the room looks as if nothing had changed.
    if homeserver().is_synapse() {
        return;
    }
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({ "name": "Kitchen" }));
    let mut connection = alice.sliding_sync("c");
    let first = connection.next(&list(0, 9));
    must_contain(&first["rooms"][&room], &json!({ "name": "Kitchen" }));
    alice.set_state(&room, "m.room.name", "", &json!({}));
    let next = connection.next(&list(0, 9));
    must_contain(&next["rooms"][&room], &json!({ "name": null }));
}

/// MSC4186: what is told with an invitation is the stripped state.
#[test]
fn who_is_invited_does_not_learn_who_is_in() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let room = alice.private_room();
    alice.invite(&room, &carol);
    carol.join(&room);
    alice.invite(&room, &bob);
    let response = bob.sliding_sync("c").next(&everything());
    let shown = &response["rooms"][&room];
    assert!(shown.is_object(), "{response}");
    assert!(!response.to_string().contains(&carol.id), "{response}");
    for told in ["joined_count", "invited_count", "heroes"] {
        let value = shown.get(told).unwrap_or(&Value::Null);
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        assert!(is_empty, "{told} in {shown}");
    }
}

#[test]
fn who_knocks_does_not_learn_who_is_in() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let room = knock_room(&alice);
    alice.invite(&room, &carol);
    carol.join(&room);
    bob.post(&path!("/v3/knock/{}", room), &json!({})).ok();
    let response = bob.sliding_sync("c").next(&everything());
    assert!(response["rooms"][&room].is_object(), "{response}");
    assert!(!response.to_string().contains(&carol.id), "{response}");
}

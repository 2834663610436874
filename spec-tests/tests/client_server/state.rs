//! Reading and setting room state.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#getting-events-for-a-room)

use serde_json::json;
use spec_tests::{
    covers, homeserver,
    matchers::items,
    must::{must_contain, must_find},
    path,
};

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey)
#[test]
fn state_is_set_and_read_by_type_and_key() {
    covers!(
        PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}",
        GET "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}",
    );
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    alice.set_state(&room, "test.seat", "a/b c", &json!({ "row": 3 }));
    alice.set_state(&room, "test.seat", "", &json!({ "row": 0 }));
    assert_eq!(
        alice.state(&room, "test.seat", "a/b c").ok(),
        json!({ "row": 3 })
    );
    // An empty key may be left out, with or without its slash.
    let bare = path!("/v3/rooms/{}/state/test.seat", room);
    assert_eq!(alice.get(&bare).ok(), json!({ "row": 0 }));
    assert_eq!(alice.get(&format!("{bare}/")).ok(), json!({ "row": 0 }));
    let older = path!("/_matrix/client/r0/rooms/{}/state/test.seat/", room);
    for (row, path) in [bare, older].iter().enumerate() {
        alice.put(path, &json!({ "row": row })).ok();
        assert_eq!(
            alice.state(&room, "test.seat", "").ok(),
            json!({ "row": row })
        );
    }
}

#[test]
fn the_whole_state_has_each_type_and_key_once() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/state");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "old" }));
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "new" }));
    let state = alice.get(&path!("/v3/rooms/{}/state", room)).ok();
    let topics = items(&state)
        .iter()
        .filter(|event| event["type"] == "m.room.topic");
    let topics: Vec<_> = topics.collect();
    assert_eq!(topics.len(), 1);
    must_contain(
        topics[0],
        &json!({ "content": { "topic": "new" }, "sender": alice.id, "state_key": "" }),
    );
    must_find(&state, &json!({ "type": "m.room.create" }));
}

#[test]
fn the_format_event_gives_the_whole_event() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let id = alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "x" }));
    let event = alice
        .get(&path!(
            "/v3/rooms/{}/state/m.room.topic/?format=event",
            room
        ))
        .ok();
    must_contain(
        &event,
        &json!({ "event_id": id, "room_id": room, "type": "m.room.topic", "content": { "topic": "x" } }),
    );
    alice
        .get(&path!("/v3/rooms/{}/state/m.room.topic/?format=x", room))
        .must_fail(400, "M_INVALID_PARAM");
}

#[test]
fn absent_state_is_not_found() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    alice
        .state(&room, "m.room.name", "")
        .must_fail(404, "M_NOT_FOUND");
    alice
        .state(&room, "m.room.member", "@nobody:spec.test")
        .must_fail(404, "M_NOT_FOUND");
}

#[test]
fn strangers_neither_read_nor_set_state() {
    covers!(
        GET "/_matrix/client/v3/rooms/{roomId}/state",
        GET "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}",
        PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}",
    );
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.private_room();
    bob.get(&path!("/v3/rooms/{}/state", room))
        .must_fail(403, "M_FORBIDDEN");
    bob.state(&room, "m.room.create", "")
        .must_fail(403, "M_FORBIDDEN");
    bob.try_set_state(&room, "m.room.topic", "", &json!({ "topic": "x" }))
        .must_fail(403, "M_FORBIDDEN");
}

/// Those who left see the state as it was then.
#[test]
fn who_left_reads_the_state_of_that_moment() {
    covers!(
        GET "/_matrix/client/v3/rooms/{roomId}/state",
        GET "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}",
    );
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "then" }));
    bob.leave(&room);
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "now" }));
    assert_eq!(bob.state(&room, "m.room.topic", "").ok()["topic"], "then");
    let state = bob.get(&path!("/v3/rooms/{}/state", room)).ok();
    must_find(
        &state,
        &json!({ "type": "m.room.topic", "content": { "topic": "then" } }),
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels)
#[test]
fn state_needs_its_power_level() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let topic = json!({ "topic": "Bob's" });
    bob.try_set_state(&room, "m.room.topic", "", &topic)
        .must_fail(403, "M_FORBIDDEN");
    let mut levels = alice.state(&room, "m.room.power_levels", "").ok();
    levels["events"]["m.room.topic"] = json!(0);
    alice.set_state(&room, "m.room.power_levels", "", &levels);
    bob.set_state(&room, "m.room.topic", "", &topic);
    bob.try_set_state(&room, "m.room.name", "", &json!({ "name": "Bob's" }))
        .must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels)
#[test]
fn nobody_gives_more_power_than_they_have() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&bob, &carol]);
    let mut levels = alice.state(&room, "m.room.power_levels", "").ok();
    levels["users"][&bob.id] = json!(50);
    levels["events"]["m.room.power_levels"] = json!(50);
    alice.set_state(&room, "m.room.power_levels", "", &levels);
    let mut greedy = levels.clone();
    greedy["users"][&carol.id] = json!(60);
    bob.try_set_state(&room, "m.room.power_levels", "", &greedy)
        .must_fail(403, "M_FORBIDDEN");
    let mut fair = levels;
    fair["users"][&carol.id] = json!(50);
    bob.set_state(&room, "m.room.power_levels", "", &fair);
}

/// Keys that look like a user id belong to that user.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey)
#[test]
fn keys_that_are_user_ids_belong_to_the_user() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let options = json!({
        "preset": "public_chat",
        "power_level_content_override": { "events": { "test.seat": 0 } },
    });
    let room = alice.create_room(&options);
    bob.join(&room);
    bob.set_state(&room, "test.seat", &bob.id, &json!({ "row": 1 }));
    bob.try_set_state(&room, "test.seat", &alice.id, &json!({ "row": 1 }))
        .must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mroomcreate)
#[test]
fn a_room_is_created_once() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let answer = alice.try_set_state(
        &room,
        "m.room.create",
        "",
        &json!({ "room_version": "12", "test.again": true }),
    );
    assert!(matches!(answer.status, 400 | 403), "{answer}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey)
#[test]
fn the_same_state_again_is_the_same_event() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let first = alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "x" }));
    let again = alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "x" }));
    assert_eq!(first, again);
    let topic = alice
        .get(&path!(
            "/v3/rooms/{}/state/m.room.topic/?format=event",
            room
        ))
        .ok();
    assert_eq!(topic["event_id"], again);
}

/// [spec](https://spec.matrix.org/v1.19/rooms/v12/#authorization-rules)
#[test]
fn state_that_no_power_could_make_is_a_mistake_of_the_request() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({ "room_version": "12" }));
    let levels = json!({ "users": { &alice.id: 100 } });
    alice
        .try_set_state(&room, "m.room.power_levels", "", &levels)
        .must_be(400);
    let create = json!({ "room_version": "12", "more": true });
    alice
        .try_set_state(&room, "m.room.create", "", &create)
        .must_be(400);
}

/// Who lets somebody into a restricted room is for the server to say.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms)
#[test]
fn a_member_changes_their_name_in_a_restricted_room() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let open = alice.public_room();
    bob.join(&open);
    let allow = json!([{ "type": "m.room_membership", "room_id": open }]);
    let rules = json!({ "join_rule": "restricted", "allow": allow });
    let room = alice.create_room(&json!({
        "initial_state": [{ "type": "m.room.join_rules", "state_key": "", "content": rules }],
    }));
    bob.join(&room);
    let content = json!({
        "membership": "join", "displayname": "Bobby", "join_authorised_via_users_server": "unused",
    });
    bob.set_state(&room, "m.room.member", &bob.id, &content);
    let member = alice.state(&room, "m.room.member", &bob.id).ok();
    assert_eq!(member["displayname"], "Bobby");
    assert!(
        member.get("join_authorised_via_users_server").is_none(),
        "{member}"
    );
}

//! Who sees which part of the history.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    matchers::{bodies, items},
    path,
};

/// A room in which one message was said at each stage of Bob's way in and out.
fn history(visibility: &str) -> (User, User, String, Vec<String>) {
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let content = json!({ "history_visibility": visibility });
    let room = alice.create_room(&json!({
        "preset": "private_chat",
        "initial_state": [{ "type": "m.room.history_visibility", "content": content }],
    }));
    let mut events = vec![alice.say(&room, "stranger")];
    alice.invite(&room, &bob);
    events.push(alice.say(&room, "invited"));
    bob.join(&room);
    events.push(alice.say(&room, "joined"));
    bob.leave(&room);
    events.push(alice.say(&room, "left"));
    (alice, bob, room, events)
}

/// The table of the specification: what was said while Bob was outside, invited, inside and gone.
#[test]
fn history_visibility_decides_by_membership_at_the_time() {
    covers!(
        GET "/_matrix/client/v3/rooms/{roomId}/messages",
        GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}",
    );
    for (visibility, seen) in [
        ("world_readable", [true, true, true, true]),
        ("invited", [false, true, true, false]),
        ("joined", [false, false, true, false]),
    ] {
        let (_, bob, room, events) = history(visibility);
        for (event, (stage, visible)) in events
            .iter()
            .zip(["stranger", "invited", "joined", "left"].iter().zip(seen))
        {
            let answer = bob.event(&room, event);
            let expected = if visible { 200 } else { 404 };
            assert_eq!(
                answer.status, expected,
                "{visibility}, said while {stage}: {answer}"
            );
        }
        if visibility != "world_readable" {
            let page = bob.messages(&room, "dir=b&limit=50");
            let mut expected = Vec::new();
            for (stage, visible) in ["stranger", "invited", "joined", "left"].iter().zip(seen) {
                if visible {
                    expected.insert(0, *stage);
                }
            }
            assert_eq!(bodies(&page["chunk"]), expected, "{visibility}");
        }
    }
}

/// The room's first events are open to all, what passed afterwards is not; how the room is now has to be told anyway.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)
#[test]
fn who_comes_to_a_room_that_hides_its_past_is_told_its_whole_state() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let state = |kind: &str, content: Value| json!({ "type": kind, "content": content });
    let room = alice.create_room(&json!({ "preset": "private_chat", "initial_state": [
        state("m.room.topic", json!({ "topic": "seen" })),
        state("m.room.history_visibility", json!({ "history_visibility": "joined" })),
    ] }));
    alice.invite(&room, &carol);
    carol.join(&room);
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "hidden" }));
    alice.invite(&room, &bob);
    let before = bob.initial_sync();
    bob.join(&room);
    for response in [bob.sync_after(&before), bob.initial_sync()] {
        let joined = &response["rooms"]["join"][&room];
        let state = items(&joined["state"]["events"]);
        let told = state.iter().chain(items(&joined["timeline"]["events"]));
        // The last one counts.
        let now = |kind: &str, key: &str| {
            let mut told = told.clone();
            told.rfind(|event| event["type"] == kind && event["state_key"] == key)
        };
        let topic = now("m.room.topic", "").map(|event| &event["content"]["topic"]);
        assert_eq!(topic, Some(&json!("hidden")), "{joined}");
        let member = now("m.room.member", &carol.id).map(|event| &event["content"]["membership"]);
        assert_eq!(member, Some(&json!("join")), "{joined}");
        // Whether this is a limit is for servers to say.
        if !homeserver().is_synapse() {
            assert_eq!(joined["timeline"]["limited"], true);
        }
    }
}

/// What a member could read of the state until a change of it, they are told with the change. Clients tell a new name from
/// somebody who comes in by it.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#definition-clientevent_unsigneddata)
#[test]
fn members_are_told_what_a_change_replaced_though_it_is_older_than_what_they_see() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let (alice, bob, room, _) = history("joined");
    let topic = |words: &str| {
        let content = json!({ "topic": words });
        alice.set_state(&room, "m.room.topic", "", &content)
    };
    let old = topic("old");
    alice.invite(&room, &bob);
    let unseen = topic("unseen");
    bob.join(&room);
    let seen = topic("new");
    bob.event(&room, &old).must_be(404);
    bob.event(&room, &unseen).must_be(404);
    let event = bob.event(&room, &seen).ok();
    assert_eq!(event["unsigned"]["prev_content"]["topic"], "unseen");
    // One's own membership is no secret.
    let carol = homeserver().register("carol");
    alice.invite(&room, &carol);
    let before = carol.initial_sync();
    carol.leave(&room);
    let after = carol.sync_after(&before);
    let left = &after["rooms"]["leave"][&room]["timeline"]["events"][0];
    assert_eq!(left["unsigned"]["prev_content"]["membership"], "invite");
}

/// "If the user joined the room at any point after the event was sent, allow", also after they left again.
#[test]
fn shared_history_is_open_to_those_who_joined_later() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let (_, bob, room, events) = history("shared");
    for event in &events[..3] {
        bob.event(&room, event).ok();
    }
    bob.event(&room, &events[3]).must_fail(404, "M_NOT_FOUND");
    let page = bob.messages(&room, "dir=b&limit=50");
    assert_eq!(bodies(&page["chunk"]), ["joined", "invited", "stranger"]);
}

#[test]
fn a_world_readable_room_is_read_from_outside() {
    covers!(
        GET "/_matrix/client/v3/rooms/{roomId}/messages",
        GET "/_matrix/client/v3/rooms/{roomId}/state",
    );
    let (_, _, room, _) = history("world_readable");
    let carol = homeserver().register("carol");
    let page = carol.messages(&room, "dir=b&limit=50");
    assert_eq!(
        bodies(&page["chunk"]),
        ["left", "joined", "invited", "stranger"]
    );
    carol.get(&path!("/v3/rooms/{}/state", room)).ok();
}

#[test]
fn only_members_and_invited_know_a_room_that_is_not_world_readable() {
    let carol = homeserver().register("carol");
    for visibility in ["shared", "invited", "joined"] {
        let (_, _, room, events) = history(visibility);
        carol
            .get(&path!("/v3/rooms/{}/messages?dir=b", room))
            .must_fail(403, "M_FORBIDDEN");
        let event = carol.event(&room, &events[0]);
        assert!(matches!(event.status, 403 | 404), "{event}");
    }
}

/// What was said under one rule stays under it when the rule changes.
#[test]
fn a_change_of_visibility_does_not_open_the_past() {
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.create_room(&json!({
        "preset": "public_chat",
        "initial_state": [{
            "type": "m.room.history_visibility", "content": { "history_visibility": "joined" },
        }],
    }));
    let closed = alice.say(&room, "closed");
    alice.set_state(
        &room,
        "m.room.history_visibility",
        "",
        &json!({ "history_visibility": "shared" }),
    );
    let open = alice.say(&room, "open");
    bob.join(&room);
    bob.event(&room, &closed).must_fail(404, "M_NOT_FOUND");
    bob.event(&room, &open).ok();
    let page = bob.messages(&room, "dir=b&limit=50");
    assert_eq!(bodies(&page["chunk"]), ["open"]);
}

/// Everybody sees their own way in and out.
#[test]
fn people_see_themselves_join_and_leave() {
    let (_, bob, room, _) = history("joined");
    let page = bob.messages(&room, "dir=b&limit=50");
    let own = items(&page["chunk"])
        .iter()
        .filter(|event| event["state_key"] == bob.id);
    let own: Vec<&str> = own
        .filter_map(|event| event["content"]["membership"].as_str())
        .collect();
    assert_eq!(own[..2], ["leave", "join"]);
}

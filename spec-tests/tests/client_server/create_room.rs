//! Creating rooms.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    matchers::{invited, items},
    must::{must_contain, must_find, must_not_find},
    path,
    server::unique,
};

fn full_state(user: &User, room: &str) -> Value {
    user.get(&path!("/v3/rooms/{}/state", room)).ok()
}

/// The table of presets.
#[test]
fn presets_decide_join_rules_visibility_and_guests() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    for (preset, join_rule, guests) in [
        ("private_chat", "invite", "can_join"),
        ("trusted_private_chat", "invite", "can_join"),
        ("public_chat", "public", "forbidden"),
    ] {
        let room = alice.create_room(&json!({ "preset": preset }));
        let join_rules = alice.state(&room, "m.room.join_rules", "").ok();
        assert_eq!(join_rules["join_rule"], join_rule, "{preset}");
        let visibility = alice.state(&room, "m.room.history_visibility", "").ok();
        assert_eq!(visibility["history_visibility"], "shared", "{preset}");
        let access = alice.state(&room, "m.room.guest_access", "");
        let access = if access.status == 404 {
            json!("forbidden")
        } else {
            access.ok()["guest_access"].take()
        };
        assert_eq!(access, guests, "{preset}");
    }
}

/// Without a preset the visibility decides.
#[test]
fn visibility_chooses_the_preset() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    for (visibility, join_rule) in [("private", "invite"), ("public", "public")] {
        let room = alice.create_room(&json!({ "visibility": visibility }));
        let join_rules = alice.state(&room, "m.room.join_rules", "").ok();
        assert_eq!(join_rules["join_rule"], join_rule);
        let listed = alice.get(&path!("/v3/directory/list/room/{}", room)).ok();
        assert_eq!(listed["visibility"], visibility);
    }
}

#[test]
fn name_topic_and_alias_become_state() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    let alias = unique("garden");
    let room = alice.create_room(&json!({
        "name": "Сад", "topic": "Roses", "room_alias_name": alias,
    }));
    let full_alias = format!("#{alias}:{}", alice.server.server_name());
    assert_eq!(alice.state(&room, "m.room.name", "").ok()["name"], "Сад");
    assert_eq!(
        alice.state(&room, "m.room.topic", "").ok()["topic"],
        "Roses"
    );
    assert_eq!(
        alice.state(&room, "m.room.canonical_alias", "").ok()["alias"],
        full_alias
    );
    let found = homeserver()
        .get(&path!("/v3/directory/room/{}", full_alias))
        .ok();
    assert_eq!(found["room_id"], room);
}

#[test]
fn a_taken_alias_is_refused() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    let alias = unique("garden");
    alice.create_room(&json!({ "room_alias_name": alias }));
    let again = alice.post("/v3/createRoom", &json!({ "room_alias_name": alias }));
    again.must_fail(400, "M_ROOM_IN_USE");
}

#[test]
fn initial_state_overrides_the_preset() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({
        "preset": "private_chat",
        "initial_state": [
            { "type": "m.room.history_visibility", "content": { "history_visibility": "joined" } },
            { "type": "m.room.encryption", "state_key": "", "content": { "algorithm": "m.megolm.v1.aes-sha2" } },
            { "type": "test.custom", "state_key": "key", "content": { "x": 1 } },
        ],
    }));
    let visibility = alice.state(&room, "m.room.history_visibility", "").ok();
    assert_eq!(visibility["history_visibility"], "joined");
    assert_eq!(
        alice.state(&room, "test.custom", "key").ok(),
        json!({ "x": 1 })
    );
    let encryption = alice.state(&room, "m.room.encryption", "").ok();
    assert_eq!(encryption["algorithm"], "m.megolm.v1.aes-sha2");
}

/// The name given in the request wins over the initial state.
#[test]
fn name_wins_over_initial_state() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({
        "name": "From the request",
        "initial_state": [{ "type": "m.room.name", "content": { "name": "From the state" } }],
    }));
    assert_eq!(
        alice.state(&room, "m.room.name", "").ok()["name"],
        "From the request"
    );
}

#[test]
fn creation_content_is_kept_and_the_version_is_the_servers_own() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({
        "room_version": "11",
        "creation_content": { "m.federate": false, "type": "m.space", "room_version": "1", "test.kept": true },
    }));
    let create = alice.state(&room, "m.room.create", "").ok();
    must_contain(
        &create,
        &json!({ "room_version": "11", "m.federate": false, "type": "m.space", "test.kept": true }),
    );
}

#[test]
fn the_power_levels_of_the_request_are_used() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({
        "power_level_content_override": { "events_default": 7, "invite": 33 },
    }));
    let levels = alice.state(&room, "m.room.power_levels", "").ok();
    must_contain(&levels, &json!({ "events_default": 7, "invite": 33 }));
}

#[test]
fn the_invited_are_invited_and_know_whether_it_is_direct() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let server = homeserver();
    let alice = server.register("alice");
    let bob = server.register("bob");
    let room = alice.create_room(&json!({
        "preset": "trusted_private_chat", "invite": [bob.id], "is_direct": true,
    }));
    let seen = bob.must_see(invited(&room));
    let events = &seen["rooms"]["invite"][&room]["invite_state"]["events"];
    let own = json!({
        "type": "m.room.member",
        "state_key": bob.id,
        "sender": alice.id,
        "content": { "membership": "invite", "is_direct": true },
    });
    must_find(events, &own);
}

/// In a trusted private chat everybody has the creator's power.
#[test]
fn the_invited_of_a_trusted_chat_have_the_creators_power() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let server = homeserver();
    let alice = server.register("alice");
    let bob = server.register("bob");
    let options =
        json!({ "preset": "trusted_private_chat", "invite": [bob.id], "room_version": "11" });
    let room = alice.create_room(&options);
    let levels = alice.state(&room, "m.room.power_levels", "").ok();
    assert_eq!(levels["users"][&bob.id], levels["users"][&alice.id]);
    let options =
        json!({ "preset": "trusted_private_chat", "invite": [bob.id], "room_version": "12" });
    let room = alice.create_room(&options);
    let create = alice.state(&room, "m.room.create", "").ok();
    assert_eq!(create["additional_creators"], json!([bob.id]));
}

#[test]
fn requests_that_make_no_sense_create_no_room() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    for options in [
        json!({ "preset": "no such preset" }),
        json!({ "invite": "@bob:spec.test" }),
        json!({ "invite": ["not a user id"] }),
        json!({ "initial_state": { "type": "m.room.name" } }),
        json!({ "creation_content": [] }),
        json!({ "name": 7 }),
    ] {
        let answer = alice.post("/v3/createRoom", &options);
        assert_eq!(answer.status, 400, "{options}: {answer}");
    }
    let joined = alice.get("/v3/joined_rooms").ok();
    assert_eq!(
        items(&joined["joined_rooms"]).len(),
        0,
        "no room is left behind"
    );
}

#[test]
fn an_unknown_visibility_is_refused() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    alice
        .post("/v3/createRoom", &json!({ "visibility": "sometimes" }))
        .must_be(400);
}

#[test]
fn an_unknown_room_version_is_refused() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    let answer = alice.post(
        "/v3/createRoom",
        &json!({ "room_version": "no-such-version" }),
    );
    answer.must_fail(400, "M_UNSUPPORTED_ROOM_VERSION");
}

#[test]
fn levels_that_break_the_rules_are_refused() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    let override_ = json!({ "events_default": "many" });
    let options = json!({ "power_level_content_override": override_ });
    alice.post("/v3/createRoom", &options).must_be(400);
}

/// The order in which the specification lists the events.
#[test]
fn the_first_events_come_in_the_order_of_the_specification() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({ "name": "Room", "topic": "Topic" }));
    let history = alice.messages(&room, "dir=f&limit=50");
    let kinds: Vec<&str> = items(&history["chunk"])
        .iter()
        .filter_map(|e| e["type"].as_str())
        .collect();
    let place = |kind: &str| {
        kinds
            .iter()
            .position(|other| *other == kind)
            .unwrap_or(usize::MAX)
    };
    let order = [
        "m.room.create",
        "m.room.member",
        "m.room.power_levels",
        "m.room.join_rules",
        "m.room.name",
        "m.room.topic",
    ];
    assert!(order.is_sorted_by_key(|kind| place(kind)), "{kinds:?}");
    assert!(place("m.room.topic") < kinds.len(), "{kinds:?}");
}

#[test]
fn the_creator_is_the_only_member() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let state = full_state(&alice, &room);
    let member = json!({ "type": "m.room.member", "content": { "membership": "join" } });
    assert_eq!(must_find(&state, &member)["state_key"], alice.id);
    must_not_find(&state, &json!({ "type": "m.room.name" }));
}

/// One request is one for the limits of a server, however many events it would make.
#[test]
fn a_room_is_not_made_with_thousands_of_events_at_once() {
    covers!(POST "/_matrix/client/v3/createRoom");
    // Synapse takes its time for them.
    if homeserver().is_synapse() {
        return;
    }
    let alice = homeserver().register("alice");
    let event = |number: usize| json!({ "type": "org.example", "state_key": number.to_string(), "content": {} });
    let state: Vec<Value> = (0..2_000).map(event).collect();
    alice
        .post("/v3/createRoom", &json!({ "initial_state": state }))
        .must_fail(413, "M_TOO_LARGE");
    let invited: Vec<String> = (0..2_000)
        .map(|number| format!("@nobody{number}:elsewhere.test"))
        .collect();
    alice
        .post("/v3/createRoom", &json!({ "invite": invited }))
        .must_fail(413, "M_TOO_LARGE");
    alice.create_room(&json!({ "initial_state": &state[..200] }));
}

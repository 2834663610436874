//! What differs between room versions 3 to 12, as far as a client sees it.
//! [spec](https://spec.matrix.org/v1.19/rooms/)

use serde_json::json;
use spec_tests::{User, covers, homeserver};

const VERSIONS: [&str; 10] = ["3", "4", "5", "6", "7", "8", "9", "10", "11", "12"];

fn room_of(user: &User, version: &str) -> String {
    user.create_room(&json!({ "preset": "public_chat", "room_version": version }))
}

#[test]
fn people_talk_in_every_room_version() {
    covers!(
        POST "/_matrix/client/v3/createRoom",
        PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}",
    );
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    for version in VERSIONS {
        let room = room_of(&alice, version);
        bob.join(&room);
        let event = bob.say(&room, "hello");
        assert_eq!(
            alice.event(&room, &event).ok()["content"]["body"],
            "hello",
            "version {version}"
        );
        let create = alice.state(&room, "m.room.create", "").ok();
        assert_eq!(create["room_version"], version);
    }
}

/// [spec](https://spec.matrix.org/v1.19/rooms/v12/#room-ids-as-hashes-of-the-create-event)
#[test]
fn the_id_of_a_version_12_room_is_the_hash_of_its_creation() {
    let alice = homeserver().register("alice");
    let room = room_of(&alice, "12");
    assert!(!room.contains(':'), "{room}");
    let history = alice.messages(&room, "dir=f&limit=1");
    let create = &history["chunk"][0];
    assert_eq!(create["event_id"], room.replacen('!', "$", 1));
    let older = room_of(&alice, "11");
    assert!(
        older.ends_with(&format!(":{}", alice.server.server_name())),
        "{older}"
    );
}

/// [spec](https://spec.matrix.org/v1.19/rooms/v11/#remove-the-creator-property-of-mroomcreate-events)
#[test]
fn the_creator_property_ends_with_version_11() {
    let alice = homeserver().register("alice");
    for version in VERSIONS {
        let room = room_of(&alice, version);
        let create = alice.state(&room, "m.room.create", "").ok();
        let has_creator = !matches!(version, "11" | "12");
        assert_eq!(
            create.get("creator").is_some(),
            has_creator,
            "version {version}"
        );
    }
}

/// [spec](https://spec.matrix.org/v1.19/rooms/v12/#changes-to-power-levels)
#[test]
fn creators_of_version_12_are_not_in_the_power_levels() {
    let alice = homeserver().register("alice");
    let room = room_of(&alice, "12");
    let levels = alice.state(&room, "m.room.power_levels", "").ok();
    assert!(levels["users"].get(&alice.id).is_none(), "{levels}");
    assert_eq!(levels["events"]["m.room.tombstone"], 150);
    let older = room_of(&alice, "11");
    let levels = alice.state(&older, "m.room.power_levels", "").ok();
    assert_eq!(levels["users"][&alice.id], 100);
}

/// [spec](https://spec.matrix.org/v1.19/rooms/v12/#changes-to-power-levels)
#[test]
fn creators_of_version_12_outrank_every_level() {
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = room_of(&alice, "12");
    bob.join(&room);
    let mut levels = alice.state(&room, "m.room.power_levels", "").ok();
    levels["users"] = json!({ &bob.id: 1_000_000 });
    levels["ban"] = json!(2_000_000);
    alice.set_state(&room, "m.room.power_levels", "", &levels);
    bob.membership("kick", &room, &alice)
        .must_fail(403, "M_FORBIDDEN");
    alice.membership("ban", &room, &bob).ok();
}

/// [spec](https://spec.matrix.org/v1.19/rooms/v12/#changes-to-power-levels)
#[test]
fn creators_of_version_12_cannot_be_given_a_level() {
    let alice = homeserver().register("alice");
    let room = room_of(&alice, "12");
    let mut levels = alice.state(&room, "m.room.power_levels", "").ok();
    levels["users"] = json!({ &alice.id: 100 });
    let answer = alice.try_set_state(&room, "m.room.power_levels", "", &levels);
    assert!(matches!(answer.status, 400 | 403), "{answer}");
}

/// [spec](https://spec.matrix.org/v1.19/rooms/v10/#values-in-mroompower_levels-events-must-be-integers)
#[test]
fn levels_are_whole_numbers_from_version_10() {
    let alice = homeserver().register("alice");
    for version in ["10", "11", "12"] {
        let room = room_of(&alice, version);
        let mut levels = alice.state(&room, "m.room.power_levels", "").ok();
        levels["invite"] = json!("50");
        let answer = alice.try_set_state(&room, "m.room.power_levels", "", &levels);
        assert!(
            matches!(answer.status, 400 | 403),
            "version {version}: {answer}"
        );
    }
}

/// [spec](https://spec.matrix.org/v1.19/rooms/v11/#moving-the-redacts-property-of-mroomredaction-events-to-a-content-property)
#[test]
fn redactions_name_their_target_where_clients_look() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}");
    let alice = homeserver().register("alice");
    for version in ["3", "4", "5", "10", "11", "12"] {
        let room = room_of(&alice, version);
        let event = alice.say(&room, "oops");
        let redaction = alice.redact(&room, &event);
        let seen = alice.event(&room, &redaction).ok();
        // Both places, so that clients of either age find it.
        if matches!(version, "11" | "12") {
            assert_eq!(seen["content"]["redacts"], event, "version {version}");
        }
        assert_eq!(seen["redacts"], event, "version {version}");
        let redacted = alice.event(&room, &event).ok();
        assert_eq!(redacted["content"], json!({}), "version {version}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/rooms/v7/)
#[test]
fn knocking_starts_with_version_7() {
    covers!(POST "/_matrix/client/v3/knock/{roomIdOrAlias}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    for version in VERSIONS {
        let room = room_of(&alice, version);
        let rule = alice.try_set_state(
            &room,
            "m.room.join_rules",
            "",
            &json!({ "join_rule": "knock" }),
        );
        let knock = bob.post(&spec_tests::path!("/v3/knock/{}", room), &json!({}));
        let possible = !matches!(version, "3" | "4" | "5" | "6");
        assert!(rule.status == 200 || !possible, "version {version}: {rule}");
        assert_eq!(knock.status == 200, possible, "version {version}: {knock}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms)
#[test]
fn restricted_rooms_let_members_of_another_room_in_from_version_8() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/join");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    for version in ["8", "9", "10", "11", "12"] {
        let club = alice.room_with(&[&bob]);
        let room = room_of(&alice, version);
        let rule = json!({
            "join_rule": "restricted",
            "allow": [{ "type": "m.room_membership", "room_id": club }],
        });
        alice.set_state(&room, "m.room.join_rules", "", &rule);
        carol.try_join(&room).must_fail(403, "M_FORBIDDEN");
        bob.join(&room);
    }
}

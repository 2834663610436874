//! Who may do what, on both servers alike.
//! [spec](https://spec.matrix.org/v1.19/rooms/v12/#authorization-rules)

use serde_json::{Value, json};
use spec_tests::{User, sync_until::eventually};

use crate::pair::{on_both_sides, shared_room};

/// Gives a member this power.
fn give_power(alice: &User, room: &str, whom: &User, power: i64) {
    let mut levels = alice.state(room, "m.room.power_levels", "").ok();
    levels["users"][&whom.id] = power.into();
    alice.set_state(room, "m.room.power_levels", "", &levels);
    let expected = json!({ "users": { &whom.id: power } });
    whom.must_see_state(room, "m.room.power_levels", "", &expected);
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn who_is_kicked_may_come_back_and_who_is_banned_may_not() {
    on_both_sides(|alice, bob, version| {
        let room = shared_room(alice, bob, version);
        let before = bob.initial_sync();
        alice.membership("kick", &room, bob).ok();
        bob.must_see_after(&before, spec_tests::matchers::left(&room));
        bob.join_via(&room, &alice.server);
        alice.must_see_member(&room, bob, "join");
        alice.membership("ban", &room, bob).ok();
        eventually(|| match bob.initial_sync()["rooms"]["join"].get(&room) {
            None => Ok(()),
            Some(_) => Err("still in the room".to_owned()),
        });
        bob.try_join_via(&room, &alice.server)
            .must_fail(403, "M_FORBIDDEN");
        alice.membership("unban", &room, bob).ok();
        bob.join_via(&room, &alice.server);
        alice.must_see_member(&room, bob, "join");
        bob.say(&room, "no hard feelings");
        alice.must_read_once(&room, "no hard feelings");
    });
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn power_is_given_used_and_taken_away() {
    on_both_sides(|alice, bob, version| {
        let room = shared_room(alice, bob, version);
        let carol = bob.server.register("carol");
        carol.join_via(&room, &alice.server);
        bob.must_see_member(&room, &carol, "join");
        let topic =
            |text: &str| bob.try_set_state(&room, "m.room.topic", "", &json!({ "topic": text }));
        topic("not allowed").must_fail(403, "M_FORBIDDEN");
        give_power(alice, &room, bob, 50);
        topic("by Bob").ok();
        alice.must_see_state(&room, "m.room.topic", "", &json!({ "topic": "by Bob" }));
        let event = carol.say(&room, "rubbish");
        alice.must_read_once(&room, "rubbish");
        bob.redact(&room, &event);
        eventually(|| gone(&alice.event(&room, &event).ok()));
        bob.membership("ban", &room, &carol).ok();
        alice.must_see_member(&room, &carol, "ban");
        give_power(alice, &room, bob, 0);
        topic("not any more").must_fail(403, "M_FORBIDDEN");
    });
}

fn gone(event: &Value) -> Result<(), String> {
    match event["content"].get("body") {
        None => Ok(()),
        Some(_) => Err(format!("still there: {event}")),
    }
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#server-access-control-lists-acls)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn a_denied_server_is_not_heard() {
    on_both_sides(|alice, bob, version| {
        let room = shared_room(alice, bob, version);
        let other = shared_room(alice, bob, version);
        let host = bob
            .server
            .server_name()
            .split(':')
            .next()
            .unwrap_or_default();
        let list =
            |deny: &[&str]| json!({ "allow": ["*"], "deny": deny, "allow_ip_literals": true });
        let set = |content: &Value| {
            alice.set_state(&room, "m.room.server_acl", "", content);
            bob.must_see_state(&room, "m.room.server_acl", "", content);
        };
        set(&list(&[host]));
        bob.say(&room, "behind closed doors");
        bob.typing(&room, true);
        bob.say(&other, "after that");
        alice.must_read_once(&other, "after that");
        assert!(alice.bodies(&room).is_empty(), "{:?}", alice.bodies(&room));
        set(&list(&[]));
        bob.say(&room, "doors are open");
        alice.must_read_once(&room, "doors are open");
    });
}

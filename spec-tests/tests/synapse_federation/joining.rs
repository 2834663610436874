//! Joining, inviting, knocking and leaving.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#joining-rooms)

use serde_json::json;

use crate::pair::{on_both_sides, public_room, room, shared_room};

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn who_joins_sees_what_was_said_and_is_heard() {
    on_both_sides(|alice, bob, version| {
        let room = public_room(alice, version);
        alice.say(&room, "before anybody came");
        bob.join_via(&room, &alice.server);
        alice.must_see_member(&room, bob, "join");
        bob.must_see_member(&room, alice, "join");
        bob.say(&room, "hello from afar");
        alice.must_read_once(&room, "hello from afar");
        alice.say(&room, "hello yourself");
        bob.must_read_once(&room, "hello yourself");
        bob.must_read_once(&room, "before anybody came");
    });
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn an_invitation_is_accepted() {
    on_both_sides(|alice, bob, version| {
        let room = room(
            alice,
            version,
            &json!({ "preset": "private_chat", "name": "Class 9B" }),
        );
        bob.try_join_via(&room, &alice.server)
            .must_fail(403, "M_FORBIDDEN");
        alice.invite(&room, bob);
        bob.must_be_invited(&room);
        bob.join_via(&room, &alice.server);
        alice.must_see_member(&room, bob, "join");
        bob.must_see_state(&room, "m.room.name", "", &json!({ "name": "Class 9B" }));
    });
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn an_invitation_is_declined_or_taken_back() {
    on_both_sides(|alice, bob, version| {
        let room = room(alice, version, &json!({ "preset": "private_chat" }));
        alice.invite(&room, bob);
        bob.must_be_invited(&room);
        bob.leave(&room);
        alice.must_see_member(&room, bob, "leave");
        alice.invite(&room, bob);
        bob.must_be_invited(&room);
        alice.membership("kick", &room, bob).ok();
        spec_tests::sync_until::eventually(|| {
            match bob.initial_sync()["rooms"]["invite"].get(&room) {
                None => Ok(()),
                Some(_) => Err("still invited".to_owned()),
            }
        });
        bob.try_join_via(&room, &alice.server)
            .must_fail(403, "M_FORBIDDEN");
    });
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn a_new_room_invites_to_a_direct_chat() {
    on_both_sides(|alice, bob, version| {
        let options =
            json!({ "preset": "trusted_private_chat", "is_direct": true, "invite": [bob.id] });
        let room = room(alice, version, &options);
        bob.must_be_invited(&room);
        bob.join_via(&room, &alice.server);
        bob.say(&room, "only between us");
        alice.must_read_once(&room, "only between us");
    });
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn a_knock_is_answered_or_refused() {
    on_both_sides(|alice, bob, version| {
        let rule = json!({ "type": "m.room.join_rules", "state_key": "", "content": { "join_rule": "knock" } });
        let room = room(alice, version, &json!({ "initial_state": [rule] }));
        bob.knock_via(&room, &alice.server);
        alice.must_see_member(&room, bob, "knock");
        alice.membership("kick", &room, bob).ok();
        alice.must_see_member(&room, bob, "leave");
        bob.knock_via(&room, &alice.server);
        alice.must_see_member(&room, bob, "knock");
        alice.invite(&room, bob);
        bob.must_be_invited(&room);
        bob.join_via(&room, &alice.server);
        alice.must_see_member(&room, bob, "join");
    });
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn who_left_hears_nothing_until_they_come_back() {
    on_both_sides(|alice, bob, version| {
        let room = shared_room(alice, bob, version);
        bob.say(&room, "goodbye");
        alice.must_read_once(&room, "goodbye");
        bob.leave(&room);
        alice.must_see_member(&room, bob, "leave");
        alice.say(&room, "while away");
        alice.set_state(
            &room,
            "m.room.topic",
            "",
            &json!({ "topic": "changed meanwhile" }),
        );
        bob.join_via(&room, &alice.server);
        bob.must_see_state(
            &room,
            "m.room.topic",
            "",
            &json!({ "topic": "changed meanwhile" }),
        );
        alice.must_see_member(&room, bob, "join");
        alice.say(&room, "back again");
        bob.must_read_once(&room, "back again");
    });
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#restricted-rooms)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn members_of_the_class_may_join_its_restricted_room() {
    on_both_sides(|alice, bob, version| {
        let class = public_room(alice, version);
        let rule = json!({
            "type": "m.room.join_rules",
            "state_key": "",
            "content": { "join_rule": "restricted", "allow": [{ "type": "m.room_membership", "room_id": class }] },
        });
        let lab = room(alice, version, &json!({ "initial_state": [rule] }));
        bob.try_join_via(&lab, &alice.server)
            .must_fail(403, "M_FORBIDDEN");
        bob.join_via(&class, &alice.server);
        alice.must_see_member(&class, bob, "join");
        bob.join_via(&lab, &alice.server);
        alice.must_see_member(&lab, bob, "join");
        bob.say(&lab, "in the laboratory");
        alice.must_read_once(&lab, "in the laboratory");
    });
}

/// A third server's user joins through the server that did not make the room.
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn any_server_in_the_room_lets_others_in() {
    let third = spec_tests::homeserver2().expect("a server that this suite starts");
    on_both_sides(|alice, bob, version| {
        let room = shared_room(alice, bob, version);
        let carol = third.register("carol");
        carol.join_via(&room, &bob.server);
        alice.must_see_member(&room, &carol, "join");
        bob.must_see_member(&room, &carol, "join");
        carol.say(&room, "hello to both");
        alice.must_read_once(&room, "hello to both");
        bob.must_read_once(&room, "hello to both");
        alice.say(&room, "and to you");
        carol.must_read_once(&room, "and to you");
    });
}

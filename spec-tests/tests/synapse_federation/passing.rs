//! What is true for a moment: who types, what was read, who is there.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#edus)

use serde_json::{Value, json};
use spec_tests::{User, matchers::has_item, path};

use crate::pair::{on_both_sides, pair, shared_room};

/// Waits for an ephemeral event of a room in which this text is.
fn must_see_ephemeral(user: &User, since: &Value, room: &str, kind: &str, text: &str) {
    user.must_see_after(since, |response| {
        let events = &response["rooms"]["join"][room]["ephemeral"]["events"];
        let found = events.as_array().into_iter().flatten();
        match found
            .into_iter()
            .any(|event| event["type"] == kind && event.to_string().contains(text))
        {
            true => Ok(()),
            false => Err(format!("no {kind} with {text}: {events}")),
        }
    });
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn typing_and_receipts_are_seen() {
    on_both_sides(|alice, bob, version| {
        let room = shared_room(alice, bob, version);
        let event = alice.say(&room, "read this");
        bob.must_read_once(&room, "read this");
        let before = alice.initial_sync();
        bob.typing(&room, true);
        must_see_ephemeral(alice, &before, &room, "m.typing", &bob.id);
        bob.read(&room, "m.read", &event, None);
        must_see_ephemeral(alice, &before, &room, "m.receipt", &event);
    });
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn a_receipt_in_a_thread_is_one_of_the_thread() {
    on_both_sides(|alice, bob, version| {
        let room = shared_room(alice, bob, version);
        let root = alice.say(&room, "root");
        let reply = json!({
            "msgtype": "m.text",
            "body": "in the thread",
            "m.relates_to": { "rel_type": "m.thread", "event_id": root },
        });
        let reply = alice.send(&room, "m.room.message", &reply);
        bob.must_read_once(&room, "in the thread");
        let before = alice.initial_sync();
        bob.read(&room, "m.read", &reply, Some(&root));
        let thread = format!("\"thread_id\":\"{root}\"");
        must_see_ephemeral(alice, &before, &room, "m.receipt", &thread);
    });
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#presence)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn presence_is_seen_by_those_who_share_a_room() {
    for (alice, bob) in pair().both_ways() {
        shared_room(&alice, &bob, "11");
        let before = alice.initial_sync();
        let status = json!({ "presence": "unavailable", "status_msg": "in a lesson" });
        bob.put(&path!("/v3/presence/{}/status", bob.id), &status)
            .ok();
        let expected = json!({ "type": "m.presence", "sender": bob.id, "content": status });
        alice.must_see_after(&before, |response| {
            has_item(&["presence", "events"], &expected)(response)
        });
    }
}

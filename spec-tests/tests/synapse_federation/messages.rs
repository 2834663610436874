//! What people say to each other.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#instant-messaging)

use serde_json::{Value, json};
use spec_tests::{
    User,
    matchers::contains,
    media::{PICTURES, size},
    path,
    sync_until::eventually,
};

use crate::pair::{on_both_sides, shared_room};

/// Waits until an event comes with this bundle of what refers to it.
fn must_see_relation(user: &User, room: &str, event: &str, expected: &Value) {
    eventually(|| {
        let seen = user.event(room, event).json;
        contains(&seen["unsigned"]["m.relations"], expected)
    });
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn a_picture_is_seen_on_the_other_server() {
    on_both_sides(|alice, bob, version| {
        let room = shared_room(alice, bob, version);
        let media = alice.upload(PICTURES[0].0, "picture.png", PICTURES[0].1);
        let content = json!({
            "msgtype": "m.image",
            "body": "picture.png",
            "url": format!("mxc://{media}"),
            "info": { "mimetype": PICTURES[0].0, "w": 320, "h": 240, "size": PICTURES[0].1.len() },
        });
        let event = alice.send(&room, "m.room.message", &content);
        bob.must_see_event(&room, &event, &json!({ "content": content }));
        let (server, id) = media.split_once('/').expect("an address");
        let reply = bob.get(&path!("/v1/media/download/{}/{}", server, id));
        assert_eq!(
            (reply.status, reply.bytes.as_slice()),
            (200, PICTURES[0].1),
            "{reply}"
        );
        let thumbnail = path!(
            "/v1/media/thumbnail/{}/{}?width=32&height=32&method=crop",
            server,
            id
        );
        assert_eq!(size(&bob.get(&thumbnail).bytes), Some((32, 32)));
    });
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn edits_reactions_and_threads_refer_to_messages_of_the_other_server() {
    on_both_sides(|alice, bob, version| {
        let room = shared_room(alice, bob, version);
        let first = alice.say(&room, "helo");
        bob.must_read_once(&room, "helo");
        let edit = json!({
            "msgtype": "m.text",
            "body": "* hello",
            "m.new_content": { "msgtype": "m.text", "body": "hello" },
            "m.relates_to": { "rel_type": "m.replace", "event_id": first },
        });
        let edited = alice.send(&room, "m.room.message", &edit);
        must_see_relation(
            bob,
            &room,
            &first,
            &json!({ "m.replace": { "event_id": edited } }),
        );
        let reply = json!({
            "msgtype": "m.text",
            "body": "in a thread",
            "m.relates_to": { "rel_type": "m.thread", "event_id": first },
        });
        let reply = bob.send(&room, "m.room.message", &reply);
        let thread = json!({ "m.thread": { "count": 1, "latest_event": { "event_id": reply } } });
        must_see_relation(alice, &room, &first, &thread);
        let reaction = json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": reply, "key": "👍" } });
        let reaction = alice.send(&room, "m.reaction", &reaction);
        eventually(|| {
            let path = path!("/v1/rooms/{}/relations/{}/m.annotation", room, reply);
            let found = bob.get(&path).json;
            contains(
                &found["chunk"][0],
                &json!({ "event_id": reaction, "sender": alice.id }),
            )
        });
    });
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#redactions)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn what_is_redacted_is_gone_on_both_servers() {
    on_both_sides(|alice, bob, version| {
        let room = shared_room(alice, bob, version);
        let event = bob.say(&room, "to be removed");
        alice.must_read_once(&room, "to be removed");
        let redaction = bob.redact(&room, &event);
        for user in [alice, bob] {
            eventually(|| {
                let seen = user.event(&room, &event).json;
                let because =
                    json!({ "unsigned": { "redacted_because": { "event_id": redaction } } });
                match seen["content"].get("body") {
                    Some(_) => Err(format!("still there: {seen}")),
                    None => contains(&seen, &because),
                }
            });
        }
    });
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn many_messages_arrive_in_order_and_once() {
    on_both_sides(|alice, bob, version| {
        let room = shared_room(alice, bob, version);
        let words: Vec<String> = (0..80).map(|number| format!("message {number}")).collect();
        for words in &words {
            alice.say(&room, words);
        }
        bob.must_read_once(&room, "message 79");
        assert_eq!(bob.bodies(&room), words);
    });
}

/// What each server has room for in an event it makes, the other takes in.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#size-limits)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn unusual_contents_come_through_unchanged() {
    on_both_sides(|alice, bob, version| {
        let room = shared_room(alice, bob, version);
        let contents = [
            json!({ "body": "Ёжик 🦔 \u{0}\u{7f}\u{2028} \"quoted\" \\ /", "msgtype": "m.text" }),
            json!({ "body": "x".repeat(60_000), "msgtype": "m.text" }),
            json!({ "large": 9_007_199_254_740_991_i64, "small": -9_007_199_254_740_991_i64, "none": null }),
            json!({ "": { "": [[], {}, [[[]]], true, false, 0] }, "\u{ffff}": 1, "\u{10000}": 2 }),
        ];
        for content in contents {
            let event = alice.send(&room, "test.kind", &content);
            eventually(
                || match bob.event(&room, &event).json["content"] == content {
                    true => Ok(()),
                    false => Err("not there, or changed".to_owned()),
                },
            );
        }
    });
}

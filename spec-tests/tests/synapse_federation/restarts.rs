//! A server that goes away and comes back.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#transactions)

use serde_json::json;

use crate::pair::{Pair, VERSIONS, shared_room};

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn what_was_missed_arrives_after_either_server_was_dead() {
    let pair = Pair::own();
    for (alice, bob) in pair.both_ways() {
        let rooms = VERSIONS.map(|version| shared_room(&alice, &bob, version));
        for room in &rooms {
            alice.say(room, "before");
            bob.must_read_once(room, "before");
        }
        bob.server.kill();
        let words: Vec<String> = (0..40)
            .map(|number| format!("while dead {number}"))
            .collect();
        for room in &rooms {
            for words in &words {
                alice.say(room, words);
            }
            alice.set_state(
                room,
                "m.room.topic",
                "",
                &json!({ "topic": "changed meanwhile" }),
            );
        }
        bob.server.start_again();
        for room in &rooms {
            bob.say(room, "I am back");
            alice.must_read_once(room, "I am back");
            bob.must_see_state(
                room,
                "m.room.topic",
                "",
                &json!({ "topic": "changed meanwhile" }),
            );
            for words in &words {
                bob.must_read_once(room, words);
            }
        }
    }
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn what_was_not_sent_before_a_crash_is_sent_after_it() {
    let pair = Pair::own();
    for (alice, bob) in pair.both_ways() {
        let room = shared_room(&alice, &bob, "12");
        // Synapse remembers only for servers to which it has sent something before what they lack.
        alice.say(&room, "before");
        bob.must_read_once(&room, "before");
        bob.server.kill();
        alice.say_all(&room, &["one", "two", "three"]);
        alice.server.kill_and_restart();
        bob.server.start_again();
        // Whoever speaks up is there again.
        bob.say(&room, "I am back");
        for words in ["one", "two", "three"] {
            bob.must_read_once(&room, words);
        }
        let before = bob.initial_sync();
        alice.send_to_device("test.note", &bob, &json!({ "number": 1 }));
        bob.must_see_after(&before, |response| {
            let expected = json!({ "content": { "number": 1 } });
            spec_tests::matchers::has_item(&["to_device", "events"], &expected)(response)
        });
    }
}

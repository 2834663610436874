//! History that one server has and the other fetches.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#backfilling-and-retrieving-missing-events)

use serde_json::json;
use spec_tests::path;

use crate::pair::{on_both_sides, pair, public_room, room, shared_room};

fn numbered(prefix: &str, many: usize) -> Vec<String> {
    (0..many)
        .map(|number| format!("{prefix} {number}"))
        .collect()
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn five_hundred_messages_are_read_by_who_joins_later() {
    for (alice, bob) in pair().both_ways() {
        let room = public_room(&alice, "11");
        let words = numbered("message", 500);
        for words in &words {
            alice.say(&room, words);
        }
        bob.join_via(&room, &alice.server);
        assert_eq!(bob.all_bodies(&room), words);
    }
}

#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn what_was_said_while_nobody_was_there_is_read_later() {
    on_both_sides(|alice, bob, version| {
        let room = shared_room(alice, bob, version);
        alice.say(&room, "first");
        bob.must_read_once(&room, "first");
        bob.leave(&room);
        alice.must_see_member(&room, bob, "leave");
        let words = numbered("while away", 60);
        for words in &words {
            alice.say(&room, words);
        }
        bob.join_via(&room, &alice.server);
        let mut expected = vec!["first".to_owned()];
        expected.extend(words);
        assert_eq!(bob.all_bodies(&room), expected);
    });
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn history_for_members_only_is_not_given_to_who_joins_later() {
    on_both_sides(|alice, bob, version| {
        let visibility = json!({
            "type": "m.room.history_visibility",
            "state_key": "",
            "content": { "history_visibility": "joined" },
        });
        let options = json!({ "preset": "public_chat", "initial_state": [visibility] });
        let room = room(alice, version, &options);
        alice.say(&room, "among us");
        bob.join_via(&room, &alice.server);
        alice.must_see_member(&room, bob, "join");
        alice.say(&room, "for all");
        bob.must_read_once(&room, "for all");
        assert_eq!(bob.all_bodies(&room), ["for all"]);
    });
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn the_first_event_after_a_time_is_found_at_the_other_server() {
    on_both_sides(|alice, bob, version| {
        let room = public_room(alice, version);
        let event = alice.say(&room, "long ago");
        let ts = alice.event(&room, &event).ok()["origin_server_ts"]
            .as_u64()
            .expect("a time");
        alice.say_all(&room, &["one", "two", "three"]);
        bob.join_via(&room, &alice.server);
        let path = path!("/v1/rooms/{}/timestamp_to_event?ts={}&dir=f", room, ts);
        assert_eq!(bob.get(&path).ok()["event_id"], event);
    });
}

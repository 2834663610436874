//! Sections of answers that are there also when nothing is in them: clients exist that read them without asking.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)

use serde_json::{Value, json};
use spec_tests::{
    covers, homeserver,
    matchers::{has_item, items},
    must::text,
    path,
};

use crate::sync::{filtered_after, room_in};

fn must_have_sections(room: &Value) {
    for section in ["state", "timeline", "ephemeral", "account_data"] {
        assert!(room[section]["events"].is_array(), "{section}: {room}");
    }
    assert!(room["timeline"]["prev_batch"].is_string(), "{room}");
}

#[test]
fn a_joined_room_has_all_sections() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let event = alice.say(&room, "hello");
    let first = alice.initial_sync();
    must_have_sections(room_in(&first, &room));
    let receipt = path!("/v3/rooms/{}/receipt/m.read/{}", room, event);
    bob.post(&receipt, &json!({})).ok();
    let path = ["rooms", "join", &*room, "ephemeral", "events"];
    let next = alice.must_see_after(&first, has_item(&path, &json!({ "type": "m.receipt" })));
    must_have_sections(room_in(&next, &room));
}

/// Where nothing of a timeline is told, history begins where the answer ends.
#[test]
fn the_prev_batch_of_an_empty_timeline_leads_to_the_newest_events() {
    covers!(GET "/_matrix/client/v3/sync", GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let first = alice.initial_sync();
    alice.say(&room, "hidden");
    let data = path!(
        "/v3/user/{}/rooms/{}/account_data/test.data",
        alice.id,
        room
    );
    alice.put(&data, &json!({ "a": 1 })).ok();
    let nothing = json!({ "room": { "timeline": { "types": [] } } });
    let next = filtered_after(&alice, &first, &nothing);
    let timeline = &room_in(&next, &room)["timeline"];
    assert!(items(&timeline["events"]).is_empty());
    let from = text(&timeline["prev_batch"]);
    let page = alice.messages(&room, &path!("dir=b&limit=5&from={}", from));
    assert!(page["start"].is_string(), "{page}");
}

#[test]
fn a_room_that_was_left_has_all_sections() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let first = alice.initial_sync();
    alice.leave(&room);
    let next = alice.sync_after(&first);
    let left = &next["rooms"]["leave"][&room];
    for section in ["state", "timeline", "account_data"] {
        assert!(left[section]["events"].is_array(), "{section}: {left}");
    }
}

#[test]
fn an_answer_of_sliding_sync_has_all_sections() {
    let alice = homeserver().register("alice");
    let mut connection = alice.sliding_sync("sections");
    for _ in 0..2 {
        let answer = connection.next(&json!({}));
        for section in ["lists", "rooms", "extensions"] {
            assert!(answer[section].is_object(), "{section}: {answer}");
        }
    }
}

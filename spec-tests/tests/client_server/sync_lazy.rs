//! Members that are loaded when they are needed.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#lazy-loading-room-members)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    matchers::items,
    must::{must_find, must_not_find},
    path,
    sync_until::since,
};

fn lazy(redundant: bool) -> Value {
    json!({ "room": {
        "state": { "lazy_load_members": true, "include_redundant_members": redundant },
        "timeline": { "limit": 1 },
    } })
}

fn lazily(user: &User, earlier: Option<&Value>, redundant: bool) -> Value {
    let since_part = earlier.map_or(String::new(), |earlier| {
        format!("&since={}", since(earlier))
    });
    let filter = path!("filter={}", lazy(redundant));
    user.sync(&format!("timeout=0&{filter}{since_part}"))
}

fn members(response: &Value, room: &str) -> Vec<String> {
    let events = items(&response["rooms"]["join"][room]["state"]["events"]).iter();
    let members = events.filter(|event| event["type"] == "m.room.member");
    members
        .filter_map(|event| event["state_key"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn the_first_sync_has_those_who_spoke_and_the_user() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let others: Vec<User> = (0..7).map(|_| homeserver().register("other")).collect();
    let room = alice.create_room(&json!({ "preset": "public_chat", "name": "Room" }));
    others.iter().for_each(|other| other.join(&room));
    others[3].say(&room, "hello");
    let response = lazily(&alice, None, false);
    let mut seen = members(&response, &room);
    seen.sort();
    let mut expected = vec![alice.id.clone(), others[3].id.clone()];
    expected.sort();
    assert_eq!(seen, expected);
}

#[test]
fn members_that_name_the_room_come_with_it() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    alice.say(&room, "hello");
    let response = lazily(&alice, None, false);
    let summary = &response["rooms"]["join"][&room]["summary"];
    assert_eq!(summary["m.heroes"], json!([bob.id]));
    assert!(members(&response, &room).contains(&bob.id), "{response}");
}

#[test]
fn a_member_is_told_once_unless_asked_for_again() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    alice.say(&room, "hello");
    let first = lazily(&alice, None, false);
    bob.say(&room, "one");
    let second = lazily(&alice, Some(&first), false);
    bob.say(&room, "two");
    let third = lazily(&alice, Some(&second), false);
    assert!(members(&third, &room).is_empty(), "{third}");
    let redundant = lazily(&alice, Some(&second), true);
    assert_eq!(members(&redundant, &room), [bob.id.as_str()]);
}

/// A client that asks with an older token has lost the answer in between.
#[test]
fn a_lost_answer_tells_its_members_again() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.create_room(&json!({ "preset": "public_chat", "name": "Room" }));
    bob.join(&room);
    alice.say(&room, "hello");
    let first = lazily(&alice, None, false);
    assert!(!members(&first, &room).contains(&bob.id), "{first}");
    bob.say(&room, "one");
    for _ in 0..2 {
        let lost = lazily(&alice, Some(&first), false);
        assert_eq!(members(&lost, &room), [bob.id.as_str()]);
    }
}

/// Who came, went or changed their name in a gap is told, whether or not they spoke.
#[test]
fn a_gap_brings_every_change_of_members() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let (bob, carol) = (homeserver().register("bob"), homeserver().register("carol"));
    let room = alice.room_with(&[&bob]);
    let first = lazily(&alice, None, false);
    bob.leave(&room);
    carol.join(&room);
    alice.say(&room, "one");
    alice.say(&room, "two");
    let next = lazily(&alice, Some(&first), false);
    assert_eq!(next["rooms"]["join"][&room]["timeline"]["limited"], true);
    let state = &next["rooms"]["join"][&room]["state"]["events"];
    let member = |user: &User, membership: &str| json!({ "state_key": user.id, "content": { "membership": membership } });
    must_find(state, &member(&bob, "leave"));
    must_find(state, &member(&carol, "join"));
    must_not_find(state, &json!({ "type": "m.room.create" }));
}

/// With the state after the timeline, clients take no member from the timeline.
#[test]
fn state_after_has_members_that_came_in_the_timeline() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    if alice.server.is_synapse() {
        return;
    }
    let bob = homeserver().register("bob");
    let room = alice.create_room(&json!({ "preset": "public_chat", "name": "Room" }));
    let filter = json!({ "room": { "state": { "lazy_load_members": true } } });
    let query = format!(
        "timeout=0&use_state_after=true&{}",
        path!("filter={}", filter)
    );
    let first = alice.sync(&query);
    bob.join(&room);
    bob.say(&room, "hello");
    let next = alice.sync(&format!("{query}&since={}", since(&first)));
    let state = &next["rooms"]["join"][&room]["state_after"]["events"];
    must_find(state, &json!({ "state_key": bob.id }));
    let whole = bob.sync(&query);
    let state = &whole["rooms"]["join"][&room]["state_after"]["events"];
    must_find(state, &json!({ "state_key": bob.id }));
}

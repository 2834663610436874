//! Listing notifications.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#listing-notifications)

use serde_json::{Value, json};
use spec_tests::{User, covers, homeserver, must::text, user::rooms::message};

fn two() -> (User, User, String) {
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let room = alice.room_with(&[&bob]);
    (alice, bob, room)
}

fn listed(user: &User, query: &str) -> Value {
    user.get(&format!("/v3/notifications?{query}")).ok()
}

fn events(page: &Value) -> Vec<String> {
    let all = page["notifications"].as_array().expect("a list");
    all.iter()
        .map(|one| text(&one["event"]["event_id"]))
        .collect()
}

fn mention(words: &str, whom: &User) -> Value {
    let mut content = message(words);
    content["m.mentions"] = json!({ "user_ids": [whom.id] });
    content
}

#[test]
fn notifications_are_listed_newest_first_across_rooms() {
    covers!(GET "/_matrix/client/v3/notifications");
    let (alice, bob, room) = two();
    let other = alice.room_with(&[&bob]);
    let first = alice.say(&room, "1");
    let second = alice.say(&other, "2");
    bob.say(&other, "my own");
    let third = alice.say(&room, "3");
    let page = listed(&bob, "");
    assert_eq!(events(&page), [third.as_str(), &second, &first]);
    let newest = &page["notifications"][0];
    assert_eq!(newest["room_id"], room.as_str());
    assert!(
        newest["actions"]
            .as_array()
            .unwrap()
            .contains(&"notify".into())
    );
    assert_eq!(newest["event"]["content"]["body"], "3");
}

#[test]
fn notifications_come_in_pages() {
    covers!(GET "/_matrix/client/v3/notifications");
    let (alice, bob, room) = two();
    let mut sent = alice.say_all(&room, &["1", "2", "3", "4", "5"]);
    sent.reverse();
    let (mut found, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = listed(&bob, &query);
        assert!(events(&page).len() <= 2);
        found.extend(events(&page));
        let Some(token) = page["next_token"].as_str() else {
            break;
        };
        query = format!("limit=2&from={token}");
    }
    assert_eq!(found, sent);
}

#[test]
fn only_highlights_are_listed_on_request() {
    covers!(GET "/_matrix/client/v3/notifications");
    let (alice, bob, room) = two();
    alice.say(&room, "1");
    let mention = alice.send(&room, "m.room.message", &mention("look", &bob));
    alice.say(&room, "2");
    let page = listed(&bob, "only=highlight");
    assert_eq!(events(&page), [mention]);
}

#[test]
fn what_was_read_is_marked() {
    covers!(GET "/_matrix/client/v3/notifications");
    let (alice, bob, room) = two();
    let sent = alice.say_all(&room, &["1", "2"]);
    bob.read(&room, "m.read", &sent[0], None);
    let page = listed(&bob, "");
    let read = |event: &str| {
        let all = page["notifications"].as_array().expect("a list");
        let one = all.iter().find(|one| one["event"]["event_id"] == event);
        one.expect("the event is listed")["read"].clone()
    };
    assert_eq!(read(&sent[0]), true);
    assert_eq!(read(&sent[1]), false);
}

#[test]
fn redacted_events_are_not_listed() {
    covers!(GET "/_matrix/client/v3/notifications");
    let (alice, bob, room) = two();
    let sent = alice.say_all(&room, &["1", "2"]);
    alice.redact(&room, &sent[1]);
    assert_eq!(events(&listed(&bob, "")), [sent[0].as_str()]);
}

#[test]
fn a_token_that_makes_no_sense_is_refused() {
    covers!(GET "/_matrix/client/v3/notifications");
    let (_, bob, _) = two();
    let refused = bob.get("/v3/notifications?from=nonsense");
    assert_eq!(refused.status, 400, "{refused}");
}

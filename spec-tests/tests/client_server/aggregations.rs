//! What events are shown with of those that refer to them.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#aggregations-of-child-events)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    matchers::event_ids,
    must::{must_contain, must_find, text},
    path,
    user::rooms::message,
};

use crate::{
    relations::{ignore, react, relate},
    sync::{filtered, room_in},
};

/// Edits a message.
#[track_caller]
pub(crate) fn edit(user: &User, room: &str, event: &str, words: &str) -> String {
    user.send(room, "m.room.message", &edit_of(event, words))
}

fn edit_of(event: &str, words: &str) -> Value {
    let mut content = message(&format!("* {words}"));
    content["m.new_content"] = message(words);
    content["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": event });
    content
}

/// What an event is shown with.
#[track_caller]
pub(crate) fn bundle(user: &User, room: &str, event: &str) -> Value {
    user.event(room, event).ok()["unsigned"]["m.relations"].take()
}

#[track_caller]
fn edited_to(user: &User, room: &str, event: &str) -> Value {
    bundle(user, room, event)["m.replace"]["event_id"].take()
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-aggregation-of-mreplace-relationships)
#[test]
fn an_edited_event_keeps_its_content_and_comes_with_the_newest_edit() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let event = alice.say(&room, "first words");
    edit(&alice, &room, &event, "second words");
    let newest = edit(&alice, &room, &event, "third words");
    let shown = alice.event(&room, &event).ok();
    assert_eq!(shown["content"], message("first words"));
    let replace = &shown["unsigned"]["m.relations"]["m.replace"];
    must_contain(
        replace,
        &json!({
            "event_id": newest,
            "sender": alice.id,
            "type": "m.room.message",
            "content": { "m.new_content": { "body": "third words" } },
        }),
    );
    assert!(replace["origin_server_ts"].is_u64(), "{replace}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#validity-of-replacement-events)
#[test]
fn what_is_no_valid_edit_does_not_count() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let event = alice.say(&room, "words");
    let valid = edit(&alice, &room, &event, "valid");
    // Of somebody else, without new content, of another type.
    edit(&bob, &room, &event, "bob's");
    relate(&alice, &room, "m.replace", &event, "no new content");
    alice.send(&room, "org.example.type", &edit_of(&event, "other type"));
    assert_eq!(edited_to(&alice, &room, &event), valid.as_str());
    // An edit of an edit.
    edit(&alice, &room, &valid, "twice");
    assert_eq!(bundle(&alice, &room, &valid), Value::Null);
    assert_eq!(edited_to(&alice, &room, &event), valid.as_str());
    // State cannot be edited.
    let topic = alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "Tea" }));
    let content = json!({
        "topic": "Coffee",
        "m.new_content": { "topic": "Coffee" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": topic },
    });
    alice.send(&room, "m.room.topic", &content);
    assert_eq!(bundle(&alice, &room, &topic), Value::Null);
    // An event of another room.
    let other = alice.private_room();
    edit(&alice, &other, &event, "from elsewhere");
    assert_eq!(edited_to(&alice, &room, &event), valid.as_str());
}

#[test]
fn an_edit_of_an_encrypted_event_needs_no_new_content_that_can_be_seen() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let encrypted = |relation: Option<Value>| {
        let mut content = json!({
            "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x", "session_id": "y",
            "sender_key": "z", "device_id": alice.device_id,
        });
        if let Some(relation) = relation {
            content["m.relates_to"] = relation;
        }
        alice.send(&room, "m.room.encrypted", &content)
    };
    let event = encrypted(None);
    let newest = encrypted(Some(json!({ "rel_type": "m.replace", "event_id": event })));
    assert_eq!(edited_to(&alice, &room, &event), newest.as_str());
    // Nothing that is not encrypted replaces what is.
    edit(&alice, &room, &event, "plain words");
    assert_eq!(edited_to(&alice, &room, &event), newest.as_str());
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#redactions-of-edited-events)
#[test]
fn a_redacted_edit_uncovers_the_one_before() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let event = alice.say(&room, "words");
    let first = edit(&alice, &room, &event, "first");
    let second = edit(&alice, &room, &event, "second");
    let third = edit(&alice, &room, &event, "third");
    alice.redact(&room, &third);
    assert_eq!(edited_to(&alice, &room, &event), second.as_str());
    alice.redact(&room, &first);
    assert_eq!(edited_to(&alice, &room, &event), second.as_str());
    alice.redact(&room, &second);
    assert_eq!(bundle(&alice, &room, &event), Value::Null);
    // The redaction of the event itself takes its edits away, and only them.
    edit(&alice, &room, &event, "fourth");
    let reply = relate(&alice, &room, "m.thread", &event, "reply");
    alice.redact(&room, &event);
    let left = bundle(&alice, &room, &event);
    assert!(left.get("m.replace").is_none(), "{left}");
    assert_eq!(left["m.thread"]["latest_event"]["event_id"], reply.as_str());
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-aggregation-of-mreference)
#[test]
fn references_are_listed() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let event = alice.say(&room, "words");
    let first = relate(&alice, &room, "m.reference", &event, "1");
    let second = relate(&bob, &room, "m.reference", &event, "2");
    let both = json!({ "chunk": [{ "event_id": first }, { "event_id": second }] });
    assert_eq!(bundle(&alice, &room, &event)["m.reference"], both);
    ignore(&alice, &[&bob]);
    let one = json!({ "chunk": [{ "event_id": first }] });
    assert_eq!(bundle(&alice, &room, &event)["m.reference"], one);
    alice.redact(&room, &first);
    assert_eq!(bundle(&alice, &room, &event), Value::Null);
    let other = json!({ "chunk": [{ "event_id": second }] });
    assert_eq!(bundle(&bob, &room, &event)["m.reference"], other);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-aggregation-of-mannotation-relationships)
#[test]
fn annotations_are_not_bundled() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let event = alice.say(&room, "words");
    react(&alice, &room, &event, "👍");
    assert_eq!(bundle(&alice, &room, &event), Value::Null);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#aggregations-of-child-events)
#[test]
fn pages_and_context_show_what_refers_to_each_event() {
    covers!(
        GET "/_matrix/client/v3/rooms/{roomId}/messages",
        GET "/_matrix/client/v3/rooms/{roomId}/context/{eventId}",
        GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}",
    );
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let before = alice.say(&room, "before");
    let event = alice.say(&room, "event");
    let after = relate(&alice, &room, "m.reference", &event, "after");
    // All edits are outside of the pages below.
    let edits = [&before, &event, &after].map(|event| edit(&alice, &room, event, "edited"));
    let shows = |list: &Value| {
        for (event, edit) in [&before, &event, &after].into_iter().zip(&edits) {
            let relations = json!({ "m.replace": { "event_id": edit } });
            let expected = json!({ "event_id": event, "unsigned": { "m.relations": relations } });
            must_find(list, &expected);
        }
    };
    let page = alice.messages(&room, "dir=b&limit=50");
    shows(&page["chunk"]);
    let context = alice
        .get(&path!("/v3/rooms/{}/context/{}?limit=10", room, event))
        .ok();
    let mut around = vec![context["event"].clone()];
    for part in ["events_before", "events_after"] {
        around.extend(spec_tests::matchers::items(&context[part]).to_vec());
    }
    shows(&Value::Array(around));
    let children = alice
        .get(&path!("/v1/rooms/{}/relations/{}/m.reference", room, event))
        .ok();
    let expected =
        json!({ "unsigned": { "m.relations": { "m.replace": { "event_id": edits[2] } } } });
    must_contain(&children["chunk"][0], &expected);
}

#[test]
fn a_limited_timeline_shows_what_refers_to_each_event() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let event = alice.say(&room, "words");
    let newest = edit(&alice, &room, &event, "edited");
    let filter = json!({ "room": { "timeline": { "limit": 2 } } });
    let response = filtered(&alice, &filter);
    let timeline = &room_in(&response, &room)["timeline"];
    assert_eq!(timeline["limited"], true);
    assert_eq!(event_ids(&timeline["events"]), [&event, &newest]);
    let relations = &timeline["events"][0]["unsigned"]["m.relations"];
    assert_eq!(relations["m.replace"]["event_id"], newest.as_str());
}

#[test]
fn sliding_sync_shows_what_refers_to_each_event() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let event = alice.say(&room, "words");
    let newest = edit(&alice, &room, &event, "edited");
    let reply = relate(&alice, &room, "m.thread", &event, "reply");
    let body = json!({ "lists": { "all": {
        "ranges": [[0, 9]], "timeline_limit": 3, "required_state": [],
    } } });
    let response = alice.sliding_sync("main").next(&body);
    let timeline = &response["rooms"][&room]["timeline"];
    assert_eq!(event_ids(timeline), [&event, &newest, &reply]);
    let relations = &timeline[0]["unsigned"]["m.relations"];
    assert_eq!(relations["m.replace"]["event_id"], newest.as_str());
    let latest = &relations["m.thread"]["latest_event"]["event_id"];
    assert_eq!(text(latest), reply);
}

#[test]
fn an_edit_that_a_user_may_not_see_is_not_shown_to_them() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let event = alice.say(&room, "words");
    let seen = edit(&alice, &room, &event, "while bob was there");
    bob.leave(&room);
    let newest = edit(&alice, &room, &event, "after bob");
    assert_eq!(edited_to(&alice, &room, &event), newest.as_str());
    assert_eq!(edited_to(&bob, &room, &event), seen.as_str());
}

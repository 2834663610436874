//! Listing the events that refer to one.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#relationships-api)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    http::encode,
    matchers::{event_ids, items},
    must::text,
    path,
    user::rooms::message,
};

/// The content of a message that refers to an event.
pub(crate) fn related(words: &str, rel_type: &str, parent: &str) -> Value {
    let mut content = message(words);
    content["m.relates_to"] = json!({ "rel_type": rel_type, "event_id": parent });
    content
}

/// Sends a message that refers to an event.
#[track_caller]
pub(crate) fn relate(user: &User, room: &str, rel_type: &str, parent: &str, words: &str) -> String {
    user.send(room, "m.room.message", &related(words, rel_type, parent))
}

/// Reacts to an event.
#[track_caller]
pub(crate) fn react(user: &User, room: &str, parent: &str, key: &str) -> String {
    user.send(room, "m.reaction", &annotation(parent, key))
}

fn annotation(parent: &str, key: &str) -> Value {
    json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": parent, "key": key } })
}

/// Ignores users.
pub(crate) fn ignore(user: &User, whom: &[&User]) {
    let users: serde_json::Map<String, Value> = whom
        .iter()
        .map(|user| (user.id.clone(), json!({})))
        .collect();
    user.set_account_data("m.ignored_user_list", &json!({ "ignored_users": users }));
}

/// The children of an event; `rest` is what follows the event in the path, and the query.
#[track_caller]
fn children(user: &User, room: &str, parent: &str, rest: &str) -> Value {
    let path = path!("/v1/rooms/{}/relations/{}", room, parent);
    user.get(&format!("{path}{rest}")).ok()
}

#[test]
fn children_come_newest_first_with_where_they_are() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let root = alice.say(&room, "root");
    let first = relate(&bob, &room, "m.thread", &root, "1");
    alice.say(&room, "elsewhere");
    let second = react(&bob, &room, &root, "👍");
    let third = relate(&alice, &room, "m.reference", &root, "3");
    let page = children(&alice, &room, &root, "");
    assert_eq!(event_ids(&page["chunk"]), [&third, &second, &first]);
    assert_eq!(page["chunk"][0]["room_id"], room.as_str());
    assert!(
        page.get("next_batch").is_none() && page.get("recursion_depth").is_none(),
        "{page}"
    );
    let page = children(&alice, &room, &root, "?dir=f");
    assert_eq!(event_ids(&page["chunk"]), [&first, &second, &third]);
}

#[test]
fn children_are_chosen_by_relation() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let root = alice.say(&room, "root");
    let reply = relate(&alice, &room, "m.thread", &root, "1");
    let reaction = react(&alice, &room, &root, "👍");
    let own = relate(&alice, &room, "org.example.own", &root, "3");
    for (rel_type, expected) in [
        ("m.thread", &reply),
        ("m.annotation", &reaction),
        ("org.example.own", &own),
    ] {
        let page = children(&alice, &room, &root, &format!("/{rel_type}"));
        assert_eq!(event_ids(&page["chunk"]), [expected], "{rel_type}");
    }
    let page = children(&alice, &room, &root, "/org.example.none");
    assert_eq!(page["chunk"], json!([]));
}

#[test]
fn children_are_chosen_by_relation_and_type() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}/{eventType}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let root = alice.say(&room, "root");
    let words = relate(&alice, &room, "m.reference", &root, "1");
    let other = json!({ "m.relates_to": { "rel_type": "m.reference", "event_id": root } });
    let other = alice.send(&room, "org.example.type", &other);
    for (kind, expected) in [("m.room.message", &words), ("org.example.type", &other)] {
        let page = children(&alice, &room, &root, &format!("/m.reference/{kind}"));
        assert_eq!(event_ids(&page["chunk"]), [expected], "{kind}");
    }
    for rest in [
        "/m.reference/org.example.unknown",
        "/m.thread/m.room.message",
    ] {
        assert_eq!(children(&alice, &room, &root, rest)["chunk"], json!([]));
    }
}

/// Reads every page with three events a page.
#[track_caller]
fn all_pages(user: &User, room: &str, root: &str, direction: &str, rest: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let mut from = String::new();
    loop {
        let query = format!("{rest}?limit=3&dir={direction}{from}");
        let page = children(user, room, root, &query);
        let ids = event_ids(&page["chunk"]);
        assert!(ids.len() <= 3, "{page}");
        seen.extend(ids.into_iter().map(str::to_owned));
        match page.get("next_batch") {
            Some(next) => from = format!("&from={}", encode(&text(next))),
            None => return seen,
        }
        assert!(seen.len() < 50, "no end: {seen:?}");
    }
}

#[test]
fn pages_give_every_child_once_in_both_directions() {
    covers!(
        GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}",
        GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}",
    );
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let root = alice.say(&room, "root");
    let mut sent: Vec<String> = (0..8)
        .map(|number| relate(&alice, &room, "m.thread", &root, &number.to_string()))
        .collect();
    assert_eq!(all_pages(&alice, &room, &root, "f", ""), sent);
    assert_eq!(all_pages(&alice, &room, &root, "f", "/m.thread"), sent);
    sent.reverse();
    assert_eq!(all_pages(&alice, &room, &root, "b", ""), sent);
    assert_eq!(all_pages(&alice, &room, &root, "b", "/m.thread"), sent);
}

/// Tokens of `/sync` and `/messages` work here, too.
#[test]
fn a_page_ends_where_another_token_says() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let root = alice.say(&room, "root");
    let old = relate(&alice, &room, "m.thread", &root, "old");
    let between = text(&alice.initial_sync()["next_batch"]);
    let new = relate(&alice, &room, "m.thread", &root, "new");
    let page = children(&alice, &room, &root, &path!("?to={}", between));
    assert_eq!(event_ids(&page["chunk"]), [&new]);
    let page = children(&alice, &room, &root, &path!("?from={}", between));
    assert_eq!(event_ids(&page["chunk"]), [&old]);
    let page = children(&alice, &room, &root, &path!("?dir=f&from={}", between));
    assert_eq!(event_ids(&page["chunk"]), [&new]);
}

#[test]
fn children_of_children_come_when_asked_for() {
    covers!(
        GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}",
        GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}",
        GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}/{eventType}",
    );
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let root = alice.say(&room, "root");
    let reply = relate(&alice, &room, "m.thread", &root, "reply");
    let reference = relate(&alice, &room, "m.reference", &reply, "about the reply");
    let reaction = react(&alice, &room, &reference, "👍");
    alice.say(&room, "elsewhere");
    let page = children(&alice, &room, &root, "?recurse=true");
    assert_eq!(event_ids(&page["chunk"]), [&reaction, &reference, &reply]);
    assert!(page["recursion_depth"].as_u64() >= Some(3), "{page}");
    let page = children(&alice, &room, &root, "?recurse=true&dir=f&limit=2");
    assert_eq!(event_ids(&page["chunk"]), [&reply, &reference]);
    let rest = path!("?recurse=true&dir=f&from={}", text(&page["next_batch"]));
    let page = children(&alice, &room, &root, &rest);
    assert_eq!(event_ids(&page["chunk"]), [&reaction]);
    // What does not match is not followed either.
    let page = children(&alice, &room, &root, "/m.annotation?recurse=true");
    assert_eq!(page["chunk"], json!([]));
    let page = children(
        &alice,
        &room,
        &reply,
        "/m.reference/m.room.message?recurse=true",
    );
    assert_eq!(event_ids(&page["chunk"]), [&reference]);
}

#[test]
fn only_who_may_see_the_parent_sees_its_children() {
    covers!(
        GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}",
        GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}",
        GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}/{eventType}",
    );
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.create_room(&json!({
        "preset": "public_chat",
        "initial_state": [{
            "type": "m.room.history_visibility",
            "content": { "history_visibility": "joined" },
        }],
    }));
    let root = alice.say(&room, "root");
    bob.join(&room);
    for rest in ["", "/m.thread", "/m.thread/m.room.message"] {
        let path =
            |event: &str| format!("{}{rest}", path!("/v1/rooms/{}/relations/{}", room, event));
        bob.get(&path(&root)).must_fail(404, "M_NOT_FOUND");
        bob.get(&path("$unknown")).must_fail(404, "M_NOT_FOUND");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility)
#[test]
fn children_that_a_user_may_not_see_are_left_out() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.create_room(&json!({ "preset": "public_chat" }));
    let root = alice.say(&room, "root");
    let open = relate(&alice, &room, "m.thread", &root, "open");
    let joined = json!({ "history_visibility": "joined" });
    alice.set_state(&room, "m.room.history_visibility", "", &joined);
    relate(&alice, &room, "m.thread", &root, "hidden");
    bob.join(&room);
    let later = relate(&alice, &room, "m.thread", &root, "later");
    let page = children(&bob, &room, &root, "");
    assert_eq!(event_ids(&page["chunk"]), [&later, &open]);
    bob.leave(&room);
    relate(&alice, &room, "m.thread", &root, "after bob");
    let page = children(&bob, &room, &root, "");
    assert_eq!(event_ids(&page["chunk"]), [&later, &open]);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
#[test]
fn children_of_ignored_users_are_left_out() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let root = alice.say(&room, "root");
    let own = relate(&alice, &room, "m.thread", &root, "own");
    relate(&bob, &room, "m.thread", &root, "bob's");
    ignore(&alice, &[&bob]);
    let page = children(&alice, &room, &root, "");
    assert_eq!(event_ids(&page["chunk"]), [&own]);
}

#[test]
fn a_redacted_child_is_no_child_any_more() {
    covers!(
        GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}",
        PUT "/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}",
    );
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let root = alice.say(&room, "root");
    let kept = relate(&alice, &room, "m.thread", &root, "kept");
    let gone = relate(&alice, &room, "m.thread", &root, "gone");
    alice.redact(&room, &gone);
    for rest in ["", "/m.thread", "?recurse=true"] {
        let page = children(&alice, &room, &root, rest);
        assert_eq!(event_ids(&page["chunk"]), [&kept], "{rest}");
    }
    // The redaction of the parent leaves its children where they are.
    alice.redact(&room, &root);
    let page = children(&alice, &room, &root, "");
    assert_eq!(event_ids(&page["chunk"]), [&kept]);
}

#[test]
fn replies_without_a_kind_of_relation_are_no_children() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let root = alice.say(&room, "root");
    let mut reply = message("reply");
    reply["m.relates_to"] = json!({ "m.in_reply_to": { "event_id": root } });
    alice.send(&room, "m.room.message", &reply);
    assert!(items(&children(&alice, &room, &root, "")["chunk"]).is_empty());
}

#[test]
fn tokens_and_directions_that_are_none_are_refused() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let root = alice.say(&room, "root");
    for query in ["from=nonsense", "to=nonsense", "dir=x", "limit=x"] {
        let path = path!("/v1/rooms/{}/relations/{}", room, root);
        alice.get(&format!("{path}?{query}")).must_be(400);
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#avoiding-duplicate-annotations)
#[test]
fn the_same_annotation_is_made_once() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let event = alice.say(&room, "words");
    let first = react(&alice, &room, &event, "👍");
    let again = annotation(&event, "👍");
    alice
        .try_send(&room, "m.reaction", &again)
        .must_fail(400, "M_DUPLICATE_ANNOTATION");
    // Another key, another user, another type and another event are other annotations.
    react(&alice, &room, &event, "👎");
    react(&bob, &room, &event, "👍");
    alice.send(&room, "org.example.reaction", &again);
    let other = alice.say(&room, "other words");
    react(&alice, &room, &other, "👍");
    // What was taken back can be said anew.
    alice.redact(&room, &first);
    react(&alice, &room, &event, "👍");
    alice
        .try_send(&room, "m.reaction", &again)
        .must_fail(400, "M_DUPLICATE_ANNOTATION");
}

/// A client that repeats a request whose answer it has missed gets that answer.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#transaction-identifiers)
#[test]
fn repeating_the_request_of_an_annotation_is_no_duplicate() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let event = alice.say(&room, "words");
    let path = path!("/v3/rooms/{}/send/m.reaction/once", room);
    let first = alice.put(&path, &annotation(&event, "👍")).ok();
    assert_eq!(alice.put(&path, &annotation(&event, "👍")).ok(), first);
}

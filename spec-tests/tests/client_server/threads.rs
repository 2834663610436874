//! Threads.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#threading)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    http::encode,
    matchers::{event_ids, items},
    must::{must_contain, text},
    path,
    user::rooms::message,
};

use crate::{
    aggregations::{bundle, edit},
    relations::{ignore, react, relate, related},
    sync::filtered,
};

#[track_caller]
fn reply(user: &User, room: &str, root: &str, words: &str) -> String {
    relate(user, room, "m.thread", root, words)
}

#[track_caller]
fn thread(user: &User, room: &str, root: &str) -> Value {
    bundle(user, room, root)["m.thread"].take()
}

/// Checks what a user is told of a thread: its newest reply, how many there are, and whether the user is in it.
#[track_caller]
fn must_be(user: &User, room: &str, root: &str, (latest, count, participated): (&str, u64, bool)) {
    must_contain(
        &thread(user, room, root),
        &json!({
            "latest_event": { "event_id": latest },
            "count": count,
            "current_user_participated": participated,
        }),
    );
}

#[track_caller]
fn threads(user: &User, room: &str, query: &str) -> Value {
    user.get(&format!("{}?{query}", path!("/v1/rooms/{}/threads", room)))
        .ok()
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-aggregation-of-mthread-relationships)
#[test]
fn a_thread_root_tells_of_its_newest_reply_and_who_took_part() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&bob, &carol]);
    let root = alice.say(&room, "root");
    assert_eq!(thread(&alice, &room, &root), Value::Null);
    reply(&alice, &room, &root, "1");
    let second = reply(&bob, &room, &root, "2");
    for (user, participated) in [(&alice, true), (&bob, true), (&carol, false)] {
        must_be(user, &room, &root, (&second, 2, participated));
    }
    let third = reply(&carol, &room, &root, "3");
    must_be(&carol, &room, &root, (&third, 3, true));
    must_contain(
        &thread(&alice, &room, &root)["latest_event"],
        &json!({ "sender": carol.id, "type": "m.room.message", "content": { "body": "3" } }),
    );
}

#[test]
fn who_begins_a_thread_takes_part_in_it() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let root = alice.say(&room, "root");
    let only = reply(&bob, &room, &root, "1");
    must_be(&alice, &room, &root, (&only, 1, true));
}

#[test]
fn the_newest_reply_comes_with_what_refers_to_it() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let root = alice.say(&room, "root");
    let newest = reply(&alice, &room, &root, "1");
    let edited = edit(&alice, &room, &newest, "edited");
    let latest = &thread(&alice, &room, &root)["latest_event"];
    assert_eq!(latest["event_id"], newest.as_str());
    let relations = &latest["unsigned"]["m.relations"];
    assert_eq!(relations["m.replace"]["event_id"], edited.as_str());
}

#[test]
fn redacted_replies_do_not_count() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let root = alice.say(&room, "root");
    let first = reply(&alice, &room, &root, "1");
    let second = reply(&bob, &room, &root, "2");
    let third = reply(&alice, &room, &root, "3");
    bob.redact(&room, &second);
    must_be(&bob, &room, &root, (&third, 2, false));
    alice.redact(&room, &third);
    must_be(&alice, &room, &root, (&first, 1, true));
    alice.redact(&room, &first);
    assert_eq!(thread(&alice, &room, &root), Value::Null);
    assert_eq!(threads(&alice, &room, "")["chunk"], json!([]));
    // The redaction of the root leaves the thread.
    let fourth = reply(&alice, &room, &root, "4");
    alice.redact(&room, &root);
    must_be(&alice, &room, &root, (&fourth, 1, true));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
#[test]
fn replies_of_ignored_users_do_not_count() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/threads");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let (first, second) = (alice.say(&room, "first"), bob.say(&room, "second"));
    let mine = reply(&alice, &room, &first, "1");
    reply(&alice, &room, &second, "1");
    let newest = reply(&bob, &room, &first, "2");
    let only_bobs = alice.say(&room, "third");
    reply(&bob, &room, &only_bobs, "3");
    must_be(&alice, &room, &first, (&newest, 2, true));
    ignore(&alice, &[&bob]);
    must_be(&alice, &room, &first, (&mine, 1, true));
    assert_eq!(thread(&alice, &room, &only_bobs), Value::Null);
    // The list is ordered by what is left, and what the ignored user wrote is taken out of it.
    let list = threads(&alice, &room, "");
    assert_eq!(event_ids(&list["chunk"]), [&second, &first]);
    assert_eq!(list["chunk"][0]["content"], json!({}));
    assert_eq!(list["chunk"][1]["content"], message("first"));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#validation-of-mthread-relationships)
#[test]
fn a_thread_begins_with_an_event_that_refers_to_none() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let root = alice.say(&room, "root");
    let in_thread = reply(&alice, &room, &root, "1");
    let edited = edit(&alice, &room, &root, "edited");
    let reaction = react(&alice, &room, &root, "👍");
    for event in [&in_thread, &edited, &reaction] {
        alice
            .try_send(&room, "m.room.message", &related("x", "m.thread", event))
            .must_fail(400, "M_UNKNOWN");
    }
    // A plain reply has no kind of relation.
    let mut plain = message("reply");
    plain["m.relates_to"] = json!({ "m.in_reply_to": { "event_id": root } });
    let plain = alice.send(&room, "m.room.message", &plain);
    reply(&alice, &room, &plain, "2");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#querying-threads-in-a-room)
#[test]
fn threads_are_listed_by_their_newest_replies() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/threads");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    assert_eq!(threads(&alice, &room, "")["chunk"], json!([]));
    let roots = alice.say_all(&room, &["0", "1", "2"]);
    for root in &roots {
        reply(&alice, &room, root, "first");
    }
    let newest = reply(&bob, &room, &roots[1], "newest");
    let list = threads(&bob, &room, "");
    assert_eq!(event_ids(&list["chunk"]), [&roots[1], &roots[2], &roots[0]]);
    let shown = &list["chunk"][0]["unsigned"]["m.relations"]["m.thread"];
    must_contain(
        shown,
        &json!({ "latest_event": { "event_id": newest }, "count": 2 }),
    );
    let list = threads(&bob, &room, "include=participated");
    assert_eq!(event_ids(&list["chunk"]), [&roots[1]]);
    let list = threads(&alice, &room, "include=participated");
    assert_eq!(items(&list["chunk"]).len(), 3);
}

#[test]
fn pages_of_the_list_give_every_thread_once() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/threads");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let mut roots: Vec<String> = Vec::new();
    for number in 0..5 {
        let root = alice.say(&room, &number.to_string());
        reply(&alice, &room, &root, "reply");
        roots.push(root);
    }
    roots.reverse();
    let all = |user: &User| {
        let (mut seen, mut query): (Vec<String>, _) = (Vec::new(), "limit=2".to_owned());
        loop {
            let list = threads(user, &room, &query);
            seen.extend(event_ids(&list["chunk"]).into_iter().map(str::to_owned));
            assert!(
                items(&list["chunk"]).len() <= 2 && seen.len() < 20,
                "{list}"
            );
            match list.get("next_batch") {
                Some(next) => query = format!("limit=2&from={}", encode(&text(next))),
                None => return seen,
            }
        }
    };
    assert_eq!(all(&alice), roots);
    ignore(&alice, &[&bob]);
    assert_eq!(all(&alice), roots);
}

#[test]
fn the_list_is_for_those_who_may_look_into_the_room() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/threads");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.private_room();
    let path = path!("/v1/rooms/{}/threads", room);
    bob.get(&path).must_fail(403, "M_FORBIDDEN");
    bob.get("/v1/rooms/!unknown:localhost/threads")
        .must_fail(403, "M_FORBIDDEN");
    for query in ["from=nonsense", "limit=0", "limit=x", "include=some"] {
        alice.get(&format!("{path}?{query}")).must_be(400);
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility)
#[test]
fn who_has_left_sees_threads_as_they_were() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/threads");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let roots = alice.say_all(&room, &["0", "1", "2"]);
    let seen = reply(&alice, &room, &roots[0], "seen");
    reply(&alice, &room, &roots[1], "seen");
    bob.leave(&room);
    reply(&alice, &room, &roots[0], "not seen");
    reply(&alice, &room, &roots[2], "not seen");
    let list = threads(&bob, &room, "");
    assert_eq!(event_ids(&list["chunk"]), [&roots[1], &roots[0]]);
    must_be(&bob, &room, &roots[0], (&seen, 1, false));
}

#[test]
fn replies_before_a_user_came_count_where_history_is_open() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.public_room();
    let root = alice.say(&room, "root");
    reply(&alice, &room, &root, "1");
    bob.join(&room);
    let second = reply(&alice, &room, &root, "2");
    must_be(&bob, &room, &root, (&second, 2, false));
}

#[test]
fn a_root_outside_of_the_page_does_not_keep_replies_from_being_shown() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let root = alice.say(&room, "root");
    alice.say_all(&room, &["1", "2", "3"]);
    let newest = reply(&alice, &room, &root, "reply");
    let page = alice.messages(&room, "dir=b&limit=1");
    assert_eq!(event_ids(&page["chunk"]), [&newest]);
    assert_eq!(
        page["chunk"][0]["content"]["m.relates_to"]["event_id"],
        root.as_str()
    );
}

/// [MSC3440](https://github.com/matrix-org/matrix-spec-proposals/pull/3440),
/// [MSC3874](https://github.com/matrix-org/matrix-spec-proposals/pull/3874)
#[test]
fn filters_choose_by_relation() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages", GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let (root, other, plain) = (
        alice.say(&room, "root"),
        alice.say(&room, "other"),
        alice.say(&room, "plain"),
    );
    let in_thread = reply(&bob, &room, &root, "reply");
    relate(&alice, &room, "m.reference", &other, "reference");
    let page = |filter: Value| {
        let page = alice.messages(&room, &path!("dir=b&limit=50&filter={}", filter));
        let ids = event_ids(&page["chunk"]).into_iter();
        ids.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        page(json!({ "related_by_rel_types": ["m.thread"] })),
        [root.as_str()]
    );
    let of_bob = json!({ "related_by_senders": [bob.id] });
    assert_eq!(page(of_bob), [root.as_str()]);
    let both = json!({ "related_by_rel_types": ["m.reference"], "related_by_senders": [bob.id] });
    assert_eq!(page(both), [""; 0]);
    let both = json!({ "related_by_rel_types": ["m.reference"], "related_by_senders": [alice.id] });
    assert_eq!(page(both), [other]);
    let without = json!({ "org.matrix.msc3874.not_rel_types": ["m.thread"] });
    let without = page(without);
    assert!(
        without.contains(&plain) && !without.contains(&in_thread),
        "{without:?}"
    );
    // In a sync it is the timeline's filter.
    let filter = json!({ "room": { "timeline": { "related_by_rel_types": ["m.thread"] } } });
    let response = filtered(&alice, &filter);
    let timeline = &response["rooms"]["join"][&room]["timeline"];
    assert_eq!(event_ids(&timeline["events"]), [&root]);
}

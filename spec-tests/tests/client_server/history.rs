//! Paging through history, context and single events.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#getting-events-for-a-room)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    matchers::{bodies, event_ids, items},
    must::{must_contain, must_find, must_not_find, text},
    path,
};

fn numbered(user: &User, room: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| user.say(room, &number.to_string()))
        .collect()
}

fn next(page: &Value, direction: &str) -> String {
    let from = spec_tests::http::encode(&text(&page["end"]));
    format!("dir={direction}&limit=4&from={from}")
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmessages)
#[test]
fn paging_back_gives_every_event_once_down_to_the_creation() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let mut sent = numbered(&alice, &room, 10);
    sent.reverse();
    let mut seen: Vec<String> = Vec::new();
    let mut query = "dir=b&limit=4".to_owned();
    let mut oldest = Value::Null;
    loop {
        let page = alice.messages(&room, &query);
        assert!(items(&page["chunk"]).len() <= 4);
        seen.extend(event_ids(&page["chunk"]).into_iter().map(str::to_owned));
        if let Some(last) = items(&page["chunk"]).last() {
            oldest = last["type"].clone();
        }
        if page.get("end").is_none() {
            break;
        }
        query = next(&page, "b");
        assert!(seen.len() < 100, "no end: {seen:?}");
    }
    assert_eq!(seen[..10], sent);
    let unique: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len());
    assert_eq!(oldest, "m.room.create");
}

/// Clients exist that drop a page which does not say where to go on, events and all.
#[test]
fn only_an_empty_page_has_no_end() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    for direction in ["b", "f"] {
        let all = alice.messages(&room, &format!("dir={direction}&limit=100"));
        let rest = alice.messages(&room, &next(&all, direction));
        assert_eq!(rest["chunk"], json!([]));
        assert_eq!(rest.get("end"), None);
    }
}

#[test]
fn an_empty_token_is_none() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let without = alice.messages(&room, "dir=b&limit=4");
    let with_none = alice.messages(&room, "dir=b&limit=4&from=");
    assert_eq!(event_ids(&with_none["chunk"]), event_ids(&without["chunk"]));
}

#[test]
fn paging_forward_starts_at_the_creation() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let sent = numbered(&alice, &room, 6);
    let mut page = alice.messages(&room, "dir=f&limit=4");
    assert_eq!(page["chunk"][0]["type"], "m.room.create");
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..20 {
        seen.extend(event_ids(&page["chunk"]).into_iter().map(str::to_owned));
        if page.get("end").is_none() || items(&page["chunk"]).is_empty() {
            break;
        }
        page = alice.messages(&room, &next(&page, "f"));
    }
    assert_eq!(seen[seen.len() - 6..], sent);
}

#[test]
fn paging_back_and_forth_from_one_token_meets_in_the_middle() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    numbered(&alice, &room, 8);
    let newest = alice.messages(&room, "dir=b&limit=4");
    assert_eq!(bodies(&newest["chunk"]), ["7", "6", "5", "4"]);
    let older = alice.messages(&room, &next(&newest, "b"));
    assert_eq!(bodies(&older["chunk"]), ["3", "2", "1", "0"]);
    let back_again = alice.messages(&room, &next(&newest, "f"));
    assert_eq!(bodies(&back_again["chunk"]), ["4", "5", "6", "7"]);
}

/// `prev_batch` of a limited timeline continues without a gap.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#syncing)
#[test]
fn the_gap_of_a_limited_timeline_is_filled_by_paging() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages", GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let before = alice.initial_sync();
    numbered(&alice, &room, 9);
    let filter = json!({ "room": { "timeline": { "limit": 3 } } });
    let query = format!(
        "timeout=0&since={}&filter={}",
        spec_tests::sync_until::since(&before),
        spec_tests::http::encode(&filter.to_string())
    );
    let timeline = alice.sync(&query)["rooms"]["join"][&room]["timeline"].take();
    assert_eq!(timeline["limited"], true);
    assert_eq!(bodies(&timeline["events"]), ["6", "7", "8"]);
    let from = text(&timeline["prev_batch"]);
    let to = text(&before["next_batch"]);
    let page = alice.messages(&room, &path!("dir=b&limit=50&from={}&to={}", from, to));
    assert_eq!(bodies(&page["chunk"]), ["5", "4", "3", "2", "1", "0"]);
    assert!(
        !items(&page["chunk"])
            .iter()
            .any(|event| event["type"] == "m.room.create")
    );
}

#[test]
fn history_is_filtered_by_type_and_sender() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    alice.say(&room, "from alice");
    bob.say(&room, "from bob");
    bob.send(&room, "test.other", &json!({}));
    let filter = json!({ "types": ["m.room.message"], "senders": [bob.id] });
    let page = alice.messages(&room, &path!("dir=b&filter={}", filter));
    assert_eq!(bodies(&page["chunk"]), ["from bob"]);
    assert_eq!(items(&page["chunk"]).len(), 1);
    let filter = json!({ "not_types": ["m.*", "test.*"] });
    let page = alice.messages(&room, &path!("dir=b&filter={}", filter));
    assert_eq!(items(&page["chunk"]).len(), 0);
}

#[test]
fn history_is_filtered_by_what_it_links_to() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    alice.say(&room, "plain");
    let picture = json!({ "msgtype": "m.image", "body": "picture", "url": "mxc://spec.test/x" });
    alice.send(&room, "m.room.message", &picture);
    let page = alice.messages(
        &room,
        &path!("dir=b&filter={}", json!({ "contains_url": true })),
    );
    assert_eq!(bodies(&page["chunk"]), ["picture"]);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#lazy-loading-room-members)
#[test]
fn lazy_loading_gives_the_members_who_spoke() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&bob, &carol]);
    bob.say(&room, "hello");
    let filter = json!({ "lazy_load_members": true });
    let page = alice.messages(&room, &path!("dir=b&limit=1&filter={}", filter));
    must_find(
        &page["state"],
        &json!({ "type": "m.room.member", "state_key": bob.id }),
    );
    assert_eq!(items(&page["state"]).len(), 1, "{}", page["state"]);
}

/// Only members are left out, and only those who said nothing of what is shown.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidcontexteventid)
#[test]
fn lazy_loading_leaves_the_rest_of_the_state_in_the_context() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/context/{eventId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&bob, &carol]);
    let event = bob.say(&room, "hello");
    let filter = json!({ "lazy_load_members": true });
    let path = path!(
        "/v3/rooms/{}/context/{}?limit=0&filter={}",
        room,
        event,
        filter
    );
    let context = alice.get(&path).ok();
    let state = &context["state"];
    must_find(state, &json!({ "type": "m.room.create" }));
    must_find(state, &json!({ "type": "m.room.power_levels" }));
    let member = |user: &User| json!({ "type": "m.room.member", "state_key": user.id });
    must_find(state, &member(&bob));
    must_not_find(state, &member(&carol));
}

#[test]
fn strangers_read_no_history() {
    covers!(
        GET "/_matrix/client/v3/rooms/{roomId}/messages",
        GET "/_matrix/client/v3/rooms/{roomId}/context/{eventId}",
        GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}",
    );
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.private_room();
    let event = alice.say(&room, "x");
    bob.get(&path!("/v3/rooms/{}/messages?dir=b", room))
        .must_fail(403, "M_FORBIDDEN");
    let context = bob.get(&path!("/v3/rooms/{}/context/{}", room, event));
    context.must_fail(403, "M_FORBIDDEN");
    let event = bob.event(&room, &event);
    assert!(matches!(event.status, 403 | 404), "{event}");
}

#[test]
fn pages_are_asked_for_properly() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    for query in [
        "dir=sideways",
        "dir=b&from=nonsense",
        "dir=b&limit=many",
        "dir=b&filter=%7B",
    ] {
        let path = format!("{}?{query}", path!("/v3/rooms/{}/messages", room));
        let answer = alice.get(&path);
        assert_eq!(answer.status, 400, "{query}: {answer}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidcontexteventid)
#[test]
fn context_is_what_came_before_and_after() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/context/{eventId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let sent = numbered(&alice, &room, 9);
    let context = alice
        .get(&path!("/v3/rooms/{}/context/{}?limit=4", room, sent[4]))
        .ok();
    assert_eq!(context["event"]["event_id"], sent[4]);
    assert_eq!(bodies(&context["events_before"]), ["3", "2"]);
    assert_eq!(bodies(&context["events_after"]), ["5", "6"]);
    must_find(&context["state"], &json!({ "type": "m.room.create" }));
    let older = alice.messages(
        &room,
        &path!("dir=b&limit=2&from={}", text(&context["start"])),
    );
    assert_eq!(bodies(&older["chunk"]), ["1", "0"]);
    let newer = alice.messages(
        &room,
        &path!("dir=f&limit=2&from={}", text(&context["end"])),
    );
    assert_eq!(bodies(&newer["chunk"]), ["7", "8"]);
}

/// The lists are not required, but there are clients that rely on them.
#[test]
fn the_context_of_the_newest_event_has_an_empty_list_of_what_follows() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/context/{eventId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let newest = alice.say(&room, "newest");
    let path = path!("/v3/rooms/{}/context/{}?limit=0", room, newest);
    let context = alice.get(&path).ok();
    assert_eq!(context["events_before"], json!([]));
    assert_eq!(context["events_after"], json!([]));
}

#[test]
fn the_context_of_nothing_is_not_found() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/context/{eventId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let path = path!("/v3/rooms/{}/context/{}", room, "$nothing");
    alice.get(&path).must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomideventeventid)
#[test]
fn a_single_event_is_read() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let alice = homeserver().register("alice");
    let (room, other) = (alice.private_room(), alice.private_room());
    let id = alice.say(&room, "hello");
    let event = alice.event(&room, &id).ok();
    must_contain(
        &event,
        &json!({ "event_id": id, "room_id": room, "sender": alice.id, "content": { "body": "hello" } }),
    );
    alice.event(&room, "$nothing").must_fail(404, "M_NOT_FOUND");
    alice.event(&other, &id).must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmembers)
#[test]
fn members_are_listed_by_membership() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/members");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&bob]);
    alice.invite(&room, &carol);
    bob.leave(&room);
    let members = |query: &str| {
        let answer = alice
            .get(&format!("{}{query}", path!("/v3/rooms/{}/members", room)))
            .ok();
        let mut ids: Vec<String> = items(&answer["chunk"])
            .iter()
            .map(|event| text(&event["state_key"]))
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(
        members(""),
        [alice.id.clone(), bob.id.clone(), carol.id.clone()]
    );
    assert_eq!(members("?membership=join"), [alice.id.as_str()]);
    assert_eq!(members("?membership=invite"), [carol.id.as_str()]);
    assert_eq!(
        members("?not_membership=leave"),
        [alice.id.clone(), carol.id.clone()]
    );
}

/// Synapse reads forward then, and clients rely on it.
#[test]
fn history_is_read_forward_where_no_direction_is_named() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let page = alice.messages(&room, "limit=2");
    assert_eq!(page["chunk"][0]["type"], "m.room.create", "{page}");
    assert_eq!(page["chunk"][1]["type"], "m.room.member", "{page}");
}

/// A token of a whole history stands before its first event.
#[test]
fn members_before_all_history_are_those_who_made_the_room() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/members");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.public_room();
    let timeline = &alice.initial_sync()["rooms"]["join"][&room]["timeline"];
    assert_eq!(timeline["limited"], false, "{timeline}");
    let point = text(&timeline["prev_batch"]);
    bob.join(&room);
    let then = alice
        .get(&path!("/v3/rooms/{}/members?at={}", room, point))
        .ok();
    let members = items(&then["chunk"]);
    assert_eq!(members.len(), 1, "{then}");
    assert_eq!(members[0]["state_key"], alice.id);
}

#[test]
fn members_are_listed_as_they_were_at_a_point() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/members");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.public_room();
    let point = text(&alice.initial_sync()["next_batch"]);
    bob.join(&room);
    let then = alice
        .get(&path!("/v3/rooms/{}/members?at={}", room, point))
        .ok();
    assert_eq!(items(&then["chunk"]).len(), 1, "{then}");
    let now = alice.get(&path!("/v3/rooms/{}/members", room)).ok();
    assert_eq!(items(&now["chunk"]).len(), 2);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidjoined_members)
#[test]
fn joined_members_come_with_their_names() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/joined_members");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    bob.set_display_name("Bob");
    let room = alice.room_with(&[&bob]);
    alice.invite(&room, &carol);
    let path = path!("/v3/rooms/{}/joined_members", room);
    let joined = alice.get(&path).ok();
    let expected = json!({ "display_name": "Bob", "avatar_url": null });
    assert_eq!(joined["joined"][&bob.id], expected);
    assert_eq!(joined["joined"].as_object().unwrap().len(), 2);
    carol.get(&path).must_fail(403, "M_FORBIDDEN");
}

#[test]
fn strangers_list_no_members() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/members");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.public_room();
    bob.get(&path!("/v3/rooms/{}/members", room))
        .must_fail(403, "M_FORBIDDEN");
}

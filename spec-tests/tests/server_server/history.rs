//! What was said in a room before a server was in it.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#backfilling-and-retrieving-missing-events)

use serde_json::{Value, json};
use spec_tests::{User, covers, http::encode, path, sync_until::eventually};

use crate::people::{join_via, two_users};

fn texts(page: &Value) -> Vec<String> {
    let chunk = page["chunk"].as_array().cloned().unwrap_or_default();
    let body = |event: &Value| event["content"]["body"].as_str().map(str::to_owned);
    chunk.iter().filter_map(body).collect()
}

/// Reads a room from its end to its beginning, page by page.
fn read_back(user: &User, room: &str, limit: usize) -> Vec<Value> {
    let (mut events, mut from) = (Vec::new(), None);
    for _ in 0..100 {
        let from_there = from
            .map(|token: String| format!("&from={}", encode(&token)))
            .unwrap_or_default();
        let page = user.messages(room, &format!("dir=b&limit={limit}{from_there}"));
        events.extend(page["chunk"].as_array().cloned().unwrap_or_default());
        match page["end"].as_str() {
            Some(end) => from = Some(end.to_owned()),
            None => return events,
        }
    }
    panic!("the room has no beginning");
}

fn bodies(events: &[Value]) -> Vec<String> {
    let body = |event: &Value| event["content"]["body"].as_str().map(str::to_owned);
    events.iter().filter_map(body).collect()
}

#[test]
fn somebody_who_joins_reads_all_that_was_said_before() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let Some((alice, bob)) = two_users() else {
        return;
    };
    for version in ["4", "6", "10", "12"] {
        let room = alice.create_room(&json!({ "preset": "public_chat", "room_version": version }));
        let said: Vec<String> = (0..130).map(|number| format!("message {number}")).collect();
        for words in &said {
            alice.say(&room, words);
        }
        join_via(&bob, &room, &alice);
        let events = read_back(&bob, &room, 40);
        let mut found = bodies(&events);
        found.reverse();
        assert_eq!(found, said, "version {version}");
        assert_eq!(events.last().unwrap()["type"], "m.room.create");
        // And once more, now that all of it is here.
        assert_eq!(read_back(&bob, &room, 100).len(), events.len());
    }
}

#[test]
fn what_is_fetched_of_the_past_is_no_news() {
    covers!(GET "/_matrix/client/v3/sync");
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.create_room(&json!({ "preset": "public_chat", "name": "Old and new" }));
    alice.say(&room, "old");
    let before = bob.initial_sync();
    join_via(&bob, &room, &alice);
    assert_eq!(bodies(&read_back(&bob, &room, 100)), ["old"]);
    // One who has not heard of the room yet is told the join, and where to look for the rest.
    for since in [Some(&before), None] {
        let joined = match since {
            Some(before) => bob.must_see_after(before, |response| match response["rooms"]["join"]
                [&room]["timeline"]["events"]
                .is_array()
            {
                true => Ok(()),
                false => Err("the room is not there".to_owned()),
            }),
            None => bob.initial_sync(),
        };
        let joined = &joined["rooms"]["join"][&room];
        let timeline = &joined["timeline"];
        assert!(!timeline.to_string().contains("\"old\""), "{timeline}");
        assert_eq!(timeline["limited"], true);
        let from = timeline["prev_batch"].as_str().unwrap();
        let page = bob.messages(&room, &format!("dir=b&limit=100&from={}", encode(from)));
        assert_eq!(texts(&page), ["old"]);
        let state = joined["state"]["events"].to_string();
        assert!(state.contains("Old and new"), "{state}");
        assert!(state.contains("m.room.create"), "{state}");
    }
    let next = bob.initial_sync();
    let event = alice.say(&room, "new");
    let news =
        bob.must_see_after(
            &next,
            |response| match response["rooms"]["join"][&room]["timeline"].to_string() {
                timeline if timeline.contains(&event) => Ok(()),
                timeline => Err(timeline),
            },
        );
    let timeline = &news["rooms"]["join"][&room]["timeline"];
    assert_eq!(timeline["events"].as_array().unwrap().len(), 1);
    assert_ne!(timeline["limited"], true);
}

#[test]
fn history_for_members_only_stays_hidden_from_those_who_join_later() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.create_room(&json!({
        "preset": "public_chat",
        "initial_state": [{
            "type": "m.room.history_visibility", "state_key": "",
            "content": { "history_visibility": "joined" },
        }],
    }));
    let secret = alice.say(&room, "secret");
    join_via(&bob, &room, &alice);
    bob.say(&room, "hello");
    let events = read_back(&bob, &room, 50);
    assert_eq!(bodies(&events), ["hello"]);
    bob.get(&path!("/v3/rooms/{}/event/{}", room, secret))
        .must_fail(404, "M_NOT_FOUND");
}

#[test]
fn edits_reactions_and_redactions_of_the_past_are_seen() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.public_room();
    let liked = alice.say(&room, "liked");
    let reaction =
        json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": liked, "key": "+" } });
    alice.send(&room, "m.reaction", &reaction);
    let removed = alice.say(&room, "removed");
    alice.redact(&room, &removed);
    let thread = json!({
        "msgtype": "m.text", "body": "a reply",
        "m.relates_to": { "rel_type": "m.thread", "event_id": liked },
    });
    alice.send(&room, "m.room.message", &thread);
    join_via(&bob, &room, &alice);
    let events = read_back(&bob, &room, 100);
    assert_eq!(bodies(&events), ["a reply", "liked"]);
    let of = |id: &str| events.iter().find(|event| event["event_id"] == id).unwrap();
    assert!(of(&removed)["content"].as_object().unwrap().is_empty());
    let bundle = &of(&liked)["unsigned"]["m.relations"]["m.thread"];
    assert_eq!(bundle["count"], 1);
    let children = bob
        .get(&path!(
            "/v1/rooms/{}/relations/{}/m.annotation",
            room,
            liked
        ))
        .ok();
    assert_eq!(children["chunk"].as_array().unwrap().len(), 1);
}

#[test]
fn what_surrounds_an_event_of_the_past_is_seen() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/context/{eventId}");
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.public_room();
    alice.say(&room, "before");
    join_via(&bob, &room, &alice);
    let event = bob.say(&room, "here");
    let path = path!("/v3/rooms/{}/context/{}?limit=20", room, event);
    let seen = bob.get(&path).ok();
    assert!(
        seen["events_before"].to_string().contains("\"before\""),
        "{seen}"
    );
}

#[test]
fn what_was_missed_while_nobody_was_there_is_read_later() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.public_room();
    join_via(&bob, &room, &alice);
    bob.say(&room, "first");
    bob.leave(&room);
    eventually(|| {
        let path = path!("/v3/rooms/{}/state/m.room.member/{}", room, bob.id);
        match alice.get(&path).json["membership"].as_str() {
            Some("leave") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    alice.say(&room, "meanwhile");
    join_via(&bob, &room, &alice);
    bob.say(&room, "last");
    assert_eq!(
        bodies(&read_back(&bob, &room, 3)),
        ["last", "meanwhile", "first"]
    );
}

#[test]
fn an_event_is_found_by_its_time_also_in_what_was_not_fetched_yet() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/timestamp_to_event");
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.public_room();
    let said: Vec<String> = (0..8)
        .map(|number| alice.say(&room, &format!("message {number}")))
        .collect();
    let time = |event: &str| {
        let event = alice.event(&room, event).ok();
        event["origin_server_ts"].as_u64().unwrap()
    };
    let wanted = time(&said[3]);
    join_via(&bob, &room, &alice);
    for (direction, side) in [("f", "forward"), ("b", "backward")] {
        let path = path!("/v1/rooms/{}/timestamp_to_event", room);
        let found = bob.get(&format!("{path}?ts={wanted}&dir={direction}")).ok();
        assert_eq!(found["origin_server_ts"], wanted, "{side}");
        let id = found["event_id"].as_str().unwrap();
        let around = bob.get(&path!("/v3/rooms/{}/context/{}", room, id)).ok();
        assert_eq!(around["event"]["event_id"], id);
    }
    let events = read_back(&bob, &room, 3);
    let mut ids: Vec<&str> = events
        .iter()
        .filter_map(|event| event["event_id"].as_str())
        .filter(|id| said.iter().any(|said| said == id))
        .collect();
    ids.reverse();
    assert_eq!(ids, said, "each once, in its place");
}

#[test]
fn a_named_event_of_the_past_is_found() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.public_room();
    let said: Vec<String> = (0..6)
        .map(|number| alice.say(&room, &format!("message {number}")))
        .collect();
    join_via(&bob, &room, &alice);
    let event = bob.event(&room, &said[2]).ok();
    assert_eq!(event["content"]["body"], "message 2");
    let path = path!("/v3/rooms/{}/context/{}?limit=4", room, said[4]);
    let around = bob.get(&path).ok();
    assert_eq!(around["event"]["event_id"], said[4]);
    assert_eq!(around["events_before"][0]["event_id"], said[3]);
    let found = bodies(&read_back(&bob, &room, 100));
    let all: Vec<String> = (0..6)
        .rev()
        .map(|number| format!("message {number}"))
        .collect();
    assert_eq!(found, all);
    // What is part of the state now is seen in any case.
    let state = bob.get(&path!("/v3/rooms/{}/state", room)).ok();
    for event in state.as_array().unwrap() {
        let id = event["event_id"].as_str().unwrap();
        assert_eq!(bob.event(&room, id).ok()["type"], event["type"]);
    }
    let unknown = format!("${}", "a".repeat(43));
    bob.event(&room, &unknown).must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3search)
#[test]
fn what_was_fetched_later_is_found_where_it_was_sent() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let word = spec_tests::server::unique("needle").replace('-', "");
    let room = alice.public_room();
    for number in ["first", "second"] {
        alice.say(&room, &format!("{word} {number}"));
    }
    let own = bob.private_room();
    bob.say(&own, &format!("{word} third"));
    join_via(&bob, &room, &alice);
    assert_eq!(bob.all_bodies(&room).len(), 2);
    let criteria = json!({ "search_term": word, "order_by": "recent" });
    let body = json!({ "search_categories": { "room_events": criteria } });
    let found = bob.post("/v3/search", &body).ok();
    let results = found["search_categories"]["room_events"]["results"].as_array();
    let order: Vec<_> = results
        .into_iter()
        .flatten()
        .map(|result| {
            result["result"]["content"]["body"]
                .as_str()
                .unwrap_or_default()
        })
        .collect();
    let expected = ["third", "second", "first"].map(|number| format!("{word} {number}"));
    assert_eq!(order, expected);
}

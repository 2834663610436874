//! Searching messages.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-search)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    matchers::{bodies, event_ids, items},
    must::{must_contain, text},
    path,
    server::unique,
};

/// The part of the answer about events.
#[track_caller]
fn search(user: &User, criteria: &Value) -> Value {
    search_from(user, criteria, None)
}

#[track_caller]
fn search_from(user: &User, criteria: &Value, next_batch: Option<&str>) -> Value {
    let body = json!({ "search_categories": { "room_events": criteria } });
    let path = match next_batch {
        Some(token) => path!("/v3/search?next_batch={}", token),
        None => "/v3/search".to_owned(),
    };
    user.post(&path, &body).ok()["search_categories"]["room_events"].clone()
}

/// The events found, in order.
fn found(answer: &Value) -> Value {
    let results = items(&answer["results"]).iter();
    results.map(|result| result["result"].clone()).collect()
}

/// Newest first.
fn recent(term: &str) -> Value {
    json!({ "search_term": term, "order_by": "recent" })
}

/// A word that nobody else uses.
fn word(stem: &str) -> String {
    unique(stem).replace('-', "")
}

#[test]
fn a_message_is_found_as_soon_as_it_is_sent() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let word = word("heron");
    let room = alice.private_room();
    let event = alice.say(&room, &format!("A {word} in the reeds"));
    let answer = search(&alice, &json!({ "search_term": word }));
    assert_eq!(answer["count"], 1);
    must_contain(
        &answer["results"][0]["result"],
        &json!({
            "event_id": event, "room_id": room, "sender": alice.id, "type": "m.room.message",
            "content": { "body": format!("A {word} in the reeds") },
        }),
    );
    assert!(answer["results"][0]["rank"].is_number());
    let highlights = items(&answer["highlights"]);
    assert!(
        highlights.iter().any(|highlight| *highlight == word),
        "{highlights:?}"
    );
}

#[test]
fn all_words_have_to_be_there_whatever_their_case() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let word = word("Crane");
    let room = alice.private_room();
    alice.say_all(
        &room,
        &[
            &format!("{word} flies"),
            &format!("{word} sleeps"),
            "Somebody flies",
        ],
    );
    let answer = search(
        &alice,
        &json!({ "search_term": format!("FLIES {}", word.to_lowercase()) }),
    );
    assert_eq!(bodies(&found(&answer)), [format!("{word} flies")]);
}

#[test]
fn russian_words_are_found_in_other_forms() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    alice.say(&room, "Зачёт по лекциям перенесли");
    alice.say(&room, "Семинар остался");
    let answer = search(&alice, &recent("ЛЕКЦИЯ"));
    assert_eq!(bodies(&found(&answer)), ["Зачёт по лекциям перенесли"]);
    let answer = search(&alice, &recent("зачёта"));
    assert_eq!(bodies(&found(&answer)), ["Зачёт по лекциям перенесли"]);
}

#[test]
fn names_and_topics_are_found_under_their_keys() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let word = word("plover");
    let room = alice.create_room(&json!({ "name": format!("The {word}") }));
    alice.set_state(
        &room,
        "m.room.topic",
        "",
        &json!({ "topic": format!("About the {word}") }),
    );
    alice.say(&room, &word);
    for (key, kind) in [
        ("content.body", "m.room.message"),
        ("content.name", "m.room.name"),
        ("content.topic", "m.room.topic"),
    ] {
        let answer = search(&alice, &json!({ "search_term": word, "keys": [key] }));
        let events = found(&answer);
        assert_eq!(items(&events).len(), 1, "{key}: {events}");
        assert_eq!(events[0]["type"], kind);
    }
    assert_eq!(search(&alice, &json!({ "search_term": word }))["count"], 3);
}

#[test]
fn recent_results_come_newest_first_in_pages() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let word = word("swift");
    let room = alice.private_room();
    let mut sent = Vec::new();
    for number in 0..7 {
        sent.push(alice.say(&room, &format!("{word} number {number}")));
    }
    sent.reverse();
    let mut criteria = recent(&word);
    criteria["filter"] = json!({ "limit": 3 });
    let mut seen: Vec<String> = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..5 {
        let page = search_from(&alice, &criteria, token.as_deref());
        assert!(items(&page["results"]).len() <= 3);
        seen.extend(event_ids(&found(&page)).into_iter().map(str::to_owned));
        token = page["next_batch"].as_str().map(str::to_owned);
        if token.is_none() {
            break;
        }
        // What comes meanwhile does not disturb the pages.
        alice.say(&room, &format!("{word} later"));
    }
    assert_eq!(seen, sent);
}

#[test]
fn the_context_of_a_result_is_returned_on_request() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    alice.set_display_name("Alice of the Marsh");
    let word = word("bittern");
    let room = alice.private_room();
    alice.say_all(&room, &["one", "two", &word, "four", "five"]);
    let mut criteria = json!({ "search_term": word });
    let context = &search(&alice, &criteria)["results"][0]["context"];
    assert!(context.is_null() || *context == json!({}), "{context}");
    criteria["event_context"] =
        json!({ "before_limit": 1, "after_limit": 2, "include_profile": true });
    let answer = search(&alice, &criteria);
    let context = &answer["results"][0]["context"];
    assert_eq!(bodies(&context["events_before"]), ["two"]);
    assert_eq!(bodies(&context["events_after"]), ["four", "five"]);
    assert_eq!(
        context["profile_info"][&alice.id]["displayname"],
        "Alice of the Marsh"
    );
    // The tokens lead on from there.
    let query = format!("dir=b&limit=1&from={}", text(&context["start"]));
    assert_eq!(bodies(&alice.messages(&room, &query)["chunk"]), ["one"]);
}

#[test]
fn results_are_grouped_by_room_and_sender() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let word = word("grebe");
    let first = alice.room_with(&[&bob]);
    let second = alice.private_room();
    let by_alice = [alice.say(&first, &word), alice.say(&second, &word)];
    let by_bob = bob.say(&first, &word);
    let mut criteria = recent(&word);
    criteria["groupings"] = json!({ "group_by": [{ "key": "room_id" }, { "key": "sender" }] });
    let groups = search(&alice, &criteria)["groups"].clone();
    must_contain(
        &groups,
        &json!({
            "room_id": {
                &first: { "results": [by_bob, by_alice[0]] },
                &second: { "results": [by_alice[1]] },
            },
            "sender": {
                &alice.id: { "results": [by_alice[1], by_alice[0]] },
                &bob.id: { "results": [by_bob] },
            },
        }),
    );
    assert!(groups["room_id"][&first]["order"].is_number());
}

#[test]
fn a_filter_limits_rooms_senders_and_types() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let word = word("dunlin");
    let first = alice.room_with(&[&bob]);
    let second = alice.private_room();
    let in_first = alice.say(&first, &word);
    let by_bob = bob.say(&first, &word);
    let in_second = alice.say(&second, &word);
    for (filter, expected) in [
        (json!({ "rooms": [second] }), vec![&in_second]),
        (json!({ "not_rooms": [second] }), vec![&by_bob, &in_first]),
        (json!({ "senders": [bob.id] }), vec![&by_bob]),
        (
            json!({ "not_senders": [bob.id] }),
            vec![&in_second, &in_first],
        ),
        (json!({ "types": ["m.room.name"] }), vec![]),
        (json!({ "rooms": [] }), vec![]),
    ] {
        let mut criteria = recent(&word);
        criteria["filter"] = filter.clone();
        let events = found(&search(&alice, &criteria));
        assert_eq!(event_ids(&events), expected, "{filter}");
    }
}

#[test]
fn nobody_finds_what_they_may_not_see() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let word = word("rail");
    let room = alice.create_room(&json!({
        "preset": "public_chat",
        "initial_state": [{
            "type": "m.room.history_visibility", "state_key": "",
            "content": { "history_visibility": "joined" },
        }],
    }));
    alice.say(&room, &format!("{word} before"));
    bob.join(&room);
    alice.say(&room, &format!("{word} during"));
    bob.leave(&room);
    alice.say(&room, &format!("{word} after"));
    assert_eq!(
        bodies(&found(&search(&bob, &recent(&word)))),
        [format!("{word} during")]
    );
    let nothing = search(&carol, &recent(&word));
    assert_eq!(found(&nothing), json!([]));
    assert_eq!(nothing["count"], 0);
}

#[test]
fn a_room_that_was_left_is_searched_until_it_is_forgotten() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let word = word("teal");
    let room = alice.room_with(&[&bob]);
    alice.say(&room, &word);
    bob.leave(&room);
    assert_eq!(search(&bob, &recent(&word))["count"], 1);
    bob.post(&path!("/v3/rooms/{}/forget", room), &json!({}))
        .ok();
    assert_eq!(search(&bob, &recent(&word))["count"], 0);
}

#[test]
fn redacted_messages_are_not_found() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let word = word("snipe");
    let room = alice.private_room();
    let first = alice.say(&room, &format!("{word} one"));
    let second = alice.say(&room, &format!("{word} two"));
    alice.redact(&room, &first);
    for criteria in [recent(&word), json!({ "search_term": word })] {
        assert_eq!(event_ids(&found(&search(&alice, &criteria))), [&second]);
    }
}

#[test]
fn an_edit_is_found_by_its_new_text() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let word = word("ruff");
    let room = alice.private_room();
    let first = alice.say(&room, "something else");
    let edit = alice.send(
        &room,
        "m.room.message",
        &json!({
            "msgtype": "m.text", "body": format!("* {word}"),
            "m.new_content": { "msgtype": "m.text", "body": word },
            "m.relates_to": { "rel_type": "m.replace", "event_id": first },
        }),
    );
    assert_eq!(event_ids(&found(&search(&alice, &recent(&word)))), [&edit]);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
#[test]
fn messages_of_ignored_users_are_not_found() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let word = word("smew");
    let room = alice.room_with(&[&bob]);
    bob.say(&room, &word);
    assert_eq!(items(&found(&search(&alice, &recent(&word)))).len(), 1);
    let ignored = json!({ "ignored_users": { &bob.id: {} } });
    alice.set_account_data("m.ignored_user_list", &ignored);
    assert_eq!(found(&search(&alice, &recent(&word))), json!([]));
}

#[test]
fn the_state_of_rooms_is_returned_on_request() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let word = word("eider");
    let room = alice.create_room(&json!({ "name": "Eider" }));
    alice.say(&room, &word);
    let criteria = json!({
        "search_term": word, "include_state": true, "keys": ["content.body"],
    });
    let state = search(&alice, &criteria)["state"][&room].clone();
    spec_tests::must::must_find(
        &state,
        &json!({ "type": "m.room.name", "content": { "name": "Eider" } }),
    );
}

#[test]
fn a_room_is_searched_with_the_one_it_replaced() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let word = word("knot");
    let old = alice.private_room();
    let in_old = alice.say(&old, &word);
    let new = alice.create_room(&json!({
        "creation_content": { "predecessor": { "room_id": old, "event_id": in_old } },
    }));
    let in_new = alice.say(&new, &word);
    let mut criteria = recent(&word);
    criteria["filter"] = json!({ "rooms": [new] });
    assert_eq!(
        event_ids(&found(&search(&alice, &criteria))),
        [&in_new, &in_old]
    );
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let ask = |criteria: Value| json!({ "search_categories": { "room_events": criteria } });
    alice.post("/v3/search", &json!({})).must_be(400);
    alice.post("/v3/search", &ask(json!({}))).must_be(400);
    alice
        .post(
            "/v3/search",
            &ask(json!({ "search_term": "x", "order_by": "size" })),
        )
        .must_be(400);
    alice
        .post(
            "/v3/search?next_batch=nonsense",
            &ask(json!({ "search_term": "x" })),
        )
        .must_be(400);
    let grouped = json!({ "search_term": "x", "groupings": { "group_by": [{ "key": "colour" }] } });
    alice.post("/v3/search", &ask(grouped)).must_be(400);
    homeserver()
        .post("/v3/search", &ask(json!({ "search_term": "x" })))
        .must_fail(401, "M_MISSING_TOKEN");
}

/// Without `next_batch` there are no more results; with it there may be none, either.
#[test]
fn a_full_page_has_a_next_one_that_may_be_empty() {
    covers!(POST "/_matrix/client/v3/search");
    let alice = homeserver().register("alice");
    let word = word("grebe");
    let room = alice.private_room();
    alice.say(&room, &word);
    let mut criteria = recent(&word);
    criteria["filter"] = json!({ "limit": 1 });
    let page = search(&alice, &criteria);
    assert_eq!(items(&page["results"]).len(), 1, "{page}");
    let token = text(&page["next_batch"]);
    let page = search_from(&alice, &criteria, Some(&token));
    assert_eq!(page["results"], json!([]), "{page}");
    assert_eq!(page["count"], 1);
    assert_eq!(page.get("next_batch"), None, "{page}");
}

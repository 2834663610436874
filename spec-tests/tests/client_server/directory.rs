//! The public room directory.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#published-room-directory)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    matchers::items,
    must::{must_contain, must_find, must_not_find, text},
    path,
    server::unique,
    sync_until::eventually,
};

fn published(user: &User, name: &str, topic: &str) -> String {
    user.create_room(&json!({ "visibility": "public", "name": name, "topic": topic }))
}

/// The answer of a search once it has as many rooms as it should.
fn search(user: &User, body: &Value, rooms: usize) -> Value {
    eventually(|| {
        let answer = user.post("/v3/publicRooms", body).ok();
        match items(&answer["chunk"]).len() == rooms {
            true => Ok(answer),
            false => Err(answer.to_string()),
        }
    })
}

#[test]
fn a_published_room_shows_what_it_is() {
    covers!(POST "/_matrix/client/v3/publicRooms");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let name = unique("Botanists");
    let room = published(&alice, &name, "Flowers");
    bob.join(&room);
    alice.set_state(
        &room,
        "m.room.history_visibility",
        "",
        &json!({ "history_visibility": "world_readable" }),
    );
    let found = eventually(|| {
        let found = search(
            &alice,
            &json!({ "filter": { "generic_search_term": name } }),
            1,
        );
        match found["chunk"][0]["num_joined_members"] == 2
            && found["chunk"][0]["world_readable"] == true
        {
            true => Ok(found),
            false => Err(found.to_string()),
        }
    });
    must_contain(
        &found["chunk"][0],
        &json!({
            "room_id": room,
            "name": name,
            "topic": "Flowers",
            "num_joined_members": 2,
            "world_readable": true,
            "guest_can_join": false,
        }),
    );
}

#[test]
fn search_looks_at_names_topics_and_aliases_without_case() {
    covers!(POST "/_matrix/client/v3/publicRooms");
    let alice = homeserver().register("alice");
    let word = unique("needle");
    let in_name = published(&alice, &format!("A {} of Hay", word.to_uppercase()), "");
    let in_topic = published(&alice, "Hay", &format!("has a {word} in it"));
    let in_alias = alice.create_room(&json!({
        "visibility": "public", "room_alias_name": format!("hay-{word}"),
    }));
    published(&alice, "Only hay", "");
    let found = search(
        &alice,
        &json!({ "filter": { "generic_search_term": word } }),
        3,
    );
    for room in [in_name, in_topic, in_alias] {
        must_find(&found["chunk"], &json!({ "room_id": room }));
    }
}

#[test]
fn pages_together_hold_every_room_once() {
    covers!(POST "/_matrix/client/v3/publicRooms");
    let alice = homeserver().register("alice");
    let word = unique("paged");
    let mut rooms: Vec<String> = (0..5)
        .map(|number| published(&alice, &format!("{word} {number}"), ""))
        .collect();
    let filter = json!({ "generic_search_term": word });
    search(&alice, &json!({ "filter": filter }), 5);
    let mut seen = Vec::new();
    let mut body = json!({ "filter": filter, "limit": 2 });
    let mut first_page_size = None;
    for _ in 0..5 {
        let page = alice.post("/v3/publicRooms", &body).ok();
        first_page_size.get_or_insert(items(&page["chunk"]).len());
        seen.extend(
            items(&page["chunk"])
                .iter()
                .map(|room| text(&room["room_id"])),
        );
        let Some(next) = page["next_batch"].as_str() else {
            break;
        };
        body["since"] = json!(next);
    }
    seen.sort();
    rooms.sort();
    assert_eq!(first_page_size, Some(2));
    assert_eq!(seen, rooms);
}

#[test]
fn rooms_of_a_type_are_filtered() {
    covers!(POST "/_matrix/client/v3/publicRooms");
    let alice = homeserver().register("alice");
    let word = unique("typed");
    let plain = published(&alice, &word, "");
    let space = alice.create_room(&json!({
        "visibility": "public", "name": word, "creation_content": { "type": "m.space" },
    }));
    for (types, expected) in [(json!([null]), &plain), (json!(["m.space"]), &space)] {
        let body = json!({ "filter": { "generic_search_term": word, "room_types": types } });
        let found = search(&alice, &body, 1);
        assert_eq!(found["chunk"][0]["room_id"], *expected);
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3publicrooms)
#[test]
fn the_directory_is_read_without_signing_in() {
    covers!(GET "/_matrix/client/v3/publicRooms");
    let alice = homeserver().register("alice");
    published(&alice, "Anybody", "");
    published(&alice, "Somebody", "");
    let page = homeserver().get("/v3/publicRooms?limit=1").ok();
    assert_eq!(items(&page["chunk"]).len(), 1);
    let next = text(&page["next_batch"]);
    let second = homeserver()
        .get(&path!("/v3/publicRooms?limit=1&since={}", next))
        .ok();
    assert_ne!(page["chunk"][0]["room_id"], second["chunk"][0]["room_id"]);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directorylistroomroomid)
#[test]
fn a_room_is_published_and_withdrawn() {
    covers!(
        PUT "/_matrix/client/v3/directory/list/room/{roomId}",
        GET "/_matrix/client/v3/directory/list/room/{roomId}",
    );
    let alice = homeserver().register("alice");
    let name = unique("Shy");
    let room = alice.create_room(&json!({ "preset": "public_chat", "name": name }));
    let path = path!("/v3/directory/list/room/{}", room);
    let body = json!({ "filter": { "generic_search_term": name } });
    search(&alice, &body, 0);
    alice.put(&path, &json!({ "visibility": "public" })).ok();
    assert_eq!(
        homeserver().get(&path).ok(),
        json!({ "visibility": "public" })
    );
    search(&alice, &body, 1);
    alice.put(&path, &json!({ "visibility": "private" })).ok();
    assert_eq!(
        homeserver().get(&path).ok(),
        json!({ "visibility": "private" })
    );
    let found = search(&alice, &body, 0);
    must_not_find(&found["chunk"], &json!({ "room_id": room }));
}

#[test]
fn others_do_not_publish_a_room() {
    covers!(
        PUT "/_matrix/client/v3/directory/list/room/{roomId}",
        GET "/_matrix/client/v3/directory/list/room/{roomId}",
    );
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let path = path!("/v3/directory/list/room/{}", room);
    bob.put(&path, &json!({ "visibility": "public" }))
        .must_fail(403, "M_FORBIDDEN");
    let nowhere = path!("/v3/directory/list/room/{}", "!nowhere:spec.test");
    homeserver().get(&nowhere).must_fail(404, "M_NOT_FOUND");
    alice
        .put(&nowhere, &json!({ "visibility": "public" }))
        .must_fail(404, "M_NOT_FOUND");
}

#[test]
fn pages_lead_in_both_directions() {
    covers!(POST "/_matrix/client/v3/publicRooms");
    let alice = homeserver().register("alice");
    let word = unique("paced");
    for number in 0..5 {
        published(&alice, &format!("{word} {number}"), "");
    }
    let filter = json!({ "generic_search_term": word });
    search(&alice, &json!({ "filter": filter }), 5);
    let page = |since: Option<&Value>| {
        let mut body = json!({ "filter": filter, "limit": 2 });
        if let Some(since) = since {
            body["since"] = since.clone();
        }
        alice.post("/v3/publicRooms", &body).ok()
    };
    let first = page(None);
    assert_eq!(first.get("prev_batch"), None);
    let second = page(Some(&first["next_batch"]));
    assert_eq!(
        second["total_room_count_estimate"],
        first["total_room_count_estimate"]
    );
    let back = page(Some(&second["prev_batch"]));
    assert_eq!(back["chunk"], first["chunk"]);
    let last = page(Some(&second["next_batch"]));
    assert_eq!(items(&last["chunk"]).len(), 1);
    assert_eq!(last.get("next_batch"), None);
}

#[test]
fn the_largest_rooms_come_first() {
    covers!(POST "/_matrix/client/v3/publicRooms");
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|stem| homeserver().register(stem));
    let word = unique("crowded");
    let [one, three, two] = [0, 1, 2].map(|n| published(&alice, &format!("{word} {n}"), ""));
    bob.join(&three);
    carol.join(&three);
    bob.join(&two);
    let body = json!({ "filter": { "generic_search_term": word } });
    eventually(|| {
        let found = search(&alice, &body, 3);
        let rooms: Vec<_> = items(&found["chunk"])
            .iter()
            .map(|room| &room["room_id"])
            .collect();
        match rooms == [&three, &two, &one] {
            true => Ok(()),
            false => Err(found.to_string()),
        }
    });
}

#[test]
fn rooms_to_knock_at_are_listed_with_their_join_rule() {
    covers!(POST "/_matrix/client/v3/publicRooms");
    let alice = homeserver().register("alice");
    let word = unique("doors");
    let space = alice.create_room(&json!({ "creation_content": { "type": "m.space" } }));
    let allow = json!([{ "type": "m.room_membership", "room_id": space }]);
    for (rule, content) in [
        ("public", json!({ "join_rule": "public" })),
        ("knock", json!({ "join_rule": "knock" })),
        (
            "restricted",
            json!({ "join_rule": "restricted", "allow": allow }),
        ),
        (
            "knock_restricted",
            json!({ "join_rule": "knock_restricted", "allow": allow }),
        ),
    ] {
        alice.create_room(&json!({
            "visibility": "public", "name": format!("{word} {rule}"),
            "initial_state": [{ "type": "m.room.join_rules", "state_key": "", "content": content }],
        }));
    }
    let body = json!({ "filter": { "generic_search_term": word } });
    let found = search(&alice, &body, 4);
    // A room without a rule in this list is public.
    let public = json!({ "name": format!("{word} public") });
    let rule = &must_find(&found["chunk"], &public)["join_rule"];
    assert!(rule.is_null() || rule == "public", "{rule}");
    for rule in ["knock", "restricted", "knock_restricted"] {
        let expected = json!({ "name": format!("{word} {rule}"), "join_rule": rule });
        must_find(&found["chunk"], &expected);
    }
}

#[test]
fn the_type_of_a_room_is_shown() {
    covers!(POST "/_matrix/client/v3/publicRooms");
    let alice = homeserver().register("alice");
    let word = unique("shapes");
    alice.create_room(&json!({
        "visibility": "public", "name": word, "creation_content": { "type": "m.space" },
    }));
    let body =
        json!({ "filter": { "generic_search_term": word, "room_types": ["m.space", null] } });
    let found = search(&alice, &body, 1);
    assert_eq!(found["chunk"][0]["room_type"], "m.space");
}

#[test]
fn networks_of_others_have_no_rooms_here() {
    covers!(POST "/_matrix/client/v3/publicRooms");
    let alice = homeserver().register("alice");
    let word = unique("wires");
    published(&alice, &word, "");
    let filter = json!({ "generic_search_term": word });
    search(
        &alice,
        &json!({ "filter": filter, "include_all_networks": true }),
        1,
    );
    let body = json!({ "filter": filter, "third_party_instance_id": "irc" });
    search(&alice, &body, 0);
}

#[test]
fn unknown_tokens_are_refused() {
    covers!(GET "/_matrix/client/v3/publicRooms");
    homeserver()
        .get("/v3/publicRooms?since=nonsense")
        .must_be(400);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3publicrooms)
#[test]
fn every_room_says_how_it_is_joined() {
    covers!(POST "/_matrix/client/v3/publicRooms");
    let alice = homeserver().register("alice");
    let name = unique("club");
    let options = json!({ "name": name, "preset": "public_chat", "visibility": "public" });
    alice.create_room(&options);
    let query = json!({ "filter": { "generic_search_term": name } });
    let found = alice.post("/v3/publicRooms", &query).ok();
    assert_eq!(found["chunk"][0]["join_rule"], "public", "{found}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3publicrooms)
#[test]
fn other_servers_are_not_asked_for_somebody_without_an_account() {
    covers!(GET "/_matrix/client/v3/publicRooms");
    homeserver()
        .get("/v3/publicRooms?server=elsewhere.test")
        .must_fail(401, "M_MISSING_TOKEN");
}

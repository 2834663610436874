//! Spaces and what is told of rooms before one enters them.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#spaces)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    http::encode,
    matchers::items,
    must::{must_contain, text},
    path,
};

fn space(user: &User, preset: &str, name: &str) -> String {
    user.create_room(&json!({
        "preset": preset,
        "name": name,
        "creation_content": { "type": "m.space" },
    }))
}

fn add(user: &User, space: &str, child: &str, extra: &Value) {
    let mut content = json!({ "via": ["localhost"] });
    if let (Some(content), Some(extra)) = (content.as_object_mut(), extra.as_object()) {
        content.extend(extra.clone());
    }
    user.set_state(space, "m.space.child", child, &content);
}

#[track_caller]
fn hierarchy(user: &User, space: &str, query: &str) -> Value {
    user.get(&format!(
        "{}?{query}",
        path!("/v1/rooms/{}/hierarchy", space)
    ))
    .ok()
}

fn ids(page: &Value) -> Vec<String> {
    let rooms = items(&page["rooms"]).iter();
    rooms.map(|room| text(&room["room_id"])).collect()
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ordering-of-children-within-a-space)
#[test]
fn children_come_in_their_order_each_before_its_own() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/hierarchy");
    let alice = homeserver().register("alice");
    let root = space(&alice, "private_chat", "root");
    let below = space(&alice, "private_chat", "below");
    let rooms: Vec<String> = (0..4).map(|_| alice.private_room()).collect();
    // In this order by time; `order` goes before it, and one that is too long is none.
    add(&alice, &root, &rooms[0], &json!({}));
    add(
        &alice,
        &root,
        &rooms[1],
        &json!({ "order": "x".repeat(51) }),
    );
    add(&alice, &root, &rooms[2], &json!({ "order": "b" }));
    add(&alice, &root, &below, &json!({ "order": "a" }));
    add(&alice, &below, &rooms[3], &json!({}));
    let page = hierarchy(&alice, &root, "");
    let expected = [&root, &below, &rooms[3], &rooms[2], &rooms[0], &rooms[1]];
    assert_eq!(ids(&page).iter().collect::<Vec<_>>(), expected);
    let first = &page["rooms"][0];
    must_contain(
        first,
        &json!({ "name": "root", "room_type": "m.space", "num_joined_members": 1, "join_rule": "invite" }),
    );
    let children = items(&first["children_state"]);
    assert_eq!(children.len(), 4);
    must_contain(
        &children[0],
        &json!({ "type": "m.space.child", "state_key": below, "sender": alice.id, "content": { "order": "a" } }),
    );
    assert!(children[0]["origin_server_ts"].is_u64());
    assert_eq!(page["rooms"][2]["children_state"], json!([]));
}

#[test]
fn pages_of_a_space_give_every_room_once() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/hierarchy");
    let alice = homeserver().register("alice");
    let root = space(&alice, "private_chat", "root");
    let children: Vec<String> = (0..6).map(|_| alice.private_room()).collect();
    for child in &children {
        add(&alice, &root, child, &json!({}));
    }
    let (mut seen, mut query) = (Vec::new(), "limit=3".to_owned());
    let last = loop {
        let page = hierarchy(&alice, &root, &query);
        assert!(
            items(&page["rooms"]).len() <= 3 && seen.len() < 20,
            "{page}"
        );
        seen.extend(ids(&page));
        match page.get("next_batch") {
            Some(next) => query = format!("limit=3&from={}", encode(&text(next))),
            None => break query,
        }
    };
    assert_eq!(seen[0], root);
    assert_eq!(seen[1..], children);
    // What the first page asked for stays.
    let path = path!("/v1/rooms/{}/hierarchy", root);
    for changed in ["suggested_only=true", "max_depth=1"] {
        alice
            .get(&format!("{path}?{last}&{changed}"))
            .must_fail(400, "M_INVALID_PARAM");
    }
    for query in ["from=nonsense", "limit=0", "limit=x", "max_depth=x"] {
        alice.get(&format!("{path}?{query}")).must_be(400);
    }
}

#[test]
fn a_hundred_children_come_in_pages() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/hierarchy");
    let alice = homeserver().register("alice");
    let root = space(&alice, "private_chat", "root");
    for _ in 0..100 {
        let child = alice.private_room();
        add(&alice, &root, &child, &json!({}));
    }
    let (mut seen, mut query) = (std::collections::BTreeSet::new(), "limit=40".to_owned());
    loop {
        let page = hierarchy(&alice, &root, &query);
        seen.extend(ids(&page));
        match page.get("next_batch") {
            Some(next) => query = format!("limit=40&from={}", encode(&text(next))),
            None => break,
        }
    }
    assert_eq!(seen.len(), 101);
}

#[test]
fn depth_and_suggestion_limit_what_comes() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/hierarchy");
    let alice = homeserver().register("alice");
    let root = space(&alice, "private_chat", "root");
    let below = space(&alice, "private_chat", "below");
    let (suggested, deep) = (alice.private_room(), alice.private_room());
    add(&alice, &root, &below, &json!({}));
    add(&alice, &root, &suggested, &json!({ "suggested": true }));
    add(&alice, &below, &deep, &json!({ "suggested": true }));
    assert_eq!(
        ids(&hierarchy(&alice, &root, "max_depth=0")),
        [root.as_str()]
    );
    let page = hierarchy(&alice, &root, "max_depth=1");
    assert_eq!(ids(&page), [root.clone(), below.clone(), suggested.clone()]);
    let page = hierarchy(&alice, &root, "suggested_only=true");
    assert_eq!(ids(&page), [root.clone(), suggested]);
    assert_eq!(items(&page["rooms"][0]["children_state"]).len(), 1);
}

#[test]
fn a_loop_of_spaces_ends() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/hierarchy");
    let alice = homeserver().register("alice");
    let first = space(&alice, "private_chat", "first");
    let second = space(&alice, "private_chat", "second");
    add(&alice, &first, &second, &json!({}));
    add(&alice, &second, &first, &json!({}));
    add(&alice, &second, &second, &json!({}));
    assert_eq!(ids(&hierarchy(&alice, &first, "")), [first, second]);
}

#[test]
fn a_child_without_servers_is_none() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/hierarchy");
    let alice = homeserver().register("alice");
    let root = space(&alice, "private_chat", "root");
    let [gone, malformed, numbered] = [(); 3].map(|()| alice.private_room());
    add(&alice, &root, &gone, &json!({}));
    alice.set_state(&root, "m.space.child", &gone, &json!({}));
    alice.set_state(&root, "m.space.child", &malformed, &json!({ "via": "x" }));
    let numbers = json!({ "via": ["localhost", 5] });
    alice.set_state(&root, "m.space.child", &numbered, &numbers);
    alice.set_state(&root, "m.space.child", "no room", &json!({ "via": ["x"] }));
    add(&alice, &root, "!unknown:localhost", &json!({}));
    assert_eq!(ids(&hierarchy(&alice, &root, "")), [root]);
}

#[test]
fn only_rooms_that_a_user_may_know_of_come() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/hierarchy");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let root = space(&alice, "public_chat", "root");
    let hidden_space = space(&alice, "private_chat", "hidden");
    let (hidden, in_hidden) = (alice.private_room(), alice.public_room());
    let public = alice.public_room();
    let invited = alice.private_room();
    alice.invite(&invited, &bob);
    let open = alice.private_room();
    let readable = json!({ "history_visibility": "world_readable" });
    alice.set_state(&open, "m.room.history_visibility", "", &readable);
    let knockable = alice.private_room();
    alice.set_state(
        &knockable,
        "m.room.join_rules",
        "",
        &json!({ "join_rule": "knock" }),
    );
    let restricted = alice.private_room();
    let allow = json!([{ "type": "m.room_membership", "room_id": root }]);
    let rule = json!({ "join_rule": "restricted", "allow": allow });
    alice.set_state(&restricted, "m.room.join_rules", "", &rule);
    for child in [
        &hidden_space,
        &hidden,
        &public,
        &invited,
        &open,
        &knockable,
        &restricted,
    ] {
        add(&alice, &root, child, &json!({}));
    }
    add(&alice, &hidden_space, &in_hidden, &json!({}));
    let expected = [&root, &public, &invited, &open, &knockable];
    let page = hierarchy(&bob, &root, "");
    assert_eq!(ids(&page).iter().collect::<Vec<_>>(), expected);
    bob.join(&root);
    let page = hierarchy(&bob, &root, "");
    let found = ids(&page);
    assert!(
        found.contains(&restricted) && !found.contains(&in_hidden),
        "{found:?}"
    );
    let shown = items(&page["rooms"]).iter();
    let shown = shown
        .clone()
        .find(|room| room["room_id"] == restricted.as_str());
    assert_eq!(
        shown.map(|room| &room["allowed_room_ids"]),
        Some(&json!([root]))
    );
}

#[test]
fn a_space_that_a_user_may_not_know_of_is_forbidden() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/hierarchy");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let root = space(&alice, "private_chat", "root");
    for room in [&*root, "!unknown:localhost"] {
        bob.get(&path!("/v1/rooms/{}/hierarchy", room))
            .must_fail(403, "M_FORBIDDEN");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms)
#[test]
fn members_of_a_space_enter_its_restricted_rooms() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/join");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let root = space(&alice, "public_chat", "root");
    for (rule, version) in [
        ("restricted", "8"),
        ("knock_restricted", "10"),
        ("restricted", "12"),
    ] {
        let room = alice.create_room(&json!({ "preset": "private_chat", "room_version": version }));
        let allow = json!([
            { "type": "org.example.unknown" },
            { "type": "m.room_membership", "room_id": "!unknown:localhost" },
            { "type": "m.room_membership", "room_id": root },
        ]);
        let content = json!({ "join_rule": rule, "allow": allow });
        alice.set_state(&room, "m.room.join_rules", "", &content);
        bob.try_join(&room).must_fail(403, "M_FORBIDDEN");
        bob.join(&root);
        bob.join(&room);
        let member = bob.state(&room, "m.room.member", &bob.id).ok();
        assert_eq!(
            member["join_authorised_via_users_server"],
            alice.id.as_str()
        );
        bob.leave(&room);
        bob.leave(&root);
        bob.try_join(&room).must_fail(403, "M_FORBIDDEN");
        // An invitation needs no space.
        alice.invite(&room, &bob);
        bob.join(&room);
    }
}

#[test]
fn a_restricted_room_bans_members_of_the_space_too() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/join");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let root = space(&alice, "public_chat", "root");
    bob.join(&root);
    let room = alice.private_room();
    let allow = json!([{ "type": "m.room_membership", "room_id": root }]);
    let content = json!({ "join_rule": "restricted", "allow": allow });
    alice.set_state(&room, "m.room.join_rules", "", &content);
    alice.membership("ban", &room, &bob).ok();
    bob.try_join(&room).must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias)
#[test]
fn a_summary_tells_of_a_room_before_one_enters_it() {
    covers!(GET "/_matrix/client/v1/room_summary/{roomIdOrAlias}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let alias = spec_tests::server::unique("summary");
    let room = alice.create_room(&json!({
        "preset": "public_chat",
        "name": "Room",
        "topic": "Tea",
        "room_version": "11",
        "room_alias_name": alias,
    }));
    let alias = alice.state(&room, "m.room.canonical_alias", "").ok()["alias"].take();
    let expected = json!({
        "room_id": room, "name": "Room", "topic": "Tea", "canonical_alias": alias,
        "num_joined_members": 1, "join_rule": "public", "room_version": "11",
        "world_readable": false, "membership": "leave",
    });
    for name in [room.clone(), text(&alias)] {
        let summary = bob.get(&path!("/v1/room_summary/{}", name)).ok();
        must_contain(&summary, &expected);
    }
    let path = path!("/v1/room_summary/{}", room);
    assert_eq!(alice.get(&path).ok()["membership"], "join");
    let stranger = homeserver().get(&path).ok();
    assert_eq!(stranger["name"], "Room");
    assert!(stranger.get("membership").is_none(), "{stranger}");
    // The paths from before it was specified.
    for path in [
        path!(
            "/_matrix/client/unstable/im.nheko.summary/rooms/{}/summary",
            room
        ),
        path!("/_matrix/client/unstable/im.nheko.summary/summary/{}", room),
    ] {
        assert_eq!(bob.get(&path).ok()["name"], "Room");
    }
}

#[test]
fn a_summary_of_a_room_that_nobody_may_know_of_is_not_found() {
    covers!(GET "/_matrix/client/v1/room_summary/{roomIdOrAlias}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.private_room();
    let path = path!("/v1/room_summary/{}", room);
    bob.get(&path).must_fail(404, "M_NOT_FOUND");
    homeserver().get(&path).must_fail(404, "M_NOT_FOUND");
    bob.get("/v1/room_summary/!unknown:localhost")
        .must_fail(404, "M_NOT_FOUND");
    alice.invite(&room, &bob);
    assert_eq!(bob.get(&path).ok()["membership"], "invite");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mutual-rooms)
#[test]
fn mutual_rooms_are_those_both_are_in() {
    covers!(GET "/_matrix/client/v1/mutual_rooms");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let shared = alice.room_with(&[&bob]);
    alice.private_room();
    bob.private_room();
    let invited = alice.private_room();
    alice.invite(&invited, &bob);
    let left = alice.room_with(&[&bob]);
    bob.leave(&left);
    let expected = json!({ "joined": [shared], "count": 1 });
    assert_eq!(
        alice
            .get(&path!("/v1/mutual_rooms?user_id={}", bob.id))
            .ok(),
        expected
    );
    // Not every server has it at the first path of the proposal.
    if !homeserver().is_synapse() {
        let unstable = "/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms";
        let path = format!("{unstable}?user_id={}", encode(&alice.id));
        assert_eq!(bob.get(&path).ok()["joined"], json!([shared]));
    }
    let nobody = alice
        .get("/v1/mutual_rooms?user_id=%40nobody-at-all%3Alocalhost")
        .ok();
    assert_eq!(nobody, json!({ "joined": [], "count": 0 }));
    let own = path!("/v1/mutual_rooms?user_id={}", alice.id);
    alice.get(&own).must_fail(400, "M_INVALID_PARAM");
    let token = path!("/v1/mutual_rooms?user_id={}&from=nonsense", bob.id);
    alice.get(&token).must_fail(400, "M_INVALID_PARAM");
    alice.get("/v1/mutual_rooms").must_be(400);
    alice.get("/v1/mutual_rooms?user_id=nobody").must_be(400);
    alice
        .get("/v1/mutual_rooms?user_id=%40Upper%3Alocalhost")
        .must_be(400);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event)
#[test]
fn an_event_is_found_by_its_time() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/timestamp_to_event");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.private_room();
    let event = alice.say(&room, "words");
    let time = alice.event(&room, &event).ok()["origin_server_ts"]
        .as_u64()
        .unwrap_or(0);
    let at = |time: u64, direction: &str| {
        alice.get(&format!(
            "{}?ts={time}&dir={direction}",
            path!("/v1/rooms/{}/timestamp_to_event", room)
        ))
    };
    let found = json!({ "event_id": event, "origin_server_ts": time });
    assert_eq!(at(time + 1_000, "b").ok(), found);
    assert_eq!(at(0, "f").ok()["event_id"], {
        let page = alice.messages(&room, "dir=f&limit=1");
        page["chunk"][0]["event_id"].clone()
    });
    at(time + 1_000, "f").must_fail(404, "M_NOT_FOUND");
    at(0, "b").must_fail(404, "M_NOT_FOUND");
    let path = path!("/v1/rooms/{}/timestamp_to_event", room);
    bob.get(&format!("{path}?ts=0&dir=f")).must_be(403);
    for query in ["", "?ts=0", "?dir=f", "?ts=x&dir=f", "?ts=0&dir=x"] {
        alice.get(&format!("{path}{query}")).must_be(400);
    }
}

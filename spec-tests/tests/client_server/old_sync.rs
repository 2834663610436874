//! What clients called before there was `/sync`.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3events)

use serde_json::{Value, json};
use spec_tests::{
    covers, homeserver,
    http::encode,
    matchers::{at, bodies, event_ids, has_item, items},
    must::{must_contain, must_find, text},
    path,
    sync_until::eventually,
};

use crate::relations::ignore;

#[test]
fn a_room_is_shown_with_its_state_and_newest_messages() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/initialSync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.private_room();
    alice.say_all(&room, &["1", "2", "3"]);
    let path = path!("/v3/rooms/{}/initialSync", room);
    let info = alice.get(&format!("{path}?limit=2")).ok();
    must_contain(&info, &json!({ "room_id": room, "membership": "join" }));
    // Servers may leave out whether the room is in the directory.
    let visibility = info.get("visibility").and_then(Value::as_str);
    assert_eq!(visibility.unwrap_or("private"), "private", "{info}");
    assert_eq!(bodies(&info["messages"]["chunk"]), ["2", "3"]);
    must_find(&info["state"], &json!({ "type": "m.room.create" }));
    // The tokens are those of /messages.
    let from = encode(&text(&info["messages"]["start"]));
    let page = alice.messages(&room, &format!("dir=b&limit=1&from={from}"));
    assert_eq!(bodies(&page["chunk"]), ["1"]);
    bob.get(&path).must_fail(403, "M_FORBIDDEN");
    let readable = json!({ "history_visibility": "world_readable" });
    alice.set_state(&room, "m.room.history_visibility", "", &readable);
    assert!(bob.get(&path).ok().get("membership").is_none());
}

#[test]
fn who_is_online_is_told_at_the_start() {
    covers!(GET "/_matrix/client/v3/initialSync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice.room_with(&[&bob]);
    let mut status = json!({ "presence": "unavailable", "status_msg": "in a lesson" });
    bob.put(&path!("/v3/presence/{}/status", bob.id), &status)
        .ok();
    status["user_id"] = json!(bob.id);
    eventually(|| {
        let all = alice.get("/v3/initialSync?limit=1").ok();
        let event = json!({ "type": "m.presence", "content": status });
        has_item(&["presence"], &event)(&all)
    });
}

#[test]
fn all_rooms_are_shown_and_events_go_on_from_there() {
    covers!(GET "/_matrix/client/v3/initialSync", GET "/_matrix/client/v3/events");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let left = alice.private_room();
    alice.leave(&left);
    let invited = bob.private_room();
    bob.invite(&invited, &alice);
    alice.set_account_data("org.example.own", &json!({ "a": 1 }));
    let all = alice.get("/v3/initialSync?limit=1").ok();
    assert_eq!(items(&all["rooms"]).len(), 2, "{all}");
    let joined = must_find(
        &all["rooms"],
        &json!({ "room_id": room, "membership": "join" }),
    );
    assert_eq!(items(&joined["messages"]["chunk"]).len(), 1);
    must_find(
        &all["rooms"],
        &json!({ "room_id": invited, "membership": "invite" }),
    );
    must_find(&all["account_data"], &json!({ "type": "org.example.own" }));
    let archived = alice.get("/v3/initialSync?archived=true").ok();
    must_find(
        &archived["rooms"],
        &json!({ "room_id": left, "membership": "leave" }),
    );
    let from = encode(&text(&all["end"]));
    let event = bob.say(&room, "new");
    let new = alice
        .get(&format!("/v3/events?timeout=5000&from={from}"))
        .ok();
    assert_eq!(event_ids(&new["chunk"]), [&event]);
    assert_eq!(new["chunk"][0]["room_id"], room.as_str());
    let from = encode(&text(&new["end"]));
    let nothing = alice.get(&format!("/v3/events?timeout=0&from={from}")).ok();
    assert_eq!(nothing["chunk"], json!([]));
    alice.get("/v3/events?from=nonsense").must_be(400);
}

#[test]
fn receipts_presence_and_account_data_are_told_at_the_start() {
    covers!(GET "/_matrix/client/v3/initialSync", GET "/_matrix/client/v3/rooms/{roomId}/initialSync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let online = json!({ "presence": "online" });
    alice
        .put(&path!("/v3/presence/{}/status", alice.id), &online)
        .ok();
    let event = alice.say(&room, "words");
    bob.read(&room, "m.read", &event, None);
    let receipt = json!({ &event: { "m.read": { &bob.id: {} } } });
    let receipt = json!({ "type": "m.receipt", "room_id": room, "content": receipt });
    for path in [
        "/v3/initialSync?limit=1".to_owned(),
        path!("/v3/rooms/{}/initialSync", room),
    ] {
        let start = alice.get(&path).ok();
        must_find(&start["receipts"], &receipt);
        let present = json!({ "presence": "online", "user_id": alice.id });
        let present = json!({ "type": "m.presence", "content": present });
        must_find(&start["presence"], &present);
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-previews)
#[test]
fn a_room_that_the_world_may_read_is_followed_from_outside() {
    covers!(GET "/_matrix/client/v3/events");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.private_room();
    let events = |from: &str| {
        let path = path!("/v3/events?room_id={}", room);
        bob.get(&format!("{path}&timeout=5000{from}"))
    };
    events("").must_fail(403, "M_FORBIDDEN");
    let readable = json!({ "history_visibility": "world_readable" });
    alice.set_state(&room, "m.room.history_visibility", "", &readable);
    let start = bob
        .get(&path!("/v3/events?room_id={}&timeout=0", room))
        .ok();
    let event = alice.say(&room, "for everybody");
    let new = events(&format!("&from={}", encode(&text(&start["end"])))).ok();
    assert_eq!(event_ids(&new["chunk"]), [&event]);
}

#[test]
fn one_event_is_found_without_its_room() {
    covers!(GET "/_matrix/client/v3/events/{eventId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.private_room();
    let event = alice.say(&room, "words");
    let path = path!("/v3/events/{}", event);
    assert_eq!(alice.get(&path).ok()["content"]["body"], "words");
    bob.get(&path).must_fail(404, "M_NOT_FOUND");
    alice
        .get("/v3/events/$unknown")
        .must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
#[test]
fn messages_of_ignored_users_are_not_told_and_their_state_is() {
    covers!(GET "/_matrix/client/v3/sync", GET "/_matrix/client/v3/rooms/{roomId}/messages");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    ignore(&alice, &[&bob]);
    bob.say(&room, "not heard");
    alice.say(&room, "heard");
    bob.set_display_name("Bob");
    let renamed = json!({ "type": "m.room.member", "content": { "displayname": "Bob" } });
    let timeline = ["rooms", "join", &room, "timeline", "events"];
    let response = eventually(|| {
        let response = alice.initial_sync();
        has_item(&timeline, &renamed)(&response).map(|()| response)
    });
    assert_eq!(bodies(at(&response, &timeline)), ["heard"]);
    assert_eq!(
        bodies(&alice.messages(&room, "dir=b&limit=20")["chunk"]),
        ["heard"]
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-event-format)
#[test]
fn state_names_what_it_replaces_also_where_that_may_not_be_seen() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/state");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let joined = json!({ "history_visibility": "joined" });
    let room = alice.create_room(&json!({
        "preset": "public_chat",
        "initial_state": [{ "type": "m.room.history_visibility", "content": joined }],
    }));
    let first = alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "Tea" }));
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "Coffee" }));
    bob.join(&room);
    for (user, previous) in [(&alice, json!({ "topic": "Tea" })), (&bob, json!(null))] {
        let state = user.get(&path!("/v3/rooms/{}/state", room)).ok();
        let topic = must_find(&state, &json!({ "type": "m.room.topic" }));
        let unsigned = &topic["unsigned"];
        assert_eq!(unsigned["replaces_state"], first.as_str());
        assert_eq!(unsigned["prev_content"], previous);
    }
}

#[test]
fn an_invite_of_an_ignored_user_is_not_told() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    ignore(&alice, &[&bob]);
    let unwanted = bob.private_room();
    bob.invite(&unwanted, &alice);
    let wanted = carol.private_room();
    carol.invite(&wanted, &alice);
    let invites = &alice.initial_sync()["rooms"]["invite"];
    assert!(
        invites.get(&wanted).is_some() && invites.get(&unwanted).is_none(),
        "{invites}"
    );
}

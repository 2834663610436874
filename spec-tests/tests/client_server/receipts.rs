//! Typing notifications, receipts and read markers.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#receipts)

use serde_json::json;
use spec_tests::{
    User, covers, homeserver,
    matchers::{at, both, contains, joined_room_has, timeline_has},
    must::must_not_find,
    path,
};

fn pair() -> (User, User, String) {
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    (alice, bob, room)
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#typing-notifications)
#[test]
fn typing_is_seen_until_it_stops() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/typing/{userId}");
    let (alice, bob, room) = pair();
    let before = alice.initial_sync();
    bob.typing(&room, true);
    let on = json!({ "type": "m.typing", "content": { "user_ids": [bob.id] } });
    let seen = alice.must_see_after(&before, joined_room_has(&room, "ephemeral", on));
    bob.typing(&room, false);
    let off = json!({ "type": "m.typing", "content": { "user_ids": [] } });
    alice.must_see_after(&seen, joined_room_has(&room, "ephemeral", off));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#typing-notifications)
#[test]
fn typing_ends_with_its_timeout() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/typing/{userId}");
    let (alice, bob, room) = pair();
    let before = alice.initial_sync();
    let path = path!("/v3/rooms/{}/typing/{}", room, bob.id);
    bob.put(&path, &json!({ "typing": true, "timeout": 500 }))
        .ok();
    let on = json!({ "type": "m.typing", "content": { "user_ids": [bob.id] } });
    let seen = alice.must_see_after(&before, joined_room_has(&room, "ephemeral", on));
    let off = json!({ "type": "m.typing", "content": { "user_ids": [] } });
    alice.must_see_after(&seen, joined_room_has(&room, "ephemeral", off));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidtypinguserid)
#[test]
fn typing_needs_no_timeout_of_the_clients_own() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/typing/{userId}");
    let (_, bob, room) = pair();
    bob.put(
        &path!("/v3/rooms/{}/typing/{}", room, bob.id),
        &json!({ "typing": true }),
    )
    .ok();
}

#[test]
fn nobody_types_for_another_or_from_outside() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/typing/{userId}");
    let (alice, bob, room) = pair();
    let typing = json!({ "typing": true, "timeout": 30_000 });
    let for_bob = alice.put(&path!("/v3/rooms/{}/typing/{}", room, bob.id), &typing);
    assert!(matches!(for_bob.status, 400 | 403), "{for_bob}");
    let carol = homeserver().register("carol");
    let outside = carol.put(&path!("/v3/rooms/{}/typing/{}", room, carol.id), &typing);
    outside.must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreceiptreceipttypeeventid)
#[test]
fn a_read_receipt_is_seen_by_others() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}");
    let (alice, bob, room) = pair();
    let event = alice.say(&room, "read me");
    let before = alice.initial_sync();
    bob.read(&room, "m.read", &event, None);
    let receipt =
        json!({ "type": "m.receipt", "content": { &event: { "m.read": { &bob.id: {} } } } });
    alice.must_see_after(&before, joined_room_has(&room, "ephemeral", receipt));
}

#[test]
fn a_private_receipt_is_seen_by_its_owner_alone() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}");
    let (alice, bob, room) = pair();
    let event = alice.say(&room, "read me");
    let before = bob.initial_sync();
    let alices = alice.initial_sync();
    bob.read(&room, "m.read.private", &event, None);
    let private = json!({ "content": { &event: { "m.read.private": { &bob.id: {} } } } });
    bob.must_see_after(
        &before,
        joined_room_has(&room, "ephemeral", private.clone()),
    );
    // A later message comes without the receipt that was before it.
    let later = bob.say(&room, "done");
    let seen = alice.must_see_after(&alices, timeline_has(&room, json!({ "event_id": later })));
    must_not_find(
        &seen["rooms"]["join"][&room]["ephemeral"]["events"],
        &private,
    );
    let all = alice.initial_sync();
    must_not_find(
        &all["rooms"]["join"][&room]["ephemeral"]["events"],
        &private,
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#threaded-read-receipts)
#[test]
fn threaded_receipts_name_their_thread() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}");
    let (alice, bob, room) = pair();
    let root = alice.say(&room, "root");
    let reply = alice.send(
        &room,
        "m.room.message",
        &json!({
            "msgtype": "m.text", "body": "in the thread",
            "m.relates_to": { "rel_type": "m.thread", "event_id": root },
        }),
    );
    let before = alice.initial_sync();
    bob.read(&room, "m.read", &reply, Some(&root));
    bob.read(&room, "m.read", &root, Some("main"));
    let in_thread =
        json!({ "content": { &reply: { "m.read": { &bob.id: { "thread_id": root } } } } });
    let in_main =
        json!({ "content": { &root: { "m.read": { &bob.id: { "thread_id": "main" } } } } });
    // Both receipts stand side by side, in one response or in two.
    let (mut thread_seen, mut main_seen) = (false, false);
    spec_tests::sync_until::eventually(|| {
        let response = alice.sync_after(&before);
        let check = |event| joined_room_has(&room, "ephemeral", event)(&response);
        let ephemeral = at(&response, &["rooms", "join", &room, "ephemeral", "events"]);
        let merged = ephemeral.as_array().map(|events| {
            events.iter().any(|event| {
                contains(event, &in_thread).is_ok() && contains(event, &in_main).is_ok()
            })
        });
        thread_seen |= check(in_thread.clone()).is_ok();
        main_seen |= check(in_main.clone()).is_ok();
        match merged == Some(true) || thread_seen && main_seen {
            true => Ok(()),
            false => Err(ephemeral.to_string()),
        }
    });
}

#[test]
fn receipts_that_make_no_sense_are_refused() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}");
    let (alice, _, room) = pair();
    let event = alice.say(&room, "x");
    let unknown = path!("/v3/rooms/{}/receipt/m.unknown/{}", room, event);
    alice.post(&unknown, &json!({})).must_be(400);
    let read = path!("/v3/rooms/{}/receipt/m.read/{}", room, event);
    alice
        .post(&read, &json!({ "thread_id": "" }))
        .must_fail(400, "M_INVALID_PARAM");
    alice.post(&read, &json!({ "thread_id": 5 })).must_be(400);
    let marker = path!("/v3/rooms/{}/receipt/m.fully_read/{}", room, event);
    alice
        .post(&marker, &json!({ "thread_id": "main" }))
        .must_be(400);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#fully-read-markers)
#[test]
fn read_markers_move_marker_and_receipts_together() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/read_markers");
    let (alice, bob, room) = pair();
    let words = alice.say_all(&room, &["one", "two", "three"]);
    let before = bob.initial_sync();
    let body = json!({
        "m.fully_read": words[0], "m.read": words[1], "m.read.private": words[2],
    });
    bob.post(&path!("/v3/rooms/{}/read_markers", room), &body)
        .ok();
    let marker = json!({ "type": "m.fully_read", "content": { "event_id": words[0] } });
    let public = json!({ "content": { &words[1]: { "m.read": { &bob.id: {} } } } });
    bob.must_see_after(
        &before,
        both(
            joined_room_has(&room, "account_data", marker),
            joined_room_has(&room, "ephemeral", public),
        ),
    );
    let path = path!(
        "/v3/user/{}/rooms/{}/account_data/m.fully_read",
        bob.id,
        room
    );
    assert_eq!(bob.get(&path).ok()["event_id"], words[0]);
}

#[test]
fn a_receipt_never_moves_back() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}");
    let (alice, bob, room) = pair();
    let words = alice.say_all(&room, &["one", "two"]);
    bob.read(&room, "m.read", &words[1], None);
    bob.read(&room, "m.read", &words[0], None);
    let seen = bob.initial_sync();
    let ephemeral = &seen["rooms"]["join"][&room]["ephemeral"]["events"];
    let newer = json!({ "content": { &words[1]: { "m.read": { &bob.id: {} } } } });
    spec_tests::must::must_find(ephemeral, &newer);
    must_not_find(
        ephemeral,
        &json!({ "content": { &words[0]: { "m.read": { &bob.id: {} } } } }),
    );
    let unread = &seen["rooms"]["join"][&room]["unread_notifications"]["notification_count"];
    assert_eq!(*unread, 0);
}

/// One object holds one receipt of a user for an event: that for the whole room says more than that for a thread.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#threaded-read-receipts)
#[test]
fn a_receipt_for_the_room_is_not_hidden_by_one_for_a_thread() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}");
    let (alice, bob, room) = pair();
    let root = alice.say(&room, "root");
    let relation = json!({ "rel_type": "m.thread", "event_id": root });
    let content = json!({ "msgtype": "m.text", "body": "reply", "m.relates_to": relation });
    let reply = alice.send(&room, "m.room.message", &content);
    let before = alice.initial_sync();
    bob.read(&room, "m.read", &reply, None);
    bob.read(&room, "m.read", &reply, Some(&root));
    alice.must_see_after(&before, |response| {
        let events = &response["rooms"]["join"][&room]["ephemeral"]["events"];
        let receipts = events.as_array().into_iter().flatten();
        let receipt = receipts
            .map(|event| &event["content"][&reply]["m.read"][&bob.id])
            .find(|receipt| receipt.is_object());
        match receipt {
            Some(receipt) if receipt.get("thread_id").is_none() => Ok(()),
            other => Err(format!("the receipt is {other:?}")),
        }
    });
}

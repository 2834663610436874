//! Sending events, transaction ids and redactions.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#sending-events-to-a-room)

use serde_json::json;
use spec_tests::{
    Homeserver, Settings, covers, homeserver,
    matchers::{bodies, items, timeline_has},
    must::{must_contain, must_find, text},
    path,
    server::unique,
    user::rooms::message,
};

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid)
#[test]
fn a_message_reaches_the_other_member() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let before = bob.initial_sync();
    let event = alice.say(&room, "Привет, 🌍");
    let wanted = json!({
        "type": "m.room.message",
        "event_id": event,
        "sender": alice.id,
        "content": { "msgtype": "m.text", "body": "Привет, 🌍" },
    });
    let seen = bob.must_see_after(&before, timeline_has(&room, wanted.clone()));
    let events = &seen["rooms"]["join"][&room]["timeline"]["events"];
    assert!(
        must_find(events, &wanted)["origin_server_ts"]
            .as_u64()
            .unwrap()
            > 1_600_000_000_000
    );
}

/// A second request with the same transaction id returns the first event id.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#transaction-identifiers)
#[test]
fn the_same_transaction_id_sends_once() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let path = path!("/v3/rooms/{}/send/m.room.message/txn1", room);
    let first = alice.put(&path, &message("hello")).ok();
    let again = alice.put(&path, &message("hello")).ok();
    assert_eq!(first, again);
    let history = alice.messages(&room, "dir=b");
    assert_eq!(bodies(&history["chunk"]), ["hello"]);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#transaction-identifiers)
#[test]
fn transaction_ids_of_two_devices_and_two_rooms_do_not_meet() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    let (first, second) = (phone.private_room(), phone.private_room());
    let path = |room: &str| path!("/v3/rooms/{}/send/m.room.message/txn1", room);
    let events = [
        phone.put(&path(&first), &message("hello")).ok(),
        laptop.put(&path(&first), &message("hello")).ok(),
        phone.put(&path(&second), &message("hello")).ok(),
    ];
    assert_ne!(events[0], events[1]);
    assert_ne!(events[0], events[2]);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-event-format)
#[test]
fn the_sending_device_alone_sees_its_transaction_id() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let transaction = unique("txn");
    let path = path!("/v3/rooms/{}/send/m.room.message/{}", room, transaction);
    let id = text(&alice.put(&path, &message("hello")).ok()["event_id"]);
    let unsigned = json!({ "event_id": id, "unsigned": { "transaction_id": transaction } });
    let own = alice.must_see(timeline_has(&room, unsigned));
    assert!(own["next_batch"].is_string());
    let seen = bob.must_see(timeline_has(&room, json!({ "event_id": id })));
    let events = &seen["rooms"]["join"][&room]["timeline"]["events"];
    let event = must_find(events, &json!({ "event_id": id }));
    assert!(event["unsigned"].get("transaction_id").is_none(), "{event}");
}

#[test]
fn strangers_cannot_send() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.public_room();
    bob.try_send(&room, "m.room.message", &message("x"))
        .must_fail(403, "M_FORBIDDEN");
    let nowhere = bob.try_send("!nowhere:spec.test", "m.room.message", &message("x"));
    assert!(matches!(nowhere.status, 403 | 404), "{nowhere}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels)
#[test]
fn sending_needs_its_power_level() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let options = json!({
        "preset": "public_chat",
        "power_level_content_override": { "events_default": 50, "events": { "test.free": 0 } },
    });
    let room = alice.create_room(&options);
    bob.join(&room);
    bob.try_send(&room, "m.room.message", &message("x"))
        .must_fail(403, "M_FORBIDDEN");
    bob.send(&room, "test.free", &json!({}));
    alice.say(&room, "the creator may");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#size-limits)
#[test]
fn an_event_above_64_kib_is_too_large() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let answer = alice.try_send(&room, "m.room.message", &message(&"x".repeat(66_000)));
    answer.must_fail(413, "M_TOO_LARGE");
    alice.say(&room, &"x".repeat(60_000));
}

/// [spec](https://spec.matrix.org/v1.19/appendices/#canonical-json)
#[test]
fn numbers_that_canonical_json_has_not_are_refused() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    for number in ["1.5", "9007199254740993"] {
        let path = path!("/v3/rooms/{}/send/test.number/{}", room, unique("txn"));
        let body = format!(r#"{{"number":{number}}}"#);
        let answer = alice
            .request("PUT", &path)
            .bytes("application/json", body)
            .send();
        assert_eq!(answer.status, 400, "{number}: {answer}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#redactions)
#[test]
fn a_redacted_message_loses_its_content_for_everybody() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let event = alice.say(&room, "a secret");
    let before = bob.must_see(timeline_has(&room, json!({ "event_id": event })));
    let redaction = alice.redact(&room, &event);
    let seen = json!({ "type": "m.room.redaction", "event_id": redaction, "content": { "reason": "a test" } });
    bob.must_see_after(&before, timeline_has(&room, seen));
    let redacted = bob.event(&room, &event).ok();
    must_contain(&redacted, &json!({ "content": {}, "sender": alice.id }));
    let because = &redacted["unsigned"]["redacted_because"];
    must_contain(
        because,
        &json!({ "event_id": redaction, "type": "m.room.redaction", "room_id": room }),
    );
    assert!(because["unsigned"]["age"].is_u64(), "{because}");
    let history = bob.messages(&room, "dir=b");
    must_contain(
        must_find(&history["chunk"], &json!({ "event_id": event })),
        &json!({ "content": {} }),
    );
}

#[test]
fn the_same_transaction_id_redacts_once() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let event = alice.say(&room, "x");
    let path = path!("/v3/rooms/{}/redact/{}/txn1", room, event);
    let first = alice.put(&path, &json!({})).ok();
    assert_eq!(first, alice.put(&path, &json!({})).ok());
}

/// Everybody takes back their own words; others' words need the power to redact.
#[test]
fn only_moderators_redact_what_others_said() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&bob, &carol]);
    let words = bob.say(&room, "mine");
    carol
        .try_redact(&room, &words)
        .must_fail(403, "M_FORBIDDEN");
    alice.redact(&room, &words);
    let own = bob.say(&room, "mine too");
    bob.redact(&room, &own);
}

/// Other servers in the room believe a redaction of a server's own users.
#[test]
fn who_may_not_redact_does_not_send_redactions_either() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let room = alice.create_room(&json!({
        "room_version": "11",
        "preset": "public_chat",
        "power_level_content_override": { "state_default": 0 },
    }));
    bob.join(&room);
    let words = alice.say(&room, "mine");
    let redaction = json!({ "redacts": words });
    bob.try_send(&room, "m.room.redaction", &redaction)
        .must_fail(403, "M_FORBIDDEN");
    bob.try_set_state(&room, "m.room.redaction", "", &redaction)
        .must_fail(403, "M_FORBIDDEN");
    assert_eq!(alice.event(&room, &words).ok()["content"]["body"], "mine");
    let own = bob.say(&room, "a mistake");
    bob.send(&room, "m.room.redaction", &json!({ "redacts": own }));
    assert_eq!(alice.event(&room, &own).ok()["content"], json!({}));
}

/// A membership survives its redaction, without name and picture.
/// [spec](https://spec.matrix.org/v1.19/rooms/v11/#redactions)
#[test]
fn redaction_keeps_what_the_room_needs() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    bob.set_display_name("Rude Name");
    let room = alice.room_with(&[&bob]);
    let path = path!(
        "/v3/rooms/{}/state/m.room.member/{}?format=event",
        room,
        bob.id
    );
    let id = text(&alice.get(&path).ok()["event_id"]);
    alice.redact(&room, &id);
    let member = alice.event(&room, &id).ok();
    assert_eq!(member["content"], json!({ "membership": "join" }));
    let state = alice.state(&room, "m.room.member", &bob.id).ok();
    assert_eq!(state, json!({ "membership": "join" }));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidredacteventidtxnid)
#[test]
fn sending_a_redaction_as_an_event_redacts() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({ "room_version": "11" }));
    let event = alice.say(&room, "x");
    alice.send(&room, "m.room.redaction", &json!({ "redacts": event }));
    assert_eq!(alice.event(&room, &event).ok()["content"], json!({}));
}

/// A create event that lost its content would no longer tell the version of its room.
#[test]
fn what_a_room_cannot_do_without_is_not_redacted() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}");
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({ "room_version": "11" }));
    let path = path!("/v3/rooms/{}/state/m.room.create/?format=event", room);
    let create = text(&alice.get(&path).ok()["event_id"]);
    alice
        .try_redact(&room, &create)
        .must_fail(403, "M_FORBIDDEN");
    let sent = alice.try_send(&room, "m.room.redaction", &json!({ "redacts": create }));
    sent.must_fail(403, "M_FORBIDDEN");
    let acl = alice.set_state(&room, "m.room.server_acl", "", &json!({ "allow": ["*"] }));
    alice.try_redact(&room, &acl).must_fail(403, "M_FORBIDDEN");
}

/// "Sent" means on disk: what was acknowledged is there after a crash, once, under the same transaction id.
#[test]
fn a_killed_server_forgets_nothing_it_acknowledged() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let Some(server) = Homeserver::own(&Settings::default()) else {
        return;
    };
    let alice = server.register("alice");
    let room = alice.private_room();
    let path = path!("/v3/rooms/{}/send/m.room.message/txn1", room);
    let first = alice.put(&path, &message("kept")).ok();
    let last = alice.say_all(&room, &["1", "2", "3"]);
    server.kill_and_restart();
    assert_eq!(first, alice.put(&path, &message("kept")).ok());
    let history = alice.messages(&room, "dir=b&limit=50");
    assert_eq!(bodies(&history["chunk"]), ["3", "2", "1", "kept"]);
    assert_eq!(items(&history["chunk"])[0]["event_id"], last[2]);
    alice.say(&room, "and on it goes");
}

/// Scripts that know no transaction ids post what they send.
#[test]
fn events_and_redactions_can_be_posted_without_a_transaction() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let send = path!("/v3/rooms/{}/send/m.room.message", room);
    let post = || text(&alice.post(&send, &message("posted")).ok()["event_id"]);
    let (first, second) = (post(), post());
    assert_ne!(first, second);
    let redact = path!("/v3/rooms/{}/redact/{}", room, first);
    alice.post(&redact, &json!({ "reason": "twice" })).ok();
    let redacted = alice.event(&room, &first).ok();
    assert_eq!(redacted["content"], json!({}));
    assert_eq!(
        alice.event(&room, &second).ok()["content"]["body"],
        "posted"
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidredacteventidtxnid)
#[test]
fn an_event_of_another_room_cannot_be_redacted() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}");
    let alice = homeserver().register("alice");
    let (room, other) = (alice.private_room(), alice.private_room());
    let event = alice.say(&other, "words");
    alice.try_redact(&room, &event).must_be(400);
    assert_eq!(alice.event(&other, &event).ok()["content"]["body"], "words");
}

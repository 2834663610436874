//! Messages to devices that are many, or that wait for more than one kind of sync.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#send-to-device-messaging)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    matchers::{items, joined},
    must::{must, text},
    path,
    server::unique,
    sync_until::since,
};

/// As many as one answer may have.
const PAGE: usize = 100;

fn send_many(from: &User, to: &User, count: usize) {
    for number in 0..count {
        from.send_to_device("test.many", to, &json!({ "n": number }));
    }
}

fn numbers(response: &Value) -> Vec<u64> {
    let events = items(&response["to_device"]["events"]).iter();
    let numbers = events.filter_map(|event| event["content"]["n"].as_u64());
    numbers.collect()
}

#[test]
fn more_messages_than_one_answer_takes_come_in_order_and_without_waiting() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let count = PAGE + 30;
    send_many(&alice, &bob, count);
    let first = bob.initial_sync();
    let mut seen = numbers(&first);
    assert!(seen.len() <= PAGE, "{}", seen.len());
    let reply = bob.get(&format!("/v3/sync?timeout=60000&since={}", since(&first)));
    assert!(reply.took.as_secs() < 30, "waited {:?}", reply.took);
    seen.extend(numbers(&reply.ok()));
    assert_eq!(seen, (0..count as u64).collect::<Vec<_>>());
}

/// Rooms are told as they are, however many messages wait.
#[test]
fn a_long_queue_does_not_hold_back_rooms() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    send_many(&alice, &bob, PAGE + 1);
    let room = alice.room_with(&[&bob]);
    let sent = alice.say(&room, "after the messages");
    let first = bob.initial_sync();
    must(&first, joined(&room));
    let timeline = &first["rooms"]["join"][&room]["timeline"]["events"];
    let has_sent = items(timeline)
        .iter()
        .any(|event| event["event_id"] == sent);
    assert!(has_sent, "{timeline}");
    let next = bob.sync_after(&first);
    assert_eq!(numbers(&next), [PAGE as u64]);
    assert!(next["rooms"]["join"].get(&room).is_none(), "{next}");
    assert!(numbers(&bob.sync_after(&next)).is_empty());
}

/// Only what was told is acknowledged by the token that came with it.
#[test]
fn messages_that_were_not_told_are_not_acknowledged() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    send_many(&alice, &bob, PAGE + 1);
    let first = bob.initial_sync();
    for _ in 0..2 {
        assert_eq!(numbers(&bob.sync_after(&first)), [PAGE as u64]);
    }
}

#[test]
fn a_message_waits_for_both_kinds_of_sync_until_one_acknowledges_it() {
    covers!(GET "/_matrix/client/v3/sync", POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let before = bob.initial_sync();
    send_many(&alice, &bob, 1);
    let sliding = json!({ "extensions": { "to_device": { "enabled": true } } });
    let slid = bob.sliding_sync("c").next(&sliding);
    assert_eq!(items(&slid["extensions"]["to_device"]["events"]).len(), 1);
    let synced = bob.sync_after(&before);
    assert_eq!(numbers(&synced), [0]);
    assert!(numbers(&bob.sync_after(&synced)).is_empty());
    let slid = bob.sliding_sync("d").next(&sliding);
    assert!(items(&slid["extensions"]["to_device"]["events"]).is_empty());
}

#[test]
fn messages_to_nobody_are_dropped() {
    covers!(PUT "/_matrix/client/v3/sendToDevice/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let nobody = format!("@{}:{}", unique("nobody"), homeserver().server_name());
    let messages = json!({ "messages": {
        &nobody: { "*": { "n": 0 } },
        &bob.id: { "NODEVICE": { "n": 1 }, &bob.device_id: { "n": 2 } },
    } });
    let path = path!("/v3/sendToDevice/test.some/{}", unique("txn"));
    alice.put(&path, &messages).ok();
    assert_eq!(numbers(&bob.initial_sync()), [2]);
}

/// A device that is named gets its own message, the others that to all.
#[test]
fn a_named_device_is_not_one_of_all() {
    covers!(PUT "/_matrix/client/v3/sendToDevice/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let phone = homeserver().register("bob");
    let laptop = phone.new_device();
    let messages =
        json!({ "messages": { &phone.id: { "*": { "n": 1 }, &phone.device_id: { "n": 2 } } } });
    let path = path!("/v3/sendToDevice/test.some/{}", unique("txn"));
    alice.put(&path, &messages).ok();
    assert_eq!(numbers(&phone.initial_sync()), [2]);
    assert_eq!(numbers(&laptop.initial_sync()), [1]);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#key-verification-framework)
#[test]
fn verification_and_key_requests_pass_as_they_are() {
    covers!(PUT "/_matrix/client/v3/sendToDevice/{eventType}/{txnId}");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    let request = json!({ "action": "request_cancellation", "requesting_device_id": phone.device_id, "request_id": "1" });
    let start = json!({ "from_device": phone.device_id, "transaction_id": "t", "methods": ["m.sas.v1"], "timestamp": 1 });
    phone.send_to_device("m.room_key_request", &laptop, &request);
    phone.send_to_device("m.key.verification.request", &laptop, &start);
    let response = laptop.initial_sync();
    let events = items(&response["to_device"]["events"]);
    let told: Vec<_> = events
        .iter()
        .map(|event| (text(&event["type"]), event["content"].clone()))
        .collect();
    let expected = [
        ("m.room_key_request".to_owned(), request),
        ("m.key.verification.request".to_owned(), start),
    ];
    assert_eq!(told, expected);
    assert!(events.iter().all(|event| event["sender"] == phone.id));
}

/// What a client cannot take for an event does not get into its sync.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid)
#[test]
fn a_message_is_an_object() {
    covers!(PUT "/_matrix/client/v3/sendToDevice/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    for content in [json!(5), json!("text"), json!([]), json!(null)] {
        let devices = json!({ &bob.device_id: content });
        let body = json!({ "messages": { &bob.id: devices } });
        let path = path!("/v3/sendToDevice/test.message/{}", unique("txn"));
        alice.put(&path, &body).must_fail(400, "M_BAD_JSON");
    }
    alice.send_to_device("test.message", &bob, &json!({ "is": "an object" }));
    let events = bob.initial_sync()["to_device"]["events"].clone();
    assert_eq!(items(&events).len(), 1, "{events}");
}

/// What a stranger may send has a size that everybody can receive.
#[test]
fn a_message_has_a_size() {
    covers!(PUT "/_matrix/client/v3/sendToDevice/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let body = |length: usize| {
        let content = json!({ "n": 1, "long": "x".repeat(length) });
        json!({ "messages": { bob.id.as_str(): { bob.device_id.as_str(): content } } })
    };
    let to = |txn: &str| path!("/v3/sendToDevice/{}/{}", "test.long", txn);
    // Synapse takes long messages that stay on it.
    if !homeserver().is_synapse() {
        let long = alice.put(&to(&unique("txn")), &body(100_000));
        long.must_fail(413, "M_TOO_LARGE");
    }
    alice.put(&to(&unique("txn")), &body(50_000)).ok();
    assert_eq!(numbers(&bob.initial_sync()), [1]);
}

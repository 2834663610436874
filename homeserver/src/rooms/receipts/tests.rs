use serde_json::json;

use super::*;
use crate::{
    ids::StreamPos,
    rooms::testing::{ALICE, BOB, TestServer, code, user},
};

async fn mark(
    server: &TestServer,
    room: RoomNid,
    kind: ReceiptKind,
    event: &EventId,
    thread: Option<&str>,
) -> ApiResult<()> {
    let receipt = NewReceipt {
        user: user(BOB),
        kind,
        event: event.to_owned(),
        thread: ReceiptThread::parse(thread)?,
    };
    server.rooms.set_receipt(room, receipt).await
}

/// What a user is told of all receipts: event, kind, thread.
fn told(
    server: &TestServer,
    room: RoomNid,
    viewer: &str,
) -> Vec<(OwnedEventId, ReceiptKind, Option<String>)> {
    let (snapshot, viewer) = (server.storage.snapshot(), server.user(&user(viewer)));
    let (since, upto) = (StreamPos::ZERO, server.storage.position());
    let receipts = server
        .rooms
        .receipts_since(&snapshot, room, viewer, since, upto);
    let receipts = receipts.unwrap().into_iter();
    receipts
        .map(|receipt| (receipt.event, receipt.kind, receipt.thread))
        .collect()
}

#[tokio::test]
async fn a_receipt_never_moves_backwards() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    server.join(room, BOB).await;
    let first = server.say(room, ALICE, "1").await;
    let second = server.say(room, ALICE, "2").await;
    for event in [&second, &first] {
        mark(&server, room, ReceiptKind::Public, event, None)
            .await
            .unwrap();
        assert_eq!(
            told(&server, room, ALICE),
            [(second.clone(), ReceiptKind::Public, None)]
        );
    }
}

#[tokio::test]
async fn a_private_receipt_is_told_to_its_owner_only() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    server.join(room, BOB).await;
    let event = server.say(room, ALICE, "1").await;
    mark(&server, room, ReceiptKind::Private, &event, None)
        .await
        .unwrap();
    assert_eq!(told(&server, room, ALICE), []);
    assert_eq!(
        told(&server, room, BOB),
        [(event, ReceiptKind::Private, None)]
    );
}

#[tokio::test]
async fn each_thread_has_a_receipt_of_its_own() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    server.join(room, BOB).await;
    let root = server.say(room, ALICE, "root").await;
    let relation =
        json!({ "body": "in it", "m.relates_to": { "rel_type": "m.thread", "event_id": root } });
    let reply = server.send(room, ALICE, relation).await.unwrap();
    let thread = Some(root.as_str());
    for (event, thread) in [
        (&root, Some("main")),
        (&root, thread),
        (&reply, thread),
        (&reply, None),
    ] {
        mark(&server, room, ReceiptKind::Public, event, thread)
            .await
            .unwrap();
    }
    let public = ReceiptKind::Public;
    assert_eq!(
        told(&server, room, ALICE),
        [
            (root.clone(), public, Some("main".to_owned())),
            (reply.clone(), public, Some(root.to_string())),
            (reply.clone(), public, None),
        ]
    );
    let refused = mark(&server, room, public, &reply, Some("main")).await;
    assert_eq!(code(refused), "M_INVALID_PARAM");
    let other = server.say(room, ALICE, "other").await;
    let refused = mark(&server, room, public, &other, thread).await;
    assert_eq!(code(refused), "M_INVALID_PARAM");
}

#[tokio::test]
async fn the_farther_of_all_receipts_says_what_is_read() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    server.join(room, BOB).await;
    let first = server.say(room, ALICE, "1").await;
    let second = server.say(room, ALICE, "2").await;
    let bob = server.user(&user(BOB));
    let read = |thread: &str| {
        let snapshot = server.storage.snapshot();
        let position = server
            .rooms
            .read_position(&snapshot, bob, room, thread)
            .unwrap();
        let all = server.rooms.read_positions(&snapshot, bob, room).unwrap();
        assert_eq!(all.in_thread(thread), position);
        let event = |id| server.rooms.event_by_id(&snapshot, id).unwrap().unwrap();
        position.map(|place| {
            (
                place == event(&first).row.place,
                place == event(&second).row.place,
            )
        })
    };
    assert_eq!(read("main"), None);
    mark(&server, room, ReceiptKind::Public, &first, None)
        .await
        .unwrap();
    assert_eq!(read("main"), Some((true, false)));
    mark(&server, room, ReceiptKind::Private, &second, Some("main"))
        .await
        .unwrap();
    assert_eq!(read("main"), Some((false, true)));
    assert_eq!(read("$thread"), Some((true, false)));
}

#[tokio::test]
async fn a_receipt_takes_a_member_and_an_event_of_the_room() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    let event = server.say(room, ALICE, "1").await;
    let refused = mark(&server, room, ReceiptKind::Public, &event, None).await;
    assert_eq!(code(refused), "M_FORBIDDEN");
    server.join(room, BOB).await;
    let unknown = EventId::parse("$unknown").unwrap();
    let refused = mark(&server, room, ReceiptKind::Public, &unknown, None).await;
    assert_eq!(code(refused), "M_NOT_FOUND");
    assert_eq!(code(ReceiptThread::parse(Some(""))), "M_INVALID_PARAM");
    assert_eq!(code(ReceiptThread::parse(Some("x"))), "M_INVALID_PARAM");
}

#[test]
fn the_event_groups_receipts_by_event_and_kind() {
    let receipt = Receipt {
        user: user(BOB),
        kind: ReceiptKind::Public,
        thread: Some("main".to_owned()),
        event: EventId::parse("$a").unwrap(),
        ts: MilliSecondsSinceUnixEpoch(5_u32.into()),
    };
    let event: serde_json::Value =
        serde_json::from_str(receipts_event(&[receipt]).unwrap().get()).unwrap();
    assert_eq!(
        event,
        json!({
            "type": "m.receipt",
            "content": { "$a": { "m.read": { BOB: { "ts": 5, "thread_id": "main" } } } },
        })
    );
}

use std::{cell::Cell, collections::BTreeMap};

use ruma::{
    EventId, OwnedEventId,
    api::client::room::{Visibility, create_room::v3::Request},
    events::StateEventType,
};
use serde_json::json;

use super::{Before, DeletionOptions, Stage, reclaim::Reclaim};
use crate::{
    ids::RoomNid,
    maintenance::check,
    rooms::{
        draft,
        history::PageQuery,
        membership::Step,
        receipts::{NewReceipt, ReceiptKind, ReceiptThread},
        send::Transaction,
        testing::{ALICE, BOB, TestServer, code, user},
        timeline::Direction,
    },
    storage::{Commit, tables},
    users::AccountRow,
};

impl TestServer {
    /// Gives a user an account, so that they are told of deleted rooms.
    async fn open_account(&self, id: &str) {
        let user = self.user(&user(id));
        let row = AccountRow {
            password: None,
            created: self.rooms.clock().now(),
            admin: false,
            locked: false,
            suspended: false,
            deactivated: false,
            erased: false,
            kind: None,
            rate_limit: None,
        };
        let commit = Commit::silent(move |batch| tables::ACCOUNT.put(batch, user, &row));
        self.storage.commit(commit).await.unwrap();
    }

    /// A room with something of everything in it.
    async fn full_room(&self) -> RoomNid {
        let mut request = Request::new();
        request.visibility = Visibility::Public;
        request.room_alias_name = Some("attic".to_owned());
        request.name = Some("The attic".to_owned());
        let room_id = self.create(request).await.unwrap();
        let room = self.rooms.find(&room_id).unwrap();
        self.join(room, BOB).await;
        for number in 0..60 {
            let id = format!("@member{number}:local");
            self.join(room, &id).await;
        }
        self.step(room, "@member1:local", Step::Leave)
            .await
            .unwrap();
        let first = self.say(room, ALICE, "the first thing said").await;
        let reply = json!({
            "msgtype": "m.text", "body": "an answer",
            "m.relates_to": { "rel_type": "m.thread", "event_id": first },
        });
        self.send(room, BOB, reply).await.unwrap();
        for number in 0..20 {
            self.say(room, BOB, &format!("word {number}")).await;
        }
        let topic = json!({ "topic": "boxes" });
        self.set_state(room, ALICE, "m.room.topic", topic)
            .await
            .unwrap();
        let room_id = self.rooms.room_id(room).unwrap();
        for (who, scope) in [
            (ALICE, "delayed".to_owned()),
            (BOB, "reply".to_owned()),
            (ALICE, format!("redact {room_id}")),
        ] {
            self.send_once(room, who, &scope).await;
        }
        let scope = format!("send {room_id} m.room.message");
        let last = self.send_once(room, ALICE, &scope).await;
        let receipt = NewReceipt {
            user: user(BOB),
            kind: ReceiptKind::Public,
            event: last,
            thread: ReceiptThread::Unthreaded,
        };
        self.rooms.set_receipt(room, receipt).await.unwrap();
        room
    }

    /// Alice sends something in a transaction of somebody's device.
    async fn send_once(&self, room: RoomNid, whose: &str, scope: &str) -> OwnedEventId {
        let content = json!({ "msgtype": "m.text", "body": "sent once" });
        let now = self.rooms.clock().now();
        let draft = draft::message(&user(ALICE), "m.room.message".into(), &content, now).unwrap();
        let transaction = Transaction {
            user: self.user(&user(whose)),
            device: "PHONE".to_owned(),
            scope: scope.to_owned(),
            id: "t1".to_owned(),
        };
        let sent = self.rooms.send(room, draft, Some(transaction)).await;
        sent.unwrap()
    }

    async fn finish(&self) {
        let mut reclaim = Reclaim::default();
        self.rooms
            .finish_jobs(|| false, &mut reclaim)
            .await
            .unwrap();
    }

    fn check(&self) {
        let report = check::check(&self.storage.snapshot()).unwrap();
        assert!(report.is_clean(), "{:?}", report.problems);
        assert_eq!(report.orphans, 0, "nodes of states are left behind");
        assert_eq!(report.stale_transactions, 0);
    }

    /// Rows by table, without those that stay: names, and what was under way.
    fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = self.storage.snapshot().row_counts();
        counts.retain(|name, _| {
            let kept = [
                "_NID",
                "_TEXT",
                "NEXT_EVENT",
                "DELETION_JOB",
                "DELETION_MEMBER",
                "ACCOUNT",
            ];
            !kept.iter().any(|kept| name.ends_with(kept)) || *name == "EVENT_NID"
        });
        counts
    }

    async fn bodies(&self, room: RoomNid, who: &str) -> Vec<String> {
        let query = PageQuery {
            from: None,
            to: None,
            direction: Direction::Forward,
            limit: 1_000,
        };
        self.look(room, who, move |look| {
            let (_, page) = look.messages(&query, |_| Ok(true))?;
            let body = |event: &crate::rooms::event::RoomEvent| {
                let content: serde_json::Value = event.pdu.content_as().ok()?;
                content["body"].as_str().map(str::to_owned)
            };
            Ok(page.events.iter().filter_map(|event| body(event)).collect())
        })
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_deleted_room() {
    let server = TestServer::new();
    for id in [ALICE, BOB, "@member1:local"] {
        server.open_account(id).await;
    }
    let other = server.public_room("12").await;
    server.say(other, ALICE, "stays").await;
    let before = server.counts();
    let room = server.full_room().await;
    let room_id = server.rooms.room_id(room).unwrap();
    server
        .rooms
        .forget(&user("@member1:local"), &room_id)
        .await
        .unwrap();
    server.check();

    let id = server
        .rooms
        .delete_room(room, DeletionOptions::default())
        .await
        .unwrap();
    server.finish().await;
    server.check();
    let mut after = server.counts();
    // Alice and Bob might not have heard of it; the others have no account or have forgotten the room.
    assert_eq!(
        after.get("USER_ROOM").copied(),
        before.get("USER_ROOM").map(|rows| rows + 2)
    );
    after.insert("USER_ROOM", before["USER_ROOM"]);
    assert_eq!(after, before);
    assert!(!server.storage.snapshot().has_text("the first thing said"));
    assert_eq!(server.bodies(other, ALICE).await, ["stays"]);

    let job = server.rooms.deletion_job(&id).await.unwrap().unwrap();
    assert_eq!(job.row.stage, Stage::Done);
    assert_eq!(job.row.aliases, ["#attic:local"]);
    let members = server.rooms.deletion_members(&id).await.unwrap();
    assert_eq!((members.removed.len(), members.failed.len()), (61, 0));
}

#[tokio::test]
async fn who_was_in_a_deleted_room_keeps_the_event_of_leaving_until_it_is_forgotten() {
    let server = TestServer::new();
    server.open_account(BOB).await;
    let room = server.public_room("11").await;
    server.join(room, BOB).await;
    server
        .rooms
        .delete_room(room, DeletionOptions::default())
        .await
        .unwrap();
    server.finish().await;
    let row = server.rooms.user_room(&user(BOB), room).unwrap().unwrap();
    let event: serde_json::Value =
        serde_json::from_str(row.last_event_of_deleted_room().unwrap()).unwrap();
    assert_eq!(event["content"]["membership"], "leave");
    assert_eq!(event["state_key"], BOB);
    let room_id = server.rooms.room_id(room).unwrap();
    server.rooms.forget(&user(BOB), &room_id).await.unwrap();
    assert_eq!(server.rooms.user_room(&user(BOB), room).unwrap(), None);
}

#[tokio::test]
async fn a_room_that_is_being_deleted_takes_nothing_more() {
    let server = TestServer::new();
    let room = server.public_room("12").await;
    server
        .rooms
        .delete_room(room, DeletionOptions::default())
        .await
        .unwrap();
    let message = json!({ "msgtype": "m.text", "body": "late" });
    assert_eq!(
        code(server.send(room, ALICE, message.clone()).await),
        "M_FORBIDDEN"
    );
    assert_eq!(
        code(server.step(room, BOB, Step::Join).await),
        "M_FORBIDDEN"
    );
    let again = server
        .rooms
        .delete_room(room, DeletionOptions::default())
        .await;
    assert_eq!(code(again), "M_UNKNOWN");
    server.finish().await;
    assert_eq!(code(server.send(room, ALICE, message).await), "M_NOT_FOUND");
    let again = server
        .rooms
        .delete_room(room, DeletionOptions::default())
        .await;
    assert_eq!(code(again), "M_NOT_FOUND");
}

#[tokio::test]
async fn a_room_that_only_loses_its_members_can_be_entered_again() {
    let server = TestServer::new();
    let room = server.public_room("12").await;
    server.join(room, BOB).await;
    let options = DeletionOptions {
        purge: false,
        force: false,
    };
    server.rooms.delete_room(room, options).await.unwrap();
    server.finish().await;
    server.check();
    let left = server.rooms.user_room(&user(BOB), room).unwrap().unwrap();
    assert_eq!(left.membership.as_str(), "leave");
    server.join(room, BOB).await;
}

#[tokio::test]
async fn a_deletion_can_be_interrupted_after_every_step() {
    let server = TestServer::new();
    server.open_account(BOB).await;
    let before = server.counts();
    let room = server.full_room().await;
    let id = server
        .rooms
        .delete_room(room, DeletionOptions::default())
        .await
        .unwrap();
    let mut interruptions = 0;
    loop {
        let steps = Cell::new(0);
        let stop = || steps.replace(steps.get() + 1) >= 1;
        let mut reclaim = Reclaim::default();
        server.rooms.finish_jobs(stop, &mut reclaim).await.unwrap();
        server.check();
        let job = server.rooms.deletion_job(&id).await.unwrap().unwrap();
        if job.row.is_over() {
            break;
        }
        interruptions += 1;
        // What a restart does.
        server.rooms.inner.closing.write().clear();
        server.rooms.resume_deletions().unwrap();
        assert!(server.rooms.require_open(room).is_err());
    }
    assert!(interruptions >= 4, "only {interruptions} steps");
    let mut after = server.counts();
    assert_eq!(after.remove("USER_ROOM"), Some(1));
    assert_eq!(after, before);
}

#[tokio::test]
async fn numbers_of_removed_events_are_not_given_out_again() {
    let server = TestServer::new();
    let room = server.public_room("12").await;
    server
        .rooms
        .delete_room(room, DeletionOptions::default())
        .await
        .unwrap();
    let floor = server.storage.interner().event_floor();
    server.finish().await;
    let stored = tables::NEXT_EVENT
        .get(&server.storage.snapshot(), ())
        .unwrap();
    assert!(stored.is_some_and(|stored| stored >= floor));
}

#[tokio::test]
async fn history_before_an_event_goes_and_state_stays() {
    let server = TestServer::new();
    let room = server.public_room("12").await;
    server.join(room, BOB).await;
    server.say(room, ALICE, "secret one").await;
    let topic = json!({ "topic": "kept" });
    server
        .set_state(room, ALICE, "m.room.topic", topic)
        .await
        .unwrap();
    server.say(room, BOB, "secret two").await;
    let third = server.say(room, ALICE, "three").await;
    server.say(room, BOB, "four").await;
    server
        .rooms
        .purge_history(room, Before::Event(third), true)
        .await
        .unwrap();
    server.finish().await;
    server.check();
    assert_eq!(server.bodies(room, BOB).await, ["three", "four"]);
    assert!(!server.storage.snapshot().has_text("secret"));
    let topic = server
        .look(room, BOB, |look| look.state_event("m.room.topic", ""))
        .await;
    assert!(topic.is_ok());
}

#[tokio::test]
async fn the_newest_event_goes_once_there_is_a_newer_one() {
    let server = TestServer::new();
    let room = server.public_room("12").await;
    let only = server.say(room, ALICE, "only secret").await;
    server.clock.advance(std::time::Duration::from_secs(1));
    let all = Before::Time(server.rooms.clock().now());
    server
        .rooms
        .purge_history(room, all.clone(), true)
        .await
        .unwrap();
    server.finish().await;
    server.check();
    assert!(server.bodies(room, ALICE).await.is_empty());
    assert!(!server.storage.snapshot().has_text("only secret"));
    let gone = server.look(room, ALICE, {
        let only = only.clone();
        move |look| look.event(&only)
    });
    assert_eq!(code(gone.await), "M_NOT_FOUND");
    // The next event follows it nevertheless.
    server.rooms.lock(room).await.take();
    server.say(room, ALICE, "next").await;
    server.check();
    assert!(known(&server, &only));
    server.rooms.purge_history(room, all, true).await.unwrap();
    server.finish().await;
    server.check();
    assert!(!known(&server, &only));
    assert_eq!(server.bodies(room, ALICE).await, ["next"]);
}

fn known(server: &TestServer, id: &EventId) -> bool {
    let snapshot = server.storage.snapshot();
    tables::EVENT_NID.contains(&snapshot, id).unwrap()
}

#[tokio::test]
async fn own_events_can_be_kept() {
    let server = TestServer::new();
    let room = server.public_room("12").await;
    server.say(room, ALICE, "ours").await;
    let last = server.say(room, ALICE, "last").await;
    server
        .rooms
        .purge_history(room, Before::Event(last), false)
        .await
        .unwrap();
    server.finish().await;
    assert_eq!(server.bodies(room, ALICE).await, ["ours", "last"]);
}

#[tokio::test]
async fn a_room_from_which_history_was_removed_is_deleted_whole() {
    let server = TestServer::new();
    let before = server.counts();
    let room = server.full_room().await;
    server.clock.advance(std::time::Duration::from_secs(1));
    let all = Before::Time(server.rooms.clock().now());
    server.rooms.purge_history(room, all, true).await.unwrap();
    server.finish().await;
    server.check();
    server
        .rooms
        .delete_room(room, DeletionOptions::default())
        .await
        .unwrap();
    server.finish().await;
    server.check();
    assert_eq!(server.counts(), before);
}

#[tokio::test]
async fn messages_go_when_their_time_is_over() {
    let server = TestServer::new();
    let room = server.public_room("12").await;
    let other = server.public_room("12").await;
    server.say(other, ALICE, "for ever").await;
    let policy = json!({ "max_lifetime": 60_000 });
    server
        .set_state(room, ALICE, "m.room.retention", policy)
        .await
        .unwrap();
    server.say(room, ALICE, "old").await;
    server.clock.advance(std::time::Duration::from_secs(50));
    server.say(room, ALICE, "young").await;
    server.clock.advance(std::time::Duration::from_secs(20));
    let mut reclaim = Reclaim::default();
    server
        .rooms
        .expire_messages(None, &mut reclaim)
        .await
        .unwrap();
    assert_eq!(server.bodies(room, ALICE).await, ["young"]);
    assert_eq!(server.bodies(other, ALICE).await, ["for ever"]);
    let second = std::time::Duration::from_secs(1);
    server
        .rooms
        .expire_messages(Some(second), &mut reclaim)
        .await
        .unwrap();
    assert_eq!(server.bodies(room, ALICE).await, ["young"]);
    assert!(server.bodies(other, ALICE).await.is_empty());
    server.check();
}

#[tokio::test]
async fn rooms_that_everybody_has_forgotten_go_after_a_week() {
    let server = TestServer::new();
    for id in [ALICE, BOB] {
        server.open_account(id).await;
    }
    let room = server.public_room("12").await;
    let room_id = server.rooms.room_id(room).unwrap();
    server.join(room, BOB).await;
    for id in [ALICE, BOB] {
        server.step(room, id, Step::Leave).await.unwrap();
    }
    server.rooms.forget(&user(ALICE), &room_id).await.unwrap();
    let week = std::time::Duration::from_secs(8 * 24 * 60 * 60);
    server.clock.advance(week);
    assert_eq!(server.rooms.delete_forgotten_rooms().await.unwrap(), 0);
    server.rooms.forget(&user(BOB), &room_id).await.unwrap();
    assert_eq!(server.rooms.delete_forgotten_rooms().await.unwrap(), 1);
    assert_eq!(server.rooms.delete_forgotten_rooms().await.unwrap(), 0);
    server.finish().await;
    server.check();
    assert!(!server.storage.snapshot().row_counts().contains_key("EVENT"));
    let create = StateEventType::RoomCreate.to_string();
    let snapshot = server.storage.snapshot();
    assert!(
        server
            .rooms
            .state_event(&snapshot, room, &create, "")
            .unwrap()
            .is_none()
    );
}

use std::{sync::Arc, time::Duration};

use ruma::{
    OwnedRoomId, RoomVersionId,
    api::client::{
        room::create_room::v3::{Request, RoomPreset},
        uiaa::{AuthData, Dummy},
    },
};
use serde_json::{json, value::to_raw_value};

use super::{store::End, *};
use crate::{
    Config, Server,
    clock::ManualClock,
    rooms::{
        draft,
        look::Reader,
        membership::{MembershipChange, Step},
    },
    users::{Registration, SignIn},
};

struct Bench {
    server: Server,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        std::fs::create_dir_all(config.keys_dir()).unwrap();
        crate::keys::create(&config.keys_dir()).unwrap();
        let clock = ManualClock::at(1_700_000_000_000);
        let server = Server::open(config, clock.clone()).unwrap();
        Self {
            server,
            clock,
            _folder: folder,
        }
    }

    async fn register(&self, name: &str) -> Session {
        let auth = AuthData::Dummy(Dummy::new());
        let wish = Registration {
            username: Some(name.to_owned()),
            password: Some("сирень".to_owned()),
            sign_in: Some(SignIn::default()),
        };
        let registered = self.server.users.register(wish, Some(&auth)).await.unwrap();
        let token = registered.signed_in.unwrap().access_token;
        self.server.users.session(&token).await.unwrap()
    }

    async fn room(&self, session: &Session) -> (OwnedRoomId, RoomNid) {
        let mut request = Request::new();
        request.preset = Some(RoomPreset::PublicChat);
        let creator = session.user_id.clone();
        let rooms = &self.server.rooms;
        let created = rooms.create(creator, request, RoomVersionId::V11).await;
        let room_id = created.unwrap();
        let room = rooms.find(&room_id).unwrap();
        (room_id, room)
    }

    async fn schedule(&self, session: &Session, room: RoomNid, seconds: u64) -> String {
        let new = new_event(room, None, seconds);
        self.server.delayed.schedule(session, new).await.unwrap()
    }

    async fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.server.delayed.send_due().await.unwrap();
    }

    async fn end(&self, session: &Session, id: &str) -> Option<End> {
        let event = self.server.delayed.get(session.user, id.to_owned()).await;
        event.unwrap().row.outcome.map(|outcome| outcome.end)
    }

    /// What a state event of a room says.
    async fn state(&self, session: &Session, room_id: &OwnedRoomId) -> Option<String> {
        let reader = Reader {
            user: session.user_id.clone(),
            device: session.device_id.clone(),
        };
        let state = self.server.rooms.look(reader, room_id, |look| {
            Ok(look
                .state_event("org.example.state", "key")?
                .pdu
                .content()
                .get()
                .to_owned())
        });
        state.await.ok()
    }
}

fn config(folder: &std::path::Path) -> Config {
    let text = format!(
        "server_name = \"b.example\"\ndata_dir = {folder:?}\n[registration]\nmode = \"open\"\n[limits]\nenabled = false"
    );
    Config::parse(&text, []).unwrap()
}

fn new_event(room: RoomNid, state_key: Option<&str>, seconds: u64) -> NewDelayedEvent {
    NewDelayedEvent {
        room,
        event_type: "org.example.state".to_owned(),
        state_key: state_key.map(str::to_owned),
        content: to_raw_value(&json!({ "by": "timer" })).unwrap(),
        delay: Duration::from_secs(seconds),
        transaction: None,
    }
}

fn status(result: ApiResult) -> u16 {
    result.map_or_else(|error| error.status().as_u16(), |()| 200)
}

#[tokio::test]
async fn event_is_sent_once_its_time_has_come() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let (_, room) = bench.room(&alice).await;
    let id = bench.schedule(&alice, room, 10).await;
    bench.pass(9).await;
    assert_eq!(bench.end(&alice, &id).await, None);
    bench.pass(1).await;
    assert!(matches!(bench.end(&alice, &id).await, Some(End::Sent(_))));
    let waiting = bench.server.delayed.list(alice.user, false, None).await;
    assert!(waiting.unwrap().events.is_empty());
    let ended = bench.server.delayed.list(alice.user, true, None).await;
    assert_eq!(ended.unwrap().events.len(), 1);
}

#[tokio::test]
async fn restarted_event_waits_anew() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let (_, room) = bench.room(&alice).await;
    let id = bench.schedule(&alice, room, 10).await;
    bench.pass(9).await;
    bench
        .server
        .delayed
        .update(&id, Action::Restart)
        .await
        .unwrap();
    bench.pass(9).await;
    assert_eq!(bench.end(&alice, &id).await, None);
    bench.pass(1).await;
    assert!(matches!(bench.end(&alice, &id).await, Some(End::Sent(_))));
}

#[tokio::test]
async fn ended_event_takes_only_the_action_that_agrees() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let (_, room) = bench.room(&alice).await;
    let (sent, cancelled) = (
        bench.schedule(&alice, room, 10).await,
        bench.schedule(&alice, room, 10).await,
    );
    let delayed = &bench.server.delayed;
    delayed.update(&sent, Action::Send).await.unwrap();
    delayed.update(&cancelled, Action::Cancel).await.unwrap();
    for (id, action, expected) in [
        (&sent, Action::Send, 200),
        (&sent, Action::Cancel, 409),
        (&sent, Action::Restart, 409),
        (&cancelled, Action::Cancel, 200),
        (&cancelled, Action::Send, 409),
        (&cancelled, Action::Restart, 409),
        (&"nonsense".to_owned(), Action::Send, 404),
    ] {
        let result = delayed.update(id, action).await;
        assert_eq!(status(result), expected, "{action:?}");
    }
    bench.pass(20).await;
    assert_eq!(bench.end(&alice, &cancelled).await, Some(End::Cancelled));
}

#[tokio::test]
async fn event_that_is_not_allowed_fails_with_its_error() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let bob = bench.register("bob").await;
    let (_, room) = bench.room(&alice).await;
    let id = bench.schedule(&bob, room, 10).await;
    // It goes on waiting: perhaps it is allowed later.
    let sent = bench.server.delayed.update(&id, Action::Send).await;
    assert_eq!(status(sent), 403);
    assert_eq!(bench.end(&bob, &id).await, None);
    bench.pass(10).await;
    let Some(End::Failed { errcode, .. }) = bench.end(&bob, &id).await else {
        panic!("the event must have failed");
    };
    assert_eq!(errcode, "M_FORBIDDEN");
}

#[tokio::test]
async fn state_that_somebody_else_changed_is_left_alone() {
    let bench = Bench::open();
    let (alice, bob) = (bench.register("alice").await, bench.register("bob").await);
    let (room_id, room) = bench.room(&alice).await;
    let rooms = &bench.server.rooms;
    let join = MembershipChange::own(&bob.user_id, Step::Join, None);
    rooms.change_membership(room, join).await.unwrap();
    for (setter, expected) in [(&alice, "timer"), (&bob, "hand")] {
        let levels = json!({ "users": { alice.user_id.as_str(): 100, bob.user_id.as_str(): 100 } });
        let now = rooms.clock().now();
        let kind = "m.room.power_levels".into();
        let draft = draft::state(&alice.user_id, kind, "", &levels, now).unwrap();
        rooms.send_state(room, draft).await.unwrap();
        let new = new_event(room, Some("key"), 10);
        bench.server.delayed.schedule(&alice, new).await.unwrap();
        let content = json!({ "by": "hand" });
        let kind = "org.example.state".into();
        let draft = draft::state(&setter.user_id, kind, "key", &content, now).unwrap();
        rooms.send_state(room, draft).await.unwrap();
        bench.pass(10).await;
        let state = bench.state(&alice, &room_id).await.unwrap();
        assert!(state.contains(expected), "{state}");
    }
}

#[tokio::test]
async fn repeated_transaction_schedules_nothing() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let (_, room) = bench.room(&alice).await;
    let schedule = async |transaction: &str| {
        let new = NewDelayedEvent {
            transaction: Some(transaction.to_owned()),
            ..new_event(room, None, 10)
        };
        bench.server.delayed.schedule(&alice, new).await.unwrap()
    };
    let first = schedule("a").await;
    assert_eq!(schedule("a").await, first);
    assert_ne!(schedule("b").await, first);
}

#[tokio::test]
async fn events_of_one_user_are_limited() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let (_, room) = bench.room(&alice).await;
    for _ in 0..MAX_SCHEDULED {
        bench.schedule(&alice, room, 10).await;
    }
    let one_more = bench
        .server
        .delayed
        .schedule(&alice, new_event(room, None, 10));
    assert_eq!(status(one_more.await.map(drop)), 429);
    bench.pass(10).await;
    bench.schedule(&alice, room, 10).await;
}

#[tokio::test]
async fn event_is_sent_once_though_the_server_ends_in_between() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let (_, room) = bench.room(&alice).await;
    let id = bench.schedule(&alice, room, 10).await;
    let row = bench
        .server
        .delayed
        .get(alice.user, id.clone())
        .await
        .unwrap()
        .row;
    // As if the process had ended after the event was sent and before that was noted.
    bench.clock.advance(Duration::from_secs(10));
    let before = bench.server.delayed.deliver(&id, &row, true).await.unwrap();
    bench.pass(0).await;
    assert_eq!(bench.end(&alice, &id).await, Some(End::Sent(before.into())));
}

#[tokio::test]
async fn what_ended_a_week_ago_is_forgotten() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let (_, room) = bench.room(&alice).await;
    let id = bench.schedule(&alice, room, 10).await;
    bench.pass(10).await;
    bench.clock.advance(Duration::from_secs(8 * 24 * 60 * 60));
    bench.server.delayed.forget_old().await.unwrap();
    let gone = bench.server.delayed.get(alice.user, id).await;
    assert_eq!(status(gone.map(drop)), 404);
    let ended = bench.server.delayed.list(alice.user, true, None).await;
    assert!(ended.unwrap().events.is_empty());
}

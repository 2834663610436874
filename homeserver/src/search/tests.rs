use ruma::{
    OwnedEventId, OwnedUserId, RoomVersionId,
    api::client::{
        room::create_room::v3::{Request, RoomPreset},
        search::search_events::v3::{Criteria, OrderBy, ResultRoomEvents},
        uiaa::{AuthData, Dummy},
    },
};
use serde_json::{Value, json};

use super::Ask;
use crate::{
    Config, Server,
    clock::ManualClock,
    ids::RoomNid,
    rooms::{
        deletion::DeletionOptions,
        draft,
        look::Reader,
        membership::{MembershipChange, Step},
        redact::Redaction,
        send::Transaction,
    },
    storage::tables,
    users::Registration,
};

struct Bench {
    server: Server,
    _folder: tempfile::TempDir,
}

fn user(name: &str) -> OwnedUserId {
    format!("@{name}:b.example").try_into().unwrap()
}

impl Bench {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "server_name = \"b.example\"\ndata_dir = {:?}\n[registration]\nmode = \"open\"\n[limits]\nenabled = false",
            folder.path()
        );
        let config = Config::parse(&text, []).unwrap();
        std::fs::create_dir_all(config.keys_dir()).unwrap();
        crate::keys::create(&config.keys_dir()).unwrap();
        let server = Server::open(config, ManualClock::at(1_700_000_000_000)).unwrap();
        Self {
            server,
            _folder: folder,
        }
    }

    async fn register(&self, name: &str) {
        let auth = AuthData::Dummy(Dummy::new());
        let wish = Registration {
            username: Some(name.to_owned()),
            password: Some("сирень".to_owned()),
            sign_in: None,
        };
        self.server.users.register(wish, Some(&auth)).await.unwrap();
    }

    async fn room(&self, preset: RoomPreset) -> RoomNid {
        let mut request = Request::new();
        request.preset = Some(preset);
        let room = self
            .server
            .rooms
            .create(user("alice"), request, RoomVersionId::V12);
        self.server.rooms.find(&room.await.unwrap()).unwrap()
    }

    async fn step(&self, room: RoomNid, name: &str, step: Step) {
        let change = MembershipChange::own(&user(name), step, None);
        self.server
            .rooms
            .change_membership(room, change)
            .await
            .unwrap();
    }

    async fn say(&self, room: RoomNid, name: &str, body: &str) -> OwnedEventId {
        let content = json!({ "msgtype": "m.text", "body": body });
        let now = self.server.clock.now();
        let kind = "m.room.message".into();
        let draft = draft::message(&user(name), kind, &content, now).unwrap();
        self.server.rooms.send(room, draft, None).await.unwrap()
    }

    async fn redact(&self, room: RoomNid, event: OwnedEventId) {
        let redaction = Redaction {
            sender: user("alice"),
            target: event,
            reason: None,
            is_suspended: false,
        };
        let transaction = Transaction {
            user: self.server.storage.interner().user(&user("alice")).unwrap(),
            device: "PHONE".to_owned(),
            scope: "redact".to_owned(),
            id: "1".to_owned(),
        };
        let redacted = self.server.rooms.redact(room, redaction, transaction);
        redacted.await.unwrap();
    }

    async fn index(&self) {
        self.server.search.catch_up(|| false).await.unwrap();
    }

    async fn search(&self, name: &str, criteria: Criteria) -> ResultRoomEvents {
        let ask = Ask {
            reader: Reader {
                user: user(name),
                device: "PHONE".into(),
            },
            criteria,
            context: None,
            next_batch: None,
        };
        self.server.search.messages(ask).await.unwrap()
    }

    async fn bodies(&self, name: &str, text: &str) -> Vec<String> {
        let mut criteria = Criteria::new(text.to_owned());
        criteria.order_by = Some(OrderBy::Recent);
        let found = self.search(name, criteria).await;
        let body = |json: &str| {
            let event: Value = serde_json::from_str(json).unwrap();
            event["content"]["body"].as_str().unwrap().to_owned()
        };
        let events = found
            .results
            .iter()
            .map(|result| result.result.as_ref().unwrap());
        events.map(|event| body(event.json().get())).collect()
    }

    fn rows(&self, table: &str) -> usize {
        let counts = self.server.storage.snapshot().row_counts();
        counts.get(table).copied().unwrap_or(0)
    }
}

#[tokio::test]
async fn messages_are_found_before_and_after_they_are_filed() {
    let bench = Bench::open();
    bench.register("alice").await;
    let room = bench.room(RoomPreset::PrivateChat).await;
    bench.say(room, "alice", "Первая лекция о ёлках").await;
    assert_eq!(
        bench.bodies("alice", "лекции ёлка").await,
        ["Первая лекция о ёлках"]
    );
    assert_eq!(bench.rows("INDEX_QUEUE"), 1);
    bench.index().await;
    assert_eq!(bench.rows("INDEX_QUEUE"), 0);
    bench.say(room, "alice", "Вторая лекция").await;
    let expected = ["Вторая лекция", "Первая лекция о ёлках"];
    assert_eq!(bench.bodies("alice", "ЛЕКЦИЮ").await, expected);
    bench.index().await;
    assert_eq!(bench.bodies("alice", "ЛЕКЦИЮ").await, expected);
    assert!(bench.bodies("alice", "лекция семинар").await.is_empty());
    assert!(bench.bodies("alice", "").await.is_empty());
}

#[tokio::test]
async fn redacted_messages_are_gone_at_once_and_leave_the_index() {
    let bench = Bench::open();
    bench.register("alice").await;
    let room = bench.room(RoomPreset::PrivateChat).await;
    let secret = bench.say(room, "alice", "secret thing").await;
    bench.say(room, "alice", "other thing").await;
    bench.index().await;
    bench.redact(room, secret).await;
    assert_eq!(bench.bodies("alice", "thing").await, ["other thing"]);
    let found = bench
        .search("alice", Criteria::new("thing".to_owned()))
        .await;
    assert_eq!(found.count, Some(1_u8.into()));
    bench.index().await;
    assert_eq!(bench.rows("POSTING"), 2);
    assert_eq!(bench.rows("INDEX_REMOVAL"), 0);
    assert!(!bench.server.storage.snapshot().has_text("secret"));
}

#[tokio::test]
async fn who_came_later_finds_only_what_they_may_see() {
    let bench = Bench::open();
    for name in ["alice", "bob"] {
        bench.register(name).await;
    }
    let room = bench.room(RoomPreset::PublicChat).await;
    let content = json!({ "history_visibility": "joined" });
    let kind = "m.room.history_visibility".into();
    let now = bench.server.clock.now();
    let draft = draft::state(&user("alice"), kind, "", &content, now).unwrap();
    bench.server.rooms.send_state(room, draft).await.unwrap();
    bench.say(room, "alice", "word before").await;
    bench.step(room, "bob", Step::Join).await;
    bench.say(room, "alice", "word during").await;
    bench.step(room, "bob", Step::Leave).await;
    bench.say(room, "alice", "word after").await;
    for _ in 0..2 {
        assert_eq!(bench.bodies("bob", "word").await, ["word during"]);
        let found = bench.search("bob", Criteria::new("word".to_owned())).await;
        assert_eq!(found.count, Some(1_u8.into()));
        bench.index().await;
    }
    assert_eq!(bench.bodies("alice", "word").await.len(), 3);
}

#[tokio::test]
async fn events_from_before_the_index_are_filed_once() {
    let bench = Bench::open();
    bench.register("alice").await;
    let room = bench.room(RoomPreset::PrivateChat).await;
    for number in 0..50 {
        bench
            .say(room, "alice", &format!("old message {number}"))
            .await;
    }
    // As a version without an index leaves the database.
    let positions: Vec<_> = {
        let snapshot = bench.server.storage.snapshot();
        let rows = tables::INDEX_QUEUE.scan(&snapshot, ()).unwrap();
        rows.map(|row| row.unwrap().0).collect()
    };
    let commit = crate::storage::Commit::silent(move |batch| {
        for pos in positions {
            tables::INDEX_QUEUE.delete(batch, pos);
        }
    });
    bench.server.storage.commit(commit).await.unwrap();
    let search = super::Search::open(bench.server.rooms.clone(), bench.server.users.clone());
    let search = search.unwrap();
    bench.say(room, "alice", "new message").await;
    for _ in 0..2 {
        search.catch_up(|| false).await.unwrap();
    }
    let found = bench
        .search("alice", Criteria::new("message".to_owned()))
        .await;
    assert_eq!(found.count, Some(51_u8.into()));
    assert_eq!(bench.bodies("alice", "old 7").await, ["old message 7"]);
}

#[tokio::test]
async fn the_index_of_a_deleted_room_goes() {
    let bench = Bench::open();
    bench.register("alice").await;
    let room = bench.room(RoomPreset::PrivateChat).await;
    bench.say(room, "alice", "gone").await;
    bench.index().await;
    bench.say(room, "alice", "gone as well").await;
    let rooms = &bench.server.rooms;
    rooms
        .delete_room(room, DeletionOptions::default())
        .await
        .unwrap();
    let jobs = crate::jobs::Jobs::default();
    let deleting = tokio::spawn(rooms.clone().run_deletions(jobs.clone(), None));
    while rooms
        .jobs_of(room)
        .await
        .unwrap()
        .iter()
        .any(|job| !job.row.is_over())
    {
        tokio::task::yield_now().await;
    }
    jobs.stop();
    deleting.await.unwrap();
    assert!(bench.bodies("alice", "gone").await.is_empty());
    bench.index().await;
    for table in ["POSTING", "INDEX_QUEUE", "INDEX_REMOVAL", "INDEX_GONE"] {
        assert_eq!(bench.rows(table), 0, "{table}");
    }
}

#[tokio::test]
async fn people_are_found_as_long_as_they_may_be_known() {
    let bench = Bench::open();
    for name in ["alice", "bob", "carol"] {
        bench.register(name).await;
    }
    let server = &bench.server;
    let nid = |name| server.storage.interner().user(&user(name)).unwrap();
    let found = async |who, text: &str| {
        let found = server
            .search
            .people(nid(who), text.to_owned(), 10)
            .await
            .unwrap();
        let ids = found
            .people
            .into_iter()
            .map(|person| person.user_id.to_string());
        ids.collect::<Vec<_>>()
    };
    let room = bench.room(RoomPreset::PublicChat).await;
    assert!(found("carol", "bob").await.is_empty());
    bench.step(room, "bob", Step::Join).await;
    assert_eq!(found("carol", "bob").await, ["@bob:b.example"]);
    server
        .users
        .set_profile_field(nid("bob"), "displayname", "Пётр".into())
        .await
        .unwrap();
    assert_eq!(found("carol", "петр").await, ["@bob:b.example"]);
    server
        .users
        .update_account(nid("bob"), |account| account.locked = true)
        .await
        .unwrap();
    assert!(found("carol", "bob").await.is_empty());
    server
        .users
        .update_account(nid("bob"), |account| account.locked = false)
        .await
        .unwrap();
    assert_eq!(found("carol", "bob").await, ["@bob:b.example"]);
    bench.step(room, "bob", Step::Leave).await;
    assert!(found("carol", "bob").await.is_empty());
    server.users.deactivate(nid("alice"), false).await.unwrap();
    assert!(found("carol", "alice").await.is_empty());
}

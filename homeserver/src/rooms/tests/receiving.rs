//! Events of other servers, and histories that fork.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ruma::{OwnedEventId, OwnedRoomId, RoomVersionId};
use serde_json::json;

use crate::{
    events::{Pdu, testing::TestRoom, versions::OFFERED},
    ids::{EventNid, RoomNid},
    rooms::{
        gaps,
        past::{PastEvent, Where},
        receive::{JoinedRoom, Outcome},
        rows::{Membership, Place},
        testing::TestServer,
        timeline::{self, Direction},
    },
    storage::tables,
};

/// A server in whose name nobody made the room.
struct Guest {
    server: TestServer,
    room: RoomNid,
}

impl Guest {
    /// Enters a room; the room has the join then.
    async fn enter(room: &mut TestRoom, version: &RoomVersionId) -> Self {
        let server = TestServer::named("other");
        let state: Vec<Pdu> = room.current_state().values().cloned().collect();
        let auth_chain = room
            .timeline()
            .iter()
            .filter(|pdu| pdu.state_key().is_some());
        let auth_chain = auth_chain.cloned().collect();
        let join = room.join("@me:other");
        let room_id: OwnedRoomId = join.room_id().to_owned();
        let nid = server.storage.interner().room(&room_id).unwrap();
        let joined = JoinedRoom {
            join,
            state,
            auth_chain,
        };
        let rooms = &server.rooms;
        rooms
            .enter(nid, room.rules(), version.to_string(), joined)
            .await
            .unwrap();
        Self { server, room: nid }
    }

    async fn receive(&self, pdu: &Pdu) -> Outcome {
        let pdu = pdu.clone();
        let rooms = &self.server.rooms;
        rooms
            .write(self.room, move |txn| txn.receive(pdu, None))
            .await
            .unwrap()
    }

    async fn state(&self) -> BTreeMap<(String, String), OwnedEventId> {
        let room = self.room;
        let read = self.server.rooms.read(move |rooms, snapshot| {
            let mut state = BTreeMap::new();
            for row in tables::CURRENT_STATE.scan(snapshot, (room,))? {
                let ((_, kind, key), event) = row?;
                let event = rooms.known_event(snapshot, event)?;
                state.insert((kind, key), event.id().to_owned());
            }
            Ok(state)
        });
        read.await.unwrap()
    }

    async fn members(&self, membership: Membership) -> Vec<String> {
        let room = self.room;
        let read = self.server.rooms.read(move |rooms, snapshot| {
            let mut members = Vec::new();
            for row in tables::MEMBER.scan(snapshot, (room, membership))? {
                let ((_, _, user), (event, _)) = row?;
                assert_ne!(event, EventNid(0));
                members.push(rooms.storage().interner().user_id(user)?.to_string());
            }
            members.sort();
            Ok(members)
        });
        read.await.unwrap()
    }
}

fn ids(room: &TestRoom) -> BTreeMap<(String, String), OwnedEventId> {
    let state = room.current_state().iter();
    state
        .map(|(entry, pdu)| (entry.clone(), pdu.event_id().clone()))
        .collect()
}

#[tokio::test]
async fn a_room_is_entered_with_its_state_and_goes_on() {
    for version in OFFERED {
        let mut room = TestRoom::new(&version);
        room.join("@bob:local");
        room.state("@alice:local", "m.room.name", "", json!({ "name": "Тест" }));
        let guest = Guest::enter(&mut room, &version).await;
        assert_eq!(guest.state().await, ids(&room), "{version}");
        room.message("@bob:local", "hi");
        room.member("@alice:local", "@bob:local", "ban");
        for pdu in &room.timeline()[room.timeline().len() - 2..] {
            let outcome = guest.receive(pdu).await;
            assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
            assert!(matches!(guest.receive(pdu).await, Outcome::Known));
        }
        assert_eq!(guest.state().await, ids(&room), "{version}");
        assert_eq!(guest.members(Membership::Ban).await, ["@bob:local"]);
        assert_eq!(
            guest.members(Membership::Join).await,
            ["@alice:local", "@me:other"]
        );
        let summary = guest
            .server
            .rooms
            .summary(&guest.server.storage.snapshot(), guest.room);
        let summary = summary.unwrap().unwrap();
        assert_eq!((summary.joined, summary.remote), (2, 1));
        assert_eq!(summary.name.as_deref(), Some("Тест"));
        // And this server's own users speak in it.
        guest.server.say(guest.room, "@me:other", "hello").await;
    }
}

#[tokio::test]
async fn what_the_rules_forbid_is_rejected() {
    let version = RoomVersionId::V12;
    let mut room = TestRoom::new(&version);
    room.join("@bob:local");
    let guest = Guest::enter(&mut room, &version).await;
    let topic = room.build(
        "@bob:local",
        "m.room.topic",
        Some(""),
        json!({ "topic": "x" }),
    );
    let outcome = guest.receive(&topic).await;
    assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
    assert_eq!(guest.state().await, ids(&room));
    let stranger = room.build("@eve:local", "m.room.message", None, json!({ "body": "x" }));
    let outcome = guest.receive(&stranger).await;
    assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
}

#[tokio::test]
async fn what_the_room_no_longer_allows_is_kept_from_clients() {
    let version = RoomVersionId::V11;
    let mut room = TestRoom::new(&version);
    room.join("@bob:local");
    let guest = Guest::enter(&mut room, &version).await;
    let mut behind = room.clone();
    room.member("@alice:local", "@bob:local", "ban");
    guest.receive(room.last()).await;
    let late = behind.message("@bob:local", "still here");
    let outcome = guest.receive(&late).await;
    assert!(matches!(outcome, Outcome::SoftFailed(_)), "{outcome:?}");
    assert_eq!(guest.state().await, ids(&room));
}

#[tokio::test]
async fn a_state_event_that_forks_is_resolved_before_the_room_is_locked() {
    let version = RoomVersionId::V12;
    let mut room = TestRoom::new(&version);
    let guest = Guest::enter(&mut room, &version).await;
    let mut fork = room.clone();
    room.state("@alice:local", "m.room.name", "", json!({ "name": "a" }));
    fork.state("@alice:local", "m.room.name", "", json!({ "name": "b" }));
    guest.receive(room.last()).await;
    let forking = fork.last().clone();
    let rooms = &guest.server.rooms;
    let ahead = rooms.resolve_ahead(guest.room, vec![forking.clone()]);
    ahead.await.unwrap();
    let resolved = rooms.resolutions();
    assert!(resolved > 0);
    let outcome = guest.receive(&forking).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    assert_eq!(rooms.resolutions(), resolved, "it was known already");
}

#[tokio::test]
async fn gaps_are_told() {
    let version = RoomVersionId::V11;
    let mut room = TestRoom::new(&version);
    let guest = Guest::enter(&mut room, &version).await;
    let missing = room.message("@alice:local", "lost").event_id().clone();
    let next = room.message("@alice:local", "found");
    match guest.receive(&next).await {
        Outcome::MissingPrev(ids) => assert_eq!(ids, [missing]),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_redaction_may_come_before_what_it_redacts() {
    for version in [RoomVersionId::V10, RoomVersionId::V12] {
        let mut room = TestRoom::new(&version);
        room.join("@bob:local");
        let guest = Guest::enter(&mut room, &version).await;
        let mut behind = room.clone();
        let message = room.message("@bob:local", "regretted");
        let innocent = room.message("@alice:local", "kept");
        behind.redact("@bob:local", message.event_id());
        let redaction = behind.last().clone();
        // One that is not allowed does not take the place of one that is.
        let too_late = behind.redact("@me:other", message.event_id());
        let not_allowed = behind.redact("@me:other", innocent.event_id());
        for pdu in [&redaction, &too_late, &not_allowed, &message, &innocent] {
            let outcome = guest.receive(pdu).await;
            assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
        }
        let snapshot = guest.server.storage.snapshot();
        let stored = |pdu: &Pdu| {
            let rooms = &guest.server.rooms;
            rooms
                .event_by_id(&snapshot, pdu.event_id())
                .unwrap()
                .unwrap()
        };
        assert_eq!(stored(&message).pdu.content().get(), "{}", "{version}");
        assert!(stored(&message).is_redacted());
        assert!(!stored(&innocent).is_redacted());
        assert!(
            tables::AWAITED_REDACTIONS
                .scan(&snapshot, ())
                .unwrap()
                .next()
                .is_none()
        );
    }
}

#[tokio::test]
async fn what_is_redacted_in_the_same_change_waits_for_the_next() {
    let version = RoomVersionId::V11;
    let mut room = TestRoom::new(&version);
    let guest = Guest::enter(&mut room, &version).await;
    let message = room.message("@alice:local", "regretted");
    room.redact("@alice:local", message.event_id());
    let redaction = room.last().clone();
    let (first, second) = (message.clone(), redaction.clone());
    let write = guest.server.rooms.write(guest.room, move |txn| {
        txn.receive(first, None)?;
        txn.receive(second, None)
    });
    let outcome = write.await.unwrap();
    assert!(matches!(outcome, Outcome::NextChange), "{outcome:?}");
    assert!(matches!(
        guest.receive(&redaction).await,
        Outcome::Accepted(_)
    ));
    let snapshot = guest.server.storage.snapshot();
    let stored = guest
        .server
        .rooms
        .event_by_id(&snapshot, message.event_id());
    assert!(stored.unwrap().unwrap().is_redacted());
}

#[tokio::test]
async fn the_past_is_put_before_the_join() {
    for version in OFFERED {
        let mut room = TestRoom::new(&version);
        let said = room.message("@alice:local", "long ago");
        room.join("@bob:local");
        let later = room.message("@bob:local", "later");
        let guest = Guest::enter(&mut room, &version).await;
        let (nid, rooms) = (guest.room, &guest.server.rooms);
        let gap = gaps::newest_open(
            &guest.server.storage.snapshot(),
            nid,
            Place::FIRST,
            Place::END,
        );
        let gap = gap
            .unwrap()
            .expect("the history before the join is missing");
        let position = guest.server.storage.position();
        let past = room.timeline()[..room.timeline().len() - 1].to_vec();
        let count = past.len();
        let past = past
            .into_iter()
            .map(|pdu| PastEvent { pdu, state: None })
            .collect();
        let filled = rooms.write(nid, move |txn| txn.fill(gap, Where::AtTheEnd, past));
        assert_eq!(filled.await.unwrap(), count, "{version}");
        let snapshot = guest.server.storage.snapshot();
        assert_eq!(guest.server.storage.position(), position, "no news");
        assert!(!gaps::is_open(&snapshot, nid, gap).unwrap());
        let rows = timeline::rows(&snapshot, nid, Place::FIRST, Place::END, Direction::Forward);
        let ids: Vec<_> = rows
            .unwrap()
            .map(|row| rooms.known_event(&snapshot, row.unwrap().1.event).unwrap())
            .map(|event| event.id().to_owned())
            .collect();
        let all: Vec<_> = room
            .timeline()
            .iter()
            .map(|pdu| pdu.event_id().clone())
            .collect();
        assert_eq!(ids, all, "{version}");
        // Bob spoke when he was there; at the first message he was not.
        let member = |pdu: &Pdu| {
            let event = rooms
                .event_by_id(&snapshot, pdu.event_id())
                .unwrap()
                .unwrap();
            let state = event.row.state_before;
            let member = rooms.state_event_at(&snapshot, state, "m.room.member", "@bob:local");
            member.unwrap().is_some()
        };
        assert!(!member(&said) && member(&later), "{version}");
        assert_eq!(guest.state().await, self::ids(&room), "{version}");
    }
}

/// What one branch of a forked history does next.
#[derive(Clone, Debug)]
enum Act {
    Message,
    Topic(u8),
    Join(u8),
    Leave(u8),
    Ban(u8),
    Power(u8, i64),
    Rule(bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::Message),
        (0..3_u8).prop_map(Act::Topic),
        (0..3_u8).prop_map(Act::Join),
        (0..3_u8).prop_map(Act::Leave),
        (0..3_u8).prop_map(Act::Ban),
        (0..3_u8, 0..100_i64).prop_map(|(who, level)| Act::Power(who, level)),
        any::<bool>().prop_map(Act::Rule),
    ]
}

/// Does it if the rules allow it in this branch.
fn perform(room: &mut TestRoom, act: &Act) {
    let alice = "@alice:local";
    let user = |number: &u8| format!("@user{number}:local");
    let membership = |room: &TestRoom, user: &str| {
        let entry = ("m.room.member".to_owned(), user.to_owned());
        let member = room.current_state().get(&entry);
        member.is_some_and(|pdu| pdu.content().get().contains("join"))
    };
    let is_banned = |room: &TestRoom, user: &str| {
        let entry = ("m.room.member".to_owned(), user.to_owned());
        let member = room.current_state().get(&entry);
        member.is_some_and(|pdu| pdu.content().get().contains("ban"))
    };
    let entry = ("m.room.join_rules".to_owned(), String::new());
    let is_public = room.current_state()[&entry]
        .content()
        .get()
        .contains("public");
    match act {
        Act::Message => drop(room.message(alice, "hi")),
        Act::Topic(number) => {
            let topic = json!({ "topic": number.to_string() });
            room.state(alice, "m.room.topic", "", topic);
        }
        Act::Join(number) => {
            let user = user(number);
            if is_public && !is_banned(room, &user) && !membership(room, &user) {
                room.join(&user);
            }
        }
        Act::Leave(number) => {
            let user = user(number);
            if membership(room, &user) {
                room.member(&user, &user, "leave");
            }
        }
        Act::Ban(number) => drop(room.member(alice, &user(number), "ban")),
        Act::Power(number, level) => {
            let mut users = json!({ user(number): level });
            if !room
                .rules()
                .authorization
                .explicitly_privilege_room_creators
            {
                users[alice] = 100.into();
            }
            room.state(alice, "m.room.power_levels", "", json!({ "users": users }));
        }
        Act::Rule(public) => {
            let rule = if *public { "public" } else { "invite" };
            room.state(alice, "m.room.join_rules", "", json!({ "join_rule": rule }));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the order in which the branches of a history arrive, the room is the same once they meet. (Before that,
    /// an event that the present state does not allow may be kept back on one server and not on another.)
    #[test]
    fn any_order_of_arrival_gives_the_same_state(
        branches in proptest::collection::vec(proptest::collection::vec(act(), 0..8), 2..4),
        order in proptest::collection::vec(0..3_usize, 40),
        version in 0..OFFERED.len(),
    ) {
        let version = OFFERED[version].clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut base = TestRoom::new(&version);
            let first = Guest::enter(&mut base, &version).await;
            let mut again = base.clone();
            // The same room entered elsewhere: its join is another one, so it starts from the first server's.
            let start = base.timeline().len();
            let (mut forks, mut rooms) = (Vec::new(), Vec::new());
            for (number, acts) in branches.iter().enumerate() {
                let mut fork = base.clone();
                fork.wait(1_000 * number as u32);
                acts.iter().for_each(|act| perform(&mut fork, act));
                forks.push(fork.timeline()[start..].to_vec());
                rooms.push(fork);
            }
            let merge = base.merge("@alice:local", &rooms);
            let second = Guest::with_the_same_join(&mut again, &version).await;
            for pdu in forks.iter().flatten() {
                first.receive(pdu).await;
            }
            let mut queues: Vec<_> = forks.iter().map(|fork| fork.iter()).collect();
            for pick in order {
                let pick = pick % queues.len();
                if let Some(pdu) = queues[pick].next() {
                    second.receive(pdu).await;
                }
            }
            for pdu in queues.into_iter().flatten() {
                second.receive(pdu).await;
            }
            for server in [&first, &second] {
                let outcome = server.receive(&merge).await;
                assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
            }
            assert_eq!(first.state().await, second.state().await);
            let (one, two) = (&first, &second);
            for membership in [Membership::Join, Membership::Leave, Membership::Ban] {
                assert_eq!(one.members(membership).await, two.members(membership).await);
            }
        });
    }
}

impl Guest {
    /// Enters a room whose last event is this server's join.
    async fn with_the_same_join(room: &mut TestRoom, version: &RoomVersionId) -> Self {
        let server = TestServer::named("other");
        let join = room.last().clone();
        let before = room
            .timeline()
            .iter()
            .filter(|pdu| pdu.event_id() != join.event_id());
        let state: Vec<Pdu> = before
            .filter(|pdu| pdu.state_key().is_some())
            .cloned()
            .collect();
        let nid = server.storage.interner().room(join.room_id()).unwrap();
        let joined = JoinedRoom {
            join,
            auth_chain: state.clone(),
            state,
        };
        let rooms = &server.rooms;
        rooms
            .enter(nid, room.rules(), version.to_string(), joined)
            .await
            .unwrap();
        Self { server, room: nid }
    }
}

#[tokio::test]
async fn an_event_that_was_only_known_to_allow_others_gets_its_place() {
    let version = RoomVersionId::V11;
    let mut room = TestRoom::new(&version);
    let guest = Guest::enter(&mut room, &version).await;
    room.state(
        "@alice:local",
        "m.room.name",
        "",
        json!({ "name": "First" }),
    );
    let name = room.timeline().last().unwrap().clone();
    let kept = name.clone();
    let rooms = &guest.server.rooms;
    let write = rooms.write(guest.room, move |txn| txn.receive_outlier(kept));
    write.await.unwrap();
    // Somebody has looked at it as it was.
    let (id, nid) = (name.event_id().clone(), guest.room);
    let read = rooms.read(move |rooms, snapshot| Ok(rooms.event_by_id(snapshot, &id)?));
    let event = read.await.unwrap().unwrap();
    assert!(!event.has_state() && event.row.room == nid);
    let outcome = guest.receive(&name).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    assert!(matches!(guest.receive(&name).await, Outcome::Known));
    room.message("@alice:local", "what follows it is taken, too");
    let outcome = guest.receive(room.timeline().last().unwrap()).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    assert_eq!(guest.state().await, ids(&room));
}

#[tokio::test]
async fn events_are_taken_in_while_messages_of_this_server_go_to_disk() {
    let version = RoomVersionId::V11;
    let mut room = TestRoom::new(&version);
    let guest = Guest::enter(&mut room, &version).await;
    for number in 0..30 {
        room.message("@alice:local", &format!("from afar {number}"));
        let pdu = room.timeline().last().unwrap().clone();
        let rooms = &guest.server.rooms;
        let receive = rooms.write_received(guest.room, move |txn| txn.receive(pdu, None));
        let (_, outcome) = tokio::join!(guest.server.say(guest.room, "@me:other", "here"), receive);
        assert!(matches!(outcome.unwrap(), Outcome::Accepted(_)));
    }
}

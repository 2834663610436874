use ruma::{owned_device_id, user_id};

use super::*;
use crate::rooms::testing::{ALICE, BOB, TestServer, user};

struct Bench {
    server: TestServer,
    hub: Hub,
    presence: Presence,
    alice: UserNid,
    bob: UserNid,
}

async fn bench() -> Bench {
    let server = TestServer::new();
    let hub = Hub::start(&server.storage, server.clock.clone());
    let presence = Presence::new(
        server.storage.clone(),
        server.clock.clone(),
        hub.clone(),
        true,
    );
    let room = server.public_room("11").await;
    server.join(room, BOB).await;
    Bench {
        alice: server.user(&user(ALICE)),
        bob: server.user(&user(BOB)),
        server,
        hub,
        presence,
    }
}

impl Bench {
    fn seen_by(&self, viewer: UserNid, since: Option<StreamPos>) -> Vec<(UserNid, State)> {
        let snapshot = self.server.storage.snapshot();
        let entered = Entered::default();
        let news = self.presence.news(&snapshot, viewer, since, &entered);
        let news = news.unwrap().into_iter();
        news.map(|(user, now)| (user, now.shown.state)).collect()
    }

    async fn poll(&self, who: UserNid) -> PresentPoll {
        let phone = owned_device_id!("PHONE");
        let poll = self.presence.begin_poll(who, &phone, State::Online).await;
        poll.unwrap()
    }
}

#[tokio::test]
async fn who_shares_a_room_sees_others_come_and_go() {
    let bench = bench().await;
    let (alice, bob) = (bench.alice, bench.bob);
    let snapshot = bench.server.storage.snapshot();
    let rooms = || rooms_of(&snapshot, alice);
    drop(bench.hub.attach(alice, rooms).unwrap());
    let start = bench.server.storage.position();
    let poll = bench.poll(bob).await;
    assert!(bench.hub.presence_changed(alice, start));
    assert_eq!(bench.seen_by(alice, Some(start)), [(bob, State::Online)]);
    let came = bench.server.storage.position();
    assert_eq!(bench.seen_by(alice, Some(came)), []);
    drop(poll);
    bench.server.clock.advance(Duration::from_secs(31));
    bench.presence.tick().unwrap();
    let commit = Commit::silent(|_| {});
    bench.server.storage.commit(commit).await.unwrap();
    assert_eq!(bench.seen_by(alice, Some(came)), [(bob, State::Offline)]);
    assert_eq!(bench.seen_by(alice, None), []);
}

#[tokio::test]
async fn who_shares_no_room_sees_nothing() {
    let bench = bench().await;
    let carol = bench.server.user(user_id!("@carol:local"));
    let _poll = bench.poll(bench.bob).await;
    let _own = bench.poll(carol).await;
    assert_eq!(bench.seen_by(carol, None), [(carol, State::Online)]);
    let snapshot = bench.server.storage.snapshot();
    let visible = |viewer| bench.presence.visible(&snapshot, viewer, bench.bob);
    assert!(!visible(carol).unwrap());
    assert!(visible(bench.alice).unwrap());
}

#[tokio::test]
async fn being_active_is_told_but_wakes_nobody() {
    let bench = bench().await;
    let phone = owned_device_id!("PHONE");
    let _poll = bench.poll(bench.bob).await;
    bench.server.clock.advance(Duration::from_secs(61));
    bench.presence.tick().unwrap();
    let commit = Commit::silent(|_| {});
    bench.server.storage.commit(commit).await.unwrap();
    let idle = bench.server.storage.position();
    bench.presence.act(bench.bob, &phone);
    let commit = Commit::silent(|_| {});
    bench.server.storage.commit(commit).await.unwrap();
    assert_eq!(
        bench.seen_by(bench.alice, Some(idle)),
        [(bench.bob, State::Online)]
    );
    assert!(!bench.hub.presence_changed(bench.alice, idle));
}

#[tokio::test]
async fn switched_off_presence_tells_nothing() {
    let bench = bench().await;
    let (storage, clock) = (bench.server.storage.clone(), bench.server.clock.clone());
    let off = Presence::new(storage, clock, bench.hub.clone(), false);
    let phone = owned_device_id!("PHONE");
    let _poll = off.begin_poll(bench.bob, &phone, State::Online).await;
    assert_eq!(off.get(bench.bob), None);
}

use super::*;
use crate::{
    clock::ManualClock,
    storage::{Commit, OpenOptions},
};

const ROOM: RoomNid = RoomNid(1);
const USER: UserNid = UserNid(7);

struct Fixture {
    _folder: tempfile::TempDir,
    storage: Storage,
    hub: Hub,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path(), OpenOptions::default()).unwrap();
        let hub = Hub::start(&storage, ManualClock::at(0));
        Self {
            _folder: folder,
            storage,
            hub,
        }
    }

    async fn commit(&self, change: Change) -> StreamPos {
        self.storage
            .commit(Commit::new(|_, _| {}).changing(change))
            .await
            .unwrap()
    }

    fn attach(&self, rooms: Vec<RoomNid>) -> watch::Receiver<StreamPos> {
        self.hub.attach(USER, || Ok::<_, ()>(rooms)).unwrap()
    }
}

#[tokio::test]
async fn an_event_wakes_those_in_the_room() {
    let fixture = Fixture::new();
    let mut wakes = fixture.attach(vec![ROOM]);
    let since = fixture.storage.position();
    assert_eq!(fixture.hub.news(USER, since), News::Nothing);
    let pos = fixture
        .commit(Change::Event {
            room: ROOM,
            bump: true,
        })
        .await;
    wakes.wait_for(|woken| *woken >= pos).await.unwrap();
    assert_ne!(fixture.hub.news(USER, since), News::Nothing);
    assert_eq!(fixture.hub.rooms_changed(USER, since), [ROOM]);
    assert_eq!(fixture.hub.news(USER, pos), News::Nothing);
    assert_eq!(fixture.hub.bump(ROOM), Some(pos));
}

#[tokio::test]
async fn events_of_a_room_count_from_joining_to_leaving() {
    let fixture = Fixture::new();
    let mut wakes = fixture.attach(Vec::new());
    let membership = |joined| Change::Membership {
        room: ROOM,
        user: USER,
        joined,
    };
    let before = fixture
        .commit(Change::Event {
            room: ROOM,
            bump: true,
        })
        .await;
    assert_eq!(
        fixture.hub.news(USER, StreamPos(before.0 - 1)),
        News::Nothing
    );
    let joined = fixture.commit(membership(true)).await;
    wakes.wait_for(|woken| *woken >= joined).await.unwrap();
    let said = fixture
        .commit(Change::Event {
            room: ROOM,
            bump: true,
        })
        .await;
    wakes.wait_for(|woken| *woken >= said).await.unwrap();
    assert_eq!(fixture.hub.rooms_changed(USER, joined), [ROOM]);
    let left = fixture.commit(membership(false)).await;
    wakes.wait_for(|woken| *woken >= left).await.unwrap();
    fixture
        .commit(Change::Event {
            room: ROOM,
            bump: true,
        })
        .await;
    assert_eq!(fixture.hub.news(USER, left), News::Nothing);
}

#[tokio::test]
async fn receipts_and_typing_wake_too() {
    let fixture = Fixture::new();
    let mut wakes = fixture.attach(vec![ROOM]);
    let first = fixture.commit(Change::Ephemeral(ROOM)).await;
    let second = fixture.commit(Change::Ephemeral(ROOM)).await;
    wakes.wait_for(|woken| *woken >= first).await.unwrap();
    wakes.wait_for(|woken| *woken >= second).await.unwrap();
    assert!(fixture.hub.ephemeral_changed(ROOM, first));
}

#[tokio::test]
async fn a_failed_attachment_is_made_up_for_by_the_next() {
    let fixture = Fixture::new();
    assert!(
        fixture
            .hub
            .attach(USER, || Err::<Vec<RoomNid>, _>("the disk"))
            .is_err()
    );
    fixture.attach(vec![ROOM]);
    let since = fixture.storage.position();
    fixture
        .commit(Change::Event {
            room: ROOM,
            bump: false,
        })
        .await;
    assert_ne!(fixture.hub.news(USER, since), News::Nothing);
}

const CLASS: u32 = 600;

impl Fixture {
    /// As many users as a large room has, all of whom wait for something.
    fn large_room(&self) -> Vec<watch::Receiver<StreamPos>> {
        let attach = |user| self.hub.attach(UserNid(user), || Ok::<_, ()>(vec![ROOM]));
        (1..=CLASS).map(|user| attach(user).unwrap()).collect()
    }
}

/// Lets the waker pass on what it has.
async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn many_receipts_in_a_large_room_wake_each_member_once() {
    let fixture = Fixture::new();
    let mut waiting = fixture.large_room();
    let mut woken = 0;
    for _ in 0..50 {
        fixture.commit(Change::Ephemeral(ROOM)).await;
        settle().await;
        for wakes in &mut waiting {
            if wakes.has_changed().unwrap() {
                wakes.mark_unchanged();
                woken += 1;
            }
        }
    }
    // A second may have ended while the test ran on a busy machine; fifty times six hundred is what must not be.
    assert!((1..=10 * CLASS).contains(&woken), "{woken} wakes");
}

#[tokio::test]
async fn presence_marks_rooms_and_wakes_those_in_them_only() {
    let fixture = Fixture::new();
    let stranger = UserNid(10_000);
    let nowhere = || Ok::<_, ()>(Vec::new());
    let mut outside = fixture.hub.attach(stranger, nowhere).unwrap();
    let mut inside = fixture.attach(vec![ROOM]);
    let since = fixture.storage.position();
    let other = UserNid(8);
    fixture
        .hub
        .know_rooms(other, || Ok::<_, ()>(vec![ROOM]))
        .unwrap();
    let pos = fixture.commit(Change::Presence(other)).await;
    inside.wait_for(|woken| *woken >= pos).await.unwrap();
    assert!(fixture.hub.presence_changed(USER, since));
    assert!(!fixture.hub.presence_changed(USER, pos));
    assert_eq!(fixture.hub.news(USER, since), News::Nothing);
    assert!(!fixture.hub.presence_changed(stranger, since));
    assert!(!outside.has_changed().unwrap());
    outside.mark_unchanged();
}

#[tokio::test]
async fn rooms_that_two_users_share_are_found_one_after_the_other() {
    let fixture = Fixture::new();
    let rooms = |of: fn(&u32) -> bool| (1..200).filter(of).map(RoomNid).collect::<Vec<_>>();
    let (twos, sevens) = (rooms(|room| room % 2 == 0), rooms(|room| room % 7 == 0));
    drop(fixture.attach(twos));
    let of_user = fixture.hub.rooms_of(USER);
    let other = UserNid(8);
    let known = fixture.hub.know_rooms(other, || Ok::<_, ()>(sevens));
    known.unwrap();
    let mut from = RoomNid(0);
    let mut shared = Vec::new();
    while let Some(room) = fixture.hub.room_among(other, &of_user, from) {
        shared.push(room);
        from = RoomNid(room.0 + 1);
    }
    assert_eq!(shared, rooms(|room| room % 14 == 0));
    assert_eq!(fixture.hub.room_among(UserNid(9), &of_user, ROOM), None);
}

#[tokio::test]
async fn rooms_with_nothing_but_receipts_have_no_events() {
    let fixture = Fixture::new();
    let quiet = RoomNid(2);
    drop(fixture.attach(vec![ROOM, quiet]));
    let since = fixture.storage.position();
    fixture.commit(Change::Ephemeral(quiet)).await;
    let bump = true;
    fixture.commit(Change::Event { room: ROOM, bump }).await;
    assert_eq!(fixture.hub.rooms_with_events(USER, since), [ROOM]);
    assert_eq!(fixture.hub.rooms_changed(USER, since), [ROOM, quiet]);
}

#[tokio::test]
async fn a_session_is_told_of_receipts_alone_once_a_second() {
    let fixture = Fixture::new();
    drop(fixture.attach(vec![ROOM]));
    let since = fixture.storage.position();
    fixture.commit(Change::Ephemeral(ROOM)).await;
    assert_eq!(fixture.hub.news(USER, since), News::Ephemeral);
    assert_eq!(fixture.hub.pause(USER, "PHONE"), None);
    fixture.hub.begin_pause(USER, "PHONE");
    assert!(fixture.hub.pause(USER, "PHONE").is_some());
    assert_eq!(fixture.hub.pause(USER, "LAPTOP"), None);
    let bump = false;
    fixture.commit(Change::Event { room: ROOM, bump }).await;
    assert_eq!(fixture.hub.news(USER, since), News::Urgent);
}

#[tokio::test]
async fn only_the_session_that_sends_waits_for_the_echo() {
    let hub = Fixture::new().hub;
    let before = Instant::now();
    let waits = |user, session, now| hub.echo_pause_at(user, session, now).is_some();
    assert!(!waits(USER, "PHONE", before));
    drop(hub.begin_sending(USER, "PHONE"));
    assert!(waits(USER, "PHONE", before));
    assert!(!waits(USER, "TABLET", before));
    assert!(!waits(UserNid(8), "PHONE", before));
    assert!(!waits(USER, "PHONE", Instant::now() + echo::ECHO_PAUSE));
}

#[tokio::test]
async fn the_echo_waits_for_an_answer_that_takes_long() {
    let hub = Fixture::new().hub;
    let much_later = Instant::now() + Duration::from_secs(3600);
    let waits = |now| hub.echo_pause_at(USER, "PHONE", now).is_some();
    let slow = hub.begin_sending(USER, "PHONE");
    drop(hub.begin_sending(USER, "PHONE"));
    assert!(waits(much_later));
    drop(slow);
    assert!(!waits(much_later));
}

#[tokio::test]
async fn what_a_session_says_waits_for_the_keys_it_was_sending() {
    let hub = Fixture::new().hub;
    let keys = hub.begin_to_device("PHONE").await;
    hub.after_to_device("TABLET").await;
    let says = tokio::spawn({
        let hub = hub.clone();
        async move { hub.after_to_device("PHONE").await }
    });
    tokio::task::yield_now().await;
    assert!(!says.is_finished());
    drop(keys);
    says.await.unwrap();
    hub.after_to_device("PHONE").await;
}

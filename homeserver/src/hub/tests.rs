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

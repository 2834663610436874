//! Rooms of which the server sends all that happens.
//!
//! Of other rooms it sends the last message only, whatever came between: enough for the list of rooms, but a comparison
//! of pictures would miss a step when two come at once.

use std::sync::Arc;

use matrix_sdk::ruma::{OwnedRoomId, RoomId};
use matrix_sdk_ui::{RoomListService, room_list_service::State};
use tokio::sync::Mutex;

/// Tells the server which rooms are followed: the open one, and the one in which pictures are compared.
#[derive(Clone)]
pub(super) struct Followed {
    service: Arc<RoomListService>,
    rooms: Arc<Mutex<Rooms>>,
}

#[derive(Clone, Default, PartialEq)]
struct Rooms {
    open: Option<OwnedRoomId>,
    compared: Option<OwnedRoomId>,
}

impl Followed {
    pub(super) fn new(service: Arc<RoomListService>) -> Self {
        Self {
            service,
            rooms: Arc::default(),
        }
    }

    /// This room is looked at, and no other.
    pub(super) async fn open(&self, room: OwnedRoomId) {
        self.change(|rooms| rooms.open = Some(room)).await;
    }

    /// Pictures are compared in this room, or nowhere.
    pub(super) async fn compare_in(&self, room: Option<OwnedRoomId>) {
        self.change(|rooms| rooms.compared = room).await;
    }

    async fn change(&self, change: impl FnOnce(&mut Rooms)) {
        let mut rooms = self.rooms.lock().await;
        let before = rooms.clone();
        change(&mut rooms);
        if *rooms != before {
            self.tell(&rooms).await;
        }
    }

    /// Tells the server again whenever it has forgotten the connection, and the rooms with it.
    pub(super) async fn keep(self) {
        let mut states = self.service.state();
        while let Some(state) = states.next().await {
            if matches!(state, State::SettingUp | State::Recovering) {
                let rooms = self.rooms.lock().await;
                self.tell(&rooms).await;
            }
        }
    }

    async fn tell(&self, rooms: &Rooms) {
        let all = rooms.open.iter().chain(&rooms.compared);
        let all: Vec<&RoomId> = all.map(|room| &**room).collect();
        self.service.subscribe_to_rooms(&all).await;
    }
}

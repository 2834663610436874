//! Goes where rooms go, and does not stay where nobody else is.

use std::collections::HashSet;

use matrix_sdk::{
    Client, Room, RoomState,
    ruma::{OwnedRoomId, RoomId},
};
use tokio::sync::Mutex;

/// Looks after the rooms that the bot is in.
pub(crate) struct Mover {
    client: Client,
    /// Replacements that could not be joined: an invitation has to come first.
    closed: Mutex<HashSet<OwnedRoomId>>,
}

impl Mover {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            closed: Mutex::default(),
        }
    }

    /// Looks at all rooms, also for what happened while the bot was away.
    pub(crate) async fn look_at_all(&self) {
        self.closed.lock().await.clear();
        for room in self.client.joined_rooms() {
            self.look_at(&room).await;
        }
    }

    /// Looks at a room in which something happened.
    pub(crate) async fn look_at(&self, room: &Room) {
        if room.state() != RoomState::Joined {
            return;
        }
        if let Some(next) = room.successor_room() {
            self.follow(room, &next.room_id).await;
        }
        if is_alone(room)
            && let Err(error) = room.leave().await
        {
            tracing::warn!(id = %room.room_id(), %error, "an empty room was not left");
        }
    }

    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-upgrades)
    async fn follow(&self, room: &Room, next: &RoomId) {
        let known = self.client.get_room(next).map(|next| next.state());
        // Whoever was removed there, or left, stays away.
        if known.is_some_and(|state| state != RoomState::Invited)
            || self.closed.lock().await.contains(next)
        {
            return;
        }
        let servers = room.route().await.unwrap_or_default();
        let joined = self
            .client
            .join_room_by_id_or_alias(next.into(), &servers)
            .await;
        if let Err(error) = joined {
            tracing::info!(%next, %error, "the room that replaces another could not be joined");
            self.closed.lock().await.insert(next.to_owned());
        }
    }
}

/// Nobody else is there, and nobody is asked in. A room of which nothing is known yet counts nobody at all.
fn is_alone(room: &Room) -> bool {
    room.joined_members_count() == 1 && room.active_members_count() == 1
}

/// The room that this one replaces, if the one before says so too: anybody can claim to have replaced a room.
pub(crate) fn replaced(room: &Room) -> Option<OwnedRoomId> {
    let before = room.predecessor_room()?.room_id;
    let next = room.client().get_room(&before)?.successor_room()?.room_id;
    (next == room.room_id()).then_some(before)
}

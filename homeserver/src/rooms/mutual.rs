//! The rooms that two users share.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#mutual-rooms)

use ruma::{OwnedRoomId, OwnedUserId};

use super::{Rooms, rows::Membership};
use crate::{
    error::ApiResult,
    ids::{RoomNid, UserNid},
    storage::Result,
};

/// Rooms of one page.
const PAGE: usize = 200;

/// Some of the rooms that two users share.
#[derive(Clone, Debug, Default)]
pub struct MutualRooms {
    /// The rooms.
    pub joined: Vec<OwnedRoomId>,
    /// How many they share together.
    pub count: usize,
    /// The last room of this page, if there are more.
    pub next: Option<RoomNid>,
}

impl Rooms {
    /// The rooms in which both users are, after one of them.
    pub async fn mutual_rooms(
        &self,
        user: UserNid,
        other: OwnedUserId,
        after: Option<RoomNid>,
    ) -> ApiResult<MutualRooms> {
        self.read(move |rooms, snapshot| {
            let Some(other) = rooms.storage().interner().find_user(&other)? else {
                return Ok(MutualRooms::default());
            };
            let joined = [Membership::Join];
            let own: roaring::RoaringBitmap = rooms
                .rooms_of(snapshot, user, &joined)?
                .into_iter()
                .map(|room| room.0)
                .collect();
            let mut shared = rooms.rooms_of(snapshot, other, &joined)?;
            shared.retain(|room| own.contains(room.0));
            let count = shared.len();
            shared.sort_unstable();
            shared.retain(|room| after.is_none_or(|after| *room > after));
            let next = (shared.len() > PAGE).then(|| shared[PAGE - 1]);
            shared.truncate(PAGE);
            let joined = shared.into_iter().map(|room| rooms.room_id(room));
            Ok(MutualRooms {
                joined: joined.collect::<Result<_>>()?,
                count,
                next,
            })
        })
        .await
    }
}

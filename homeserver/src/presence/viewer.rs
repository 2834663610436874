//! Who shares a room with somebody.

use roaring::RoaringBitmap;

use super::rooms_of;
use crate::{
    error::ApiResult,
    hub::Hub,
    ids::{RoomNid, UserNid},
    rooms::rows::Membership,
    storage::{self, Snapshot, tables},
};

/// A user to whom others are shown. The hub knows where to look, the database knows: an account in thousands of rooms
/// need not read all of them to be told of ten people.
pub(super) struct Viewer<'a> {
    hub: &'a Hub,
    snapshot: &'a Snapshot<'a>,
    user: UserNid,
    /// The rooms whose events concern the user, without those that turned out not to be theirs.
    rooms: RoaringBitmap,
    /// Those of them that the user is in, as far as it was looked up.
    joined: RoaringBitmap,
}

impl<'a> Viewer<'a> {
    pub(super) fn new(
        hub: &'a Hub,
        snapshot: &'a Snapshot<'a>,
        user: UserNid,
    ) -> storage::Result<Self> {
        hub.know_rooms(user, || rooms_of(snapshot, user))?;
        Ok(Self {
            hub,
            snapshot,
            user,
            rooms: hub.rooms_of(user),
            joined: RoaringBitmap::new(),
        })
    }

    pub(super) fn shares_room_with(&mut self, other: UserNid) -> ApiResult<bool> {
        let mut from = RoomNid(0);
        while let Some(room) = self.hub.room_among(other, &self.rooms, from) {
            if !self.is_in(room)? {
                self.rooms.remove(room.0);
            } else if is_joined(self.snapshot, other, room)? {
                return Ok(true);
            }
            let Some(next) = room.0.checked_add(1) else {
                break;
            };
            from = RoomNid(next);
        }
        Ok(false)
    }

    fn is_in(&mut self, room: RoomNid) -> ApiResult<bool> {
        if self.joined.contains(room.0) {
            return Ok(true);
        }
        let is_in = is_joined(self.snapshot, self.user, room)?;
        if is_in {
            self.joined.insert(room.0);
        }
        Ok(is_in)
    }
}

fn is_joined(snapshot: &Snapshot<'_>, user: UserNid, room: RoomNid) -> storage::Result<bool> {
    let row = tables::USER_ROOM.get(snapshot, (user, room))?;
    Ok(row.is_some_and(|row| row.membership == Membership::Join))
}

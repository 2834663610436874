//! Somebody looking into a room: whether they may, and as of when.

use std::sync::Arc;

use ruma::{OwnedDeviceId, OwnedRoomId, OwnedUserId, RoomId, serde::Raw};

use super::{
    Rooms,
    event::RoomEvent,
    refusal,
    relations::filter::RelationFilter,
    rows::{Membership, Place, RoomSummary},
    show::Show,
    state::tree::StateRoot,
    timeline::{self, Direction},
    viewer::Viewer,
};
use crate::{
    error::ApiResult,
    ids::{RoomNid, StreamPos},
    storage::{Result, Snapshot},
};

/// A user's device that reads.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The user.
    pub user: OwnedUserId,
    /// The device.
    pub device: OwnedDeviceId,
}

/// A look into one room.
pub struct Look<'a> {
    pub(super) rooms: &'a Rooms,
    pub(super) snapshot: &'a Snapshot<'a>,
    /// The room's number.
    pub room: RoomNid,
    /// The room's id.
    pub room_id: OwnedRoomId,
    pub(super) summary: RoomSummary,
    pub(super) viewer: Viewer<'a>,
    device: OwnedDeviceId,
    position: StreamPos,
}

/// How much of a room somebody may look at.
pub(super) enum Access {
    /// All of it, as it is now.
    Now,
    /// As it was when they left with this event.
    Until(Arc<RoomEvent>),
}

impl Rooms {
    /// Runs reading code on a blocking thread for somebody who looks into a room. Rooms nobody here knows are refused
    /// like those the user is not in, so that nobody learns which exist.
    pub async fn look<T: Send + 'static>(
        &self,
        reader: Reader,
        room_id: &RoomId,
        read: impl FnOnce(&Look<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let room_id = room_id.to_owned();
        // Tokens must not lie beyond the snapshot.
        let position = self.storage().position();
        self.read(move |rooms, snapshot| {
            let Some(room) = rooms.storage().interner().find_room(&room_id)? else {
                return Err(refusal::not_joined());
            };
            read(&rooms.look_at(snapshot, position, room, reader)?)
        })
        .await
    }

    /// A look into a room as of a snapshot, in which everything up to `position` can be read.
    pub fn look_at<'a>(
        &'a self,
        snapshot: &'a Snapshot<'a>,
        position: StreamPos,
        room: RoomNid,
        reader: Reader,
    ) -> ApiResult<Look<'a>> {
        let Some(summary) = self.summary(snapshot, room)? else {
            return Err(refusal::not_joined());
        };
        Ok(Look {
            rooms: self,
            snapshot,
            room,
            room_id: self.room_id(room)?,
            summary,
            viewer: Viewer::new(self, snapshot, room, &reader.user)?,
            device: reader.device,
            position,
        })
    }
}

impl Look<'_> {
    /// Refuses those who are not in the room.
    pub fn require_joined(&self) -> ApiResult<()> {
        match self.viewer.membership() {
            Some(Membership::Join) => Ok(()),
            _ => Err(refusal::not_joined()),
        }
    }

    /// How much of the room the user may look at. Those who were never in it, or have forgotten it, see only rooms whose
    /// history is open to the world.
    pub(super) fn access(&self) -> ApiResult<Access> {
        let row = self.viewer.row.as_ref().filter(|row| !row.forgotten);
        if self.is_world_readable() || row.is_some_and(|row| row.membership == Membership::Join) {
            return Ok(Access::Now);
        }
        match row.filter(|row| row.left_at != StreamPos::ZERO) {
            Some(row) => Ok(Access::Until(
                self.rooms.known_event(self.snapshot, row.left)?,
            )),
            None => Err(refusal::not_joined()),
        }
    }

    /// Whether anybody may read the room as it is now.
    pub(super) fn is_world_readable(&self) -> bool {
        self.summary.history_visibility.as_deref() == Some("world_readable")
    }

    /// The place after the newest event that the user may look at.
    pub(super) fn end(&self) -> ApiResult<Place> {
        Ok(match self.access()? {
            Access::Now => Rooms::end_at(self.position),
            Access::Until(left) => left.row.place.next(),
        })
    }

    /// The room's state before a place.
    pub(super) fn state_before(&self, place: Place) -> Result<StateRoot> {
        let mut rows = timeline::rows(
            self.snapshot,
            self.room,
            Place::FIRST,
            place,
            Direction::Backward,
        )?;
        match rows.next().transpose()? {
            Some((_, row)) => Ok(self
                .rooms
                .known_event(self.snapshot, row.event)?
                .row
                .state_after),
            None => Ok(StateRoot::EMPTY),
        }
    }

    /// Whether the user may be shown an event.
    pub(super) fn may_see(&self, event: &RoomEvent) -> Result<bool> {
        Ok(event.is_accepted() && self.viewer.may_see(event)?)
    }

    /// What the look is based on.
    pub fn snapshot(&self) -> &Snapshot<'_> {
        self.snapshot
    }

    /// The user's membership now.
    pub fn membership(&self) -> Option<Membership> {
        self.viewer.membership()
    }

    /// The event that gave the user their membership.
    pub fn own_membership_event(&self) -> Result<Option<Arc<RoomEvent>>> {
        match &self.viewer.row {
            Some(row) => self.rooms.event(self.snapshot, row.event),
            None => Ok(None),
        }
    }

    /// Whether a filter takes an event for its relations.
    pub fn takes_relation(&self, filter: &RelationFilter, event: &RoomEvent) -> Result<bool> {
        filter.takes(self.rooms, self.snapshot, event)
    }

    /// An event as JSON for the user's device.
    pub fn show<T>(&self, event: &RoomEvent) -> ApiResult<Raw<T>> {
        self.rooms
            .show(self.snapshot, event, &self.viewer, self.how())
    }

    /// Events as JSON for the user's device.
    pub fn show_all<'e, T>(
        &self,
        events: impl IntoIterator<Item = &'e Arc<RoomEvent>>,
    ) -> ApiResult<Vec<Raw<T>>> {
        let how = self.how();
        self.rooms
            .show_all(self.snapshot, events, &self.viewer, how)
    }

    /// How events are shown to the user's device: with everything.
    pub(super) fn how(&self) -> Show<'_> {
        Show {
            device: Some(&self.device),
            room_id: true,
            bundle: true,
        }
    }
}

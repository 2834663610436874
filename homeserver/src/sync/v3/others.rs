//! Rooms the user is not in: invitations, knocks and rooms left.

use ruma::api::client::sync::sync_events::v3::{
    InviteState, InvitedRoom, KnockState, KnockedRoom, LeftRoom,
};

use super::Build;
use crate::{
    error::ApiResult,
    ids::RoomNid,
    rooms::{rows::UserRoomRow, viewer::Viewer},
    sync::stripped,
};

impl Build<'_> {
    pub(super) fn invited(&self, room: RoomNid, row: &UserRoomRow) -> ApiResult<InvitedRoom> {
        let mut invited = InvitedRoom::new();
        invited.invite_state = InviteState::new();
        invited.invite_state.events =
            stripped::stripped_state(self.rooms, self.snapshot, &self.ask.user_id, room, row)?;
        Ok(invited)
    }

    pub(super) fn knocked(&self, room: RoomNid, row: &UserRoomRow) -> ApiResult<KnockedRoom> {
        let mut state = KnockState::new();
        state.events =
            stripped::stripped_state(self.rooms, self.snapshot, &self.ask.user_id, room, row)?;
        let mut knocked = KnockedRoom::new();
        knocked.knock_state = state;
        Ok(knocked)
    }

    /// A room the user left: what happened up to then.
    pub(super) fn left(&self, room: RoomNid, row: &UserRoomRow) -> ApiResult<LeftRoom> {
        let mut left = LeftRoom::new();
        // Somebody who only declined an invitation was never shown the room.
        if !row.was_joined {
            return Ok(left);
        }
        let viewer = Viewer::with_row(
            self.rooms,
            self.snapshot,
            self.ask.user,
            &self.ask.user_id,
            row.clone(),
        );
        let stretch = self.stretch(room, &viewer, self.ask.since, row.pos)?;
        left.state = self.state(room, &viewer, self.ask.since, &stretch)?;
        left.timeline = self.timeline(&viewer, self.ask.since, stretch)?;
        Ok(left)
    }
}

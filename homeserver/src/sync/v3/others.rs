//! Rooms the user is not in: invitations, knocks and rooms left.

use ruma::{
    api::client::sync::sync_events::v3::{
        InviteState, InvitedRoom, KnockState, KnockedRoom, LeftRoom,
    },
    serde::Raw,
};

use super::{Build, state::Wanted};
use crate::{
    error::{ApiError, ApiResult},
    ids::RoomNid,
    rooms::{rows::UserRoomRow, viewer::Viewer},
    sync::{room_view::Stretch, stripped},
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
        left.state = self.as_state(Vec::new());
        if let Some(event) = row.last_event_of_deleted_room() {
            let event = Raw::from_json_string(event.to_owned()).map_err(ApiError::internal)?;
            left.timeline.events.push(event);
            return Ok(left);
        }
        let viewer = Viewer::with_row(
            self.rooms,
            self.snapshot,
            self.ask.user,
            &self.ask.user_id,
            row.clone(),
        );
        self.add_account_data(&mut left.account_data, room, self.ask.since)?;
        // Somebody who only declined an invitation was never shown the room, but sees how it ended. Of a forgotten room
        // nothing else is left to show.
        if !row.was_joined || row.forgotten {
            let own = self.rooms.known_event(self.snapshot, row.event)?;
            let stretch = Stretch {
                start: own.row.place,
                events: vec![own],
                limited: false,
            };
            left.timeline = self.timeline(&viewer, self.ask.since, stretch)?;
            return Ok(left);
        }
        let stretch = self.stretch(room, &viewer, self.ask.since, row.pos)?;
        // What changed after the user left is none of their business.
        let wanted = Wanted {
            room,
            since: self.ask.since.filter(|_| !self.ask.full_state),
            upto: row.pos,
            heroes: &[],
        };
        left.state = self.state(&wanted, &viewer, &stretch)?;
        left.timeline = self.timeline(&viewer, self.ask.since, stretch)?;
        Ok(left)
    }
}

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
    ids::{EventNid, RoomNid, StreamPos},
    rooms::{
        project::membership_of,
        rows::{Membership, UserRoomRow},
        viewer::Viewer,
    },
    sync::{
        room_view::{self, Stretch},
        stripped,
    },
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
            if self.ask.state_after {
                left.state = self.as_state(vec![event.cast_ref_unchecked().clone()]);
            }
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
        // Somebody who only declined an invitation was not shown the room, but sees how it ended. Of a forgotten room
        // nothing else is left to show.
        let had_left = self.ask.since.is_some_and(|since| row.left_at <= since);
        if !row.was_joined || row.forgotten || had_left {
            let own = self.rooms.known_event(self.snapshot, row.event)?;
            // Who asks for the state at the end takes none from the timeline: without this, a declined invitation
            // would stay on the user's other devices.
            if self.ask.state_after {
                let own = std::slice::from_ref(&own);
                left.state = self.as_state(self.show(own, &viewer, false)?);
            }
            let stretch = Stretch {
                start: own.row.place,
                events: vec![own],
                limited: false,
            };
            left.timeline = self.timeline(&viewer, stretch)?;
            return Ok(left);
        }
        // To somebody who came and went in between everything was new.
        let since = match self.ask.since {
            Some(since) if self.was_in(room, since, row.left_at)? => Some(since),
            _ => None,
        };
        // Whoever was invited again since then was not let in.
        let upto = match row.left_at {
            StreamPos::ZERO => row.pos,
            left_at => left_at,
        };
        let mut stretch = self.stretch(room, &viewer, since, upto)?;
        stretch.limited |= self.ask.since.is_some() && since.is_none() && !stretch.begins_room();
        // What changed after the user left is none of their business.
        let wanted = Wanted {
            room,
            since: since.filter(|_| !self.ask.full_state),
            upto,
            heroes: &[],
        };
        left.state = self.state(&wanted, &viewer, &stretch)?;
        left.timeline = self.timeline(&viewer, stretch)?;
        Ok(left)
    }

    /// Whether the user, who has left a room since a position, was in it then.
    fn was_in(&self, room: RoomNid, since: StreamPos, left_at: StreamPos) -> ApiResult<bool> {
        let interner = self.rooms.storage().interner();
        let own = interner.find_state_key("m.room.member", self.ask.user_id.as_str())?;
        let changes = room_view::state_changes(self.snapshot, room, since, left_at)?;
        let Some((before, _)) = own.and_then(|own| changes.get(&own).copied()) else {
            return Ok(true);
        };
        if before == EventNid(0) {
            return Ok(false);
        }
        let before = self.rooms.known_event(self.snapshot, before)?;
        Ok(membership_of(&before) == Some(Membership::Join))
    }
}

//! Rooms the user is not in: invitations, knocks and rooms left.

use ruma::{
    api::client::sync::sync_events::v3::{
        InviteState, InvitedRoom, KnockState, KnockedRoom, LeftRoom,
    },
    serde::Raw,
};

use super::Build;
use crate::{
    error::{ApiError, ApiResult},
    events::client_format::StrippedState,
    ids::RoomNid,
    rooms::{rows::UserRoomRow, viewer::Viewer},
};

/// The state that tells somebody outside what a room is, beside their own membership.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#stripped-state)
const STRIPPED: [&str; 8] = [
    "m.room.create",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.join_rules",
    "m.room.canonical_alias",
    "m.room.encryption",
    "m.room.history_visibility",
];

impl Build<'_> {
    pub(super) fn invited(&self, room: RoomNid, row: &UserRoomRow) -> ApiResult<InvitedRoom> {
        let mut invited = InvitedRoom::new();
        invited.invite_state = InviteState::new();
        invited.invite_state.events = self.stripped_state(room, row)?;
        Ok(invited)
    }

    pub(super) fn knocked(&self, room: RoomNid, row: &UserRoomRow) -> ApiResult<KnockedRoom> {
        let mut state = KnockState::new();
        state.events = self.stripped_state(room, row)?;
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

    fn stripped_state<T>(&self, room: RoomNid, row: &UserRoomRow) -> ApiResult<Vec<Raw<T>>> {
        if !row.stripped_state.is_empty() {
            let parse =
                |json: &String| Raw::from_json_string(json.clone()).map_err(ApiError::internal);
            return row.stripped_state.iter().map(parse).collect();
        }
        let mut events = Vec::new();
        for kind in STRIPPED {
            events.extend(self.rooms.state_event(self.snapshot, room, kind, "")?);
        }
        let own = self.rooms.known_event(self.snapshot, row.event)?;
        let inviter = own.pdu.sender().as_str();
        if inviter != self.ask.user_id {
            events.extend(
                self.rooms
                    .state_event(self.snapshot, room, "m.room.member", inviter)?,
            );
        }
        events.push(own);
        events
            .iter()
            .map(|event| {
                StrippedState(&event.pdu)
                    .to_raw()
                    .map_err(ApiError::internal)
            })
            .collect()
    }
}

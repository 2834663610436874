//! What somebody outside of a room is told about it.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#stripped-state)

use ruma::{UserId, serde::Raw};

use crate::{
    error::{ApiError, ApiResult},
    events::client_format::StrippedState,
    ids::RoomNid,
    rooms::{Rooms, rows::UserRoomRow},
    storage::Snapshot,
};

/// The state that tells somebody outside what a room is, beside their own membership.
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

/// The state shown with an invitation or a knock.
pub fn stripped_state<T>(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    user: &UserId,
    room: RoomNid,
    row: &UserRoomRow,
) -> ApiResult<Vec<Raw<T>>> {
    if !row.stripped_state.is_empty() {
        let parse = |json: &String| Raw::from_json_string(json.clone()).map_err(ApiError::internal);
        return row.stripped_state.iter().map(parse).collect();
    }
    let mut events = Vec::new();
    for kind in STRIPPED {
        events.extend(rooms.state_event(snapshot, room, kind, "")?);
    }
    let own = rooms.known_event(snapshot, row.event)?;
    let inviter = own.pdu.sender();
    if inviter != user {
        events.extend(rooms.state_event(snapshot, room, "m.room.member", inviter.as_str())?);
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

//! What orders rooms: in lists the position of the last event, in clients that of the last event that means activity.

use crate::{
    hub::Hub,
    ids::{RoomNid, StreamPos},
    rooms::{
        Rooms,
        project::BUMPING,
        rows::{Membership, Place, UserRoomRow},
        timeline::{Direction, rows as rows_of},
    },
    storage::{Result, Snapshot},
};

/// Rows that are looked at to find the last activity of a room nobody has written in since the start.
const LOOK_BACK: usize = 200;

/// What places a room in a user's lists: its last event, whatever that is.
pub(super) fn last_event(
    hub: &Hub,
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    row: &UserRoomRow,
) -> Result<StreamPos> {
    // Who is not in the room does not learn when something happens there.
    if row.membership != Membership::Join {
        return Ok(row.pos);
    }
    if let Some(position) = hub.last_event(room) {
        return Ok(position);
    }
    let last = rows_of(
        snapshot,
        room,
        Place::FIRST,
        Place::END,
        Direction::Backward,
    )?
    .next()
    .transpose()?;
    let position = last.map_or(row.pos, |(place, _)| place.pos);
    hub.learn_last_event(room, position);
    Ok(position)
}

/// The `bump_stamp` of a room: its last event of a type that means activity.
pub(super) fn bump_stamp(
    rooms: &Rooms,
    hub: &Hub,
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    row: &UserRoomRow,
) -> Result<StreamPos> {
    if row.membership != Membership::Join {
        return Ok(row.pos);
    }
    if let Some(position) = hub.bump(room) {
        return Ok(position);
    }
    let mut found = None;
    let mut oldest = StreamPos(1);
    for row in rows_of(
        snapshot,
        room,
        Place::FIRST,
        Place::END,
        Direction::Backward,
    )?
    .take(LOOK_BACK)
    {
        let (place, row) = row?;
        oldest = place.pos;
        if BUMPING.contains(&&*rooms.storage().interner().type_name(row.kind)?) {
            found = Some(place.pos);
            break;
        }
    }
    let position = found.unwrap_or(oldest);
    hub.learn_bump(room, position);
    Ok(position)
}

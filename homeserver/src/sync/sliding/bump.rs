//! What orders rooms in lists: the position of the last event that means activity.

use crate::{
    hub::Hub,
    ids::{RoomNid, StreamPos},
    rooms::{
        Rooms,
        project::BUMPING,
        rows::{Membership, Place, UserRoomRow},
        timeline::{Direction, rows},
    },
    storage::{Result, Snapshot},
};

/// Rows that are looked at to find the last activity of a room nobody has written in since the start.
const LOOK_BACK: usize = 200;

/// The position of a room in a user's lists.
pub(super) fn position(
    rooms: &Rooms,
    hub: &Hub,
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    row: &UserRoomRow,
) -> Result<StreamPos> {
    // Who is not in the room does not learn when somebody speaks there.
    if row.membership != Membership::Join {
        return Ok(row.pos);
    }
    if let Some(position) = hub.bump(room) {
        return Ok(position);
    }
    let mut found = None;
    let mut oldest = StreamPos(1);
    for row in rows(
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

//! Holes in the history of a room.
//!
//! A room that was joined at another server begins here with the join; where too much was missed, it goes on after a
//! hole. The row of a gap stands at the place of the first event after it. What is fetched later is put at the same
//! position before that event, so that positions, and with them the tokens of clients, stay what they were.

use super::rows::Place;
use crate::{
    ids::RoomNid,
    storage::{Batch, Result, Snapshot, tables},
};

/// Events before this one are missing.
const OPEN: u8 = 0;
/// The events before this one came after it.
const FILLED: u8 = 1;

/// The newest place of `from <= place < to` before which events are missing.
pub fn newest_open(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    from: Place,
    to: Place,
) -> Result<Option<Place>> {
    for row in tables::GAP.range_back(snapshot, key(room, from), key(room, to))? {
        let ((_, pos, sub), kind) = row?;
        if kind == OPEN {
            return Ok(Some(Place { pos, sub }));
        }
    }
    Ok(None)
}

/// The oldest place of `from <= place < to` before which events are missing.
pub fn oldest_open(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    from: Place,
    to: Place,
) -> Result<Option<Place>> {
    for row in tables::GAP.range(snapshot, key(room, from), key(room, to))? {
        let ((_, pos, sub), kind) = row?;
        if kind == OPEN {
            return Ok(Some(Place { pos, sub }));
        }
    }
    Ok(None)
}

/// The newest place of `from <= place < to` before which events are missing or came later.
pub fn newest(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    from: Place,
    to: Place,
) -> Result<Option<Place>> {
    let mut rows = tables::GAP.range_back(snapshot, key(room, from), key(room, to))?;
    let row = rows.next().transpose()?;
    Ok(row.map(|((_, pos, sub), _)| Place { pos, sub }))
}

/// All such places, oldest first.
pub fn all(snapshot: &Snapshot<'_>, room: RoomNid, from: Place, to: Place) -> Result<Vec<Place>> {
    let rows = tables::GAP.range(snapshot, key(room, from), key(room, to))?;
    rows.map(|row| row.map(|((_, pos, sub), _)| Place { pos, sub }))
        .collect()
}

/// Whether the room has, or had, holes.
pub fn has_any(snapshot: &Snapshot<'_>, room: RoomNid) -> Result<bool> {
    let mut rows = tables::GAP.scan(snapshot, (room,))?;
    Ok(rows.next().transpose()?.is_some())
}

/// Whether events before this place are missing.
pub fn is_open(snapshot: &Snapshot<'_>, room: RoomNid, place: Place) -> Result<bool> {
    Ok(tables::GAP.get(snapshot, key(room, place))? == Some(OPEN))
}

/// Notes that events before a place are missing.
pub(super) fn open(batch: &mut Batch<'_>, room: RoomNid, place: Place) {
    tables::GAP.put(batch, key(room, place), &OPEN);
}

/// Notes that nothing is missing any more before a place. Live events remember it, since clients that have not seen them
/// yet must not take what was fetched for news.
pub(super) fn close(batch: &mut Batch<'_>, room: RoomNid, place: Place) {
    if place == Place::live(place.pos) {
        tables::GAP.put(batch, key(room, place), &FILLED);
    } else {
        forget(batch, room, place);
    }
}

/// Forgets a hole together with the event after it.
pub(super) fn forget(batch: &mut Batch<'_>, room: RoomNid, place: Place) {
    tables::GAP.delete(batch, key(room, place));
}

fn key(room: RoomNid, place: Place) -> (RoomNid, crate::ids::StreamPos, u32) {
    (room, place.pos, place.sub)
}

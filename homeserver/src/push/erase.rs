//! Removing what is counted of rooms and events that go.

use std::sync::Arc;

use crate::{
    ids::{RoomNid, UserNid},
    rooms::{deletion::Eraser, event::RoomEvent, rows::Place, txn::Write},
    storage::{Result, Snapshot, tables},
};

/// Removes the rows from which unread events are counted.
pub struct UnreadEraser;

impl Eraser for UnreadEraser {
    /// The personal rows of purged events stay until the room goes: they say nothing of the event, and are no longer
    /// counted (see [`super::unread`]).
    fn events(
        &self,
        _: &Snapshot<'_>,
        room: RoomNid,
        events: &[Arc<RoomEvent>],
    ) -> Result<Vec<Write>> {
        let places = events.iter().map(|event| event.row.place);
        let positions: Vec<_> = places
            .filter(|place| *place != Place::default())
            .map(|place| place.pos)
            .collect();
        Ok(vec![Box::new(move |batch, _| {
            for pos in positions {
                tables::THREAD_NOTIFYING.delete(batch, (room, pos));
                tables::MENTIONING_ALL.delete(batch, (room, pos));
                tables::RETRACTED.delete(batch, (room, pos));
            }
        })])
    }

    fn member(&self, snapshot: &Snapshot<'_>, room: RoomNid, user: UserNid) -> Result<Vec<Write>> {
        let read = tables::READ.scan(snapshot, (user, room))?;
        let threads = read
            .map(|row| row.map(|((_, _, thread), _)| thread))
            .collect::<Result<Vec<_>>>()?;
        let personal = tables::PERSONAL_NOTIFYING.scan(snapshot, (user, room))?;
        let positions = personal
            .map(|row| row.map(|((_, _, pos), _)| pos))
            .collect::<Result<Vec<_>>>()?;
        Ok(vec![Box::new(move |batch, _| {
            for thread in &threads {
                tables::READ.delete(batch, (user, room, thread));
            }
            for pos in positions {
                tables::PERSONAL_NOTIFYING.delete(batch, (user, room, pos));
            }
        })])
    }

    fn room(&self, _: &Snapshot<'_>, room: RoomNid) -> Result<Vec<Write>> {
        Ok(vec![Box::new(move |batch, _| {
            tables::THREAD_NOTIFYING.delete_prefix(batch, (room,));
            tables::MENTIONING_ALL.delete_prefix(batch, (room,));
            tables::RETRACTED.delete_prefix(batch, (room,));
        })])
    }
}

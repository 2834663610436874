//! Removing what waits for rooms that go.

use std::sync::Arc;

use crate::{
    ids::{RoomNid, UserNid},
    rooms::{deletion::Eraser, event::RoomEvent, txn::Write},
    storage::{Result, Snapshot, tables},
};

/// Removes events that were received for a room and not taken in yet.
pub struct StagedEraser;

impl Eraser for StagedEraser {
    fn events(&self, _: &Snapshot<'_>, _: RoomNid, _: &[Arc<RoomEvent>]) -> Result<Vec<Write>> {
        Ok(Vec::new())
    }

    fn member(&self, _: &Snapshot<'_>, _: RoomNid, _: UserNid) -> Result<Vec<Write>> {
        Ok(Vec::new())
    }

    fn room(&self, _: &Snapshot<'_>, room: RoomNid) -> Result<Vec<Write>> {
        Ok(vec![Box::new(move |batch, _| {
            tables::STAGED_EVENT.delete_prefix(batch, (room,));
            tables::HELD_EVENT.delete_prefix(batch, (room,));
        })])
    }
}

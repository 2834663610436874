//! What events mean for the index.

use std::sync::Arc;

use super::{
    Search,
    postings::TermHash,
    text::{self, field},
    words::Terms,
};
use crate::{
    error::ApiResult,
    ids::{RoomNid, UserNid},
    rooms::{
        deletion::Eraser,
        event::RoomEvent,
        project::Projection,
        txn::{NewEvent, Txn, Write},
    },
    storage::{Result, Snapshot, tables},
};

/// Queues events to be filed, and to be taken out of the index.
pub struct SearchProjection(pub Search);

impl Projection for SearchProjection {
    fn project(&self, txn: &Txn<'_>, new: &mut NewEvent) -> ApiResult<bool> {
        self.0.inner.people.note_state(txn.room, &new.event);
        let kind = new.event.pdu.event_type().to_string();
        if field(&kind).is_some() {
            let (room, nid) = (txn.room, new.event.nid);
            new.write(move |batch, pos| tables::INDEX_QUEUE.put(batch, pos, &(room, nid)));
            self.0.note_queued();
        }
        Ok(false)
    }

    fn past(&self, txn: &mut Txn<'_>, event: &Arc<RoomEvent>) -> ApiResult<()> {
        if field(&event.pdu.event_type().to_string()).is_some() {
            let (room, nid) = (txn.room, event.nid);
            txn.write_numbered(move |batch, pos| {
                tables::INDEX_QUEUE.put(batch, pos, &(room, nid));
            });
            self.0.note_queued();
        }
        Ok(())
    }

    fn content_removed(&self, txn: &mut Txn<'_>, target: &RoomEvent) -> ApiResult<()> {
        if let Some(write) = removal(txn.room, target) {
            txn.write(write);
        }
        Ok(())
    }
}

impl Eraser for SearchProjection {
    fn events(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        events: &[Arc<RoomEvent>],
    ) -> Result<Vec<Write>> {
        // When the whole room goes, its index goes at once.
        if !tables::ROOM.contains(snapshot, room)? {
            return Ok(Vec::new());
        }
        let removals = events.iter().filter_map(|event| removal(room, event));
        Ok(removals.collect())
    }

    fn member(&self, _: &Snapshot<'_>, _: RoomNid, _: UserNid) -> Result<Vec<Write>> {
        Ok(Vec::new())
    }

    fn room(&self, _: &Snapshot<'_>, room: RoomNid) -> Result<Vec<Write>> {
        self.0.inner.hurry.notify_one();
        Ok(vec![Box::new(move |batch, _| {
            tables::INDEX_GONE.put(batch, room, &());
        })])
    }
}

/// Queues an event to be taken out of the index. The hashes of its terms are kept for that, since its text will be gone.
fn removal(room: RoomNid, event: &RoomEvent) -> Option<Write> {
    let field = field(&event.pdu.event_type().to_string())?;
    let text = text::text(field, event.pdu.content())?;
    let terms = Terms::of(&text);
    let hashes: Vec<u8> = terms
        .counts
        .keys()
        .flat_map(|term| TermHash::new(term).0.to_be_bytes())
        .collect();
    let nid = event.nid;
    Some(Box::new(move |batch, _| {
        tables::INDEX_REMOVAL.put(batch, (room, nid), &hashes);
    }))
}

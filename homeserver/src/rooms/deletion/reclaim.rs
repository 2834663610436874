//! Giving the disk space of removed rows back.
//!
//! RocksDB frees what was deleted when it next merges the files that hold it, which can take months for old files. Rows
//! that begin with the room lie together and are merged at once. Events are stored by number, among those of other
//! rooms, so they are merged where many of them went; where few went, little is to be gained.

use std::collections::BTreeSet;

use crate::{
    ids::{EventNid, RoomNid},
    rooms::Rooms,
    storage::{Result, tables},
};

/// A stretch of events is merged if at least one in so many of its numbers was removed.
const DENSE: u64 = 20;

/// What was removed since disk space was last given back.
#[derive(Default)]
pub(in crate::rooms) struct Reclaim {
    rooms: BTreeSet<RoomNid>,
    spans: Vec<(EventNid, EventNid)>,
    count: u64,
}

impl Reclaim {
    /// Notes that so many events of a room between two numbers, both included, are gone.
    pub(super) fn add(&mut self, room: RoomNid, (first, last): (EventNid, EventNid), count: usize) {
        let count = count as u64;
        self.rooms.insert(room);
        self.count += count;
        if count * DENSE < last.0 - first.0 {
            return;
        }
        match self.spans.last_mut() {
            Some(span) if span.0 <= last && first.0 <= span.1.0 + DENSE => {
                *span = (span.0.min(first), span.1.max(last));
            }
            _ => self.spans.push((first, last)),
        }
    }

    /// How many events were removed.
    pub(in crate::rooms) fn count(&self) -> u64 {
        self.count
    }

    /// Gives the space back. Takes long; not for async code.
    pub(in crate::rooms) fn run(&mut self, rooms: &Rooms) -> Result<()> {
        let Self {
            rooms: removed_from,
            spans,
            count,
        } = std::mem::take(self);
        let storage = rooms.storage();
        for room in removed_from {
            tables::TIMELINE.compact(storage, (room,))?;
            tables::BY_TIME.compact(storage, (room,))?;
            tables::RELATION.compact(storage, (room,))?;
            tables::RELATED.compact(storage, (room,))?;
            tables::STATE_DELTA.compact(storage, (room,))?;
            tables::CURRENT_STATE.compact(storage, (room,))?;
            tables::MEMBER.compact(storage, (room,))?;
            tables::RECEIPT.compact(storage, (room,))?;
            tables::LATEST_RECEIPT.compact(storage, (room,))?;
        }
        for (first, last) in spans {
            let after = EventNid(last.0 + 1);
            tables::EVENT.compact_range(storage, first, after)?;
            tables::AUTH_EDGES.compact_range(storage, first, after)?;
        }
        // These are spread over their whole tables.
        if count * DENSE >= storage.interner().event_floor().0 {
            tables::EVENT_NID.compact(storage, ())?;
            tables::STATE_NODE.compact(storage, ())?;
            tables::TRANSACTION.compact(storage, ())?;
            tables::EVENT_TRANSACTION.compact(storage, ())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(reclaim: &mut Reclaim, first: u64, last: u64, count: usize) {
        reclaim.add(RoomNid(1), (EventNid(first), EventNid(last)), count);
    }

    #[test]
    fn neighbouring_stretches_become_one() {
        let mut reclaim = Reclaim::default();
        add(&mut reclaim, 1, 100, 50);
        add(&mut reclaim, 103, 200, 50);
        add(&mut reclaim, 900, 1_000, 50);
        let spans = [(1, 200), (900, 1_000)].map(|(a, b)| (EventNid(a), EventNid(b)));
        assert_eq!(reclaim.spans, spans);
        assert_eq!(reclaim.count(), 150);
    }

    #[test]
    fn stretches_of_which_little_went_are_left_alone() {
        let mut reclaim = Reclaim::default();
        add(&mut reclaim, 1, 100_000, 50);
        assert!(reclaim.spans.is_empty());
    }
}

//! Reading a room's history.

use std::sync::Arc;

use super::{
    Rooms,
    event::RoomEvent,
    rows::{Place, TimelineRow},
};
use crate::{
    ids::{RoomNid, StreamPos},
    storage::{Result, Snapshot, tables},
};

/// Which way to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards newer events.
    Forward,
    /// Towards older events.
    Backward,
}

/// A stretch of a room's history.
pub struct Page {
    /// The events in reading order.
    pub events: Vec<Arc<RoomEvent>>,
    /// Where to read on, if there may be more.
    pub next: Option<Place>,
}

/// The rows of a room with `from <= place < to`, in reading order.
pub fn rows<'s>(
    snapshot: &'s Snapshot<'_>,
    room: RoomNid,
    from: Place,
    to: Place,
    direction: Direction,
) -> Result<impl Iterator<Item = Result<(Place, TimelineRow)>> + 's> {
    let (from, to) = ((room, from.pos, from.sub), (room, to.pos, to.sub));
    let scan = match direction {
        Direction::Forward => tables::TIMELINE.range(snapshot, from, to)?,
        Direction::Backward => tables::TIMELINE.range_back(snapshot, from, to)?,
    };
    Ok(scan.map(|row| row.map(|((_, pos, sub), row)| (Place { pos, sub }, row))))
}

impl Rooms {
    /// Reads up to `limit` events that `wanted` takes, looking at no more than `scan_limit` rows.
    ///
    /// `next` is the place before which (backwards) or from which (forwards) the next page begins.
    #[expect(
        clippy::too_many_arguments,
        reason = "a page is a range, a direction and two limits"
    )]
    pub fn page(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        from: Place,
        to: Place,
        direction: Direction,
        limit: usize,
        scan_limit: usize,
        mut wanted: impl FnMut(&TimelineRow, &RoomEvent) -> Result<bool>,
    ) -> Result<Page> {
        let mut events = Vec::new();
        for (seen, row) in rows(snapshot, room, from, to, direction)?.enumerate() {
            let (place, row) = row?;
            let here = match direction {
                Direction::Forward => place,
                Direction::Backward => place.next(),
            };
            if events.len() >= limit || seen >= scan_limit {
                return Ok(Page {
                    events,
                    next: Some(here),
                });
            }
            let event = self.known_event(snapshot, row.event)?;
            if wanted(&row, &event)? {
                events.push(event);
            }
        }
        Ok(Page { events, next: None })
    }

    /// The place after the newest event at or before a position.
    pub fn end_at(position: StreamPos) -> Place {
        Place {
            pos: position.plus(1),
            sub: 0,
        }
    }
}

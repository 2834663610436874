//! The children of children.
//!
//! Descendants come after what they refer to, so what lies beyond the end of the wanted range need not be followed.
//! A step reads the children of one event in one scan, and asks for all of them at once which have children themselves.

use std::{collections::HashSet, sync::Arc};

use ruma::OwnedEventId;

use super::list::{Found, Wanted};
use crate::{
    ids::{EventNid, RoomNid},
    rooms::{event::RoomEvent, look::Look, rows::Place},
    storage::{Result, Snapshot, tables},
};

/// Relations that are followed.
pub(super) const DEPTH: u32 = 3;
/// Descendants that are collected for one request.
const MAX_DESCENDANTS: usize = 20_000;

/// The descendants of an event that are wanted, oldest first. Those who do not match are not followed either.
pub(super) fn descendants(
    look: &Look<'_>,
    parent: &Arc<RoomEvent>,
    wanted: &Wanted<'_>,
) -> Result<Vec<Found>> {
    let mut search = Search {
        snapshot: look.snapshot,
        room: look.room,
        wanted,
        seen: HashSet::from([parent.nid]),
        found: Vec::new(),
    };
    let mut level = vec![parent.id().to_owned()];
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for parent in &level {
            search.children(parent, &mut next)?;
        }
        level = search.with_children(next)?;
        if level.is_empty() {
            break;
        }
    }
    search.found.sort_unstable();
    Ok(search.found)
}

struct Search<'a> {
    snapshot: &'a Snapshot<'a>,
    room: RoomNid,
    wanted: &'a Wanted<'a>,
    /// A loop cannot be made, but nothing is read twice in any case.
    seen: HashSet<EventNid>,
    found: Vec<Found>,
}

impl Search<'_> {
    fn children(&mut self, parent: &OwnedEventId, next: &mut Vec<OwnedEventId>) -> Result<()> {
        let rows = match self.wanted.rel_type {
            Some(rel_type) => tables::RELATED.scan(self.snapshot, (self.room, parent, rel_type))?,
            None => tables::RELATED.scan(self.snapshot, (self.room, parent))?,
        };
        for row in rows {
            let ((.., pos, sub), (event, _, kind, id)) = row?;
            let place = Place { pos, sub };
            let is_wanted = self.wanted.kind.is_none_or(|wanted| wanted == kind);
            if !is_wanted || place >= self.wanted.to || !self.seen.insert(event) {
                continue;
            }
            if self.seen.len() > MAX_DESCENDANTS {
                return Ok(());
            }
            if place >= self.wanted.from {
                self.found.push(Found { place, event });
            }
            next.extend(OwnedEventId::try_from(id));
        }
        Ok(())
    }

    fn with_children(&self, events: Vec<OwnedEventId>) -> Result<Vec<OwnedEventId>> {
        let keys = events.iter().map(|id| (self.room, id));
        let children = tables::AGGREGATE.get_many(self.snapshot, keys)?;
        Ok(events
            .into_iter()
            .zip(children)
            .filter_map(|(id, children)| children.map(|_| id))
            .collect())
    }
}

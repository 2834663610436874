//! Listing the events that refer to one.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#relationships-api)

use std::sync::Arc;

use ruma::EventId;

use super::{bundle::Bundler, recurse};
use crate::{
    error::ApiResult,
    ids::{EventNid, TypeNid},
    rooms::{event::RoomEvent, look::Look, rows::Place, timeline::Direction},
    storage::tables,
};

/// Events of one page, unless the client says otherwise.
const DEFAULT_LIMIT: usize = 50;
/// Events of one page at most.
const MAX_LIMIT: usize = 500;
/// Children that are looked at for one page, however few of them may be shown.
const SCAN_LIMIT: usize = 5_000;

/// Which children are asked for.
#[derive(Clone, Debug)]
pub struct RelationsQuery {
    /// The kind of relation, if only one is wanted.
    pub rel_type: Option<String>,
    /// The type of event, if only one is wanted.
    pub event_type: Option<String>,
    /// Whether children of children are wanted, too.
    pub recurse: bool,
    /// Where to begin; at the end from which one reads if it is not said.
    pub from: Option<Place>,
    /// Where to stop.
    pub to: Option<Place>,
    /// Which way to read.
    pub direction: Direction,
    /// How many events to return.
    pub limit: Option<usize>,
}

/// Some children of an event.
pub struct RelationsPage {
    /// The events in reading order.
    pub events: Vec<Arc<RoomEvent>>,
    /// Where to read on, if there may be more.
    pub next: Option<Place>,
}

/// A child before anything but its place is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) event: EventNid,
}

/// What children have to be, in the numbers of the database.
pub(super) struct Wanted<'a> {
    pub(super) rel_type: Option<&'a String>,
    pub(super) kind: Option<TypeNid>,
    /// The range of places, the last one excluded.
    pub(super) from: Place,
    pub(super) to: Place,
}

impl Look<'_> {
    /// A page of the children of an event that the user may see.
    pub fn relations(&self, parent: &EventId, query: &RelationsQuery) -> ApiResult<RelationsPage> {
        let parent = self.event(parent)?;
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
        let nothing = RelationsPage {
            events: Vec::new(),
            next: None,
        };
        let interner = self.rooms.storage().interner();
        let kind = match &query.event_type {
            None => None,
            Some(name) => match interner.find_event_type(name)? {
                Some(kind) => Some(kind),
                None => return Ok(nothing),
            },
        };
        // The invited may see single events, and nothing of what follows.
        let end = self.end().unwrap_or(Place::FIRST);
        let (from, to) = match query.direction {
            Direction::Forward => (query.from.unwrap_or(Place::FIRST), query.to.unwrap_or(end)),
            Direction::Backward => (query.to.unwrap_or(Place::FIRST), query.from.unwrap_or(end)),
        };
        let wanted = Wanted {
            rel_type: query.rel_type.as_ref(),
            kind,
            from,
            to: to.min(end),
        };
        if wanted.from >= wanted.to {
            return Ok(nothing);
        }
        if query.recurse {
            let mut found = recurse::descendants(self, &parent, &wanted)?;
            if query.direction == Direction::Backward {
                found.reverse();
            }
            return self.relations_page(found.into_iter().map(Ok), query.direction, limit);
        }
        match &query.rel_type {
            Some(rel_type) => {
                let key = |place: Place| (self.room, parent.id(), rel_type, place.pos, place.sub);
                let (from, to) = (key(wanted.from), key(wanted.to));
                let rows = match query.direction {
                    Direction::Forward => tables::RELATED.range(self.snapshot, from, to)?,
                    Direction::Backward => tables::RELATED.range_back(self.snapshot, from, to)?,
                };
                let found = rows.filter_map(|row| match row {
                    Ok(((.., pos, sub), (event, _, of, _))) => {
                        let place = Place { pos, sub };
                        let is_wanted = wanted.kind.is_none_or(|kind| kind == of);
                        is_wanted.then_some(Ok(Found { place, event }))
                    }
                    Err(error) => Some(Err(error)),
                });
                self.relations_page(found, query.direction, limit)
            }
            None => {
                let key = |place: Place| (self.room, parent.id(), place.pos, place.sub);
                let (from, to) = (key(wanted.from), key(wanted.to));
                let rows = match query.direction {
                    Direction::Forward => tables::RELATION.range(self.snapshot, from, to)?,
                    Direction::Backward => tables::RELATION.range_back(self.snapshot, from, to)?,
                };
                let found = rows.map(|row| {
                    row.map(|((.., pos, sub), (event, _))| Found {
                        place: Place { pos, sub },
                        event,
                    })
                });
                self.relations_page(found, query.direction, limit)
            }
        }
    }

    fn relations_page(
        &self,
        found: impl Iterator<Item = crate::storage::Result<Found>>,
        direction: Direction,
        limit: usize,
    ) -> ApiResult<RelationsPage> {
        let by = self.bundler();
        let mut events = Vec::new();
        for (seen, found) in found.enumerate() {
            let Found { place, event } = found?;
            if events.len() >= limit || seen >= SCAN_LIMIT {
                let next = match direction {
                    Direction::Forward => place,
                    Direction::Backward => place.next(),
                };
                return Ok(RelationsPage {
                    events,
                    next: Some(next),
                });
            }
            let event = self.rooms.known_event(self.snapshot, event)?;
            if by.may_be_shown(&event)? {
                events.push(event);
            }
        }
        Ok(RelationsPage { events, next: None })
    }

    /// Shows events to the user together with what refers to them.
    pub(super) fn bundler(&self) -> Bundler<'_> {
        Bundler {
            rooms: self.rooms,
            snapshot: self.snapshot,
            viewer: &self.viewer,
            how: self.how(),
        }
    }
}

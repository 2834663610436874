//! Reading a room's past: pages of it, an event, and what surrounds an event.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#syncing)

use std::{collections::BTreeMap, sync::Arc};

use ruma::{EventId, UserId};

use super::{
    event::RoomEvent,
    gaps,
    look::Look,
    rows::Place,
    state::tree::StateRoot,
    timeline::{Direction, Page},
};
use crate::{
    error::{ApiError, ApiResult},
    storage::Result,
};

/// Events of one page at most.
const MAX_LIMIT: usize = 1_000;
/// Rows that are looked at for one page, however few of them are wanted.
const SCAN_LIMIT: usize = 5_000;

/// Which part of a room's history is asked for.
#[derive(Clone, Copy, Debug)]
pub struct PageQuery {
    /// Where to begin; at the end from which one reads if it is not said.
    pub from: Option<Place>,
    /// Where to stop.
    pub to: Option<Place>,
    /// Which way to read.
    pub direction: Direction,
    /// How many events to return.
    pub limit: usize,
}

/// An event among those around it.
pub struct Surroundings {
    /// The event.
    pub event: Arc<RoomEvent>,
    /// What came before it, newest first.
    pub before: Vec<Arc<RoomEvent>>,
    /// What came after it, oldest first.
    pub after: Vec<Arc<RoomEvent>>,
    /// The place before all of these.
    pub start: Place,
    /// The place after all of these.
    pub end: Place,
    /// Where events before it are missing that would belong here.
    pub gap: Option<Place>,
}

impl Look<'_> {
    /// Like [`Self::messages`], up to where events are missing. If the page could have more, that place is told.
    pub fn messages_up_to_gap(
        &self,
        query: &PageQuery,
        wanted: impl Fn(&RoomEvent) -> Result<bool>,
    ) -> ApiResult<(Place, Page, Option<Place>)> {
        let end = self.end()?;
        let gap = match query.direction {
            Direction::Forward => {
                let (from, to) = (query.from, query.to.unwrap_or(Place::END).min(end));
                let from = from.unwrap_or(Place::FIRST).next();
                gaps::oldest_open(self.snapshot, self.room, from, to)?
            }
            Direction::Backward => {
                let (from, to) = (query.to, query.from.unwrap_or(end).min(end));
                let from = from.unwrap_or(Place::FIRST);
                gaps::newest_open(self.snapshot, self.room, from, to.next())?
            }
        };
        let Some(gap) = gap else {
            let (start, page) = self.messages(query, wanted)?;
            return Ok((start, page, None));
        };
        let bounded = PageQuery {
            to: Some(gap),
            ..*query
        };
        let (start, mut page) = self.messages(&bounded, wanted)?;
        if page.next.is_some() {
            return Ok((start, page, None));
        }
        page.next = Some(match query.direction {
            Direction::Forward => page
                .events
                .last()
                .map_or(start, |event| event.row.place.next()),
            Direction::Backward => gap,
        });
        let is_short = page.events.len() < query.limit.min(MAX_LIMIT);
        Ok((start, page, is_short.then_some(gap)))
    }

    /// A page of what the user may see of the room's history, and the place at which it begins.
    pub fn messages(
        &self,
        query: &PageQuery,
        wanted: impl Fn(&RoomEvent) -> Result<bool>,
    ) -> ApiResult<(Place, Page)> {
        let end = self.end()?;
        let start = query.from.unwrap_or(match query.direction {
            Direction::Forward => Place::FIRST,
            Direction::Backward => end,
        });
        let (from, to) = match query.direction {
            Direction::Forward => (start, query.to.unwrap_or(Place::END).min(end)),
            Direction::Backward => (query.to.unwrap_or(Place::FIRST), start.min(end)),
        };
        let page = self.page(from, to, query.direction, query.limit, wanted)?;
        Ok((start, page))
    }

    fn page(
        &self,
        from: Place,
        to: Place,
        direction: Direction,
        limit: usize,
        wanted: impl Fn(&RoomEvent) -> Result<bool>,
    ) -> ApiResult<Page> {
        if from >= to {
            let (events, next) = (Vec::new(), None);
            return Ok(Page { events, next });
        }
        Ok(self.rooms.page(
            self.snapshot,
            self.room,
            from,
            to,
            direction,
            limit.min(MAX_LIMIT),
            SCAN_LIMIT,
            |_, event| Ok(wanted(event)? && self.may_see(event)?),
        )?)
    }

    /// An event of the room that the user may see.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomideventeventid)
    pub fn event(&self, id: &EventId) -> ApiResult<Arc<RoomEvent>> {
        let has_forgotten = self.viewer.row.as_ref().is_some_and(|row| row.forgotten);
        let event = self.rooms.event_by_id(self.snapshot, id)?;
        match event.filter(|event| event.row.room == self.room) {
            Some(event)
                if (!has_forgotten || self.is_world_readable())
                    && event.row.place != Place::default()
                    && self.may_see(&event)? =>
            {
                Ok(event)
            }
            _ => Err(ApiError::not_found(
                "There is no such event in this room, or you may not see it.",
            )),
        }
    }

    /// The same; members also see the events of the room's state now that have no place in its history here.
    pub fn event_or_state(&self, id: &EventId) -> ApiResult<Arc<RoomEvent>> {
        let found = self.event(id);
        if found.is_ok() || self.require_joined().is_err() {
            return found;
        }
        let event = self.rooms.event_by_id(self.snapshot, id)?;
        let Some(event) = event.filter(|event| event.row.room == self.room) else {
            return found;
        };
        let Some((kind, state_key)) = event.pdu.state_entry() else {
            return found;
        };
        let kind = kind.to_string();
        let now = (self.rooms).state_event(self.snapshot, self.room, &kind, state_key)?;
        match now {
            Some(now) if now.nid == event.nid => Ok(now),
            _ => found,
        }
    }

    /// An event that a member reports: one that they could see, whoever sent it.
    pub fn reported_event(&self, id: &EventId) -> ApiResult<Arc<RoomEvent>> {
        let event = self.rooms.event_by_id(self.snapshot, id)?;
        match event.filter(|event| event.row.room == self.room && event.is_accepted()) {
            Some(event) if self.viewer.had_access(&event)? => Ok(event),
            _ => Err(ApiError::not_found("There is no such event in this room.")),
        }
    }

    /// An event with up to `limit` events around it.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#event-context)
    pub fn surroundings(
        &self,
        id: &EventId,
        limit: usize,
        wanted: impl Fn(&RoomEvent) -> Result<bool>,
    ) -> ApiResult<Surroundings> {
        let limit = limit.min(MAX_LIMIT);
        self.around(self.event(id)?, (limit / 2, limit - limit / 2), wanted)
    }

    /// An event that the user may see with some events before and after it.
    pub fn around(
        &self,
        event: Arc<RoomEvent>,
        (before, after): (usize, usize),
        wanted: impl Fn(&RoomEvent) -> Result<bool>,
    ) -> ApiResult<Surroundings> {
        let place = event.row.place;
        let (snapshot, room, wish) = (self.snapshot, self.room, before);
        let gap = gaps::newest_open(snapshot, room, Place::FIRST, place.next())?;
        let from = gap.unwrap_or(Place::FIRST);
        let before = self.page(from, place, Direction::Backward, before, &wanted)?;
        let gap = gap.filter(|_| before.next.is_none() && before.events.len() < wish);
        let to = match self.access() {
            Ok(_) => self.end()?,
            // The invited may see single events, but nothing of what follows.
            Err(_) => place.next(),
        };
        let to = gaps::oldest_open(snapshot, room, place.next(), to)?.unwrap_or(to);
        let after = self.page(place.next(), to, Direction::Forward, after, &wanted)?;
        Ok(Surroundings {
            start: before.events.last().map_or(place, |event| event.row.place),
            end: after
                .events
                .last()
                .map_or(place, |event| event.row.place)
                .next(),
            before: before.events,
            after: after.events,
            event,
            gap,
        })
    }

    /// The member events of those who sent some events, each as of the sender's newest among them.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#lazy-loading-room-members)
    pub fn members_of<'e>(
        &self,
        events: impl IntoIterator<Item = &'e Arc<RoomEvent>>,
    ) -> ApiResult<Vec<Arc<RoomEvent>>> {
        let mut newest: BTreeMap<&UserId, (Place, StateRoot)> = BTreeMap::new();
        for event in events {
            let (place, state) = (event.row.place, event.row.state_after);
            let entry = newest.entry(event.pdu.sender()).or_insert((place, state));
            if entry.0 < place {
                *entry = (place, state);
            }
        }
        let mut members = Vec::new();
        for (sender, (_, state)) in newest {
            members.extend(self.rooms.state_event_at(
                self.snapshot,
                state,
                "m.room.member",
                sender.as_str(),
            )?);
        }
        Ok(members)
    }
}

//! Putting what was said before into a room's history.
//!
//! Events that another server tells of are put before the event that follows them, at its position. They change nothing
//! of the room as it is now: no state, no counts, no news. Each gets the state before it, from which follows who may see
//! it. See [`super::gaps`].

use std::{collections::HashMap, sync::Arc};

use ruma::{EventId, OwnedEventId, events::TimelineEventType};

use super::{
    event::RoomEvent,
    gaps, project, relations,
    rows::{Place, Standing, TimelineRow},
    state::tree::StateRoot,
    timeline::{self, Direction},
    txn::Txn,
};
use crate::{error::ApiResult, events::Pdu, ids::EventNid, storage::tables};

/// How far apart events are put, so that others find room between them.
const STRIDE: u32 = 256;

/// An event of the past.
pub struct PastEvent {
    /// The event.
    pub pdu: Pdu,
    /// The ids of the state before it, where that does not follow from the events before it.
    pub state: Option<Vec<OwnedEventId>>,
}

/// Where events of the past are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// Right before the gap ends.
    AtTheEnd,
    /// In the midst of it: more is missing on both sides.
    Within,
}

impl Txn<'_> {
    /// Puts events, each after those before it, into the gap before a place. Those before an event that has a place
    /// already go into the gap before that one. Returns how many there are more.
    pub fn fill(&mut self, gap: Place, to: Where, past: Vec<PastEvent>) -> ApiResult<usize> {
        if !gaps::is_open(self.snapshot, self.room, gap)? {
            return Ok(0);
        }
        let (mut settled, mut ends) = (Vec::new(), Vec::new());
        for event in past {
            match self.open_place(event.pdu.event_id())? {
                Some(place) if place < gap => ends.push((place, Where::AtTheEnd, settled.len())),
                _ => settled.extend(self.settle(event)?),
            }
        }
        ends.push((gap, to, settled.len()));
        self.redact_among(&mut settled)?;
        let (mut filled, mut from) = (0, 0);
        for (end, to, upto) in ends {
            filled += self.put_before(end, to, &settled[from..upto])?;
            from = upto;
        }
        self.head.waits = true;
        Ok(filled)
    }

    /// The place of an event in the timeline before which others are missing.
    fn open_place(&self, id: &EventId) -> ApiResult<Option<Place>> {
        let event = self.rooms.event_by_id(self.snapshot, id)?;
        match event.filter(|event| event.row.room == self.room) {
            Some(event) if gaps::is_open(self.snapshot, self.room, event.row.place)? => {
                Ok(Some(event.row.place))
            }
            _ => Ok(None),
        }
    }

    fn put_before(&mut self, end: Place, to: Where, events: &[Arc<RoomEvent>]) -> ApiResult<usize> {
        let room = self.room;
        let (below, notifying) = self.row_below(end)?;
        let places = places(below, end, to, events.len());
        let filled = events.len().min(places.len());
        for (event, place) in events.iter().zip(places) {
            self.put_past(Arc::clone(event), place, notifying)?;
        }
        if let Some(row) = tables::TIMELINE.get(self.snapshot, (room, end.pos, end.sub))? {
            let after = self.rooms.known_event(self.snapshot, row.event)?;
            if !self.lacks_predecessors(&after.pdu)? {
                self.write(move |batch, _| gaps::close(batch, room, end));
            }
        }
        Ok(filled)
    }

    /// An event with the states before and after it, if it is new, allowed, and its state is known.
    fn settle(&mut self, past: PastEvent) -> ApiResult<Option<Arc<RoomEvent>>> {
        let PastEvent { pdu, state } = past;
        let known = self.find(pdu.event_id())?;
        if known.as_ref().is_some_and(|event| event.has_state())
            || !self.unknown(pdu.auth_events())?.is_empty()
        {
            return Ok(None);
        }
        let before = match state {
            Some(ids) => self.state_of(&ids)?,
            None => match self.state_before(&pdu)? {
                Ok(root) => root,
                Err(_) => return Ok(None),
            },
        };
        if before == StateRoot::EMPTY && *pdu.event_type() != TimelineEventType::RoomCreate {
            return Ok(None);
        }
        let nid = self.number_for(known.as_deref(), pdu.event_id());
        if let Err(reason) = self.is_allowed_then(&pdu, before)? {
            tracing::info!(event = %pdu.event_id(), %reason, "an event of the past is rejected");
            self.keep(
                nid,
                pdu.into_rejected(),
                Standing::Rejected,
                (before, before),
            );
            return Ok(None);
        }
        let after = match self.state_key_of(&pdu)? {
            Some(key) => self.nodes.insert(before, key, nid)?,
            None => before,
        };
        let event = self.room_event(nid, pdu, Standing::Accepted, (before, after))?;
        let event = self.as_redacted(event)?;
        self.store(&event);
        Ok(Some(event))
    }

    /// Does what redactions among these events ask for.
    fn redact_among(&mut self, events: &mut [Arc<RoomEvent>]) -> ApiResult<()> {
        let places: HashMap<OwnedEventId, usize> = events
            .iter()
            .enumerate()
            .map(|(at, event)| (event.pdu.event_id().clone(), at))
            .collect();
        let all = events.to_vec();
        for redaction in &all {
            let Some(id) = redaction.pdu.redacts() else {
                continue;
            };
            if let Some(&at) = places.get(id) {
                if !events[at].is_redacted() {
                    events[at] = self.without_content(Arc::clone(&events[at]), redaction)?;
                }
                continue;
            }
            match self.rooms.event_by_id(self.snapshot, id)? {
                None => project::await_target(self, id.clone(), redaction.nid),
                Some(target)
                    if target.row.room == self.room
                        && !target.is_redacted()
                        && project::may_redact(self, redaction, &target)? =>
                {
                    project::remove_content(self, &target, redaction.nid)?;
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// The place of the last event before a gap, and how many events notify up to it.
    fn row_below(&self, gap: Place) -> ApiResult<(Place, u64)> {
        let mut rows = timeline::rows(
            self.snapshot,
            self.room,
            Place::FIRST,
            gap,
            Direction::Backward,
        )?;
        Ok(match rows.next().transpose()? {
            Some((place, row)) => (place, row.notifying),
            None => (
                Place::FIRST,
                super::deletion::history_start(self.snapshot, self.room)?.1,
            ),
        })
    }

    fn put_past(&mut self, event: Arc<RoomEvent>, place: Place, notifying: u64) -> ApiResult<()> {
        let interner = self.rooms.storage().interner();
        let row = TimelineRow {
            event: event.nid,
            kind: interner.event_type(&event.pdu.event_type().to_string())?,
            sender: interner.user(event.pdu.sender())?,
            is_state: event.pdu.state_key().is_some(),
            notifying,
        };
        let mut edges: Vec<EventNid> = Vec::new();
        for id in event.pdu.auth_events() {
            edges.extend(self.find(id)?.map(|event| event.nid));
        }
        relations::record_past(self, &event, place)?;
        let rooms = self.rooms;
        for projection in rooms.projections() {
            projection.past(self, &event)?;
        }
        let lacks = self.lacks_predecessors(&event.pdu)?;
        let (room, nid) = (self.room, event.nid);
        self.write(move |batch, _| {
            let mut stored = event.row.clone();
            stored.place = place;
            stored.pdu = event.pdu.to_stored();
            tables::EVENT_NID.put(batch, event.id(), &nid);
            tables::EVENT.put(batch, nid, &stored);
            tables::AUTH_EDGES.put(batch, nid, &edges);
            tables::TIMELINE.put(batch, (room, place.pos, place.sub), &row);
            let time: u64 = event.pdu.origin_server_ts().0.into();
            tables::BY_TIME.put(batch, (room, time, place.pos, place.sub), &nid);
            tables::PAST_EVENT.put(batch, (room, nid), &time);
            tables::OUTLIER.delete(batch, (room, nid));
            if lacks {
                gaps::open(batch, room, place);
            }
        });
        Ok(())
    }
}

/// Places for events between two others, oldest first; fewer where there is no room for all.
fn places(below: Place, gap: Place, to: Where, count: usize) -> Vec<Place> {
    let low = if below.pos == gap.pos { below.sub } else { 0 };
    let free = gap.sub.saturating_sub(low).saturating_sub(1);
    let count = u32::try_from(count).unwrap_or(u32::MAX).min(free);
    let place = |sub| Place { pos: gap.pos, sub };
    if count == 0 {
        return Vec::new();
    }
    if to == Where::Within {
        let first = low + (free - count) / 2 + 1;
        return (first..first + count).map(place).collect();
    }
    let stride = (free / count).clamp(1, STRIDE);
    (1..=count)
        .rev()
        .map(|step| place(gap.sub - step * stride))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::StreamPos, rooms::rows::LIVE};

    fn at(pos: u64, sub: u32) -> Place {
        let pos = StreamPos(pos);
        Place { pos, sub }
    }

    #[test]
    fn the_past_is_put_between_its_neighbours() {
        let subs = |places: Vec<Place>| places.iter().map(|place| place.sub).collect::<Vec<_>>();
        let live = at(7, LIVE);
        let found = places(at(3, LIVE), live, Where::AtTheEnd, 3);
        assert!(found.iter().all(|place| place.pos == live.pos));
        assert_eq!(subs(found), [LIVE - 768, LIVE - 512, LIVE - 256]);
        let found = places(at(7, LIVE - 8), live, Where::AtTheEnd, 3);
        assert_eq!(subs(found), [LIVE - 6, LIVE - 4, LIVE - 2]);
        let found = places(at(7, LIVE - 3), live, Where::AtTheEnd, 3);
        assert_eq!(
            subs(found),
            [LIVE - 2, LIVE - 1],
            "as many as there is room for"
        );
        let found = places(at(7, LIVE - 1), live, Where::AtTheEnd, 1);
        assert!(found.is_empty());
        let found = places(Place::FIRST, live, Where::Within, 1);
        assert_eq!(subs(found), [LIVE / 2]);
    }
}

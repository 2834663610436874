//! What other servers are given of a room: states, auth chains and history, as far as they may see it.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#backfilling-and-retrieving-missing-events)

use std::{
    collections::{BinaryHeap, HashMap, HashSet},
    sync::Arc,
};

use ruma::{
    EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, ServerName, UserId,
    events::room::history_visibility::HistoryVisibility,
};

use super::{
    Rooms,
    event::RoomEvent,
    project::membership_of,
    rows::{Membership, Standing},
    servers,
    state::{
        auth_chain::{self, AuthEdges},
        tree::{self, StateRoot},
    },
    timeline::Direction,
};
use crate::{
    error::{ApiError, ApiResult},
    events::{Pdu, redact, versions, visibility},
    ids::{EventNid, RoomNid},
    storage::{self, Snapshot, tables},
};

/// Events of one answer at most.
pub const MOST_EVENTS: usize = 100;

/// Auth edges as stored.
struct Edges<'s, 'a>(&'s Snapshot<'a>);

impl AuthEdges for Edges<'_, '_> {
    type Error = storage::Error;

    fn auth_edges(&self, event: EventNid) -> storage::Result<Vec<EventNid>> {
        Ok(tables::AUTH_EDGES.get(self.0, event)?.unwrap_or_default())
    }
}

/// A room as another server may look at it.
pub struct ServerLook<'a> {
    rooms: &'a Rooms,
    snapshot: &'a Snapshot<'a>,
    room: RoomNid,
    server: &'a ServerName,
    /// Whether the server may see what was sent at some state.
    seen: HashMap<StateRoot, bool>,
}

impl Rooms {
    /// Runs reading code for another server that is in a room.
    pub async fn look_from<T: Send + 'static>(
        &self,
        server: &ServerName,
        room: RoomNid,
        read: impl FnOnce(&mut ServerLook<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let server = server.to_owned();
        self.read(move |rooms, snapshot| {
            if !servers::is_in(snapshot, room, &server)? {
                return Err(ApiError::forbidden("Your server is not in this room."));
            }
            read(&mut ServerLook {
                rooms,
                snapshot,
                room,
                server: &server,
                seen: HashMap::new(),
            })
        })
        .await
    }

    /// These events with everything that allows them, without those that are given.
    pub fn auth_chain_of(
        &self,
        snapshot: &Snapshot<'_>,
        events: &[EventNid],
    ) -> storage::Result<Vec<EventNid>> {
        let chain =
            auth_chain::auth_chain(&Edges(snapshot), &self.inner.chains, events.iter().copied())?;
        let given: HashSet<u64> = events.iter().map(|event| event.0).collect();
        Ok(chain
            .iter()
            .filter(|event| !given.contains(event))
            .map(EventNid)
            .collect())
    }

    /// The events of a state.
    pub fn events_of_state(
        &self,
        snapshot: &Snapshot<'_>,
        root: StateRoot,
    ) -> storage::Result<Vec<EventNid>> {
        let entries = tree::entries(&self.nodes(snapshot), root)?;
        Ok(entries.into_iter().map(|(_, event)| event).collect())
    }
}

impl ServerLook<'_> {
    /// An event of the room that may be told, redacted where the server may not see its content.
    pub fn event(&mut self, id: &EventId) -> ApiResult<Arc<RoomEvent>> {
        let event = self.known(id)?;
        event.ok_or_else(|| ApiError::not_found("There is no such event in this room."))
    }

    /// An event of the room.
    fn known(&self, id: &EventId) -> ApiResult<Option<Arc<RoomEvent>>> {
        let event = self.rooms.event_by_id(self.snapshot, id)?;
        Ok(event.filter(|event| {
            event.row.room == self.room && event.row.standing != Standing::Rejected
        }))
    }

    /// The events of the state before an event, and those of its auth chain.
    pub fn state_before(&mut self, id: &EventId) -> ApiResult<(Vec<EventNid>, Vec<EventNid>)> {
        let event = self.event(id)?;
        if !event.has_state() {
            return Err(ApiError::not_found(
                "The state at this event is not known here.",
            ));
        }
        let state = self
            .rooms
            .events_of_state(self.snapshot, event.row.state_before)?;
        let chain = self.rooms.auth_chain_of(self.snapshot, &state)?;
        Ok((state, chain))
    }

    /// Everything that allows an event.
    pub fn auth_chain(&mut self, id: &EventId) -> ApiResult<Vec<EventNid>> {
        let event = self.event(id)?;
        Ok(self.rooms.auth_chain_of(self.snapshot, &[event.nid])?)
    }

    /// Ids of events.
    pub fn ids(&self, events: &[EventNid]) -> ApiResult<Vec<OwnedEventId>> {
        let mut ids = Vec::with_capacity(events.len());
        for event in events {
            ids.push(
                self.rooms
                    .known_event(self.snapshot, *event)?
                    .id()
                    .to_owned(),
            );
        }
        Ok(ids)
    }

    /// Events as they are exchanged, whatever the server could see of them: states and what allows them.
    pub fn pdus(&self, events: &[EventNid]) -> ApiResult<Vec<String>> {
        let mut pdus = Vec::with_capacity(events.len());
        for event in events {
            let event = self.rooms.known_event(self.snapshot, *event)?;
            pdus.push(event.pdu.json().to_owned());
        }
        Ok(pdus)
    }

    /// An event as it is exchanged, redacted where the server may not see its content, or not any more.
    pub fn pdu(&mut self, event: &RoomEvent) -> ApiResult<String> {
        if self.may_see(event)? && !self.rooms.is_erased(event)? {
            return Ok(event.pdu.json().to_owned());
        }
        let redacted: Pdu =
            redact::redact(&event.pdu, self.rules()?).map_err(ApiError::internal)?;
        Ok(redacted.json().to_owned())
    }

    fn rules(&self) -> ApiResult<&'static ruma::room_version_rules::RoomVersionRules> {
        let summary = self.rooms.summary(self.snapshot, self.room)?;
        let version = summary.and_then(|summary| summary.version.as_str().try_into().ok());
        let rules = version.and_then(|version| versions::rules(&version));
        rules.ok_or_else(|| ApiError::internal(anyhow::anyhow!("a room has an unknown version")))
    }

    /// The event nearest to a time, at or after it, or at or before it.
    pub fn event_at(
        &mut self,
        time: MilliSecondsSinceUnixEpoch,
        direction: Direction,
    ) -> ApiResult<Arc<RoomEvent>> {
        let (rooms, snapshot, room) = (self.rooms, self.snapshot, self.room);
        let mut failure = None;
        let event = rooms.nearest(snapshot, room, (time, direction), |event| {
            Ok(event.row.standing == Standing::Accepted
                && self.may_see(event).unwrap_or_else(|error| {
                    failure.get_or_insert(error);
                    true
                }))
        })?;
        match (failure, event) {
            (Some(error), _) => Err(error),
            (None, Some(event)) => Ok(event),
            (None, None) => Err(ApiError::not_found("There is no such event.")),
        }
    }

    /// Events and those before them, newest first.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1backfillroomid)
    pub fn backfill(&mut self, from: &[OwnedEventId], limit: usize) -> ApiResult<Vec<String>> {
        let events = self.walk_back(from, limit.min(MOST_EVENTS), |_| true)?;
        events.iter().map(|event| self.pdu(event)).collect()
    }

    /// The events between those that a server has and those whose predecessors it lacks, oldest first.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1get_missing_eventsroomid)
    pub fn missing_events(
        &mut self,
        earliest: &[OwnedEventId],
        latest: &[OwnedEventId],
        limit: usize,
        min_depth: u64,
    ) -> ApiResult<Vec<String>> {
        let mut before = Vec::new();
        for id in latest {
            if let Some(event) = self.known(id)? {
                before.extend(event.pdu.prev_events().iter().cloned());
            }
        }
        before.retain(|id| !latest.contains(id));
        let wanted = |event: &RoomEvent| {
            let id = event.pdu.event_id();
            event.pdu.depth() >= min_depth && !earliest.contains(id) && !latest.contains(id)
        };
        let mut events = self.walk_back(&before, limit.min(MOST_EVENTS), wanted)?;
        events.reverse();
        events.iter().map(|event| self.pdu(event)).collect()
    }

    /// Walks back along the events before, the deepest first; what is not wanted ends the walk there.
    fn walk_back(
        &self,
        from: &[OwnedEventId],
        limit: usize,
        wanted: impl Fn(&RoomEvent) -> bool,
    ) -> ApiResult<Vec<Arc<RoomEvent>>> {
        let mut heap: BinaryHeap<(u64, EventNid)> = BinaryHeap::new();
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        let mut waiting: Vec<OwnedEventId> = from.iter().take(MOST_EVENTS).cloned().collect();
        while found.len() < limit {
            for id in waiting.drain(..) {
                if let Some(event) = self.known(&id)?
                    && event.has_state()
                    && wanted(&event)
                    && seen.insert(event.nid)
                {
                    heap.push((event.pdu.depth(), event.nid));
                }
            }
            let Some((_, nid)) = heap.pop() else { break };
            let event = self.rooms.known_event(self.snapshot, nid)?;
            waiting.extend(event.pdu.prev_events().iter().cloned());
            found.push(event);
        }
        Ok(found)
    }

    /// Whether the server's users could see an event when it was sent.
    fn may_see(&mut self, event: &RoomEvent) -> ApiResult<bool> {
        if !event.has_state() {
            return Ok(true);
        }
        let state = event.row.state_before;
        if let Some(seen) = self.seen.get(&state) {
            return Ok(*seen);
        }
        let seen = self.could_see(state)?;
        self.seen.insert(state, seen);
        Ok(seen)
    }

    fn could_see(&self, state: StateRoot) -> ApiResult<bool> {
        let event =
            self.rooms
                .state_event_at(self.snapshot, state, "m.room.history_visibility", "")?;
        let visibility = visibility::history_visibility(event.as_ref().map(|event| &event.pdu));
        let invited = match visibility {
            HistoryVisibility::Joined => false,
            HistoryVisibility::Invited => true,
            _ => return Ok(true),
        };
        for event in self.rooms.events_of_state(self.snapshot, state)? {
            let event = self.rooms.known_event(self.snapshot, event)?;
            let member = event
                .pdu
                .state_key()
                .and_then(|key| <&UserId>::try_from(key).ok());
            let here = member.is_some_and(|user| user.server_name() == self.server);
            let membership = if here { membership_of(&event) } else { None };
            match membership {
                Some(Membership::Join) => return Ok(true),
                Some(Membership::Invite) if invited => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }
}

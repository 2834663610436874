//! One change to a room: the only way to append events.
//!
//! A [`Txn`] is made under the room's lock over one snapshot. It appends any number of events, each seeing the state the
//! ones before it left, and becomes a single [`Commit`] with one stream position per event. What an event means for
//! other rows (members, summary, relations, unread counts…) is written by projections into the same commit.

use std::{collections::HashMap, sync::Arc};

use ruma::{
    EventId, OwnedRoomId, UserId,
    events::{StateEventType, TimelineEventType, room::power_levels::RoomPowerLevels},
};
use serde::Serialize;

use super::{
    Nodes, Rooms, draft,
    event::RoomEvent,
    head::Head,
    project, refusal,
    rows::{EventRow, Place, Standing},
    state::tree::NewNodes,
};
use crate::{
    error::{ApiError, ApiResult},
    events::{
        Draft, Pdu, RoomContext,
        auth::{self, AuthError},
        build, power,
    },
    ids::{EventNid, RoomNid, StateKeyNid, StreamPos},
    storage::{Batch, Change, Commit, Snapshot, tables},
};

/// A row to write once the event's position is known.
pub type Write = Box<dyn FnOnce(&mut Batch<'_>, StreamPos) + Send>;

/// What an event appended in a transaction is about to become.
pub struct NewEvent {
    /// The event. Its place is not known yet.
    pub event: Arc<RoomEvent>,
    /// For a state event: its key, and the event that held it before.
    pub state: Option<StateChange>,
    writes: Vec<Write>,
    changes: Vec<Change>,
}

/// A change of the current state.
#[derive(Clone)]
pub struct StateChange {
    /// The pair of type and state key.
    pub key: StateKeyNid,
    /// The event that held it before.
    pub replaces: Option<Arc<RoomEvent>>,
}

impl NewEvent {
    /// Writes a row in the event's commit.
    pub fn write(&mut self, write: impl FnOnce(&mut Batch<'_>, StreamPos) + Send + 'static) {
        self.writes.push(Box::new(write));
    }

    /// Wakes those whom a change concerns.
    pub fn change(&mut self, change: Change) {
        self.changes.push(change);
    }
}

/// A change to one room that is being put together.
pub struct Txn<'a> {
    /// The service.
    pub rooms: &'a Rooms,
    /// What the change is based on.
    pub snapshot: &'a Snapshot<'a>,
    /// The room's number.
    pub room: RoomNid,
    /// The room's id.
    pub room_id: OwnedRoomId,
    /// The room as this change leaves it.
    pub head: Head,
    state: HashMap<(String, String), Option<Arc<RoomEvent>>>,
    nodes: NewNodes<'a, Nodes<'a>>,
    events: Vec<NewEvent>,
    writes: Vec<Write>,
}

impl<'a> Txn<'a> {
    pub(super) fn new(
        rooms: &'a Rooms,
        snapshot: &'a Snapshot<'a>,
        room: RoomNid,
        room_id: OwnedRoomId,
        head: Head,
        nodes: NewNodes<'a, Nodes<'a>>,
    ) -> Self {
        let (state, events, writes) = Default::default();
        Self {
            rooms,
            snapshot,
            room,
            room_id,
            head,
            state,
            nodes,
            events,
            writes,
        }
    }

    /// The state event of a key, as the change leaves it so far.
    pub fn state(&self, kind: &str, state_key: &str) -> ApiResult<Option<Arc<RoomEvent>>> {
        if !self.state.is_empty()
            && let Some(event) = self.state.get(&(kind.to_owned(), state_key.to_owned()))
        {
            return Ok(event.clone());
        }
        Ok(self
            .rooms
            .state_event(self.snapshot, self.room, kind, state_key)?)
    }

    /// Appends an event of a local user, if the rules allow it.
    pub fn append(&mut self, draft: &Draft) -> ApiResult<Arc<RoomEvent>> {
        let pdu = self.build(draft)?;
        self.authorize(&pdu)?;
        self.record(pdu)
    }

    /// Appends a state event of a local user, if the rules allow it.
    pub fn set_state(
        &mut self,
        sender: &UserId,
        event_type: TimelineEventType,
        state_key: &str,
        content: &impl Serialize,
    ) -> ApiResult<Arc<RoomEvent>> {
        self.append(&draft::state(
            sender,
            event_type,
            state_key,
            content,
            self.rooms.clock().now(),
        )?)
    }

    /// Appends an event whose checks are done.
    pub(super) fn record(&mut self, pdu: Pdu) -> ApiResult<Arc<RoomEvent>> {
        let nid = self.rooms.storage().interner().next_event();
        let state = self.state_change(&pdu)?;
        let before = self.head.state;
        if let Some(change) = &state {
            self.head.state = self.nodes.insert(before, change.key, nid)?;
        }
        let row = EventRow {
            standing: Standing::Accepted,
            room: self.room,
            place: Place::default(),
            state_before: before,
            state_after: self.head.state,
            redacted_by: EventNid(0),
            replaces: state
                .as_ref()
                .and_then(|change| change.replaces.as_ref())
                .map_or(EventNid(0), |old| old.nid),
            pdu: Vec::new(),
        };
        let event = Arc::new(RoomEvent { nid, row, pdu });
        if let Some(state_key) = event.pdu.state_key() {
            self.state.insert(
                (event.pdu.event_type().to_string(), state_key.to_owned()),
                Some(Arc::clone(&event)),
            );
            self.head.waits = true;
        }
        let mut new = NewEvent {
            event: Arc::clone(&event),
            state,
            writes: Vec::new(),
            changes: Vec::new(),
        };
        project::all(self, &mut new)?;
        self.head.follow(nid, &event.pdu);
        self.events.push(new);
        Ok(event)
    }

    /// Writes a row in this change's commit, beside the events.
    pub fn write(&mut self, write: impl FnOnce(&mut Batch<'_>, StreamPos) + Send + 'static) {
        self.writes.push(Box::new(write));
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.writes.is_empty()
    }

    /// The number of an event that was appended in this change.
    pub(super) fn appended(&self, id: &EventId) -> Option<EventNid> {
        self.events
            .iter()
            .find(|new| new.event.id() == id)
            .map(|new| new.event.nid)
    }

    /// Builds and signs an event on top of the room as it is.
    fn build(&self, draft: &Draft) -> ApiResult<Pdu> {
        let rules = self.head.rules();
        let state_key = draft.state_key.as_deref();
        let auth_events = auth::auth_events(
            &draft.event_type,
            &draft.sender,
            state_key,
            &draft.content,
            rules,
            self,
        )?;
        let auth_events: Vec<_> = auth_events
            .iter()
            .map(|pdu| pdu.event_id().clone())
            .collect();
        let prev_events: Vec<_> = self
            .head
            .extremities
            .iter()
            .map(|(_, id)| id.clone())
            .collect();
        let room = RoomContext {
            rules,
            room_id: Some(&self.room_id),
            prev_events: &prev_events,
            auth_events: &auth_events,
            depth: self.head.depth + 1,
        };
        Ok(build::build(draft, room, self.rooms.signer())?)
    }

    /// Checks an event against the state before it.
    /// [spec](https://spec.matrix.org/v1.19/rooms/v12/#authorization-rules)
    pub(super) fn authorize(&self, pdu: &Pdu) -> ApiResult<()> {
        // The rules see from its prev_events that a create event is not the first one; with a state alone they cannot.
        if *pdu.event_type() == TimelineEventType::RoomCreate && !self.head.is_empty() {
            return Err(ApiError::forbidden("A room is created once."));
        }
        let verdict = auth::check_state_dependent(pdu, self.head.rules(), self);
        if let Err(AuthError::Forbidden(_)) = &verdict
            && let Some(refusal) = refusal::explain(self, pdu)?
        {
            return Err(refusal);
        }
        Ok(verdict?)
    }

    /// What the members may do.
    pub fn power_levels(&self) -> ApiResult<RoomPowerLevels> {
        power::power_levels(self, self.head.rules())
    }

    fn state_change(&self, pdu: &Pdu) -> ApiResult<Option<StateChange>> {
        let Some(state_key) = pdu.state_key() else {
            return Ok(None);
        };
        let kind = pdu.event_type().to_string();
        let key = self
            .rooms
            .storage()
            .interner()
            .state_key(&kind, state_key)?;
        Ok(Some(StateChange {
            key,
            replaces: self.state(&kind, state_key)?,
        }))
    }

    /// The commit, and the room as it will be.
    pub(super) fn finish(self) -> (Commit, Head) {
        let Self {
            room,
            head,
            nodes,
            events,
            writes,
            ..
        } = self;
        let nodes: Vec<_> = nodes
            .into_nodes()
            .map(|(hash, _, bytes)| (hash, bytes))
            .collect();
        let positions = events.len() as u32;
        let mut changes = Vec::new();
        let mut rows: Vec<(StreamPos, Vec<Write>)> = Vec::new();
        for (offset, new) in events.into_iter().enumerate() {
            changes.extend(
                new.changes
                    .into_iter()
                    .map(|change| (offset as u32, change)),
            );
            rows.push((StreamPos(offset as u64), new.writes));
        }
        let summary = head.changed_summary();
        let fill = move |batch: &mut Batch<'_>, first: StreamPos| {
            for (hash, bytes) in nodes {
                tables::STATE_NODE.put(batch, hash.0, &bytes);
            }
            for (offset, writes) in rows {
                writes
                    .into_iter()
                    .for_each(|write| write(batch, first.plus(offset.0)));
            }
            writes.into_iter().for_each(|write| write(batch, first));
            if let Some(mut summary) = summary {
                summary.changed = first;
                tables::ROOM.put(batch, room, &summary);
            }
        };
        let commit = Commit {
            positions,
            durable: true,
            fill: Box::new(fill),
            changes,
        };
        (commit, head)
    }
}

impl auth::StateView for Txn<'_> {
    type Error = ApiError;

    fn get(&self, event_type: &StateEventType, state_key: &str) -> ApiResult<Option<Pdu>> {
        Ok(self
            .state(&event_type.to_string(), state_key)?
            .map(|event| event.pdu.clone()))
    }
}

//! One change to a room: the only way to append events.
//!
//! A [`Txn`] is made under the room's lock over one snapshot. It appends any number of events, each seeing the state the
//! ones before it left, and becomes a single [`Commit`] with one stream position per event. What an event means for
//! other rows (members, summary, relations, unread counts…) is written by projections into the same commit.

use std::{collections::HashMap, sync::Arc};

use roaring::RoaringBitmap;
use ruma::{
    EventId, OwnedEventId, OwnedRoomId, OwnedServerName, UserId,
    events::{StateEventType, TimelineEventType, room::power_levels::RoomPowerLevels},
};
use serde::Serialize;

use super::{
    Nodes, Rooms,
    approval::Approvals,
    blocking, draft,
    event::RoomEvent,
    head::Head,
    invite_permission, project, redact, refusal,
    rows::{EventRow, Membership, Place, Standing},
    servers,
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

/// Events that one of this server names as those before it, where the room's history has forked.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#pdus)
const MAX_PREV_EVENTS: usize = 20;

/// A row to write once the event's position is known.
pub type Write = Box<dyn FnOnce(&mut Batch<'_>, StreamPos) + Send>;

/// What an event appended in a transaction is about to become.
pub struct NewEvent {
    /// The event. Its place is not known yet.
    pub event: Arc<RoomEvent>,
    /// For a state event that becomes part of the current state: its key, and the event that held it before.
    pub state: Option<StateChange>,
    /// Other changes of the current state, where the event ended a fork of the room's history or began one.
    pub resolved: Vec<StateChange>,
    /// The room's events without successors before this one, of which those are meant that have one now.
    pub(super) succeeded: Vec<EventNid>,
    /// For a redaction that is allowed: the event whose content goes, as it was.
    pub redacts: Option<Arc<RoomEvent>>,
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
    /// The event that holds it now.
    pub event: Option<Arc<RoomEvent>>,
}

impl StateChange {
    /// Type and state key.
    pub fn entry(&self) -> Option<(String, &str)> {
        let event = self.event.as_ref().or(self.replaces.as_ref())?;
        Some((event.pdu.event_type().to_string(), event.pdu.state_key()?))
    }
}

impl NewEvent {
    /// Every change of the current state.
    pub fn changes_of_state(&self) -> impl Iterator<Item = &StateChange> {
        self.state.iter().chain(&self.resolved)
    }

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
    pub(super) state: HashMap<(String, String), Option<Arc<RoomEvent>>>,
    pub(super) nodes: NewNodes<'a, Nodes<'a>>,
    /// Events that this change stores, by id.
    pub(super) stored: HashMap<OwnedEventId, Arc<RoomEvent>>,
    /// The same by number.
    pub(super) stored_nids: HashMap<EventNid, Arc<RoomEvent>>,
    /// How the numbers of members from other servers change.
    pub(super) servers: servers::Counts,
    /// The server whose event this one passes on to the others in the room.
    pub relayed_from: Option<OwnedServerName>,
    /// Whether events before the one that is being appended are missing.
    pub(super) follows_gap: bool,
    /// Whether another server has taken the event in already and tells the others of it.
    pub is_told: bool,
    /// What the room's policy server said to this change so far.
    pub(super) approvals: Approvals,
    events: Vec<NewEvent>,
    writes: Vec<Write>,
    numbered: Vec<Write>,
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
        let (state, stored, stored_nids, servers, relayed_from) = Default::default();
        let (is_told, follows_gap, approvals, events, writes, numbered) = Default::default();
        Self {
            rooms,
            snapshot,
            room,
            room_id,
            head,
            state,
            nodes,
            stored,
            stored_nids,
            servers,
            relayed_from,
            follows_gap,
            is_told,
            approvals,
            events,
            writes,
            numbered,
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
        let pdu = self.checked(draft)?;
        let made = pdu.event_id().clone();
        let pdu = self.approved(pdu)?;
        match *pdu.event_id() == made {
            true => self.record(pdu),
            false => self.append_approved(pdu),
        }
    }

    /// An event of a local user on top of the room as it is, if the rules allow it.
    pub(super) fn checked(&self, draft: &Draft) -> ApiResult<Pdu> {
        redact::check(self, draft)?;
        blocking::check(self, draft)?;
        let pdu = self.build(draft)?;
        self.authorize(&pdu)?;
        invite_permission::check(self.rooms, self.snapshot, &pdu)?;
        Ok(pdu)
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

    /// Appends an event of this server whose checks are done.
    pub(super) fn record(&mut self, pdu: Pdu) -> ApiResult<Arc<RoomEvent>> {
        let nid = self.rooms.storage().interner().next_event();
        let before = self.head.state;
        let key = self.state_key_of(&pdu)?;
        let (mut after, mut replaces) = (before, None);
        if let Some(key) = key {
            after = self.nodes.insert(before, key, nid)?;
            let (kind, state_key) = (pdu.event_type().to_string(), pdu.state_key());
            replaces = self.state(&kind, state_key.unwrap_or_default())?;
        }
        let row = EventRow {
            standing: Standing::Accepted,
            room: self.room,
            place: Place::default(),
            state_before: before,
            state_after: after,
            redacted_by: EventNid(0),
            replaces: replaces.as_ref().map_or(EventNid(0), |old| old.nid),
            pdu: Vec::new(),
        };
        let event = Arc::new(RoomEvent { nid, row, pdu });
        let state = key.map(|key| StateChange {
            key,
            replaces,
            event: Some(Arc::clone(&event)),
        });
        let extremities = vec![(nid, event.pdu.event_id().clone())];
        self.head.state = after;
        self.put(Arc::clone(&event), state, Vec::new(), extremities)?;
        Ok(event)
    }

    /// Appends an event with what it changes in the current state, which the head has already. `extremities` are the
    /// events without successors from now on.
    pub(super) fn put(
        &mut self,
        event: Arc<RoomEvent>,
        state: Option<StateChange>,
        resolved: Vec<StateChange>,
        extremities: Vec<(EventNid, OwnedEventId)>,
    ) -> ApiResult<()> {
        for change in state.iter().chain(&resolved) {
            if let Some((kind, state_key)) = change.entry() {
                let entry = (kind, state_key.to_owned());
                self.state.insert(entry, change.event.clone());
            }
            self.head.waits = true;
        }
        let old = std::mem::replace(&mut self.head.extremities, extremities);
        let is_left = |nid: &EventNid| self.head.extremities.iter().any(|(left, _)| left == nid);
        let succeeded = old.into_iter().map(|(nid, _)| nid);
        let succeeded = succeeded.filter(|nid| !is_left(nid)).collect();
        self.store(&event);
        let mut new = NewEvent {
            event: Arc::clone(&event),
            state,
            resolved,
            succeeded,
            redacts: None,
            writes: Vec::new(),
            changes: Vec::new(),
        };
        project::all(self, &mut new)?;
        self.head.depth = self.head.depth.max(event.pdu.depth());
        self.events.push(new);
        Ok(())
    }

    /// Lets later steps of this change find an event that the snapshot does not have.
    pub(super) fn store(&mut self, event: &Arc<RoomEvent>) {
        let id = event.pdu.event_id().clone();
        self.stored.insert(id, Arc::clone(event));
        self.stored_nids.insert(event.nid, Arc::clone(event));
    }

    /// The members of this server who are in the room, by their numbers; without the memberships this change makes.
    pub fn local_members(&self) -> ApiResult<Arc<RoaringBitmap>> {
        if let Some(members) = self.head.local_members.get() {
            return Ok(Arc::clone(members));
        }
        let interner = self.rooms.storage().interner();
        let mut members = RoaringBitmap::new();
        for row in tables::MEMBER.scan(self.snapshot, (self.room, Membership::Join))? {
            let ((_, _, user), _) = row?;
            if interner.user_id(user)?.server_name() == self.rooms.server_name() {
                members.insert(user.0);
            }
        }
        let members = Arc::new(members);
        if !self.head.members_change {
            // Whoever was quicker has found the same.
            drop(self.head.local_members.set(Arc::clone(&members)));
        }
        Ok(members)
    }

    /// Writes a row in this change's commit, beside the events.
    pub fn write(&mut self, write: impl FnOnce(&mut Batch<'_>, StreamPos) + Send + 'static) {
        self.writes.push(Box::new(write));
    }

    /// Writes a row with a position of its own.
    pub fn write_numbered(
        &mut self,
        write: impl FnOnce(&mut Batch<'_>, StreamPos) + Send + 'static,
    ) {
        self.numbered.push(Box::new(write));
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.writes.is_empty() && self.numbered.is_empty()
    }

    /// The number of an event that this change stores.
    pub(super) fn appended(&self, id: &EventId) -> Option<EventNid> {
        self.stored.get(id).map(|event| event.nid)
    }

    /// Builds and signs an event on top of the room as it is.
    pub(super) fn build(&self, draft: &Draft) -> ApiResult<Pdu> {
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
        let extremities = self.head.extremities.iter().rev();
        let prev_events: Vec<_> = extremities
            .take(MAX_PREV_EVENTS)
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
            return Err(ApiError::invalid_param("A room is created once."));
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

    /// The number of the entry that a state event sets.
    pub(super) fn state_key_of(&self, pdu: &Pdu) -> ApiResult<Option<StateKeyNid>> {
        let Some(state_key) = pdu.state_key() else {
            return Ok(None);
        };
        let kind = pdu.event_type().to_string();
        let interner = self.rooms.storage().interner();
        Ok(Some(interner.state_key(&kind, state_key)?))
    }

    /// The commit, and the room as it will be.
    pub(super) fn finish(mut self) -> ApiResult<(Commit, Head)> {
        self.write_servers()?;
        let Self {
            room,
            head,
            nodes,
            events,
            writes,
            numbered,
            ..
        } = self;
        let nodes: Vec<_> = nodes
            .into_nodes()
            .map(|(hash, _, bytes)| (hash, bytes))
            .collect();
        let positions = (events.len() + numbered.len()) as u32;
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
        for write in numbered {
            rows.push((StreamPos(rows.len() as u64), vec![write]));
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
        Ok((commit, head))
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

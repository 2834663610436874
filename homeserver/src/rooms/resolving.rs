//! State resolution over what a change to a room sees: the snapshot and the events it has stored so far.

use std::{collections::HashMap, sync::Arc};

use ruma::{EventId, OwnedEventId, events::StateEventType, room_version_rules::RoomVersionRules};

use super::{
    Nodes, Rooms,
    head::Head,
    state::{
        auth_chain::AuthEdges,
        node::{Node, NodeHash},
        resolve::{self, Changes, ResolveError, ResolveStore},
        tree::{NewNodes, NodeStore, StateRoot},
    },
    txn::Txn,
};
use crate::{
    error::{ApiError, ApiResult},
    events::{Pdu, auth::StateView},
    ids::{EventNid, RoomNid, StateKeyNid},
    storage::{self, Snapshot, tables},
};

impl NodeStore for Txn<'_> {
    type Error = storage::Error;

    fn node(&self, hash: &NodeHash) -> storage::Result<Arc<Node>> {
        self.nodes.node(hash)
    }
}

impl AuthEdges for Txn<'_> {
    type Error = storage::Error;

    fn auth_edges(&self, event: EventNid) -> storage::Result<Vec<EventNid>> {
        let stored = self.stored_nids.get(&event).map(|event| &event.pdu);
        edges_of(self, self.snapshot, (event, stored))
    }
}

impl ResolveStore for Txn<'_> {
    type Failure = storage::Error;

    fn event(&self, event: EventNid) -> storage::Result<Option<Pdu>> {
        if let Some(stored) = self.stored_nids.get(&event) {
            return Ok(Some(stored.pdu.clone()));
        }
        let event = self.rooms.event(self.snapshot, event)?;
        Ok(event.map(|event| event.pdu.clone()))
    }

    fn event_nid(&self, event_id: &EventId) -> storage::Result<Option<EventNid>> {
        match self.appended(event_id) {
            Some(nid) => Ok(Some(nid)),
            None => tables::EVENT_NID.get(self.snapshot, event_id),
        }
    }

    fn state_key_nid(
        &self,
        event_type: &StateEventType,
        state_key: &str,
    ) -> storage::Result<StateKeyNid> {
        let interner = self.rooms.storage().interner();
        interner.state_key(&event_type.to_string(), state_key)
    }
}

impl Txn<'_> {
    /// The one state that several states of the room make.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#room-state-resolution)
    pub(super) fn resolve(&mut self, mut roots: Vec<StateRoot>) -> ApiResult<StateRoot> {
        roots.sort_unstable();
        roots.dedup();
        let Some(&first) = roots.first() else {
            return Ok(StateRoot::EMPTY);
        };
        if roots.len() == 1 {
            return Ok(first);
        }
        let changes = self.rooms.resolved(&*self, self.head.rules(), &roots)?;
        Ok(self.nodes.apply(first, &changes)?)
    }
}

impl Rooms {
    /// How to get from the first of several states to the one they make. The answer depends on nothing else, so it is
    /// kept for those who ask next.
    fn resolved<S: ResolveStore<Failure = storage::Error>>(
        &self,
        store: &S,
        rules: &RoomVersionRules,
        roots: &[StateRoot],
    ) -> ApiResult<Arc<Changes>> {
        if let Some(known) = self.inner.resolved.get(roots) {
            return Ok(known);
        }
        let changes = resolve::resolve(store, &self.inner.chains, rules, roots);
        let changes = Arc::new(changes.map_err(|error| match error {
            ResolveError::Read(error) => error.into(),
            error => ApiError::internal(error),
        })?);
        self.inner
            .resolved
            .insert(roots.to_vec(), Arc::clone(&changes));
        Ok(changes)
    }

    /// The number of an event that is not stored yet. It stays the same until the event is taken in, so that the states
    /// which it makes can be resolved before that.
    pub(super) fn number_ahead(&self, id: &EventId) -> EventNid {
        if let Some(nid) = self.inner.numbers.get(id) {
            return nid;
        }
        let nid = self.storage().interner().next_event();
        self.inner.numbers.insert(id.to_owned(), nid);
        nid
    }

    /// How many resolutions are known.
    #[cfg(test)]
    pub(super) fn resolutions(&self) -> usize {
        self.inner.resolved.len()
    }

    /// Resolves the states that events will meet when they are taken in, so that the room is not held up by it then.
    pub async fn resolve_ahead(&self, room: RoomNid, events: Vec<Pdu>) -> ApiResult<()> {
        let newest = |head: &Head| {
            let ids = head.extremities.iter().map(|(_, id)| id);
            is_one_line(ids, &events)
        };
        if self.peek(room, newest) == Some(true) {
            return Ok(());
        }
        self.read(move |rooms, snapshot| {
            let mut extremities = Vec::new();
            for row in tables::EXTREMITY.scan(snapshot, (room,))? {
                let event = rooms.known_event(snapshot, row?.0.1)?;
                extremities.push((event.pdu.event_id().clone(), event.row.state_after));
            }
            if is_one_line(extremities.iter().map(|(id, _)| id), &events) {
                return Ok(());
            }
            let Some(head) = Head::load(rooms, snapshot, room)? else {
                return Ok(());
            };
            let nodes = rooms.nodes(snapshot);
            let mut ahead = Ahead {
                rooms,
                snapshot,
                nodes: NewNodes::on(&nodes),
                roots: HashMap::new(),
                numbers: HashMap::new(),
                events: HashMap::new(),
            };
            for pdu in &events {
                ahead.meet(pdu, &extremities, head.rules())?;
            }
            Ok(())
        })
        .await
    }
}

/// Whether events follow the newest of a room one after the other, so that no states meet.
fn is_one_line<'e>(newest: impl IntoIterator<Item = &'e OwnedEventId>, events: &[Pdu]) -> bool {
    let mut newest = newest.into_iter();
    let mut last = match (newest.next(), newest.next()) {
        (Some(only), None) => only,
        (one, _) => return one.is_none(),
    };
    for pdu in events {
        if pdu.prev_events() != std::slice::from_ref(last) {
            return false;
        }
        last = pdu.event_id();
    }
    true
}

/// What resolution sees before events are taken in: the snapshot.
struct Ahead<'a> {
    rooms: &'a Rooms,
    snapshot: &'a Snapshot<'a>,
    nodes: NewNodes<'a, Nodes<'a>>,
    /// The states at events that were looked at already.
    roots: HashMap<OwnedEventId, StateRoot>,
    /// The state events among them, which have no rows yet.
    numbers: HashMap<OwnedEventId, EventNid>,
    events: HashMap<EventNid, Pdu>,
}

impl Ahead<'_> {
    fn meet(
        &mut self,
        pdu: &Pdu,
        extremities: &[(OwnedEventId, StateRoot)],
        rules: &RoomVersionRules,
    ) -> ApiResult<()> {
        let mut roots = Vec::new();
        for id in pdu.prev_events() {
            let root = match self.roots.get(id) {
                Some(root) => Some(*root),
                None => self
                    .rooms
                    .event_by_id(self.snapshot, id)?
                    .map(|event| event.row.state_after),
            };
            match root {
                Some(root) if root != StateRoot::EMPTY => roots.push(root),
                _ => return Ok(()),
            }
        }
        let Some(before) = self.resolve(roots, rules)? else {
            return Ok(());
        };
        let Some(after) = self.after(pdu, before)? else {
            return Ok(());
        };
        self.roots.insert(pdu.event_id().clone(), after);
        let others = extremities
            .iter()
            .filter(|(id, _)| !pdu.prev_events().contains(id));
        let roots = others.map(|(_, root)| *root).chain([after]);
        self.resolve(roots.collect(), rules)?;
        Ok(())
    }

    /// What an event makes of the state before it. That depends on the number which the event gets, so it gets it now.
    /// Nothing where what allows the event is not known yet.
    fn after(&mut self, pdu: &Pdu, before: StateRoot) -> ApiResult<Option<StateRoot>> {
        let Some(state_key) = pdu.state_key() else {
            return Ok(Some(before));
        };
        for id in pdu.auth_events() {
            if ResolveStore::event_nid(&*self, id)?.is_none() {
                return Ok(None);
            }
        }
        let nid = match self.rooms.event_by_id(self.snapshot, pdu.event_id())? {
            Some(known) => known.nid,
            None => self.rooms.number_ahead(pdu.event_id()),
        };
        self.numbers.insert(pdu.event_id().clone(), nid);
        self.events.insert(nid, pdu.clone());
        let interner = self.rooms.storage().interner();
        let key = interner.state_key(&pdu.event_type().to_string(), state_key)?;
        Ok(Some(self.nodes.insert(before, key, nid)?))
    }

    fn resolve(
        &mut self,
        mut roots: Vec<StateRoot>,
        rules: &RoomVersionRules,
    ) -> ApiResult<Option<StateRoot>> {
        roots.sort_unstable();
        roots.dedup();
        let Some(&first) = roots.first() else {
            return Ok(None);
        };
        if roots.len() == 1 {
            return Ok(Some(first));
        }
        let changes = self.rooms.resolved(&*self, rules, &roots)?;
        Ok(Some(self.nodes.apply(first, &changes)?))
    }
}

impl NodeStore for Ahead<'_> {
    type Error = storage::Error;

    fn node(&self, hash: &NodeHash) -> storage::Result<Arc<Node>> {
        self.nodes.node(hash)
    }
}

impl AuthEdges for Ahead<'_> {
    type Error = storage::Error;

    fn auth_edges(&self, event: EventNid) -> storage::Result<Vec<EventNid>> {
        edges_of(self, self.snapshot, (event, self.events.get(&event)))
    }
}

impl ResolveStore for Ahead<'_> {
    type Failure = storage::Error;

    fn event(&self, event: EventNid) -> storage::Result<Option<Pdu>> {
        if let Some(pdu) = self.events.get(&event) {
            return Ok(Some(pdu.clone()));
        }
        let event = self.rooms.event(self.snapshot, event)?;
        Ok(event.map(|event| event.pdu.clone()))
    }

    fn event_nid(&self, event_id: &EventId) -> storage::Result<Option<EventNid>> {
        match self.numbers.get(event_id) {
            Some(nid) => Ok(Some(*nid)),
            None => tables::EVENT_NID.get(self.snapshot, event_id),
        }
    }

    fn state_key_nid(
        &self,
        event_type: &StateEventType,
        state_key: &str,
    ) -> storage::Result<StateKeyNid> {
        let interner = self.rooms.storage().interner();
        interner.state_key(&event_type.to_string(), state_key)
    }
}

/// The events that allow an event: as its row has them, or as the event itself does while it has no row.
fn edges_of(
    store: &impl ResolveStore<Failure = storage::Error>,
    snapshot: &Snapshot<'_>,
    (event, without_row): (EventNid, Option<&Pdu>),
) -> storage::Result<Vec<EventNid>> {
    let Some(pdu) = without_row else {
        let edges = tables::AUTH_EDGES.get(snapshot, event)?;
        return Ok(edges.unwrap_or_default());
    };
    let mut edges = Vec::new();
    for id in pdu.auth_events() {
        edges.extend(store.event_nid(id)?);
    }
    Ok(edges)
}

/// One state of the room, as authorisation asks for it.
pub(super) struct StateAt<'t, 'a> {
    pub(super) txn: &'t Txn<'a>,
    pub(super) root: StateRoot,
}

impl StateView for StateAt<'_, '_> {
    type Error = ApiError;

    fn get(&self, event_type: &StateEventType, state_key: &str) -> ApiResult<Option<Pdu>> {
        let interner = self.txn.rooms.storage().interner();
        let Some(key) = interner.find_state_key(&event_type.to_string(), state_key)? else {
            return Ok(None);
        };
        match super::state::tree::get(self.txn, self.root, key)? {
            Some(event) => Ok(ResolveStore::event(self.txn, event)?),
            None => Ok(None),
        }
    }
}

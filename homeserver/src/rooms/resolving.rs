//! State resolution over what a change to a room sees: the snapshot and the events it has stored so far.

use std::sync::Arc;

use ruma::{EventId, events::StateEventType};

use super::{
    state::{
        auth_chain::AuthEdges,
        node::{Node, NodeHash},
        resolve::{self, ResolveError, ResolveStore},
        tree::{NodeStore, StateRoot},
    },
    txn::Txn,
};
use crate::{
    error::{ApiError, ApiResult},
    events::{Pdu, auth::StateView},
    ids::{EventNid, StateKeyNid},
    storage::{self, tables},
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
        let Some(stored) = self.stored_nids.get(&event) else {
            return Ok(tables::AUTH_EDGES
                .get(self.snapshot, event)?
                .unwrap_or_default());
        };
        let mut edges = Vec::new();
        for id in stored.pdu.auth_events() {
            edges.extend(self.event_nid(id)?);
        }
        Ok(edges)
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
        let chains = &self.rooms.inner.chains;
        let changes = resolve::resolve(&*self, chains, self.head.rules(), &roots);
        let changes = changes.map_err(|error| match error {
            ResolveError::Read(error) => error.into(),
            error => ApiError::internal(error),
        })?;
        Ok(self.nodes.apply(first, &changes)?)
    }
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

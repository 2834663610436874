//! State resolution: one state out of several, where histories meet.
//!
//! The algorithm is ruma's and wants whole states and whole auth chains. It is given less, with the same outcome: the
//! entries in which the states differ (found by comparing trees, which skips all they share), the auth difference
//! (found on bitmaps), and of the shared entries only those that it can look at: the ones that authorise, or compete
//! with, an event that is to be resolved.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#room-state-resolution)

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use roaring::RoaringTreemap;
use ruma::{
    EventId, OwnedEventId,
    events::StateEventType,
    room_version_rules::RoomVersionRules,
    state_res::{self, StateMap, utils::event_id_set::EventIdSet},
};

use super::{
    auth_chain::{AuthEdges, ChainCache, auth_difference, conflicted_subgraph},
    tree::{self, NodeStore, StateRoot},
};
use crate::{
    events::Pdu,
    ids::{EventNid, StateKeyNid},
};

/// What state resolution reads. All errors are of one kind.
pub trait ResolveStore:
    NodeStore<Error = <Self as ResolveStore>::Failure>
    + AuthEdges<Error = <Self as ResolveStore>::Failure>
{
    /// What reading fails with.
    type Failure;

    /// An event by its number.
    fn event(&self, event: EventNid) -> Result<Option<Pdu>, Self::Failure>;

    /// The number of an event.
    fn event_nid(&self, event_id: &EventId) -> Result<Option<EventNid>, Self::Failure>;

    /// The number of a state entry; a new one if it has none yet.
    fn state_key_nid(
        &self,
        event_type: &StateEventType,
        state_key: &str,
    ) -> Result<StateKeyNid, Self::Failure>;
}

/// Why a state cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError<E> {
    /// The database could not be read.
    #[error(transparent)]
    Read(E),
    /// An event of a state is not there.
    #[error("event number {0} of a state is missing")]
    MissingEvent(EventNid),
    /// The room version has another algorithm.
    #[error("the room version has a state resolution that this server does not know")]
    UnknownAlgorithm,
    /// The algorithm failed.
    #[error("state resolution failed: {0}")]
    Algorithm(#[from] state_res::Error),
}

/// How to get from one state to the resolved one.
pub type Changes = Vec<(StateKeyNid, Option<EventNid>)>;

/// Resolves states. The answer says what to change in the first of them.
pub fn resolve<S: ResolveStore>(
    store: &S,
    cache: &ChainCache,
    rules: &RoomVersionRules,
    roots: &[StateRoot],
) -> Result<Changes, ResolveError<S::Failure>> {
    let Some((&first, others)) = roots.split_first() else {
        return Ok(Changes::new());
    };
    let conflicted = conflicted_entries(store, first, others).map_err(ResolveError::Read)?;
    if conflicted.is_empty() {
        return Ok(Changes::new());
    }
    Resolution {
        store,
        cache,
        rules,
        first,
        sides: roots.len(),
        conflicted,
        events: RefCell::default(),
        failure: RefCell::default(),
    }
    .run()
}

/// The entries that are not the same in all states, with their event in each.
type Conflicted = BTreeMap<StateKeyNid, Vec<Option<EventNid>>>;

fn conflicted_entries<S: NodeStore>(
    store: &S,
    first: StateRoot,
    others: &[StateRoot],
) -> Result<Conflicted, S::Error> {
    let mut conflicted = Conflicted::new();
    for (side, other) in others.iter().enumerate() {
        for difference in tree::diff(store, first, *other)? {
            // Where nothing else is known, a side agrees with the first.
            let sides = conflicted
                .entry(difference.key)
                .or_insert_with(|| vec![difference.left; others.len() + 1]);
            sides[side + 1] = difference.right;
        }
    }
    Ok(conflicted)
}

struct Resolution<'a, S: ResolveStore> {
    store: &'a S,
    cache: &'a ChainCache,
    rules: &'a RoomVersionRules,
    first: StateRoot,
    sides: usize,
    conflicted: Conflicted,
    /// The algorithm asks for the same events many times.
    events: RefCell<HashMap<OwnedEventId, Option<Pdu>>>,
    /// The algorithm takes absence for an answer; a failure to read must not become one.
    failure: RefCell<Option<S::Failure>>,
}

impl<S: ResolveStore> Resolution<'_, S> {
    fn run(&self) -> Result<Changes, ResolveError<S::Failure>> {
        let algorithm = self
            .rules
            .state_res
            .v2_rules()
            .ok_or(ResolveError::UnknownAlgorithm)?;
        let conflicted_events: RoaringTreemap = self
            .conflicted
            .values()
            .flatten()
            .flatten()
            .map(|event| event.0)
            .collect();
        let difference = self.auth_difference().map_err(ResolveError::Read)?;
        let subgraph = if algorithm.consider_conflicted_state_subgraph {
            conflicted_subgraph(self.store, &conflicted_events).map_err(ResolveError::Read)?
        } else {
            RoaringTreemap::new()
        };
        let full_conflicted_set = self.load(&(&conflicted_events | &difference | &subgraph))?;
        let state_maps = self.state_maps(&full_conflicted_set)?;

        let ids = |events: &RoaringTreemap| -> EventIdSet<OwnedEventId> {
            let events = events
                .iter()
                .filter_map(|event| full_conflicted_set.get(&EventNid(event)));
            events.map(|pdu| pdu.event_id().clone()).collect()
        };
        // The algorithm takes for the difference what is in some chains and not in all.
        let chains = vec![ids(&difference), EventIdSet::new()];
        let resolved = state_res::resolve(
            &self.rules.authorization,
            algorithm,
            state_maps.iter(),
            chains,
            |event_id| self.event_by_id(event_id),
            |_| Some(ids(&subgraph)),
        );
        if let Some(failure) = self.failure.take() {
            return Err(ResolveError::Read(failure));
        }
        self.changes(resolved?)
    }

    fn auth_difference(&self) -> Result<RoaringTreemap, S::Failure> {
        let side = |side: usize| {
            self.conflicted
                .values()
                .filter_map(|events| events[side])
                .collect()
        };
        let conflicted: Vec<Vec<EventNid>> = (0..self.sides).map(side).collect();
        auth_difference(self.store, self.cache, &conflicted, || {
            let entries = tree::entries(self.store, self.first)?.into_iter();
            Ok(entries
                .filter(|(key, _)| !self.conflicted.contains_key(key))
                .map(|(_, event)| event)
                .collect())
        })
    }

    fn load(
        &self,
        events: &RoaringTreemap,
    ) -> Result<BTreeMap<EventNid, Pdu>, ResolveError<S::Failure>> {
        let load = |event| {
            let pdu = self
                .event(EventNid(event))?
                .ok_or(ResolveError::MissingEvent(EventNid(event)))?;
            Ok((EventNid(event), pdu))
        };
        events.iter().map(load).collect()
    }

    /// Each side's state, as far as the algorithm looks at it.
    fn state_maps(
        &self,
        full_conflicted_set: &BTreeMap<EventNid, Pdu>,
    ) -> Result<Vec<StateMap<OwnedEventId>>, ResolveError<S::Failure>> {
        let mut state_maps = vec![StateMap::new(); self.sides];
        for (event_type, state_key) in self.relevant_entries(full_conflicted_set) {
            let key = self
                .store
                .state_key_nid(&event_type, &state_key)
                .map_err(ResolveError::Read)?;
            let sides = match self.conflicted.get(&key) {
                Some(sides) => sides.clone(),
                None => vec![
                    tree::get(self.store, self.first, key).map_err(ResolveError::Read)?;
                    self.sides
                ],
            };
            for (state_map, event) in state_maps.iter_mut().zip(sides) {
                let Some(event) = event else { continue };
                let pdu = self
                    .event(event)?
                    .ok_or(ResolveError::MissingEvent(event))?;
                state_map.insert(
                    (event_type.clone(), state_key.clone()),
                    pdu.event_id().clone(),
                );
            }
        }
        Ok(state_maps)
    }

    /// The entries that the events set which are to be resolved, and those that authorise these events.
    fn relevant_entries(
        &self,
        full_conflicted_set: &BTreeMap<EventNid, Pdu>,
    ) -> BTreeSet<(StateEventType, String)> {
        let mut entries = BTreeSet::new();
        for pdu in full_conflicted_set.values() {
            entries.extend(
                pdu.state_entry()
                    .map(|(event_type, state_key)| (event_type, state_key.to_owned())),
            );
            let authorising = state_res::auth_types_for_event(
                pdu.event_type(),
                pdu.sender(),
                pdu.state_key(),
                pdu.content(),
                &self.rules.authorization,
            );
            // The algorithm skips events for which this fails.
            entries.extend(authorising.into_iter().flatten());
        }
        entries
    }

    fn event(&self, event: EventNid) -> Result<Option<Pdu>, ResolveError<S::Failure>> {
        let pdu = self.store.event(event).map_err(ResolveError::Read)?;
        if let Some(pdu) = &pdu {
            self.events
                .borrow_mut()
                .insert(pdu.event_id().clone(), Some(pdu.clone()));
        }
        Ok(pdu)
    }

    fn event_by_id(&self, event_id: &EventId) -> Option<Pdu> {
        if let Some(known) = self.events.borrow().get(event_id) {
            return known.clone();
        }
        let read = self
            .store
            .event_nid(event_id)
            .and_then(|event| event.map_or(Ok(None), |event| self.store.event(event)));
        let pdu = read.unwrap_or_else(|failure| {
            self.failure.replace(Some(failure));
            None
        });
        self.events
            .borrow_mut()
            .insert(event_id.to_owned(), pdu.clone());
        pdu
    }

    /// What the resolved entries change in the first state.
    fn changes(
        &self,
        resolved: StateMap<OwnedEventId>,
    ) -> Result<Changes, ResolveError<S::Failure>> {
        let mut lost: BTreeSet<StateKeyNid> = self.conflicted.keys().copied().collect();
        let mut changes = Changes::new();
        for ((event_type, state_key), event_id) in resolved {
            let key = self
                .store
                .state_key_nid(&event_type, &state_key)
                .map_err(ResolveError::Read)?;
            let event = self
                .store
                .event_nid(&event_id)
                .map_err(ResolveError::Read)?;
            lost.remove(&key);
            if tree::get(self.store, self.first, key).map_err(ResolveError::Read)? != event {
                changes.push((key, event));
            }
        }
        for key in lost {
            if tree::get(self.store, self.first, key)
                .map_err(ResolveError::Read)?
                .is_some()
            {
                changes.push((key, None));
            }
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests;

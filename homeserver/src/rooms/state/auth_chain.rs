//! Auth chains: which events stand behind an event.
//!
//! The auth chain of an event holds its auth events, theirs, and so on to the create event. Chains are bitmaps of event
//! numbers, made when they are needed by walking the edges, and kept in a cache of bounded size. Here a chain always
//! includes the event it starts from: that is what state resolution counts with everywhere, so that an event which both
//! sides have is never taken for a difference.

use std::{collections::HashMap, mem, sync::Arc};

use parking_lot::Mutex;
use roaring::RoaringTreemap;

use crate::ids::EventNid;

/// Where the edges between events and their auth events are read from.
pub trait AuthEdges {
    /// What reading fails with.
    type Error;

    /// The auth events of an event.
    fn auth_edges(&self, event: EventNid) -> Result<Vec<EventNid>, Self::Error>;
}

impl<S: AuthEdges> AuthEdges for &S {
    type Error = S::Error;

    fn auth_edges(&self, event: EventNid) -> Result<Vec<EventNid>, S::Error> {
        (**self).auth_edges(event)
    }
}

/// The events and everything behind them.
pub fn auth_chain<S: AuthEdges>(
    store: &S,
    cache: &ChainCache,
    events: impl IntoIterator<Item = EventNid>,
) -> Result<RoaringTreemap, S::Error> {
    let mut chain = RoaringTreemap::new();
    let mut waiting = Vec::new();
    for event in events {
        if chain.contains(event.0) {
            continue;
        }
        match cache.get(event) {
            Some(known) => chain |= &*known,
            None => waiting.push(event),
        }
    }
    walk(store, cache, &mut chain, waiting)?;
    Ok(chain)
}

/// The event and everything behind it; remembered.
pub fn auth_chain_of<S: AuthEdges>(
    store: &S,
    cache: &ChainCache,
    event: EventNid,
) -> Result<Arc<RoaringTreemap>, S::Error> {
    if let Some(known) = cache.get(event) {
        return Ok(known);
    }
    let mut chain = RoaringTreemap::new();
    walk(store, cache, &mut chain, vec![event])?;
    let chain = Arc::new(chain);
    cache.insert(event, chain.clone());
    Ok(chain)
}

fn walk<S: AuthEdges>(
    store: &S,
    cache: &ChainCache,
    chain: &mut RoaringTreemap,
    mut waiting: Vec<EventNid>,
) -> Result<(), S::Error> {
    while let Some(event) = waiting.pop() {
        if chain.contains(event.0) {
            continue;
        }
        if let Some(known) = cache.get(event) {
            *chain |= &*known;
            continue;
        }
        chain.insert(event.0);
        waiting.extend(store.auth_edges(event)?);
    }
    Ok(())
}

/// The events that stand behind some of several states but not behind all of them.
///
/// States are given by what they do not share: `conflicted` has for each of them its events of the entries in which
/// they differ. `unconflicted` gives the events that all share; their chains are in every state's chain, and they are
/// asked for only if there is a difference without them.
/// [spec](https://spec.matrix.org/v1.19/rooms/v2/#state-resolution)
pub fn auth_difference<S: AuthEdges>(
    store: &S,
    cache: &ChainCache,
    conflicted: &[Vec<EventNid>],
    unconflicted: impl FnOnce() -> Result<Vec<EventNid>, S::Error>,
) -> Result<RoaringTreemap, S::Error> {
    let mut in_some = RoaringTreemap::new();
    let mut in_all: Option<RoaringTreemap> = None;
    for events in conflicted {
        let mut chain = RoaringTreemap::new();
        for event in events {
            chain |= &*auth_chain_of(store, cache, *event)?;
        }
        in_some |= &chain;
        in_all = Some(in_all.map_or_else(|| chain.clone(), |all| all & &chain));
    }
    let difference = in_some - in_all.unwrap_or_default();
    if difference.is_empty() {
        return Ok(difference);
    }
    let shared = auth_chain(store, cache, unconflicted()?)?;
    Ok(difference - shared)
}

/// The conflicted state subgraph: every event on a path along auth events from one conflicted event to another.
/// [spec](https://spec.matrix.org/v1.19/rooms/v12/#state-resolution)
pub fn conflicted_subgraph<S: AuthEdges>(
    store: &S,
    conflicted: &RoaringTreemap,
) -> Result<RoaringTreemap, S::Error> {
    // First everything behind conflicted events, with the edges turned round …
    let mut behind = RoaringTreemap::new();
    let mut ahead: HashMap<EventNid, Vec<EventNid>> = HashMap::new();
    let mut waiting: Vec<EventNid> = conflicted.iter().map(EventNid).collect();
    while let Some(event) = waiting.pop() {
        if behind.insert(event.0) {
            for auth_event in store.auth_edges(event)? {
                ahead.entry(auth_event).or_default().push(event);
                waiting.push(auth_event);
            }
        }
    }
    // … then what of it lies ahead of conflicted events.
    let mut subgraph = RoaringTreemap::new();
    waiting.extend(conflicted.iter().map(EventNid));
    while let Some(event) = waiting.pop() {
        if subgraph.insert(event.0) {
            waiting.extend(ahead.get(&event).into_iter().flatten());
        }
    }
    Ok(subgraph)
}

/// Recently used auth chains, bounded by their size in bytes.
///
/// Two generations: what is used goes into the young one; when that is full it becomes the old one, and the old one is
/// forgotten. So a chain stays as long as it is used once in a while.
pub struct ChainCache {
    generations: Mutex<Generations>,
    capacity: usize,
}

#[derive(Default)]
struct Generations {
    young: HashMap<EventNid, Arc<RoaringTreemap>>,
    old: HashMap<EventNid, Arc<RoaringTreemap>>,
    young_bytes: usize,
}

impl ChainCache {
    /// A cache of about this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            generations: Mutex::default(),
            capacity: bytes / 2,
        }
    }

    fn get(&self, event: EventNid) -> Option<Arc<RoaringTreemap>> {
        let mut generations = self.generations.lock();
        if let Some(chain) = generations.young.get(&event) {
            return Some(chain.clone());
        }
        let chain = generations.old.remove(&event)?;
        generations.insert(event, chain.clone(), self.capacity);
        Some(chain)
    }

    fn insert(&self, event: EventNid, chain: Arc<RoaringTreemap>) {
        self.generations.lock().insert(event, chain, self.capacity);
    }
}

impl Generations {
    fn insert(&mut self, event: EventNid, chain: Arc<RoaringTreemap>, capacity: usize) {
        let bytes = size_of::<(EventNid, RoaringTreemap)>() + chain.serialized_size();
        if self.young_bytes + bytes > capacity {
            self.old = mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if self.young.insert(event, chain).is_none() {
            self.young_bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, collections::BTreeMap, convert::Infallible};

    use super::*;

    /// Edges by event; counts how often they are read.
    struct Edges {
        edges: BTreeMap<u64, Vec<u64>>,
        reads: Cell<usize>,
    }

    impl Edges {
        fn new(edges: &[(u64, &[u64])]) -> Self {
            let edges = edges
                .iter()
                .map(|(event, auth)| (*event, auth.to_vec()))
                .collect();
            Self {
                edges,
                reads: Cell::new(0),
            }
        }
    }

    impl AuthEdges for Edges {
        type Error = Infallible;

        fn auth_edges(&self, event: EventNid) -> Result<Vec<EventNid>, Infallible> {
            self.reads.set(self.reads.get() + 1);
            Ok(self.edges[&event.0].iter().copied().map(EventNid).collect())
        }
    }

    /// 1 create, 2 member, 3 power levels, 4 and 5 two later power levels, 6 and 7 topics after each of these.
    fn room() -> Edges {
        Edges::new(&[
            (1, &[]),
            (2, &[1]),
            (3, &[1, 2]),
            (4, &[1, 2, 3]),
            (5, &[1, 2, 3]),
            (6, &[1, 2, 4]),
            (7, &[1, 2, 5]),
        ])
    }

    fn nids(nids: &[u64]) -> Vec<EventNid> {
        nids.iter().copied().map(EventNid).collect()
    }

    fn set(nids: &[u64]) -> RoaringTreemap {
        nids.iter().copied().collect()
    }

    #[test]
    fn a_chain_reaches_back_to_the_create_event() {
        let (room, cache) = (room(), ChainCache::with_capacity(10_000));
        assert_eq!(
            *auth_chain_of(&room, &cache, EventNid(6)).unwrap(),
            set(&[1, 2, 3, 4, 6])
        );
        assert_eq!(
            auth_chain(&room, &cache, nids(&[6, 7])).unwrap(),
            set(&[1, 2, 3, 4, 5, 6, 7])
        );
        assert_eq!(auth_chain(&room, &cache, nids(&[])).unwrap(), set(&[]));
    }

    #[test]
    fn a_chain_is_walked_once() {
        let (room, cache) = (room(), ChainCache::with_capacity(10_000));
        auth_chain_of(&room, &cache, EventNid(4)).unwrap();
        room.reads.set(0);
        auth_chain_of(&room, &cache, EventNid(4)).unwrap();
        assert_eq!(room.reads.get(), 0);
        auth_chain_of(&room, &cache, EventNid(6)).unwrap();
        assert!(room.reads.get() <= 3, "the chain of 4 is known");
    }

    #[test]
    fn the_cache_forgets_what_is_not_used() {
        let room = Edges::new(&(0..1_000).map(|n| (n, &[] as &[u64])).collect::<Vec<_>>());
        let cache = ChainCache::with_capacity(4_000);
        for event in 0..1_000 {
            auth_chain_of(&room, &cache, EventNid(event)).unwrap();
            auth_chain_of(&room, &cache, EventNid(0)).unwrap();
        }
        let generations = cache.generations.lock();
        assert!(generations.young.len() + generations.old.len() < 100);
        drop(generations);
        assert!(cache.get(EventNid(0)).is_some());
        assert!(cache.get(EventNid(1)).is_none());
    }

    #[test]
    fn the_difference_is_what_only_some_states_stand_on() {
        let (room, cache) = (room(), ChainCache::with_capacity(10_000));
        let difference = |conflicted: &[Vec<EventNid>], unconflicted: &[u64]| {
            auth_difference(&room, &cache, conflicted, || Ok(nids(unconflicted))).unwrap()
        };
        assert_eq!(
            difference(&[nids(&[6]), nids(&[7])], &[1, 2]),
            set(&[4, 5, 6, 7])
        );
        assert_eq!(
            difference(&[nids(&[6]), nids(&[7])], &[1, 2, 5]),
            set(&[4, 6, 7])
        );
        assert_eq!(
            difference(&[nids(&[6]), nids(&[])], &[1, 2]),
            set(&[3, 4, 6])
        );
        assert_eq!(difference(&[nids(&[6]), nids(&[6])], &[1, 2]), set(&[]));
    }

    #[test]
    fn the_subgraph_holds_the_paths_between_conflicted_events() {
        let subgraph = |conflicted: &[u64]| conflicted_subgraph(&room(), &set(conflicted)).unwrap();
        assert_eq!(subgraph(&[3, 6]), set(&[3, 4, 6]));
        assert_eq!(subgraph(&[6, 7]), set(&[6, 7]));
        assert_eq!(subgraph(&[2, 6, 7]), set(&[2, 3, 4, 5, 6, 7]));
        assert_eq!(subgraph(&[]), set(&[]));
    }

    #[test]
    fn a_very_long_chain_needs_no_deep_stack() {
        let edges: Vec<(u64, Vec<u64>)> = (0..200_000u64)
            .map(|n| (n, n.checked_sub(1).into_iter().collect()))
            .collect();
        let room = Edges {
            edges: edges.into_iter().collect(),
            reads: Cell::new(0),
        };
        let cache = ChainCache::with_capacity(1_000_000);
        assert_eq!(
            auth_chain_of(&room, &cache, EventNid(199_999))
                .unwrap()
                .len(),
            200_000
        );
    }
}

//! The state of a room as a persistent tree: "git for room state".
//!
//! A room's state maps pairs of type and state key to events. Nearly every state differs from the one before it in one
//! entry, so states share nodes: a change writes the nodes on the way to its entry and nothing else. The tree is a
//! 16-way trie over a scrambled key. A subtree of few entries is one leaf, a larger one is a branch, and that rule alone
//! decides the shape, whatever the order of changes. Nodes are addressed by the hash of their bytes, hence *equal states
//! have equal roots*, and comparing two states skips every subtree they share.

use std::{collections::HashMap, sync::Arc};

use super::node::{Branch, Entry, FANOUT, LEAF_MAX, Node, NodeHash};
use crate::ids::{EventNid, StateKeyNid};

/// The state of a room at some point. Two of them are equal exactly if the states are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateRoot(pub [u8; 16]);

impl StateRoot {
    /// The state before the first event of a room. No node has this address.
    pub const EMPTY: Self = Self([0; 16]);

    fn node(self) -> Option<NodeHash> {
        (self != Self::EMPTY).then_some(NodeHash(self.0))
    }
}

/// Where nodes are read from.
pub trait NodeStore {
    /// What reading fails with.
    type Error;

    /// The node at an address that another node or a root names; not to have it is an error.
    fn node(&self, hash: &NodeHash) -> Result<Arc<Node>, Self::Error>;
}

impl<S: NodeStore> NodeStore for &S {
    type Error = S::Error;

    fn node(&self, hash: &NodeHash) -> Result<Arc<Node>, Self::Error> {
        (**self).node(hash)
    }
}

/// One difference between two states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The pair of type and state key.
    pub key: StateKeyNid,
    /// Its event in the first state.
    pub left: Option<EventNid>,
    /// Its event in the second state.
    pub right: Option<EventNid>,
}

/// The event that holds `key` in a state.
pub fn get<S: NodeStore>(
    store: &S,
    root: StateRoot,
    key: StateKeyNid,
) -> Result<Option<EventNid>, S::Error> {
    let mut next = root.node();
    for depth in 0.. {
        let Some(hash) = next else { break };
        match &*store.node(&hash)? {
            Node::Leaf(entries) => {
                let found = entries.binary_search_by_key(&key, |entry| entry.0);
                return Ok(found.ok().map(|at| entries[at].1));
            }
            Node::Branch(branch) => next = branch.children[digit(key, depth)],
        }
    }
    Ok(None)
}

/// Every entry of a state, in no particular order.
pub fn entries<S: NodeStore>(store: &S, root: StateRoot) -> Result<Vec<Entry>, S::Error> {
    let mut found = Vec::new();
    collect(store, root.node(), &mut found)?;
    Ok(found)
}

/// How many entries a state has.
pub fn len<S: NodeStore>(store: &S, root: StateRoot) -> Result<u64, S::Error> {
    root.node()
        .map_or(Ok(0), |hash| Ok(store.node(&hash)?.count()))
}

/// What differs between two states, in no particular order. Reads only nodes that they do not share.
pub fn diff<S: NodeStore>(
    store: &S,
    left: StateRoot,
    right: StateRoot,
) -> Result<Vec<Difference>, S::Error> {
    let mut found = Vec::new();
    diff_subtrees(
        store,
        Part::below(left.node()),
        Part::below(right.node()),
        0,
        &mut found,
    )?;
    Ok(found)
}

/// A store with nodes on top that are not stored yet: what changes are made through.
///
/// Several changes of one commit build on each other here; afterwards [`NewNodes::into_nodes`] are to be stored.
pub struct NewNodes<'a, S> {
    store: &'a S,
    nodes: HashMap<NodeHash, (Arc<Node>, Vec<u8>)>,
}

impl<S: NodeStore> NodeStore for NewNodes<'_, S> {
    type Error = S::Error;

    fn node(&self, hash: &NodeHash) -> Result<Arc<Node>, S::Error> {
        match self.nodes.get(hash) {
            Some((node, _)) => Ok(node.clone()),
            None => self.store.node(hash),
        }
    }
}

impl<'a, S: NodeStore> NewNodes<'a, S> {
    /// No new nodes yet.
    pub fn on(store: &'a S) -> Self {
        Self {
            store,
            nodes: HashMap::new(),
        }
    }

    /// The state with one entry set.
    pub fn insert(
        &mut self,
        root: StateRoot,
        key: StateKeyNid,
        event: EventNid,
    ) -> Result<StateRoot, S::Error> {
        self.apply(root, &[(key, Some(event))])
    }

    /// The state without one entry.
    pub fn remove(&mut self, root: StateRoot, key: StateKeyNid) -> Result<StateRoot, S::Error> {
        self.apply(root, &[(key, None)])
    }

    /// The state with entries set and removed. Where a key comes twice, the later change wins.
    pub fn apply(
        &mut self,
        root: StateRoot,
        changes: &[(StateKeyNid, Option<EventNid>)],
    ) -> Result<StateRoot, S::Error> {
        let changes: HashMap<_, _> = changes.iter().copied().collect();
        let changed = self.change(root.node(), 0, changes.into_iter().collect())?;
        let hash = self.seal(changed, root.node());
        Ok(hash.map_or(StateRoot::EMPTY, |hash| StateRoot(hash.0)))
    }

    /// The nodes made so far, each with its address and the bytes to store.
    pub fn into_nodes(self) -> impl Iterator<Item = (NodeHash, Arc<Node>, Vec<u8>)> {
        self.nodes
            .into_iter()
            .map(|(hash, (node, bytes))| (hash, node, bytes))
    }

    /// Changes the subtree at `old`, whose keys share their first `depth` digits.
    fn change(
        &mut self,
        old: Option<NodeHash>,
        depth: u32,
        changes: Changes,
    ) -> Result<Subtree, S::Error> {
        let node = old.map(|hash| self.node(&hash)).transpose()?;
        match node.as_deref() {
            None => Ok(self.build(merge(&[], changes), depth)),
            Some(Node::Leaf(entries)) => Ok(self.build(merge(entries, changes), depth)),
            Some(Node::Branch(branch)) => self.change_branch(branch.clone(), depth, changes),
        }
    }

    fn change_branch(
        &mut self,
        mut branch: Box<Branch>,
        depth: u32,
        changes: Changes,
    ) -> Result<Subtree, S::Error> {
        let mut by_digit: [Changes; FANOUT] = Default::default();
        for change in changes {
            by_digit[digit(change.0, depth)].push(change);
        }
        let mut changed = Vec::new();
        for (digit, changes) in by_digit
            .into_iter()
            .enumerate()
            .filter(|(_, changes)| !changes.is_empty())
        {
            let old = branch.children[digit];
            if let Some(hash) = old {
                branch.count = branch.count.saturating_sub(self.node(&hash)?.count());
            }
            let subtree = self.change(old, depth + 1, changes)?;
            branch.count += subtree.count();
            changed.push((digit, subtree));
        }
        if branch.count <= LEAF_MAX as u64 {
            return self.collapse(&branch, changed).map(Subtree::Small);
        }
        for (digit, subtree) in changed {
            branch.children[digit] = self.seal(subtree, branch.children[digit]);
        }
        Ok(Subtree::Large(branch))
    }

    /// The entries of a branch that has become too small to be one.
    fn collapse(
        &self,
        branch: &Branch,
        changed: Vec<(usize, Subtree)>,
    ) -> Result<Vec<Entry>, S::Error> {
        let mut entries = Vec::with_capacity(LEAF_MAX);
        for (digit, child) in branch.children.iter().enumerate() {
            if !changed.iter().any(|(changed, _)| *changed == digit) {
                collect(self, *child, &mut entries)?;
            }
        }
        for (_, subtree) in changed {
            match subtree {
                Subtree::Small(small) => entries.extend(small),
                // Only where a damaged branch counts its entries wrong.
                Subtree::Large(large) => {
                    for child in large.children {
                        collect(self, child, &mut entries)?;
                    }
                }
            }
        }
        entries.sort_unstable();
        Ok(entries)
    }

    /// A subtree of these entries, sorted by key.
    fn build(&mut self, entries: Vec<Entry>, depth: u32) -> Subtree {
        if entries.len() <= LEAF_MAX {
            return Subtree::Small(entries);
        }
        let mut branch = Branch {
            count: entries.len() as u64,
            ..Branch::default()
        };
        let by_digit = split(&entries, depth);
        for (child, entries) in branch.children.iter_mut().zip(by_digit) {
            let subtree = self.build(entries, depth + 1);
            *child = self.seal(subtree, None);
        }
        Subtree::Large(Box::new(branch))
    }

    /// Gives a finished subtree its address, and keeps its node unless it is the one that was there before.
    fn seal(&mut self, subtree: Subtree, old: Option<NodeHash>) -> Option<NodeHash> {
        let node = match subtree {
            Subtree::Small(entries) if entries.is_empty() => return None,
            Subtree::Small(entries) => Node::leaf(entries),
            Subtree::Large(branch) => Node::Branch(branch),
        };
        let (hash, bytes) = node.encode();
        if old != Some(hash) {
            self.nodes.insert(hash, (Arc::new(node), bytes));
        }
        Some(hash)
    }
}

type Changes = Vec<(StateKeyNid, Option<EventNid>)>;

/// A subtree that is not a node yet, because its parent may still take it in.
enum Subtree {
    /// Few enough entries for a leaf, sorted by key.
    Small(Vec<Entry>),
    /// More; the children are nodes already.
    Large(Box<Branch>),
}

impl Subtree {
    fn count(&self) -> u64 {
        match self {
            Self::Small(entries) => entries.len() as u64,
            Self::Large(branch) => branch.count,
        }
    }
}

/// The digit of a key's path at some depth.
///
/// Keys are numbered as they appear, so the raw number would put a room's entries unevenly. The scrambling
/// (the finalizer of SplitMix64) is a bijection: different keys have different paths within the sixteen digits.
fn digit(key: StateKeyNid, depth: u32) -> usize {
    let mut path = key.0;
    path = (path ^ (path >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    path = (path ^ (path >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    path ^= path >> 31;
    (path >> 60_u32.saturating_sub(4 * depth)) as usize % FANOUT
}

fn split(entries: &[Entry], depth: u32) -> [Vec<Entry>; FANOUT] {
    let mut by_digit: [Vec<Entry>; FANOUT] = Default::default();
    for entry in entries {
        by_digit[digit(entry.0, depth)].push(*entry);
    }
    by_digit
}

fn merge(entries: &[Entry], changes: Changes) -> Vec<Entry> {
    let mut merged = entries.to_vec();
    for (key, event) in changes {
        match (merged.binary_search_by_key(&key, |entry| entry.0), event) {
            (Ok(at), Some(event)) => merged[at].1 = event,
            (Ok(at), None) => drop(merged.remove(at)),
            (Err(at), Some(event)) => merged.insert(at, (key, event)),
            (Err(_), None) => {}
        }
    }
    merged
}

fn collect<S: NodeStore>(
    store: &S,
    from: Option<NodeHash>,
    found: &mut Vec<Entry>,
) -> Result<(), S::Error> {
    let Some(hash) = from else { return Ok(()) };
    match &*store.node(&hash)? {
        Node::Leaf(entries) => found.extend(entries),
        Node::Branch(branch) => {
            for child in branch.children {
                collect(store, child, found)?;
            }
        }
    }
    Ok(())
}

/// One side of a comparison: a subtree, or the part of a leaf that corresponds to it on the other side.
#[derive(Clone, PartialEq)]
enum Part {
    Node(NodeHash),
    Entries(Vec<Entry>),
}

/// The entries of a part, or the children.
type Opened = Result<Vec<Entry>, [Option<NodeHash>; FANOUT]>;

impl Part {
    fn below(node: Option<NodeHash>) -> Self {
        node.map_or(Self::Entries(Vec::new()), Self::Node)
    }

    /// The entries, if these are few, else the children.
    fn open<S: NodeStore>(self, store: &S) -> Result<Opened, S::Error> {
        match self {
            Self::Entries(entries) => Ok(Ok(entries)),
            Self::Node(hash) => match &*store.node(&hash)? {
                Node::Leaf(entries) => Ok(Ok(entries.clone())),
                Node::Branch(branch) => Ok(Err(branch.children)),
            },
        }
    }
}

fn diff_subtrees<S: NodeStore>(
    store: &S,
    left: Part,
    right: Part,
    depth: u32,
    found: &mut Vec<Difference>,
) -> Result<(), S::Error> {
    if left == right {
        return Ok(());
    }
    let parts = |opened: Opened| match opened {
        Ok(entries) => split(&entries, depth).map(Part::Entries),
        Err(children) => children.map(Part::below),
    };
    match (left.open(store)?, right.open(store)?) {
        (Ok(left), Ok(right)) => diff_entries(&left, &right, found),
        (left, right) => {
            for (left, right) in parts(left).into_iter().zip(parts(right)) {
                diff_subtrees(store, left, right, depth + 1, found)?;
            }
        }
    }
    Ok(())
}

fn diff_entries(left: &[Entry], right: &[Entry], found: &mut Vec<Difference>) {
    let event_in = |entries: &[Entry], key| {
        let at = entries
            .binary_search_by_key(&key, |entry: &Entry| entry.0)
            .ok()?;
        Some(entries[at].1)
    };
    for &(key, event) in left {
        let other = event_in(right, key);
        if other != Some(event) {
            found.push(Difference {
                key,
                left: Some(event),
                right: other,
            });
        }
    }
    for &(key, event) in right {
        if event_in(left, key).is_none() {
            found.push(Difference {
                key,
                left: None,
                right: Some(event),
            });
        }
    }
}

#[cfg(test)]
mod tests;

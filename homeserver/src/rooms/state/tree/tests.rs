use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use proptest::prelude::*;

use super::*;

/// Nodes in memory, as bytes, so that every read decodes what was encoded.
#[derive(Default)]
struct Memory {
    nodes: RefCell<HashMap<NodeHash, Vec<u8>>>,
    reads: Cell<usize>,
}

impl NodeStore for Memory {
    type Error = String;

    fn node(&self, hash: &NodeHash) -> Result<Arc<Node>, String> {
        self.reads.set(self.reads.get() + 1);
        let nodes = self.nodes.borrow();
        let bytes = nodes.get(hash).ok_or_else(|| format!("no node {hash:?}"))?;
        Node::decode(bytes).map_err(|error| error.to_string())
    }
}

impl Memory {
    /// Applies changes, stores the new nodes and tells how many bytes they have.
    fn apply(
        &self,
        root: StateRoot,
        changes: &[(StateKeyNid, Option<EventNid>)],
    ) -> (StateRoot, usize) {
        let mut new = NewNodes::on(self);
        let root = new.apply(root, changes).unwrap();
        let mut written = 0;
        for (hash, _, bytes) in new.into_nodes() {
            written += hash.0.len() + bytes.len();
            self.nodes.borrow_mut().insert(hash, bytes);
        }
        (root, written)
    }

    fn root_of(&self, entries: &BTreeMap<u64, u64>) -> StateRoot {
        let changes: Vec<_> = entries
            .iter()
            .map(|(key, event)| change(*key, Some(*event)))
            .collect();
        self.apply(StateRoot::EMPTY, &changes).0
    }

    fn contents(&self, root: StateRoot) -> BTreeMap<u64, u64> {
        let entries = entries(self, root).unwrap();
        let map: BTreeMap<_, _> = entries
            .iter()
            .map(|(key, event)| (key.0, event.0))
            .collect();
        assert_eq!(map.len(), entries.len(), "a key comes twice");
        map
    }
}

fn change(key: u64, event: Option<u64>) -> (StateKeyNid, Option<EventNid>) {
    (StateKeyNid(key), event.map(EventNid))
}

fn apply_to_map(map: &mut BTreeMap<u64, u64>, changes: &[(u64, Option<u64>)]) {
    for (key, event) in changes {
        match event {
            Some(event) => map.insert(*key, *event),
            None => map.remove(key),
        };
    }
}

fn naive_diff(left: &BTreeMap<u64, u64>, right: &BTreeMap<u64, u64>) -> BTreeSet<Difference> {
    let keys: BTreeSet<_> = left.keys().chain(right.keys()).collect();
    keys.into_iter()
        .map(|key| Difference {
            key: StateKeyNid(*key),
            left: left.get(key).copied().map(EventNid),
            right: right.get(key).copied().map(EventNid),
        })
        .filter(|difference| difference.left != difference.right)
        .collect()
}

/// Batches of changes over few keys, so that keys are set, changed and removed, and leaves split and collapse.
fn batches() -> impl Strategy<Value = Vec<Vec<(u64, Option<u64>)>>> {
    let event = prop_oneof![2 => (0..4u64).prop_map(Some), 1 => Just(None)];
    let key = prop_oneof![8 => 0..60u64, 1 => any::<u64>()];
    prop::collection::vec(prop::collection::vec((key, event), 0..40), 0..12)
}

fn maps() -> impl Strategy<Value = BTreeMap<u64, u64>> {
    prop::collection::btree_map(0..120u64, 0..3u64, 0..100)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_holds_what_a_map_holds(batches in batches()) {
        let memory = Memory::default();
        let (mut map, mut root) = (BTreeMap::new(), StateRoot::EMPTY);
        for batch in batches {
            apply_to_map(&mut map, &batch);
            let changes: Vec<_> = batch.iter().map(|(key, event)| change(*key, *event)).collect();
            root = memory.apply(root, &changes).0;
            prop_assert_eq!(&memory.contents(root), &map);
            prop_assert_eq!(len(&memory, root).unwrap(), map.len() as u64);
            for key in 0..60 {
                let event = get(&memory, root, StateKeyNid(key)).unwrap();
                prop_assert_eq!(event, map.get(&key).copied().map(EventNid));
            }
            prop_assert_eq!(root, memory.root_of(&map), "equal states have equal roots");
        }
    }

    #[test]
    fn one_by_one_and_all_at_once_give_the_same_root(map in maps(), extra in maps(), shuffle in any::<u64>()) {
        let memory = Memory::default();
        let mut new = NewNodes::on(&memory);
        let mut root = StateRoot::EMPTY;
        for (key, event) in &extra {
            root = new.insert(root, StateKeyNid(*key), EventNid(*event)).unwrap();
        }
        let mut order: Vec<_> = map.iter().collect();
        order.sort_by_key(|(key, _)| key.wrapping_mul(shuffle | 1));
        for (key, event) in order {
            root = new.insert(root, StateKeyNid(*key), EventNid(*event)).unwrap();
        }
        for key in extra.keys().filter(|key| !map.contains_key(key)) {
            root = new.remove(root, StateKeyNid(*key)).unwrap();
        }
        prop_assert_eq!(root, memory.root_of(&map));
    }

    #[test]
    fn a_diff_is_what_comparing_maps_finds(left in maps(), right in maps()) {
        let memory = Memory::default();
        let found = diff(&memory, memory.root_of(&left), memory.root_of(&right)).unwrap();
        prop_assert_eq!(found.len(), naive_diff(&left, &right).len());
        prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), naive_diff(&left, &right));
    }
}

#[test]
fn an_empty_state_needs_no_node() {
    let memory = Memory::default();
    let (root, _) = memory.apply(StateRoot::EMPTY, &[change(1, Some(1))]);
    assert_ne!(root, StateRoot::EMPTY);
    let (root, written) = memory.apply(root, &[change(1, None)]);
    assert_eq!((root, written), (StateRoot::EMPTY, 0));
    assert_eq!(get(&memory, root, StateKeyNid(1)).unwrap(), None);
    assert_eq!(len(&memory, root).unwrap(), 0);
}

#[test]
fn setting_what_is_set_writes_nothing() {
    let memory = Memory::default();
    let root = memory.root_of(&(0..500).map(|key| (key, key)).collect());
    assert_eq!(memory.apply(root, &[change(77, Some(77))]), (root, 0));
}

#[test]
fn a_missing_node_is_an_error_not_an_absence() {
    let memory = Memory::default();
    let root = memory.root_of(&(0..500).map(|key| (key, key)).collect());
    memory.nodes.borrow_mut().clear();
    assert!(get(&memory, root, StateKeyNid(1)).is_err());
    assert!(entries(&memory, root).is_err());
}

#[test]
fn comparing_large_states_reads_only_where_they_differ() {
    let memory = Memory::default();
    let left = memory.root_of(&(0..20_000).map(|key| (key, key)).collect());
    let (right, _) = memory.apply(left, &[change(7, Some(1)), change(40_000, Some(1))]);
    memory.reads.set(0);
    assert_eq!(diff(&memory, left, right).unwrap().len(), 2);
    assert!(
        memory.reads.get() <= 20,
        "{} nodes read",
        memory.reads.get()
    );
}

/// Members join one after another, then each changes their profile twice.
#[test]
fn a_change_in_a_large_room_costs_some_hundred_bytes() {
    for members in [100, 600, 5_000] {
        let memory = Memory::default();
        let (mut root, mut written) = (memory.root_of(&(0..10).map(|key| (key, key)).collect()), 0);
        for event in 0..3 * members {
            // Other rooms' keys and events take their share of the numbers.
            let (key, event) = (1_000 + 3 * (event % members), 100_000 + 5 * event);
            let (next, bytes) = memory.apply(root, &[change(key, Some(event))]);
            root = next;
            written += bytes as u64;
        }
        let per_change = written / (3 * members);
        println!("{members} members: {per_change} bytes per change");
        assert!(
            per_change < 800,
            "{members} members: {per_change} bytes per change"
        );
    }
}

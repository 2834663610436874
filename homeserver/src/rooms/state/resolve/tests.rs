use std::{convert::Infallible, sync::Arc};

use ruma::{EventId, RoomVersionId};
use serde_json::json;

use super::*;
use crate::{
    events::{testing::TestRoom, versions::OFFERED},
    rooms::state::{
        node::{Node, NodeHash},
        tree::NewNodes,
    },
};

/// Everything in memory.
#[derive(Default)]
struct Memory {
    events: BTreeMap<EventNid, Pdu>,
    numbers: HashMap<OwnedEventId, EventNid>,
    keys: RefCell<Vec<(StateEventType, String)>>,
    nodes: HashMap<NodeHash, Arc<Node>>,
}

impl Memory {
    /// The current state of a room, with all its events.
    fn take_in(&mut self, room: &TestRoom) -> StateRoot {
        for pdu in room.timeline() {
            let next = EventNid(self.events.len() as u64 + 1);
            let number = *self.numbers.entry(pdu.event_id().clone()).or_insert(next);
            self.events.insert(number, pdu.clone());
        }
        let entries: Changes = room
            .current_state()
            .values()
            .map(|pdu| {
                let (event_type, state_key) = pdu.state_entry().unwrap();
                (
                    self.state_key_nid(&event_type, state_key).unwrap(),
                    Some(self.numbers[pdu.event_id()]),
                )
            })
            .collect();
        self.apply(StateRoot::EMPTY, &entries)
    }

    fn apply(&mut self, root: StateRoot, changes: &Changes) -> StateRoot {
        let mut new = NewNodes::on(&*self);
        let root = new.apply(root, changes).unwrap();
        let nodes: Vec<_> = new.into_nodes().collect();
        self.nodes
            .extend(nodes.into_iter().map(|(hash, node, _)| (hash, node)));
        root
    }

    /// Resolves the states of rooms in every order, which must not matter.
    fn resolve(&mut self, rooms: &[&TestRoom]) -> BTreeMap<(String, String), OwnedEventId> {
        let mut roots: Vec<_> = rooms.iter().map(|room| self.take_in(room)).collect();
        let cache = ChainCache::with_capacity(100_000);
        let mut resolved = BTreeSet::new();
        for _ in 0..roots.len() {
            roots.rotate_left(1);
            let changes = resolve(self, &cache, rooms[0].rules(), &roots).unwrap();
            resolved.insert(self.apply(roots[0], &changes));
        }
        assert_eq!(resolved.len(), 1, "the outcome depends on the order");
        let entries = tree::entries(self, resolved.pop_first().unwrap()).unwrap();
        let keys = self.keys.borrow();
        let named = |(key, event): (StateKeyNid, EventNid)| {
            let (event_type, state_key) = &keys[key.0 as usize];
            (
                (event_type.to_string(), state_key.clone()),
                self.events[&event].event_id().clone(),
            )
        };
        entries.into_iter().map(named).collect()
    }
}

impl NodeStore for Memory {
    type Error = Infallible;

    fn node(&self, hash: &NodeHash) -> Result<Arc<Node>, Infallible> {
        Ok(self.nodes[hash].clone())
    }
}

impl AuthEdges for Memory {
    type Error = Infallible;

    fn auth_edges(&self, event: EventNid) -> Result<Vec<EventNid>, Infallible> {
        Ok(self.events[&event]
            .auth_events()
            .iter()
            .map(|event_id| self.numbers[event_id])
            .collect())
    }
}

impl ResolveStore for Memory {
    type Failure = Infallible;

    fn event(&self, event: EventNid) -> Result<Option<Pdu>, Infallible> {
        Ok(self.events.get(&event).cloned())
    }

    fn event_nid(&self, event_id: &EventId) -> Result<Option<EventNid>, Infallible> {
        Ok(self.numbers.get(event_id).copied())
    }

    fn state_key_nid(
        &self,
        event_type: &StateEventType,
        state_key: &str,
    ) -> Result<StateKeyNid, Infallible> {
        let mut keys = self.keys.borrow_mut();
        let key = (event_type.clone(), state_key.to_owned());
        let at = keys
            .iter()
            .position(|known| *known == key)
            .unwrap_or_else(|| {
                keys.push(key);
                keys.len() - 1
            });
        Ok(StateKeyNid(at as u64))
    }
}

/// What the algorithm makes of whole states and whole auth chains.
fn resolve_in_full(rooms: &[&TestRoom]) -> BTreeMap<(String, String), OwnedEventId> {
    let fetch = |event_id: &EventId| rooms.iter().find_map(|room| room.event(event_id));
    let state_maps: Vec<StateMap<OwnedEventId>> = rooms
        .iter()
        .map(|room| {
            let entries = room.current_state().iter();
            entries
                .map(|((kind, key), pdu)| {
                    ((kind.as_str().into(), key.clone()), pdu.event_id().clone())
                })
                .collect()
        })
        .collect();
    let chain_of = |starts: &mut dyn Iterator<Item = OwnedEventId>| {
        let (mut chain, mut waiting) = (EventIdSet::new(), starts.collect::<Vec<_>>());
        while let Some(event_id) = waiting.pop() {
            waiting.extend(fetch(&event_id).unwrap().auth_events().iter().cloned());
            chain.insert(event_id);
        }
        chain
    };
    let chains = state_maps
        .iter()
        .map(|state| chain_of(&mut state.values().cloned()))
        .collect();
    let subgraph = |conflicted: &StateMap<Vec<OwnedEventId>>| {
        let conflicted: BTreeSet<_> = conflicted.values().flatten().cloned().collect();
        let behind = chain_of(&mut conflicted.iter().cloned());
        let leads_back = |event_id: &OwnedEventId| {
            let chain = chain_of(&mut std::iter::once(event_id.clone()));
            conflicted.iter().any(|event_id| chain.contains(event_id))
        };
        Some(
            behind
                .iter()
                .filter(|event_id| leads_back(event_id))
                .cloned()
                .collect(),
        )
    };
    let rules = rooms[0].rules();
    let algorithm = rules.state_res.v2_rules().unwrap();
    let resolved = state_res::resolve(
        &rules.authorization,
        algorithm,
        state_maps.iter(),
        chains,
        fetch,
        subgraph,
    )
    .unwrap();
    resolved
        .into_iter()
        .map(|((kind, key), event_id)| ((kind.to_string(), key), event_id))
        .collect()
}

fn key(event_type: &str, state_key: &str) -> (String, String) {
    (event_type.to_owned(), state_key.to_owned())
}

/// A room of Alice, Bob with power level 50, and Carol.
fn room(version: &RoomVersionId) -> TestRoom {
    let mut room = TestRoom::new(version);
    room.join("@bob:local");
    room.join("@carol:local");
    let mut users = json!({ "@bob:local": 50 });
    if *version != RoomVersionId::V12 {
        users["@alice:local"] = 100.into();
    }
    room.state(
        "@alice:local",
        "m.room.power_levels",
        "",
        json!({ "users": users }),
    );
    room.state(
        "@alice:local",
        "m.room.topic",
        "",
        json!({ "topic": "before" }),
    );
    room
}

#[test]
fn states_that_agree_need_no_change() {
    let room = room(&RoomVersionId::V12);
    let mut memory = Memory::default();
    let root = memory.take_in(&room);
    let cache = ChainCache::with_capacity(1_000);
    assert_eq!(
        resolve(&memory, &cache, room.rules(), &[root, root]).unwrap(),
        []
    );
    assert_eq!(resolve(&memory, &cache, room.rules(), &[]).unwrap(), []);
}

#[test]
fn of_two_topics_the_later_one_stays() {
    for version in OFFERED {
        let (mut left, mut right) = (room(&version), room(&version));
        left.state(
            "@alice:local",
            "m.room.topic",
            "",
            json!({ "topic": "left" }),
        );
        right.wait(100);
        let later = right.state(
            "@bob:local",
            "m.room.topic",
            "",
            json!({ "topic": "right" }),
        );
        let resolved = Memory::default().resolve(&[&left, &right]);
        assert_eq!(
            resolved[&key("m.room.topic", "")],
            *later.event_id(),
            "room version {version}"
        );
        assert_eq!(resolved, resolve_in_full(&[&left, &right]));
    }
}

#[test]
fn a_topic_by_one_who_is_banned_on_the_other_side_is_undone() {
    for version in OFFERED {
        let (mut left, mut right) = (room(&version), room(&version));
        let before = left.last().event_id().clone();
        let ban = left.member("@alice:local", "@bob:local", "ban");
        right.wait(100);
        right.state(
            "@bob:local",
            "m.room.topic",
            "",
            json!({ "topic": "right" }),
        );
        let resolved = Memory::default().resolve(&[&left, &right]);
        assert_eq!(
            resolved[&key("m.room.topic", "")],
            before,
            "room version {version}"
        );
        assert_eq!(
            resolved[&key("m.room.member", "@bob:local")],
            *ban.event_id()
        );
        assert_eq!(resolved, resolve_in_full(&[&left, &right]));
    }
}

#[test]
fn entries_of_one_side_only_are_kept_if_they_are_allowed() {
    for version in OFFERED {
        let (mut left, mut right) = (room(&version), room(&version));
        let dora = left.join("@dora:local");
        let name = right.state("@alice:local", "m.room.name", "", json!({ "name": "Tea" }));
        let resolved = Memory::default().resolve(&[&left, &right]);
        assert_eq!(
            resolved[&key("m.room.member", "@dora:local")],
            *dora.event_id(),
            "room version {version}"
        );
        assert_eq!(resolved[&key("m.room.name", "")], *name.event_id());
        assert_eq!(resolved, resolve_in_full(&[&left, &right]));
    }
}

#[test]
fn a_join_to_a_room_that_was_closed_meanwhile_is_undone() {
    for version in OFFERED {
        let (mut left, mut right) = (room(&version), room(&version));
        left.state(
            "@alice:local",
            "m.room.join_rules",
            "",
            json!({ "join_rule": "invite" }),
        );
        right.wait(100);
        right.join("@dora:local");
        let resolved = Memory::default().resolve(&[&left, &right]);
        assert!(
            !resolved.contains_key(&key("m.room.member", "@dora:local")),
            "room version {version}"
        );
        assert_eq!(resolved, resolve_in_full(&[&left, &right]));
    }
}

#[test]
fn three_sides_with_power_struggles_resolve_as_in_full() {
    for version in OFFERED {
        let mut sides = [room(&version), room(&version), room(&version)];
        let creator = if version == RoomVersionId::V12 {
            json!({})
        } else {
            json!({ "@alice:local": 100 })
        };
        let users = |bob: i64, carol: i64| {
            let mut users = creator.clone();
            users["@bob:local"] = bob.into();
            users["@carol:local"] = carol.into();
            json!({ "users": users })
        };
        sides[0].state("@alice:local", "m.room.power_levels", "", users(0, 50));
        sides[0].state(
            "@carol:local",
            "m.room.topic",
            "",
            json!({ "topic": "Carol's" }),
        );
        sides[1].wait(50);
        sides[1].state("@bob:local", "m.room.power_levels", "", users(50, 40));
        sides[1].member("@bob:local", "@carol:local", "leave");
        sides[2].wait(20);
        sides[2].join("@dora:local");
        sides[2].state(
            "@bob:local",
            "m.room.topic",
            "",
            json!({ "topic": "Bob's" }),
        );
        sides[2].wait(200);
        sides[2].member("@bob:local", "@dora:local", "ban");
        let sides: Vec<_> = sides.iter().collect();
        assert_eq!(
            Memory::default().resolve(&sides),
            resolve_in_full(&sides),
            "room version {version}"
        );
    }
}

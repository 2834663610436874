//! Removing events with everything that is stored of them.

use std::{collections::HashSet, sync::Arc};

use ruma::OwnedEventId;

use crate::{
    ids::{EventNid, RoomNid, UserNid},
    rooms::{
        Rooms,
        event::RoomEvent,
        relations::relation_of,
        rows::Place,
        state::{
            node::{Node, NodeHash},
            tree::StateRoot,
        },
        txn::Write,
    },
    storage::{Batch, Error, Result, Snapshot, tables},
};

/// Events that are to go, and the rows they take with them.
pub(super) struct Removal<'a> {
    rooms: &'a Rooms,
    snapshot: &'a Snapshot<'a>,
    room: RoomNid,
    events: Vec<Arc<RoomEvent>>,
    rows: Vec<EventRows>,
    /// Places in the timeline of events that are missing.
    dangling: Vec<Place>,
    nodes: HashSet<NodeHash>,
    former_states: HashSet<StateRoot>,
}

/// What is stored of one event.
struct EventRows {
    nid: EventNid,
    /// Whether the event itself and the way to it from its id are kept.
    stays: bool,
    id: OwnedEventId,
    place: Place,
    /// When it was sent, in milliseconds.
    time: u64,
    /// The event it refers to.
    relates_to: Option<String>,
    /// Where the transaction that made it may be noted.
    transactions: Vec<(UserNid, String, String)>,
}

impl<'a> Removal<'a> {
    pub(super) fn new(rooms: &'a Rooms, snapshot: &'a Snapshot<'a>, room: RoomNid) -> Self {
        let (events, rows, dangling, nodes, former_states) = Default::default();
        Self {
            rooms,
            snapshot,
            room,
            events,
            rows,
            dangling,
            nodes,
            former_states,
        }
    }

    /// Removes an event that stands at a place. A damaged room can be deleted, too: the event may be missing.
    pub(super) fn add(&mut self, place: Place, nid: EventNid) -> Result<Option<Arc<RoomEvent>>> {
        let Some(event) = self.rooms.event(self.snapshot, nid)? else {
            self.dangling.push(place);
            return Ok(None);
        };
        let rows = self.rows_of(&event)?;
        self.rows.push(rows);
        self.events.push(Arc::clone(&event));
        Ok(Some(event))
    }

    /// The same with the nodes of the states it names, when the whole room goes.
    pub(super) fn add_with_states(&mut self, place: Place, nid: EventNid) -> Result<()> {
        if let Some(event) = self.add(place, nid)? {
            self.add_state(event.row.state_before)?;
            self.add_state(event.row.state_after)?;
        }
        Ok(())
    }

    /// Removes everything but the event itself, which others have to find by its id.
    pub(super) fn strip(&mut self, event: &Arc<RoomEvent>) -> Result<()> {
        let mut rows = self.rows_of(event)?;
        rows.stays = true;
        self.rows.push(rows);
        self.events.push(Arc::clone(event));
        Ok(())
    }

    /// Removes the nodes of a state that no event which stays may name.
    pub(super) fn add_state(&mut self, root: StateRoot) -> Result<()> {
        if root == StateRoot::EMPTY {
            return Ok(());
        }
        self.sweep(NodeHash(root.0))
    }

    /// Keeps the name of a state that no event names any longer, for the day the room goes.
    pub(super) fn remember_state(&mut self, root: StateRoot) {
        self.former_states.insert(root);
    }

    /// Whether nothing goes.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.dangling.is_empty()
    }

    /// How many events go.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// The numbers of the first and the last event that go.
    pub(super) fn span(&self) -> Option<(EventNid, EventNid)> {
        let numbers = || self.events.iter().map(|event| event.nid);
        Some((numbers().min()?, numbers().max()?))
    }

    fn sweep(&mut self, hash: NodeHash) -> Result<()> {
        if !self.nodes.insert(hash) {
            return Ok(());
        }
        let Some(bytes) = tables::STATE_NODE.get(self.snapshot, hash.0)? else {
            return Ok(());
        };
        let node = Node::decode(&bytes)
            .map_err(|_| Error::Corrupt("a node of a state tree is malformed"))?;
        for child in node.children() {
            self.sweep(child)?;
        }
        Ok(())
    }

    fn rows_of(&self, event: &RoomEvent) -> Result<EventRows> {
        Ok(EventRows {
            nid: event.nid,
            stays: false,
            id: event.id().to_owned(),
            place: event.row.place,
            time: event.pdu.origin_server_ts().0.into(),
            relates_to: relation_of(&event.pdu).map(|relation| relation.event_id),
            transactions: self.rooms.transactions_of(self.snapshot, event)?,
        })
    }

    /// What to write.
    pub(super) fn into_writes(self) -> Result<Vec<Write>> {
        let Self {
            rooms,
            snapshot,
            room,
            events,
            rows,
            dangling,
            nodes,
            former_states,
        } = self;
        let mut writes = Vec::new();
        for eraser in rooms.erasers() {
            writes.extend(eraser.events(snapshot, room, &events)?);
        }
        for event in &events {
            rooms.drop_event(event.nid);
        }
        let floor = rooms.storage().interner().event_floor();
        writes.push(Box::new(move |batch, _| {
            tables::NEXT_EVENT.put(batch, (), &floor);
            for rows in &rows {
                rows.delete(batch, room);
            }
            for place in dangling {
                tables::TIMELINE.delete(batch, (room, place.pos, place.sub));
            }
            for hash in nodes {
                tables::STATE_NODE.delete(batch, hash.0);
            }
            for root in former_states {
                tables::FORMER_STATE.put(batch, (room, root.0), &());
            }
        }));
        Ok(writes)
    }
}

impl EventRows {
    fn delete(&self, batch: &mut Batch<'_>, room: RoomNid) {
        let place = self.place;
        if let Some(target) = &self.relates_to {
            tables::RELATION.delete(batch, (room, target, place.pos, place.sub));
        }
        for (user, device, key) in &self.transactions {
            tables::TRANSACTION.delete(batch, (*user, device, key));
        }
        if place != Place::default() {
            tables::TIMELINE.delete(batch, (room, place.pos, place.sub));
            tables::BY_TIME.delete(batch, (room, self.time, place.pos, place.sub));
            tables::PAST_EVENT.delete(batch, (room, self.nid));
        }
        tables::EVENT_TRANSACTION.delete(batch, self.nid);
        tables::UNUSUAL_TRANSACTION.delete(batch, self.nid);
        if !self.stays {
            tables::EVENT.delete(batch, self.nid);
            tables::EVENT_NID.delete(batch, &self.id);
            tables::AUTH_EDGES.delete(batch, self.nid);
            tables::OUTLIER.delete(batch, (room, self.nid));
            tables::PRUNED.delete(batch, (room, self.nid));
        }
    }
}

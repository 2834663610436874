//! Whether the rows of a database agree with each other (`fialka-server check --deep`).

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Display,
    sync::Arc,
};

use crate::{
    events::Pdu,
    ids::{EventNid, RoomNid, StreamPos},
    rooms::{
        rows::{Membership, Place, RoomSummary, Standing},
        state::{
            node::{Node, NodeHash},
            tree::{self, NodeStore},
        },
    },
    storage::{Error, Result, Snapshot, tables},
};

/// Problems that are listed; more are only counted.
const LISTED: usize = 100;

/// What a check found.
#[derive(Debug, Default)]
pub struct Report {
    /// Events that were read.
    pub events: u64,
    /// Rooms that were read.
    pub rooms: u64,
    /// Nodes of state trees that no event names. They do no harm but take space.
    pub orphans: u64,
    /// Transactions whose events were removed. They do no harm either.
    pub stale_transactions: u64,
    /// The first problems, in words.
    pub problems: Vec<String>,
    /// How many problems there are.
    pub count: u64,
}

impl Report {
    /// Whether everything agrees.
    pub fn is_clean(&self) -> bool {
        self.count == 0
    }

    fn problem(&mut self, what: impl Display) {
        self.count += 1;
        if self.problems.len() < LISTED {
            self.problems.push(what.to_string());
        }
    }

    fn expect(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.problem(otherwise());
        }
    }
}

/// Checks every invariant of the database.
pub fn check(snapshot: &Snapshot<'_>) -> Result<Report> {
    let mut report = Report::default();
    let last = tables::STREAM_POSITION
        .get(snapshot, ())?
        .unwrap_or(StreamPos::ZERO);
    let events = events(snapshot, &mut report)?;
    timeline(snapshot, last, &events, &mut report)?;
    report.stale_transactions = stale_transactions(snapshot)?;
    relations(snapshot, &events, &mut report)?;
    report.orphans = orphans(snapshot)?;
    for row in tables::ROOM.scan(snapshot, ())? {
        let (room, summary) = row?;
        report.rooms += 1;
        state(snapshot, room, &summary, &mut report)?;
        members(snapshot, room, &summary, &mut report)?;
        extremities(snapshot, room, &events, &mut report)?;
    }
    Ok(report)
}

/// What other rows are compared with.
struct Seen {
    room: RoomNid,
    place: Place,
    standing: Standing,
}

struct Events {
    by_number: HashMap<EventNid, Seen>,
    /// Events that others follow.
    followed: HashSet<String>,
    ids: HashMap<EventNid, String>,
}

/// Every event can be read, and its id leads back to it.
fn events(snapshot: &Snapshot<'_>, report: &mut Report) -> Result<Events> {
    let mut events = Events {
        by_number: HashMap::new(),
        followed: HashSet::new(),
        ids: HashMap::new(),
    };
    for row in tables::EVENT.scan(snapshot, ())? {
        let (nid, row) = row?;
        report.events += 1;
        let Ok(pdu) = Pdu::from_stored(&row.pdu) else {
            report.problem(format!("event {nid} cannot be parsed"));
            continue;
        };
        let found = tables::EVENT_NID.get(snapshot, pdu.event_id())?;
        report.expect(found == Some(nid), || {
            format!("the id {} does not lead to event {nid}", pdu.event_id())
        });
        if row.standing == Standing::Accepted {
            events
                .followed
                .extend(pdu.prev_events().iter().map(ToString::to_string));
        }
        events.ids.insert(nid, pdu.event_id().to_string());
        events.by_number.insert(
            nid,
            Seen {
                room: row.room,
                place: row.place,
                standing: row.standing,
            },
        );
    }
    for row in tables::EVENT_NID.scan(snapshot, ())? {
        let (id, nid) = row?;
        report.expect(events.by_number.contains_key(&nid), || {
            format!("the id {id} leads to no event")
        });
    }
    Ok(events)
}

/// The timeline has each event once, where the event says it is.
fn timeline(
    snapshot: &Snapshot<'_>,
    last: StreamPos,
    events: &Events,
    report: &mut Report,
) -> Result<()> {
    let mut placed = HashSet::new();
    let mut counted: HashMap<RoomNid, u64> = HashMap::new();
    for row in tables::TIMELINE.scan(snapshot, ())? {
        let ((room, pos, sub), row) = row?;
        let place = Place { pos, sub };
        let agrees = events
            .by_number
            .get(&row.event)
            .is_some_and(|seen| seen.room == room && seen.place == place);
        report.expect(agrees, || {
            format!(
                "the timeline of room {room} has event {} at another place",
                row.event
            )
        });
        report.expect(placed.insert(row.event), || {
            format!("event {} is in the timeline twice", row.event)
        });
        report.expect(pos <= last, || {
            format!("room {room} has an event after the end of the stream")
        });
        let before = counted.insert(room, row.notifying).unwrap_or(0);
        report.expect(before <= row.notifying, || {
            format!("the notifying events of room {room} become fewer")
        });
    }
    for (nid, seen) in &events.by_number {
        let missing = seen.place != Place::default()
            && seen.standing == Standing::Accepted
            && !placed.contains(nid);
        report.expect(!missing, || format!("event {nid} is not in the timeline"));
    }
    Ok(())
}

/// Every event that refers to another one is there.
fn relations(snapshot: &Snapshot<'_>, events: &Events, report: &mut Report) -> Result<()> {
    for row in tables::RELATION.scan(snapshot, ())? {
        let ((room, target, ..), (event, _)) = row?;
        let is_known = events.by_number.contains_key(&event);
        report.expect(is_known, || {
            format!("in room {room} a missing event {event} refers to {target}")
        });
    }
    Ok(())
}

/// How many nodes of state trees no event names, directly or through others.
fn orphans(snapshot: &Snapshot<'_>) -> Result<u64> {
    let mut reached = HashSet::new();
    for row in tables::EVENT.scan(snapshot, ())? {
        let (_, row) = row?;
        reach(snapshot, row.state_before.0, &mut reached)?;
        reach(snapshot, row.state_after.0, &mut reached)?;
    }
    for row in tables::FORMER_STATE.scan(snapshot, ())? {
        let ((_, root), ()) = row?;
        reach(snapshot, root, &mut reached)?;
    }
    let mut orphans = 0;
    for row in tables::STATE_NODE.scan(snapshot, ())? {
        orphans += u64::from(!reached.contains(&row?.0));
    }
    Ok(orphans)
}

fn reach(snapshot: &Snapshot<'_>, hash: [u8; 16], reached: &mut HashSet<[u8; 16]>) -> Result<()> {
    if !reached.insert(hash) {
        return Ok(());
    }
    let Some(bytes) = tables::STATE_NODE.get(snapshot, hash)? else {
        return Ok(());
    };
    let node =
        Node::decode(&bytes).map_err(|_| Error::Corrupt("a node of a state tree is malformed"))?;
    for child in node.children() {
        reach(snapshot, child.0, reached)?;
    }
    Ok(())
}

/// How many transactions made an event that is not there.
fn stale_transactions(snapshot: &Snapshot<'_>) -> Result<u64> {
    let mut stale = 0;
    for row in tables::TRANSACTION.scan(snapshot, ())? {
        let (_, event) = row?;
        stale += u64::from(!tables::EVENT_NID.contains(snapshot, &event)?);
    }
    Ok(stale)
}

/// The current state is the state of the room's root, and what the last changes made it.
fn state(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    summary: &RoomSummary,
    report: &mut Report,
) -> Result<()> {
    let nodes = StoredNodes(snapshot);
    let mut by_root = BTreeMap::new();
    for (key, event) in tree::entries(&nodes, summary.state_root())? {
        let name = tables::STATE_KEY_TEXT.get(snapshot, key)?;
        report.expect(name.is_some(), || {
            format!("room {room} has a state key {key} without a name")
        });
        by_root.insert(name.unwrap_or_default(), event);
    }
    let mut current = BTreeMap::new();
    for row in tables::CURRENT_STATE.scan(snapshot, (room,))? {
        let ((_, kind, state_key), event) = row?;
        current.insert(crate::storage::state_key_pair(&kind, &state_key), event);
    }
    report.expect(by_root == current, || {
        format!("the current state of room {room} is not that of its state tree")
    });
    let mut last = BTreeMap::new();
    for row in tables::STATE_DELTA.scan(snapshot, (room,))? {
        let ((_, _, key), (new, _)) = row?;
        last.insert(
            tables::STATE_KEY_TEXT
                .get(snapshot, key)?
                .unwrap_or_default(),
            new,
        );
    }
    last.retain(|_, event| *event != EventNid(0));
    report.expect(last == current, || {
        format!("the changes of room {room} do not lead to its current state")
    });
    Ok(())
}

/// Members, their counts and the users' lists of rooms agree.
fn members(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    summary: &RoomSummary,
    report: &mut Report,
) -> Result<()> {
    let mut counts: HashMap<Membership, u64> = HashMap::new();
    for row in tables::MEMBER.scan(snapshot, (room,))? {
        let ((_, membership, user), (event, _)) = row?;
        *counts.entry(membership).or_default() += 1;
        let listed = tables::USER_ROOM.get(snapshot, (user, room))?;
        let agrees = listed.is_some_and(|row| row.membership == membership && row.event == event);
        report.expect(agrees, || {
            format!("room {room} and user {user} do not agree on the membership")
        });
    }
    let counted = |membership| counts.get(&membership).copied().unwrap_or(0);
    let expected = [Membership::Join, Membership::Invite, Membership::Knock].map(counted);
    report.expect(
        expected == [summary.joined, summary.invited, summary.knocked],
        || format!("the summary of room {room} counts its members wrong"),
    );
    Ok(())
}

/// Extremities are events of the room that no other follows, and there is one.
fn extremities(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    events: &Events,
    report: &mut Report,
) -> Result<()> {
    let mut count = 0;
    for row in tables::EXTREMITY.scan(snapshot, (room,))? {
        let ((_, nid), ()) = row?;
        count += 1;
        let own = events
            .by_number
            .get(&nid)
            .is_some_and(|seen| seen.room == room);
        report.expect(own, || {
            format!("extremity {nid} is no event of room {room}")
        });
        let followed = events
            .ids
            .get(&nid)
            .is_some_and(|id| events.followed.contains(id));
        report.expect(!followed, || {
            format!("extremity {nid} of room {room} has a successor")
        });
    }
    report.expect(count > 0, || format!("room {room} has no extremity"));
    Ok(())
}

struct StoredNodes<'a>(&'a Snapshot<'a>);

impl NodeStore for StoredNodes<'_> {
    type Error = Error;

    fn node(&self, hash: &NodeHash) -> Result<Arc<Node>> {
        let bytes = tables::STATE_NODE.get(self.0, hash.0)?;
        let bytes = bytes.ok_or(Error::Corrupt("a node of a state tree is missing"))?;
        let node = Node::decode(&bytes)
            .map_err(|_| Error::Corrupt("a node of a state tree is malformed"))?;
        // A node stands where its hash says; anything else is a damaged disk.
        if node.encode().0 != *hash {
            return Err(Error::Corrupt("a node of a state tree is damaged"));
        }
        Ok(node)
    }
}

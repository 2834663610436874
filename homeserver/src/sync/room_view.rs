//! What both kinds of sync tell of a room: a stretch of its timeline and its state.

use std::{collections::BTreeMap, sync::Arc};

use ruma::events::TimelineEventType;

use crate::{
    error::ApiResult,
    ids::{EventNid, RoomNid, StateKeyNid, StreamPos},
    rooms::{
        Rooms,
        event::RoomEvent,
        gaps,
        rows::{Place, TimelineRow},
        timeline::Direction,
        viewer::Viewer,
    },
    storage::{Result, Snapshot, tables},
};

/// Rows that are looked at for one room at most, however few of them a filter takes.
const SCAN_LIMIT: usize = 1_000;

/// The newest events of a room that a client has not seen.
pub struct Stretch {
    /// The events, oldest first.
    pub events: Vec<Arc<RoomEvent>>,
    /// Whether events between the client's last answer and these were left out.
    pub limited: bool,
    /// The place before the first of them, where older events begin.
    pub start: Place,
}

impl Stretch {
    /// Whether the room begins with it.
    pub fn begins_room(&self) -> bool {
        let first = self.events.first();
        first.is_some_and(|event| *event.pdu.event_type() == TimelineEventType::RoomCreate)
    }
}

/// The newest events of a room with `from <= place < to` that the viewer may see and `wanted` takes. The stretch begins
/// where events before are missing, or were put in later: clients ask for those.
#[expect(
    clippy::too_many_arguments,
    reason = "a stretch is a range, a limit and who looks"
)]
pub fn stretch(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    viewer: &Viewer<'_>,
    from: Place,
    to: Place,
    limit: usize,
    mut wanted: impl FnMut(&RoomEvent) -> Result<bool>,
) -> ApiResult<Stretch> {
    let take = |_: &TimelineRow, event: &RoomEvent| {
        Ok(event.is_accepted() && wanted(event)? && viewer.may_see(event)?)
    };
    let gap = gaps::newest(snapshot, room, from, to)?;
    let from = gap.unwrap_or(from);
    let page = rooms.page(
        snapshot,
        room,
        from,
        to,
        Direction::Backward,
        limit,
        SCAN_LIMIT,
        take,
    )?;
    let mut events = page.events;
    events.reverse();
    let start = events
        .first()
        .map_or(page.next.unwrap_or(from), |event| event.row.place);
    Ok(Stretch {
        limited: page.next.is_some() || gap.is_some(),
        start,
        events,
    })
}

/// Changes of the current state with `from < position <= to`: for each key the event before and the event after them.
pub fn state_changes(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    from: StreamPos,
    to: StreamPos,
) -> Result<BTreeMap<StateKeyNid, (EventNid, EventNid)>> {
    let mut changes = BTreeMap::new();
    let (from, to) = (
        (room, from.plus(1), StateKeyNid(0)),
        (room, to.plus(1), StateKeyNid(0)),
    );
    for row in tables::STATE_DELTA.range(snapshot, from, to)? {
        let ((_, _, key), (new, old)) = row?;
        changes
            .entry(key)
            .and_modify(|(_, last)| *last = new)
            .or_insert((old, new));
    }
    Ok(changes)
}

/// Every state event at a position, without the members unless they are asked for.
///
/// The current state is read in order of its types, and what changed since is taken back: cheaper than the state tree
/// for the usual case that little changed, and it leaves thousands of members alone.
pub fn state_at(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    position: StreamPos,
    members: bool,
) -> Result<Vec<Arc<RoomEvent>>> {
    let interner = rooms.storage().interner();
    let mut state = BTreeMap::new();
    let member = "m.room.member".to_owned();
    let mut take = |row: Result<((RoomNid, String, String), EventNid)>| {
        row.map(|((_, kind, state_key), event)| state.insert((kind, state_key), event))
            .map(drop)
    };
    if members {
        tables::CURRENT_STATE
            .scan(snapshot, (room,))?
            .try_for_each(&mut take)?;
    } else {
        let (first, after) = (String::new(), format!("{member}\0"));
        tables::CURRENT_STATE
            .range(snapshot, (room, &first, &first), (room, &member, &first))?
            .try_for_each(&mut take)?;
        tables::CURRENT_STATE
            .range(
                snapshot,
                (room, &after, &first),
                (RoomNid(room.0 + 1), &first, &first),
            )?
            .try_for_each(&mut take)?;
    }
    for (key, (old, _)) in state_changes(snapshot, room, position, StreamPos(u64::MAX - 1))? {
        let (kind, state_key) = interner.state_key_text(key)?;
        if !members && kind == member {
            continue;
        }
        if old == EventNid(0) {
            state.remove(&(kind, state_key));
        } else {
            state.insert((kind, state_key), old);
        }
    }
    state
        .into_values()
        .map(|nid| rooms.known_event(snapshot, nid))
        .collect()
}

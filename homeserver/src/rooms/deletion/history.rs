//! Removing what was said in a room up to a place.

use std::sync::Arc;

use ruma::MilliSecondsSinceUnixEpoch;

use super::{JobRow, Stage, Task, events::Removal, reclaim::Reclaim};
use crate::{
    error::{ApiError, ApiResult},
    events::redact,
    ids::{EventNid, RoomNid, StreamPos},
    rooms::{
        Rooms,
        event::{Changed, RoomEvent},
        gaps, relations,
        rows::Place,
        state::tree::StateRoot,
        timeline::{Direction, rows},
        txn::Txn,
    },
    storage::{Result, Snapshot, tables},
};

/// Events that go in one commit.
const EVENTS: usize = 500;
/// Rows of the timeline that are looked at for one commit.
const ROWS: usize = 5_000;

/// What one step removed.
pub(in crate::rooms) struct Removed {
    /// Where to go on, if there may be more.
    next: Option<Place>,
    /// How many events went.
    count: usize,
    span: Option<(EventNid, EventNid)>,
}

impl Rooms {
    /// The next step of removing history.
    pub(super) async fn history_step(
        &self,
        id: &str,
        mut row: JobRow,
        reclaim: &mut Reclaim,
    ) -> ApiResult<JobRow> {
        let Task::PurgeHistory {
            pos,
            sub,
            local_events,
            next,
        } = row.task.clone()
        else {
            return Ok(row);
        };
        let (from, to) = (
            Place {
                pos: next.0,
                sub: next.1,
            },
            Place { pos, sub },
        );
        let (room, id) = (row.room, id.to_owned());
        let (row, removed) = self
            .write(room, move |txn| {
                let removed = remove_history(txn, from, to, local_events)?;
                row.events += removed.count as u64;
                row.stage = Stage::Erasing;
                match (removed.next, &mut row.task) {
                    (Some(place), Task::PurgeHistory { next, .. }) => {
                        *next = (place.pos, place.sub);
                    }
                    _ => {
                        row.stage = Stage::Done;
                        row.ended = Some(txn.rooms.clock().now());
                    }
                }
                let saved = row.clone();
                txn.write(move |batch, _| tables::DELETION_JOB.put(batch, &id, &saved));
                Ok((row, removed))
            })
            .await?;
        removed.count_into(reclaim, room);
        Ok(row)
    }

    /// Removes everything that was said in a room before a place, in bounded steps. It need not be remembered: whoever
    /// is interrupted finds the same place again.
    pub(in crate::rooms) async fn expire(
        &self,
        room: RoomNid,
        to: Place,
        reclaim: &mut Reclaim,
    ) -> ApiResult<()> {
        let mut from = Place::FIRST;
        loop {
            let removed = self
                .write(room, move |txn| remove_history(txn, from, to, true))
                .await?;
            removed.count_into(reclaim, room);
            match removed.next {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
    }

    /// The place of the first event of a time or later, or the end of the timeline.
    pub(super) fn place_at(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        time: MilliSecondsSinceUnixEpoch,
    ) -> Result<Place> {
        for row in rows(snapshot, room, Place::FIRST, Place::END, Direction::Forward)? {
            let (place, row) = row?;
            let event = self.event(snapshot, row.event)?;
            if event.is_some_and(|event| event.pdu.origin_server_ts() >= time) {
                return Ok(place);
            }
        }
        Ok(Place::END)
    }
}

impl Removed {
    fn count_into(&self, reclaim: &mut Reclaim, room: RoomNid) {
        if let Some(span) = self.span {
            reclaim.add(room, span, self.count);
        }
    }
}

/// Removes some of what stands in the room between two places.
fn remove_history(
    txn: &mut Txn<'_>,
    from: Place,
    to: Place,
    local_events: bool,
) -> ApiResult<Removed> {
    let (rooms, snapshot, room) = (txn.rooms, txn.snapshot, txn.room);
    let mut removal = Removal::new(rooms, snapshot, room);
    remove_pruned(txn, &mut removal)?;
    let mut state = state_at(rooms, snapshot, room, from)?;
    let mut last = None;
    let mut next = None;
    for (seen, found) in rows(snapshot, room, from, to, Direction::Forward)?.enumerate() {
        let (place, row) = found?;
        if removal.len() >= EVENTS || seen >= ROWS {
            next = Some(place);
            break;
        }
        last = Some((place.next(), row.notifying));
        if row.is_state {
            state = rooms.known_event(snapshot, row.event)?.row.state_after;
            continue;
        }
        let event = rooms.known_event(snapshot, row.event)?;
        if !local_events && event.pdu.sender().server_name() == rooms.server_name() {
            continue;
        }
        if event.row.state_before != state {
            removal.remember_state(event.row.state_before);
        }
        if is_extremity(txn, event.nid) {
            relations::forget(txn, &event)?;
            relations::forget_children(txn, &event)?;
            removal.strip(&event)?;
            take_out_of_timeline(txn, &event)?;
        } else {
            relations::forget(txn, &event)?;
            relations::forget_children(txn, &event)?;
            removal.add(place, event.nid)?;
        }
    }
    let removed = Removed {
        next,
        count: removal.len(),
        span: removal.span(),
    };
    if !removal.is_empty() {
        txn.head.waits = true;
        for write in removal.into_writes()? {
            txn.write(write);
        }
    }
    // What was removed here is not fetched from others again.
    for place in gaps::all(snapshot, room, from, next.unwrap_or(to))? {
        txn.write(move |batch, _| gaps::forget(batch, room, place));
    }
    if let Some((place, notifying)) = last.filter(|_| local_events) {
        move_start(txn, place, notifying)?;
    }
    Ok(removed)
}

/// Events that were kept because they were the newest, and no longer are.
fn remove_pruned(txn: &Txn<'_>, removal: &mut Removal<'_>) -> Result<()> {
    for row in tables::PRUNED.scan(txn.snapshot, (txn.room,))? {
        let ((_, event), ()) = row?;
        if !is_extremity(txn, event) {
            removal.add(Place::default(), event)?;
        }
    }
    Ok(())
}

fn is_extremity(txn: &Txn<'_>, event: EventNid) -> bool {
    txn.head.extremities.iter().any(|(nid, _)| *nid == event)
}

/// Keeps an event that the next one will name, but shows it to nobody.
fn take_out_of_timeline(txn: &mut Txn<'_>, event: &Arc<RoomEvent>) -> ApiResult<()> {
    let redacted = redact::redact(&event.pdu, txn.head.rules()).map_err(ApiError::internal)?;
    let mut row = event.row.clone();
    row.place = Place::default();
    row.pdu = redacted.to_stored();
    let (room, nid) = (txn.room, event.nid);
    txn.rooms.forget_event(nid, Changed::Redacted);
    txn.write(move |batch, _| {
        tables::EVENT.put(batch, nid, &row);
        tables::PRUNED.put(batch, (room, nid), &());
    });
    Ok(())
}

/// Notes that history begins at a place now.
fn move_start(txn: &mut Txn<'_>, place: Place, notifying: u64) -> Result<()> {
    let room = txn.room;
    let before = tables::HISTORY_START.get(txn.snapshot, room)?;
    let now = (place.pos, place.sub, notifying);
    if before.is_none_or(|before| before < now) {
        txn.head.waits = true;
        txn.write(move |batch, _| tables::HISTORY_START.put(batch, room, &now));
    }
    Ok(())
}

/// The state of the room at a place, as the last state event before it left it.
fn state_at(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    place: Place,
) -> Result<StateRoot> {
    if place == Place::FIRST {
        return Ok(StateRoot::EMPTY);
    }
    for row in rows(snapshot, room, Place::FIRST, place, Direction::Backward)? {
        let (_, row) = row?;
        if row.is_state {
            return Ok(rooms.known_event(snapshot, row.event)?.row.state_after);
        }
    }
    Ok(StateRoot::EMPTY)
}

/// Where a room's history begins, and how many events notified until there.
pub fn history_start(snapshot: &Snapshot<'_>, room: RoomNid) -> Result<(StreamPos, u64)> {
    let start = tables::HISTORY_START.get(snapshot, room)?;
    Ok(start.map_or((StreamPos::ZERO, 0), |(pos, _, notifying)| (pos, notifying)))
}

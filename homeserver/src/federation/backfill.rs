//! Fetching what was said in a room before this server was there, or while it was away.
//!
//! When somebody reads up to a gap, servers in the room are asked for the events before it. The state before the first
//! of them is asked for, too; from it follow the states at the others, and so who may see them.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#backfilling-and-retrieving-missing-events)

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use ruma::{OwnedEventId, OwnedServerName, ServerName, api::federation::backfill::get_backfill};
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::{Limits, inbound::gaps::Gap};
use crate::{
    Server,
    error::ApiResult,
    events::Pdu,
    flights::Flights,
    ids::RoomNid,
    rooms::{
        gaps,
        past::{PastEvent, Where},
        rows::Place,
    },
    storage::{Snapshot, tables},
};

/// Servers that are asked one after the other.
const MOST_SERVERS: usize = 5;
/// How long one who reads waits for what is fetched.
const PATIENCE: Duration = Duration::from_secs(20);
/// Events that are asked for at once, and taken from one answer.
const MOST_EVENTS: u32 = 100;
/// Events of one answer for which the state before them is asked for: where the history is forked, there are several.
const MOST_STATES: usize = 8;
/// How long a gap is left alone about which nobody could tell anything.
const REST: Duration = Duration::from_secs(60);
/// Gaps that are left alone at most; beyond that, the oldest are asked about again.
const MOST_RESTING: usize = 1_000;

/// What is under way, and what was tried in vain. Clones share it.
#[derive(Clone, Default)]
pub struct Backfill {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    flights: Flights<RoomNid>,
    resting: Mutex<HashMap<(RoomNid, Place), Duration>>,
    /// Events that were looked for, and until when they are not looked for again.
    sought: Mutex<HashMap<OwnedEventId, Duration>>,
}

/// The event after a gap, and who may know what was before it.
pub(super) struct End {
    missing: Vec<OwnedEventId>,
    pub(super) servers: Vec<OwnedServerName>,
}

impl Backfill {
    /// Has events fetched that belong before a place. Returns whether there are more of them now. Where that takes long,
    /// it goes on without whoever asked for it, and they find the events when they ask again.
    pub async fn fill(&self, server: &Server, room: RoomNid, place: Place) -> bool {
        let (this, all) = (self.clone(), server.clone());
        let (done, filled) = oneshot::channel();
        server.jobs.track(async move {
            tokio::select! {
                () = all.jobs.stopping() => {}
                // Whoever asked may have gone.
                filled = this.fill_now(&all, room, place) => drop(done.send(filled)),
            }
        });
        let filled = tokio::time::timeout(PATIENCE, filled).await;
        matches!(filled, Ok(Ok(true)))
    }

    async fn fill_now(&self, server: &Server, room: RoomNid, place: Place) -> bool {
        let _turn = self.inner.flights.board(room).await;
        if self.rests(server, (room, place)) {
            return false;
        }
        let filled = match fill(server, room, place).await {
            Ok(filled) => filled,
            Err(error) => {
                tracing::warn!(%error, %room, "the history of a room could not be fetched");
                false
            }
        };
        if !filled {
            self.rest(server, (room, place));
        }
        filled
    }

    /// Waits until nobody else changes the history of a room.
    pub(super) async fn turn(&self, room: RoomNid) -> OwnedMutexGuard<()> {
        self.inner.flights.board(room).await
    }

    /// Whether an event was looked for in vain a moment ago. If not, it counts as looked for from now on.
    pub(super) fn has_sought(&self, server: &Server, event: &OwnedEventId) -> bool {
        let now = server.clock.elapsed();
        let mut sought = self.inner.sought.lock();
        if sought.len() >= MOST_RESTING {
            sought.retain(|_, until| now < *until);
        }
        if sought.len() >= MOST_RESTING {
            sought.clear();
        }
        let before = sought.insert(event.clone(), now + REST);
        before.is_some_and(|until| now < until)
    }

    fn rests(&self, server: &Server, gap: (RoomNid, Place)) -> bool {
        let until = self.inner.resting.lock().get(&gap).copied();
        until.is_some_and(|until| server.clock.elapsed() < until)
    }

    fn rest(&self, server: &Server, gap: (RoomNid, Place)) {
        let now = server.clock.elapsed();
        let mut resting = self.inner.resting.lock();
        if resting.len() >= MOST_RESTING {
            resting.retain(|_, until| now < *until);
        }
        if resting.len() >= MOST_RESTING {
            resting.clear();
        }
        resting.insert(gap, now + REST);
    }
}

async fn fill(server: &Server, room: RoomNid, place: Place) -> ApiResult<bool> {
    // Somebody else may have filled it while this one waited.
    let Some(end) = end(server, room, place).await? else {
        return Ok(true);
    };
    for name in &end.servers {
        match fetch(server, (room, place), &end.missing, name).await {
            Ok(0) => {
                tracing::debug!(%room, server = %name, "a server knows no more of a room's history");
            }
            Ok(_) => return Ok(true),
            Err(error) => {
                tracing::info!(%error, server = %name, "a server did not tell of a room's history");
            }
        }
    }
    Ok(false)
}

/// The end of a gap; nothing if the gap is none any more.
pub(super) async fn end(server: &Server, room: RoomNid, place: Place) -> ApiResult<Option<End>> {
    let allowed = server.federation.clone();
    let read = server.rooms.read(move |rooms, snapshot| {
        let row = tables::TIMELINE.get(snapshot, (room, place.pos, place.sub))?;
        let Some(row) = row.filter(|_| gaps::is_open(snapshot, room, place).unwrap_or(false))
        else {
            return Ok(None);
        };
        let event = rooms.known_event(snapshot, row.event)?;
        let mut missing = Vec::new();
        for id in event.pdu.prev_events() {
            let known = rooms.event_by_id(snapshot, id)?;
            if known.is_none_or(|event| !event.has_state()) {
                missing.push(id.clone());
            }
        }
        let mut servers = Vec::new();
        if rooms.is_resident(snapshot, room)? {
            servers = by_members(snapshot, room)?;
            // Who sent the event knows what it follows.
            let sender = event.pdu.sender().server_name();
            servers.sort_by_key(|name| name != sender);
            servers.retain(|name| allowed.allows(name));
            servers.truncate(MOST_SERVERS);
        }
        Ok(Some(End { missing, servers }))
    });
    read.await
}

/// The other servers in a room, those with the most members first: they have been there the longest, probably.
pub(super) fn by_members(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
) -> ApiResult<Vec<OwnedServerName>> {
    let mut servers = Vec::new();
    for row in tables::ROOM_SERVER.scan(snapshot, (room,))? {
        let ((_, name), members) = row?;
        servers.push((Reverse(members), name));
    }
    servers.sort_unstable();
    Ok(servers.into_iter().map(|(_, name)| name).collect())
}

/// Asks a server for the events before a gap's end, and puts them in. Returns how many there were.
async fn fetch(
    server: &Server,
    (room, place): (RoomNid, Place),
    missing: &[OwnedEventId],
    name: &ServerName,
) -> ApiResult<usize> {
    let gap = Gap::of(server, room, name).await?;
    let room_id = gap.room_id.clone();
    let request = get_backfill::v1::Request::new(room_id, missing.to_vec(), MOST_EVENTS.into());
    let answer = gap.ask(request, Limits::QUERY).await?;
    let mut events = answer.pdus;
    events.truncate(MOST_EVENTS as usize);
    let events = gap.verified(events).await?;
    let past = complete(&gap, in_order(missing, events)).await?;
    if past.is_empty() {
        return Ok(0);
    }
    let write = server
        .rooms
        .write(room, move |txn| txn.fill(place, Where::AtTheEnd, past));
    write.await
}

/// Adds to events, each after those before it, the states that do not follow from one another; and fetches what allows
/// them.
pub(super) async fn complete(gap: &Gap<'_>, events: Vec<Pdu>) -> ApiResult<Vec<PastEvent>> {
    let ids: HashSet<OwnedEventId> = events.iter().map(|pdu| pdu.event_id().clone()).collect();
    let mut past = Vec::with_capacity(events.len());
    let mut states = 0;
    for pdu in events {
        let behind = pdu.prev_events().iter().filter(|id| !ids.contains(*id));
        let state = if without_state(gap, behind.cloned().collect()).await? {
            states += 1;
            if states > MOST_STATES {
                continue;
            }
            match gap.state_before(&pdu).await {
                Ok(state) => Some(state),
                Err(error) => {
                    tracing::info!(%error, event = %pdu.event_id(), "the state before an event cannot be had");
                    continue;
                }
            }
        } else {
            None
        };
        let allowing = pdu.auth_events().iter().filter(|id| !ids.contains(*id));
        let unknown = gap.unknown(allowing.cloned().collect()).await?;
        if !unknown.is_empty() {
            gap.fetch_auth(&pdu, unknown).await?;
        }
        past.push(PastEvent { pdu, state });
    }
    Ok(past)
}

/// Whether the state at one of these events is not known.
async fn without_state(gap: &Gap<'_>, ids: Vec<OwnedEventId>) -> ApiResult<bool> {
    if ids.is_empty() {
        return Ok(false);
    }
    let read = gap.server.rooms.read(move |rooms, snapshot| {
        for id in &ids {
            let known = rooms.event_by_id(snapshot, id)?;
            if known.is_none_or(|event| !event.has_state()) {
                return Ok(true);
            }
        }
        Ok(false)
    });
    read.await
}

/// Those of the events that lead to the missing ones, each after those before it.
fn in_order(missing: &[OwnedEventId], events: Vec<Pdu>) -> Vec<Pdu> {
    let by_id: HashMap<OwnedEventId, Pdu> = events
        .into_iter()
        .map(|pdu| (pdu.event_id().clone(), pdu))
        .collect();
    let mut wanted = HashSet::new();
    let mut ahead: Vec<&OwnedEventId> = missing.iter().collect();
    while let Some(id) = ahead.pop() {
        if let Some(pdu) = by_id.get(id)
            && wanted.insert(pdu.event_id())
        {
            ahead.extend(pdu.prev_events());
        }
    }
    let mut followers: HashMap<&OwnedEventId, Vec<&OwnedEventId>> = HashMap::new();
    let mut waits_for: HashMap<&OwnedEventId, usize> = HashMap::new();
    let mut ready = BinaryHeap::new();
    for id in wanted.iter().copied() {
        let before: HashSet<_> = by_id[id].prev_events().iter().collect();
        let before: Vec<_> = before
            .into_iter()
            .filter(|id| wanted.contains(id))
            .collect();
        if before.is_empty() {
            ready.push(Reverse((by_id[id].depth(), id)));
        }
        waits_for.insert(id, before.len());
        for before in before {
            followers.entry(before).or_default().push(id);
        }
    }
    let mut ordered = Vec::with_capacity(wanted.len());
    while let Some(Reverse((_, id))) = ready.pop() {
        ordered.push(by_id[id].clone());
        for follower in followers.remove(id).unwrap_or_default() {
            if let Some(left) = waits_for.get_mut(follower) {
                *left -= 1;
                if *left == 0 {
                    ready.push(Reverse((by_id[follower].depth(), follower)));
                }
            }
        }
    }
    ordered
}

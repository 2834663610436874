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
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedServerName, ServerName,
    api::federation::{
        backfill::get_backfill,
        event::{get_event, get_event_by_timestamp},
    },
};
use tokio::sync::oneshot;

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
        timeline::Direction,
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
    resting: Mutex<HashMap<(RoomNid, Place), MilliSecondsSinceUnixEpoch>>,
}

/// A time in a room's history.
pub struct Sought {
    /// The time.
    pub time: MilliSecondsSinceUnixEpoch,
    /// On which side of it an event is sought.
    pub direction: Direction,
    /// The time of the nearest event that is known.
    pub known: Option<MilliSecondsSinceUnixEpoch>,
}

impl Sought {
    /// Whether an event of a time is nearer than the one that is known.
    fn is_nearer(&self, time: MilliSecondsSinceUnixEpoch) -> bool {
        match self.direction {
            Direction::Forward => time >= self.time && self.known.is_none_or(|known| time < known),
            Direction::Backward => time <= self.time && self.known.is_none_or(|known| time > known),
        }
    }
}

/// The event after a gap, and who may know what was before it.
struct End {
    missing: Vec<OwnedEventId>,
    servers: Vec<OwnedServerName>,
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

    /// Has the event fetched that is nearest to a time, if it may lie in a gap. Returns whether there is one.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1timestamp_to_eventroomid)
    pub async fn find(&self, server: &Server, gap: (RoomNid, Place), sought: &Sought) -> bool {
        let _turn = self.inner.flights.board(gap.0).await;
        match find(server, gap, sought).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, room = %gap.0, "an event of a time could not be fetched");
                false
            }
        }
    }

    fn rests(&self, server: &Server, gap: (RoomNid, Place)) -> bool {
        let until = self.inner.resting.lock().get(&gap).copied();
        until.is_some_and(|until| server.clock.now() < until)
    }

    fn rest(&self, server: &Server, gap: (RoomNid, Place)) {
        let now = server.clock.now();
        let rest = u32::try_from(REST.as_millis()).unwrap_or(u32::MAX);
        let mut resting = self.inner.resting.lock();
        if resting.len() >= MOST_RESTING {
            resting.retain(|_, until| now < *until);
        }
        if resting.len() >= MOST_RESTING {
            resting.clear();
        }
        resting.insert(gap, MilliSecondsSinceUnixEpoch(now.0 + rest.into()));
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
async fn end(server: &Server, room: RoomNid, place: Place) -> ApiResult<Option<End>> {
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
fn by_members(snapshot: &Snapshot<'_>, room: RoomNid) -> ApiResult<Vec<OwnedServerName>> {
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

async fn find(
    server: &Server,
    (room, place): (RoomNid, Place),
    sought: &Sought,
) -> ApiResult<bool> {
    let Some(end) = end(server, room, place).await? else {
        return Ok(true);
    };
    for name in &end.servers {
        match fetch_nearest(server, (room, place), name, sought).await {
            Ok(false) => {}
            Ok(true) => return Ok(true),
            Err(error) => {
                tracing::info!(%error, server = %name, "a server did not tell of an event of a time");
            }
        }
    }
    Ok(false)
}

async fn fetch_nearest(
    server: &Server,
    (room, place): (RoomNid, Place),
    name: &ServerName,
    sought: &Sought,
) -> ApiResult<bool> {
    let gap = Gap::of(server, room, name).await?;
    let direction = match sought.direction {
        Direction::Forward => ruma::api::Direction::Forward,
        Direction::Backward => ruma::api::Direction::Backward,
    };
    let request =
        get_event_by_timestamp::v1::Request::new(gap.room_id.clone(), sought.time, direction);
    let nearest = gap.ask(request, Limits::QUERY).await?;
    if !sought.is_nearer(nearest.origin_server_ts) {
        return Ok(false);
    }
    let request = get_event::v1::Request::new(nearest.event_id.clone());
    let event = gap.ask(request, Limits::QUERY).await?.pdu;
    let mut events = gap.verified(vec![event]).await?;
    events.retain(|pdu| *pdu.event_id() == nearest.event_id);
    let past = complete(&gap, events).await?;
    let write = server
        .rooms
        .write(room, move |txn| txn.fill(place, Where::Within, past));
    Ok(write.await? > 0)
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

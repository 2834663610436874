//! Fetching single events of a room's past: the one nearest to a time, or one that somebody names.
//!
//! Such an event gets a place within a gap: more is missing before it and behind it.

use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedEventId, ServerName,
    api::federation::event::{get_event, get_event_by_timestamp},
};

use super::{
    Limits,
    backfill::{Backfill, complete, end},
    inbound::gaps::Gap,
};
use crate::{
    Server,
    error::ApiResult,
    events::Pdu,
    ids::RoomNid,
    rooms::{gaps, past::Where, rows::Place, timeline::Direction},
    storage::tables,
};

/// Gaps among which the one is chosen in which an event belongs.
const MOST_GAPS: usize = 200;

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

impl Backfill {
    /// Has the event fetched that is nearest to a time, if it may lie in a gap. Returns whether there is one.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1timestamp_to_eventroomid)
    pub async fn find(&self, server: &Server, gap: (RoomNid, Place), sought: &Sought) -> bool {
        let _turn = self.turn(gap.0).await;
        match find(server, gap, sought).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, room = %gap.0, "an event of a time could not be fetched");
                false
            }
        }
    }

    /// Has an event fetched that is not known here, but may be older than what is. Returns whether it is there now.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1eventeventid)
    pub async fn fetch(&self, server: &Server, room: RoomNid, id: &OwnedEventId) -> bool {
        if self.has_sought(server, id) {
            return false;
        }
        let _turn = self.turn(room).await;
        match fetch(server, room, id).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, %room, event = %id, "an event could not be fetched");
                false
            }
        }
    }
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
    let (gap, event) = fetch_from(server, room, name, &nearest.event_id).await?;
    put(&gap, place, vec![event]).await
}

/// Fetches an event if it is missing here, and puts it into the gap in which it belongs.
async fn fetch(server: &Server, room: RoomNid, id: &OwnedEventId) -> ApiResult<bool> {
    let gaps = open_gaps(server, room, id.clone()).await?;
    let Some(&(newest, _)) = gaps.last() else {
        return Ok(false);
    };
    let Some(end) = end(server, room, newest).await? else {
        return Ok(false);
    };
    for name in &end.servers {
        match fetch_from(server, room, name, id).await {
            Ok((gap, pdu)) => {
                let after = gaps.iter().find(|(_, depth)| pdu.depth() < *depth);
                let place = after.map_or(newest, |(place, _)| *place);
                return put(&gap, place, vec![pdu]).await;
            }
            Err(error) => {
                tracing::debug!(%error, server = %name, event = %id, "a server did not tell of an event");
            }
        }
    }
    Ok(false)
}

/// Where events are missing before those of which depths, oldest first; nowhere if the event is known.
async fn open_gaps(
    server: &Server,
    room: RoomNid,
    id: OwnedEventId,
) -> ApiResult<Vec<(Place, u64)>> {
    let read = server.rooms.read(move |rooms, snapshot| {
        let known = rooms.event_by_id(snapshot, &id)?;
        if known.is_some_and(|event| event.has_state()) {
            return Ok(Vec::new());
        }
        let mut open = Vec::new();
        for place in gaps::all(snapshot, room, Place::FIRST, Place::END)? {
            if !gaps::is_open(snapshot, room, place)? || open.len() == MOST_GAPS {
                continue;
            }
            if let Some(row) = tables::TIMELINE.get(snapshot, (room, place.pos, place.sub))? {
                let event = rooms.known_event(snapshot, row.event)?;
                open.push((place, event.pdu.depth()));
            }
        }
        Ok(open)
    });
    read.await
}

/// Asks a server for an event.
async fn fetch_from<'a>(
    server: &'a Server,
    room: RoomNid,
    name: &'a ServerName,
    id: &OwnedEventId,
) -> ApiResult<(Gap<'a>, Pdu)> {
    let gap = Gap::of(server, room, name).await?;
    let request = get_event::v1::Request::new(id.clone());
    let event = gap.ask(request, Limits::QUERY).await?.pdu;
    let mut events = gap.verified(vec![event]).await?;
    events.retain(|pdu| pdu.event_id() == id);
    let event = events
        .pop()
        .ok_or_else(|| crate::ApiError::not_found("The other server gave out something else."))?;
    Ok((gap, event))
}

async fn put(gap: &Gap<'_>, place: Place, events: Vec<Pdu>) -> ApiResult<bool> {
    let past = complete(gap, events).await?;
    let rooms = &gap.server.rooms;
    let write = rooms.write(gap.room, move |txn| txn.fill(place, Where::Within, past));
    Ok(write.await? > 0)
}

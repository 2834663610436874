//! [`/events`](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3events): what clients polled before there
//! was `/sync`, and some still do. It is also the way to look into a room whose history is open to the world without
//! entering it.

use std::time::Duration;

use axum::{Router, extract::State};
use ruma::{
    OwnedEventId, OwnedRoomId, RoomId,
    api::client::{peeking::listen_to_new_events, sync::sync_events},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    legacy_routes::{as_of_old, reader},
    token::SyncToken,
    wait::Poll,
};
use crate::{
    ApiError, ApiResult, Server,
    http::{Nothing, Own, Raw, RouterExt, Ruma, json},
    ids::StreamPos,
    presence::State as Presence,
    rooms::{Rooms, history::PageQuery, timeline::Direction},
    users::Session,
};

/// Events of one answer of `/events`.
const MAX_EVENTS: usize = 100;
/// How often a room is looked at whose changes wake nobody here.
const PEEK_EVERY: Duration = Duration::from_millis(500);

/// The endpoints.
pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(events)
        .ruma_route_at("/_matrix/client/r0/events/{event_id}", one_event)
        .ruma_route_at("/_matrix/client/v3/events/{event_id}", one_event)
}

/// What `/events` takes.
#[derive(Deserialize)]
struct Events {
    from: Option<String>,
    timeout: Option<u64>,
    room_id: Option<OwnedRoomId>,
}

type EventsRequest = Own<listen_to_new_events::v3::Request, Nothing, Nothing, Events>;

/// New events of the user's rooms, or of one room that the user may look into.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3events)
async fn events(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<EventsRequest>,
) -> ApiResult<Raw> {
    let Events {
        from,
        timeout,
        room_id,
    } = request.query;
    let device = &session.device_id;
    let _present = server
        .presence
        .begin_poll(session.user, device, Presence::Online)
        .await?;
    let epoch = server.storage.epoch();
    let since = match &from {
        Some(token) => SyncToken::parse_since(token, epoch)?,
        None => None,
    };
    let since = since.unwrap_or_else(|| server.storage.position());
    let token = |pos| SyncToken::at(epoch, pos).to_string();
    let name = format!("{} /events", session.device_id);
    let timeout = timeout.map(Duration::from_millis);
    let mut poll = Poll::begin(&server, session.user, name, timeout)?;
    let mut upto = server.storage.position();
    loop {
        let (chunk, end) = match &room_id {
            Some(room_id) => new_in_room(&server, &session, room_id, (since, upto)).await?,
            None => new_in_rooms(&server, &session, (since, upto)).await?,
        };
        if !chunk.is_empty() || poll.is_over() {
            let chunk: Vec<Value> = chunk.into_iter().map(|(_, event)| event).collect();
            let answer = json!({ "start": token(since), "end": token(end), "chunk": chunk });
            return json(&answer).map(Raw);
        }
        upto = match &room_id {
            Some(_) => {
                // The room may be one whose changes wake nobody: who is not in it cannot be attached to it.
                let soon = tokio::time::timeout(PEEK_EVERY, poll.next(upto)).await;
                soon.map_or_else(|_| server.storage.position(), |(position, _)| position)
            }
            None => poll.next(upto).await.0,
        };
    }
}

/// Events by their position, and up to where they were looked for.
type New = (Vec<(StreamPos, Value)>, StreamPos);

async fn new_in_room(
    server: &Server,
    session: &Session,
    room_id: &RoomId,
    (since, upto): (StreamPos, StreamPos),
) -> ApiResult<New> {
    let new = server
        .rooms
        .look(reader(session), room_id, move |look| {
            let query = PageQuery {
                from: Some(Rooms::end_at(since)),
                to: Some(Rooms::end_at(upto)),
                direction: Direction::Forward,
                limit: MAX_EVENTS,
            };
            let (_, page) = look.messages(&query, |_| Ok(true))?;
            let end = page.next.map_or(upto, |next| {
                StreamPos(next.pos.0.saturating_sub(1)).max(since)
            });
            let shown = as_of_old(look.show_all(&page.events)?)?;
            let places = page.events.iter().map(|event| event.row.place.pos);
            Ok((places.zip(shown).collect(), end))
        })
        .await?;
    Ok(new)
}

async fn new_in_rooms(
    server: &Server,
    session: &Session,
    (since, upto): (StreamPos, StreamPos),
) -> ApiResult<New> {
    let (mut all, mut end) = (Vec::new(), upto);
    for room in server.hub.rooms_changed(session.user, since) {
        let room_id = server.rooms.room_id(room)?;
        let is_joined = server.rooms.require_joined(&session.user_id, room).is_ok();
        if is_joined {
            let (events, until) = new_in_room(server, session, &room_id, (since, upto)).await?;
            all.extend(events);
            end = end.min(until);
        }
    }
    all.retain(|(pos, _)| *pos <= end);
    all.sort_by_key(|(pos, _)| *pos);
    Ok((all, end))
}

/// One event of any room that the user may look into.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3eventseventid)
async fn one_event(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<sync_events::v3::Request, (OwnedEventId,), Nothing>>,
) -> ApiResult<Raw> {
    let (id,) = request.path;
    let unknown = || ApiError::not_found("There is no such event, or you may not see it.");
    let wanted = id.clone();
    let room = server
        .rooms
        .read(move |rooms, snapshot| Ok(rooms.event_by_id(snapshot, &wanted)?))
        .await?;
    let room_id = server.rooms.room_id(room.ok_or_else(unknown)?.row.room)?;
    let event = server.rooms.look(reader(&session), &room_id, move |look| {
        look.show::<Value>(&*look.event(&id)?)
    });
    let event = event.await.map_err(|error| match error.status() {
        http::StatusCode::FORBIDDEN => unknown(),
        _ => error,
    })?;
    json(&event).map(Raw)
}

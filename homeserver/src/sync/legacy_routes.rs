//! What clients called before there was `/sync`, and some still call:
//! [`/events`](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3events) and
//! [`/initialSync`](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3initialsync).
//!
//! `/events` is also the way to look into a room whose history is open to the world without entering it.

use std::time::Duration;

use axum::{Router, extract::State};
use ruma::{
    OwnedEventId, OwnedRoomId, RoomId, UInt,
    api::client::{
        filter::Filter,
        peeking::{get_current_state, listen_to_new_events},
        sync::sync_events,
    },
    serde::Raw as RawJson,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    account_data::datum_event,
    presence,
    token::{SyncToken, timeline_token},
    wait::Poll,
};
use crate::{
    ApiError, ApiResult, Server,
    account_data::IgnoredUsers,
    http::{Nothing, Own, Raw, RouterExt, Ruma, json},
    ids::StreamPos,
    presence::{Audience, joined_rooms},
    rooms::{
        Rooms,
        history::PageQuery,
        look::{Look, Reader},
        rows::Membership,
        timeline::Direction,
    },
    users::Session,
};

/// Messages of each room, unless the client says otherwise.
const DEFAULT_LIMIT: usize = 10;
/// Messages of each room at most.
const MAX_LIMIT: usize = 100;
/// Events of one answer of `/events`.
const MAX_EVENTS: usize = 100;
/// How often a room is looked at whose changes wake nobody here.
const PEEK_EVERY: Duration = Duration::from_millis(500);

/// The endpoints.
pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(events)
        .ruma_route(room_initial_sync)
        .ruma_route_at("/_matrix/client/r0/initialSync", initial_sync)
        .ruma_route_at("/_matrix/client/v3/initialSync", initial_sync)
        .ruma_route_at("/_matrix/client/r0/events/{event_id}", one_event)
        .ruma_route_at("/_matrix/client/v3/events/{event_id}", one_event)
}

fn reader(session: &Session) -> Reader {
    Reader {
        user: session.user_id.clone(),
        device: session.device_id.clone(),
    }
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
            let shown: Vec<RawJson<Value>> = look.show_all(&page.events)?;
            let mut events = Vec::with_capacity(shown.len());
            for (event, shown) in page.events.iter().zip(shown) {
                let shown = shown.deserialize().map_err(ApiError::internal)?;
                events.push((event.row.place.pos, shown));
            }
            Ok((events, end))
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

/// A room's state and its newest messages.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidinitialsync)
async fn room_initial_sync(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<get_current_state::v3::Request, (OwnedRoomId,), Nothing, InitialSync>>,
) -> ApiResult<Raw> {
    let (room_id,) = request.path;
    let limit = limit(request.query.limit);
    let info = room_info(&server, &session, &room_id, limit).await?;
    json(&info).map(Raw)
}

async fn room_info(
    server: &Server,
    session: &Session,
    room_id: &RoomId,
    limit: usize,
) -> ApiResult<Value> {
    let (user, all) = (session.user, server.clone());
    let is_public = server.rooms.is_public(room_id.to_owned()).await?;
    server
        .rooms
        .look(reader(session), room_id, move |look| {
            let mut info = look_around(look, limit)?;
            let data = all
                .account_data
                .all_in_room(look.snapshot(), user, look.room)?;
            let data: Vec<RawJson<Value>> =
                data.iter().map(datum_event).collect::<ApiResult<_>>()?;
            info["account_data"] = json!(data);
            info["visibility"] = if is_public { "public" } else { "private" }.into();
            Ok(info)
        })
        .await
}

fn look_around(look: &Look<'_>, limit: usize) -> ApiResult<Value> {
    let query = PageQuery {
        from: None,
        to: None,
        direction: Direction::Backward,
        limit,
    };
    let (end, mut page) = look.messages(&query, |_| Ok(true))?;
    page.events.reverse();
    let start = page.events.first().map_or(end, |event| event.row.place);
    let chunk: Vec<RawJson<Value>> = look.show_all(&page.events)?;
    let state: Vec<RawJson<Value>> = look.show_all(&look.state()?)?;
    let mut info = json!({
        "room_id": look.room_id,
        "messages": {
            "start": timeline_token(start),
            "end": timeline_token(end),
            "chunk": chunk,
        },
        "state": state,
    });
    if let Some(membership) = look.membership() {
        info["membership"] = membership.as_str().into();
    }
    Ok(info)
}

/// What `/initialSync` takes.
#[derive(Deserialize)]
struct InitialSync {
    limit: Option<UInt>,
    archived: Option<bool>,
}

fn limit(asked: Option<UInt>) -> usize {
    asked
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(DEFAULT_LIMIT)
        .min(MAX_LIMIT)
}

/// All of the user's rooms with their state and newest messages.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3initialsync)
async fn initial_sync(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<sync_events::v3::Request, Nothing, Nothing, InitialSync>>,
) -> ApiResult<Raw> {
    let InitialSync {
        limit: asked,
        archived,
    } = request.query;
    let limit = limit(asked);
    // The position first: what changes while the rooms are read is told again by `/events`.
    let end = SyncToken::at(server.storage.epoch(), server.storage.position());
    let user = session.user;
    let mut memberships = vec![Membership::Join, Membership::Invite];
    if archived == Some(true) {
        memberships.extend([Membership::Leave, Membership::Ban]);
    }
    let found = server
        .rooms
        .read(move |rooms, snapshot| Ok(rooms.rooms_of(snapshot, user, &memberships)?))
        .await?;
    let mut rooms = Vec::with_capacity(found.len());
    for room in found {
        let room_id = server.rooms.room_id(room)?;
        match room_info(&server, &session, &room_id, limit).await {
            Ok(info) => rooms.push(info),
            // Who was only ever invited may not look into the room.
            Err(error) if error.status() == http::StatusCode::FORBIDDEN => {
                rooms.extend(invitation(&server, &session, &room_id).await?);
            }
            Err(error) => return Err(error),
        }
    }
    let all = server.clone();
    let user_id = session.user_id.clone();
    let (data, presence) = server
        .storage
        .read(move |snapshot| {
            let told = presence::Told {
                user,
                filter: &Filter::default(),
                ignored: &IgnoredUsers::of(snapshot, user, &user_id)?,
            };
            let audience = Audience {
                rooms: joined_rooms(snapshot, user)?,
                ..Audience::default()
            };
            let presence: Vec<RawJson<Value>> =
                presence::events(&all, snapshot, &told, None, &audience)?;
            let data = all.account_data.all(snapshot, user)?;
            let global = data
                .iter()
                .filter(|datum| datum.scope == crate::account_data::Scope::Global);
            let data = global
                .map(datum_event)
                .collect::<ApiResult<Vec<RawJson<Value>>>>()?;
            ApiResult::Ok((data, presence))
        })
        .await?;
    let answer = json!({
        "end": end.to_string(),
        "rooms": rooms,
        "presence": presence,
        "account_data": data,
    });
    json(&answer).map(Raw)
}

/// A room that the user is invited to.
async fn invitation(
    server: &Server,
    session: &Session,
    room_id: &RoomId,
) -> ApiResult<Option<Value>> {
    server
        .rooms
        .look(reader(session), room_id, |look| {
            if look.membership() != Some(Membership::Invite) {
                return Ok(None);
            }
            let mut info = json!({ "room_id": look.room_id, "membership": "invite" });
            if let Some(event) = look.own_membership_event()? {
                info["invite"] = json!(look.show::<Value>(&event)?);
            }
            Ok(Some(info))
        })
        .await
}

//! What clients called before there was `/sync`, and some still call:
//! [`/initialSync`](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3initialsync) of all rooms and of one.

use axum::{Router, extract::State};
use roaring::RoaringBitmap;
use ruma::{
    OwnedRoomId, RoomId, UInt,
    api::client::{filter::Filter, peeking::get_current_state, sync::sync_events},
    serde::Raw as RawJson,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    account_data::datum_event,
    ephemeral, legacy_event_routes, presence,
    token::{SyncToken, timeline_token},
};
use crate::{
    ApiError, ApiResult, Server,
    account_data::IgnoredUsers,
    http::{Nothing, Own, Raw, RouterExt, Ruma, json},
    ids::{RoomNid, StreamPos},
    presence::{Entered, State as Presence, joined_rooms},
    rooms::{
        history::PageQuery,
        look::{Look, Reader},
        rows::Membership,
        timeline::Direction,
    },
    storage::Snapshot,
    users::Session,
};

/// Messages of each room, unless the client says otherwise.
const DEFAULT_LIMIT: usize = 10;
/// Messages of each room at most.
const MAX_LIMIT: usize = 100;

/// The endpoints.
pub(super) fn router() -> Router<Server> {
    Router::new()
        .merge(legacy_event_routes::router())
        .ruma_route(room_initial_sync)
        .ruma_route_at("/_matrix/client/r0/initialSync", initial_sync)
        .ruma_route_at("/_matrix/client/v3/initialSync", initial_sync)
}

pub(super) fn reader(session: &Session) -> Reader {
    Reader {
        user: session.user_id.clone(),
        device: session.device_id.clone(),
    }
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
    let session = session.clone();
    let is_public = server.rooms.is_public(room_id.to_owned()).await?;
    server
        .rooms
        .look(reader(&session), room_id, move |look| {
            let mut info = look_around(look, limit)?;
            let data = all
                .account_data
                .all_in_room(look.snapshot(), user, look.room)?;
            let data: Vec<RawJson<Value>> =
                data.iter().map(datum_event).collect::<ApiResult<_>>()?;
            info["account_data"] = json!(data);
            info["visibility"] = if is_public { "public" } else { "private" }.into();
            // Who is not in the room any more learns nothing of those who are.
            let beside = match look.membership() {
                Some(Membership::Join) => {
                    let room = RoaringBitmap::from_iter([look.room.0]);
                    Beside::of(&all, look.snapshot(), &session, &room)?
                }
                _ => Beside::default(),
            };
            info["presence"] = json!(beside.presence);
            info["receipts"] = json!(beside.receipts);
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
    let chunk = as_of_old(look.show_all(&page.events)?)?;
    let state = as_of_old(look.show_all(&look.state()?)?)?;
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
    let device = &session.device_id;
    let _present = server
        .presence
        .begin_poll(session.user, device, Presence::Online)
        .await?;
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
    let (all, reader) = (server.clone(), session.clone());
    let (data, beside) = server
        .storage
        .read(move |snapshot| {
            let beside = Beside::of(&all, snapshot, &reader, &joined_rooms(snapshot, user)?)?;
            let data = all.account_data.all(snapshot, user)?;
            let global = data
                .iter()
                .filter(|datum| datum.scope == crate::account_data::Scope::Global);
            let data = global
                .map(datum_event)
                .collect::<ApiResult<Vec<RawJson<Value>>>>()?;
            ApiResult::Ok((data, beside))
        })
        .await?;
    let answer = json!({
        "end": end.to_string(),
        "rooms": rooms,
        "presence": beside.presence,
        "receipts": beside.receipts,
        "account_data": data,
    });
    json(&answer).map(Raw)
}

/// What happens in rooms beside their events.
#[derive(Default)]
struct Beside {
    /// Who is there.
    presence: Vec<Value>,
    /// What was read.
    receipts: Vec<Value>,
}

impl Beside {
    fn of(
        server: &Server,
        snapshot: &Snapshot<'_>,
        session: &Session,
        rooms: &RoaringBitmap,
    ) -> ApiResult<Self> {
        let user = session.user;
        let ignored = IgnoredUsers::of(snapshot, user, &session.user_id)?;
        let told = presence::Told {
            user,
            filter: &Filter::default(),
            ignored: &ignored,
        };
        let mut beside = Self::default();
        for event in presence::events(server, snapshot, &told, None, &Entered::default())? {
            beside.presence.push(presence_event(&event)?);
        }
        let told = ephemeral::Told {
            user,
            ignored: &ignored,
        };
        let upto = server.storage.position();
        for room in rooms.iter().map(RoomNid) {
            let receipts =
                ephemeral::receipts(server, snapshot, room, told, StreamPos::ZERO, upto)?;
            if let Some(receipt) = receipts {
                let room_id = server.rooms.room_id(room)?;
                beside.receipts.push(in_room(&receipt, &room_id)?);
            }
        }
        Ok(beside)
    }
}

/// Events as they were before there was `/sync`, with their senders under another name too.
pub(super) fn as_of_old(events: Vec<RawJson<Value>>) -> ApiResult<Vec<Value>> {
    let mut old = Vec::with_capacity(events.len());
    for event in events {
        let mut event = event.deserialize().map_err(ApiError::internal)?;
        event["user_id"] = event["sender"].clone();
        old.push(event);
    }
    Ok(old)
}

/// An event that stands for itself, and so has to name its room.
fn in_room(event: &RawJson<Value>, room_id: &RoomId) -> ApiResult<Value> {
    let mut event = event.deserialize().map_err(ApiError::internal)?;
    event["room_id"] = room_id.as_str().into();
    Ok(event)
}

/// Presence as it was before there was `/sync`, with the user in its content.
fn presence_event(event: &RawJson<Value>) -> ApiResult<Value> {
    let mut event = event.deserialize().map_err(ApiError::internal)?;
    event["content"]["user_id"] = event["sender"].clone();
    Ok(event)
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

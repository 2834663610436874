//! [Events, states and history](https://spec.matrix.org/v1.19/server-server-api/#backfilling-and-retrieving-missing-events)
//! for other servers in a room.

use axum::{Router, extract::State};
use ruma::{
    OwnedEventId, RoomId, ServerName,
    api::federation::{
        authorization::get_event_authorization,
        backfill::get_backfill,
        event::{
            get_event, get_event_by_timestamp, get_missing_events, get_room_state,
            get_room_state_ids,
        },
    },
};
use serde_json::value::RawValue;

use crate::{
    ApiError, ApiResult, Server,
    federation::inbound::acl,
    http::{RouterExt, Signed},
    rooms::{serving::ServerLook, timeline::Direction},
    storage::tables,
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(event)
        .ruma_route(state)
        .ruma_route(state_ids)
        .ruma_route(event_auth)
        .ruma_route(backfill)
        .ruma_route(missing_events)
        .ruma_route(timestamp_to_event)
}

/// Reads for a server that is in the room and allowed there.
async fn look<T: Send + 'static>(
    server: &Server,
    room_id: &RoomId,
    origin: &ServerName,
    read: impl FnOnce(&mut ServerLook<'_>) -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    let room = server.rooms.find(room_id)?;
    acl::require(server, room, origin).await?;
    server.rooms.look_from(origin, room, read).await
}

fn raws(events: Vec<String>) -> ApiResult<Vec<Box<RawValue>>> {
    let raws = events.into_iter().map(RawValue::from_string);
    raws.collect::<Result<_, _>>().map_err(ApiError::internal)
}

/// One event.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1eventeventid)
async fn event(
    State(server): State<Server>,
    Signed { origin, request }: Signed<get_event::v1::Request>,
) -> ApiResult<get_event::v1::Response> {
    let id: OwnedEventId = request.event_id;
    let asked = id.clone();
    let read = server.storage.read(move |snapshot| -> ApiResult<_> {
        let missing = || ApiError::not_found("There is no such event here.");
        let nid = tables::EVENT_NID
            .get(snapshot, &asked)?
            .ok_or_else(missing)?;
        Ok(tables::EVENT.get(snapshot, nid)?.ok_or_else(missing)?.room)
    });
    let room_id = server.rooms.room_id(read.await?)?;
    let read = look(&server, &room_id, &origin, move |look| {
        let event = look.event(&id)?;
        look.pdu(&event)
    });
    let pdu = RawValue::from_string(read.await?).map_err(ApiError::internal)?;
    let (name, now) = (server.rooms.server_name().to_owned(), server.clock.now());
    Ok(get_event::v1::Response::new(name, now, pdu))
}

/// The state before an event.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1stateroomid)
async fn state(
    State(server): State<Server>,
    Signed { origin, request }: Signed<get_room_state::v1::Request>,
) -> ApiResult<get_room_state::v1::Response> {
    let id = request.event_id;
    let read = look(&server, &request.room_id, &origin, move |look| {
        let (state, chain) = look.state_before(&id)?;
        Ok((look.pdus(&chain)?, look.pdus(&state)?))
    });
    let (chain, state) = read.await?;
    Ok(get_room_state::v1::Response::new(
        raws(chain)?,
        raws(state)?,
    ))
}

/// The ids of the state before an event.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1state_idsroomid)
async fn state_ids(
    State(server): State<Server>,
    Signed { origin, request }: Signed<get_room_state_ids::v1::Request>,
) -> ApiResult<get_room_state_ids::v1::Response> {
    let id = request.event_id;
    let read = look(&server, &request.room_id, &origin, move |look| {
        let (state, chain) = look.state_before(&id)?;
        Ok((look.ids(&chain)?, look.ids(&state)?))
    });
    let (chain, state) = read.await?;
    Ok(get_room_state_ids::v1::Response::new(chain, state))
}

/// What allows an event.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1event_authroomideventid)
async fn event_auth(
    State(server): State<Server>,
    Signed { origin, request }: Signed<get_event_authorization::v1::Request>,
) -> ApiResult<get_event_authorization::v1::Response> {
    let id = request.event_id;
    let read = look(&server, &request.room_id, &origin, move |look| {
        let chain = look.auth_chain(&id)?;
        look.pdus(&chain)
    });
    Ok(get_event_authorization::v1::Response::new(raws(
        read.await?,
    )?))
}

/// Events and what came before them.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1backfillroomid)
async fn backfill(
    State(server): State<Server>,
    Signed { origin, request }: Signed<get_backfill::v1::Request>,
) -> ApiResult<get_backfill::v1::Response> {
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let read = look(&server, &request.room_id, &origin, move |look| {
        look.backfill(&request.v, limit)
    });
    let events = raws(read.await?)?;
    let (name, now) = (server.rooms.server_name().to_owned(), server.clock.now());
    Ok(get_backfill::v1::Response::new(name, now, events))
}

/// The events between those that a server has and those whose predecessors it lacks.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1get_missing_eventsroomid)
async fn missing_events(
    State(server): State<Server>,
    Signed { origin, request }: Signed<get_missing_events::v1::Request>,
) -> ApiResult<get_missing_events::v1::Response> {
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let read = look(&server, &request.room_id, &origin, move |look| {
        let (earliest, latest) = (&request.earliest_events, &request.latest_events);
        look.missing_events(earliest, latest, limit, request.min_depth.into())
    });
    Ok(get_missing_events::v1::Response::new(raws(read.await?)?))
}

/// The event nearest to a time.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1timestamp_to_eventroomid)
async fn timestamp_to_event(
    State(server): State<Server>,
    Signed { origin, request }: Signed<get_event_by_timestamp::v1::Request>,
) -> ApiResult<get_event_by_timestamp::v1::Response> {
    let direction = match request.dir {
        ruma::api::Direction::Forward => Direction::Forward,
        ruma::api::Direction::Backward => Direction::Backward,
    };
    let read = look(&server, &request.room_id, &origin, move |look| {
        look.event_at(request.ts, direction)
    });
    let event = read.await?;
    let (id, time) = (event.id().to_owned(), event.pdu.origin_server_ts());
    Ok(get_event_by_timestamp::v1::Response::new(id, time))
}

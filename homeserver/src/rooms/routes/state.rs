//! [State events](https://spec.matrix.org/v1.19/client-server-api/#getting-events-for-a-room).

use axum::{Router, extract::State};
use ruma::api::client::state::{get_state_event_for_key, get_state_events, send_state_event};
use serde_json::value::RawValue;

use super::{reader, timestamp};
use crate::{
    ApiError, ApiResult, Server,
    delayed::{
        NewDelayedEvent,
        routes::{Delay, schedule_instead},
    },
    http::{Answer, Raw, RouterExt, Ruma},
    rooms::draft,
    users::Session,
};

pub(super) fn router() -> Router<Server> {
    let whole = Router::new()
        .ruma_route(state)
        .ruma_route(state_event)
        .ruma_route(send_state);
    // An empty state key may be left out, with and without the slash before it; also by clients that still say r0, such
    // as Quaternion and NeoChat.
    let without_key = [
        "/_matrix/client/v3/rooms/{room_id}/state/{event_type}",
        "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/",
        "/_matrix/client/r0/rooms/{room_id}/state/{event_type}",
        "/_matrix/client/r0/rooms/{room_id}/state/{event_type}/",
    ];
    without_key.into_iter().fold(whole, |router, path| {
        router
            .ruma_route_at(path, state_event)
            .ruma_route_at(path, send_state)
    })
}

/// The state of a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstate)
async fn state(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_state_events::v3::Request>,
) -> ApiResult<get_state_events::v3::Response> {
    let state = server
        .rooms
        .look(reader(&session), &request.room_id, |look| {
            look.show_all(&look.state()?)
        });
    Ok(get_state_events::v3::Response::new(state.await?))
}

/// One state event of a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey)
async fn state_event(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_state_event_for_key::v3::Request>,
) -> ApiResult<get_state_event_for_key::v3::Response> {
    use get_state_event_for_key::v3::{Response, StateEventFormat};
    let kind = request.event_type.to_string();
    let whole = match request.format {
        StateEventFormat::Content => false,
        StateEventFormat::Event => true,
        _ => {
            return Err(ApiError::invalid_param(
                "format is \"content\" or \"event\".",
            ));
        }
    };
    let found = server
        .rooms
        .look(reader(&session), &request.room_id, move |look| {
            let event = look.state_event(&kind, &request.state_key)?;
            let shown: Box<RawValue> = if whole {
                look.show::<()>(&event)?.into_json()
            } else {
                event.pdu.content().to_owned()
            };
            Ok(shown)
        });
    Ok(Response::new(found.await?))
}

/// Sends a state event to a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey)
async fn send_state(
    State(server): State<Server>,
    session: Session,
    delay: Delay,
    Ruma(request): Ruma<send_state_event::v3::Request>,
) -> ApiResult<Raw> {
    let room = server.rooms.find_to_write(&request.room_id)?;
    let kind = request.event_type.to_string();
    let now = timestamp(&session, request.timestamp).unwrap_or_else(|| server.clock.now());
    if let Some(delay) = delay.0 {
        let new = NewDelayedEvent {
            room,
            event_type: kind,
            state_key: Some(request.state_key),
            content: request.body.into_json(),
            delay,
            transaction: None,
        };
        return schedule_instead(&server, &session, new).await;
    }
    let state_key = &request.state_key;
    let draft = draft::state(&session.user_id, kind.into(), state_key, &request.body, now)?;
    let event_id = server.rooms.send_state(room, draft).await?;
    send_state_event::v3::Response::new(event_id)
        .into_http()
        .map(Raw)
}

//! [Sending events](https://spec.matrix.org/v1.19/client-server-api/#sending-events-to-a-room) and
//! [redactions](https://spec.matrix.org/v1.19/client-server-api/#redactions).

use axum::{Router, extract::State};
use ruma::{
    OwnedEventId, OwnedRoomId, TransactionId,
    api::client::{message::send_message_event, redact::redact_event, room::upgrade_room},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::timestamp;
use crate::{
    ApiResult, Server,
    delayed::{
        NewDelayedEvent,
        routes::{Delay, schedule_instead},
    },
    http::{AccessToken, Answer, Own, Raw, RouterExt, Ruma},
    rooms::{draft, redact::Redaction, send::Transaction},
    users::Session,
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(send)
        .ruma_route(redact)
        .merge(without_transaction())
}

/// Before there were transaction ids, events were posted. Scripts still do so.
fn without_transaction() -> Router<Server> {
    Router::new()
        .ruma_route_at("/_matrix/client/r0/rooms/{room_id}/send/{event_type}", post)
        .ruma_route_at("/_matrix/client/v3/rooms/{room_id}/send/{event_type}", post)
        .ruma_route_at(
            "/_matrix/client/r0/rooms/{room_id}/redact/{event_id}",
            post_redaction,
        )
        .ruma_route_at(
            "/_matrix/client/v3/rooms/{room_id}/redact/{event_id}",
            post_redaction,
        )
}

fn transaction(session: &Session, scope: String, id: &TransactionId) -> Transaction {
    Transaction {
        user: session.user,
        device: session.device_id.to_string(),
        scope,
        id: id.to_string(),
    }
}

/// Sends a message event to a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid)
async fn send(
    State(server): State<Server>,
    session: Session,
    token: AccessToken,
    delay: Delay,
    Ruma(request): Ruma<send_message_event::v3::Request>,
) -> ApiResult<Raw> {
    let room = server.rooms.find_to_write(&request.room_id)?;
    let kind = request.event_type.to_string();
    let scope = format!("send {} {kind}", request.room_id);
    if let Some(delay) = delay.0 {
        let new = NewDelayedEvent {
            room,
            event_type: kind,
            state_key: None,
            content: request.body.into_json(),
            delay,
            transaction: Some(format!("{scope} {}", request.txn_id)),
        };
        return schedule_instead(&server, &session, new).await;
    }
    let transaction = transaction(&session, scope, &request.txn_id);
    let _sending = server.hub.begin_sending(session.user, &transaction.device);
    let now = timestamp(&session, request.timestamp).unwrap_or_else(|| server.clock.now());
    let draft = draft::message(&session.user_id, kind.into(), &request.body, now)?;
    if let Some(token) = token.0 {
        server.hub.after_to_device(&token).await;
    }
    let event_id = server.rooms.send(room, draft, Some(transaction)).await?;
    send_message_event::v3::Response::new(event_id)
        .into_http()
        .map(Raw)
}

/// Removes the content of an event.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidredacteventidtxnid)
async fn redact(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<redact_event::v3::Request>,
) -> ApiResult<redact_event::v3::Response> {
    let room = server.rooms.find_to_write(&request.room_id)?;
    let scope = format!("redact {} {}", request.room_id, request.event_id);
    let transaction = transaction(&session, scope, &request.txn_id);
    let _sending = server.hub.begin_sending(session.user, &transaction.device);
    let redaction = Redaction {
        sender: session.user_id.clone(),
        target: request.event_id,
        reason: request.reason,
        is_suspended: session.is_suspended,
    };
    let event_id = server.rooms.redact(room, redaction, transaction).await?;
    Ok(redact_event::v3::Response::new(event_id))
}

/// What is posted to a room. Ruma has no such request; of the one it has only the method counts.
type Posted<P, B> = Own<upgrade_room::v3::Request, P, B>;

/// Sends a message event to a room, once more whenever it is posted again.
async fn post(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Posted<(OwnedRoomId, String), Box<RawValue>>>,
) -> ApiResult<Raw> {
    let (room_id, kind) = request.path;
    let room = server.rooms.find_to_write(&room_id)?;
    let now = server.clock.now();
    let draft = draft::message(&session.user_id, kind.into(), &request.body, now)?;
    let event_id = server.rooms.send(room, draft, None).await?;
    send_message_event::v3::Response::new(event_id)
        .into_http()
        .map(Raw)
}

#[derive(Deserialize)]
struct Reason {
    reason: Option<String>,
}

/// Removes the content of an event.
async fn post_redaction(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Posted<(OwnedRoomId, OwnedEventId), Reason>>,
) -> ApiResult<Raw> {
    let (room_id, target) = request.path;
    let room = server.rooms.find_to_write(&room_id)?;
    let redaction = Redaction {
        sender: session.user_id.clone(),
        target,
        reason: request.body.reason,
        is_suspended: session.is_suspended,
    };
    let event_id = server.rooms.redact(room, redaction, None).await?;
    redact_event::v3::Response::new(event_id)
        .into_http()
        .map(Raw)
}

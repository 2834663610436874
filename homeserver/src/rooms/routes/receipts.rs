//! [Receipts](https://spec.matrix.org/v1.19/client-server-api/#receipts) and
//! [read markers](https://spec.matrix.org/v1.19/client-server-api/#fully-read-markers).

use axum::{Router, extract::State};
use ruma::{
    EventId, OwnedEventId, RoomId,
    api::client::{
        read_marker::set_read_marker,
        receipt::create_receipt::{self, v3::ReceiptType},
    },
};
use serde_json::{Map, Value, json, value::to_raw_value};

use super::amended::{Amend, Amended};
use crate::{
    ApiError, ApiResult, Server,
    http::{RouterExt, Ruma},
    ids::RoomNid,
    rooms::receipts::{NewReceipt, ReceiptKind, ReceiptThread},
    users::Session,
};

/// The request, in which a thread id that is no text counts as one that names no thread: either is an invalid parameter.
struct WithAnyThread;

impl Amend for WithAnyThread {
    type Request = create_receipt::v3::Request;

    fn amend(body: &mut Map<String, Value>) {
        if let Some(thread) = body.get_mut("thread_id")
            && !thread.is_string()
        {
            *thread = "".into();
        }
    }
}

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(send_receipt)
        .ruma_route(set_read_markers)
}

/// Says up to where the user has read.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreceiptreceipttypeeventid)
async fn send_receipt(
    State(server): State<Server>,
    session: Session,
    Ruma(Amended(request)): Ruma<Amended<WithAnyThread>>,
) -> ApiResult<create_receipt::v3::Response> {
    let room = server.rooms.find_to_write(&request.room_id)?;
    let thread = ReceiptThread::parse(request.thread.as_str())?;
    let kind = match request.receipt_type {
        ReceiptType::Read => ReceiptKind::Public,
        ReceiptType::ReadPrivate => ReceiptKind::Private,
        ReceiptType::FullyRead if thread == ReceiptThread::Unthreaded => {
            let (room_id, event) = (&request.room_id, &request.event_id);
            set_fully_read(&server, &session, (room, room_id), event).await?;
            return Ok(create_receipt::v3::Response::new());
        }
        ReceiptType::FullyRead => {
            return Err(ApiError::invalid_param(
                "m.fully_read is for the whole room and takes no thread_id.",
            ));
        }
        _ => {
            return Err(ApiError::invalid_param(
                "The type of a receipt is m.read, m.read.private or m.fully_read.",
            ));
        }
    };
    let receipt = NewReceipt {
        user: session.user_id.clone(),
        kind,
        event: request.event_id,
        thread,
    };
    server.rooms.set_receipt(room, receipt).await?;
    server.push.user_read(session.user);
    Ok(create_receipt::v3::Response::new())
}

/// Sets the marker and receipts for the whole room at once.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidread_markers)
async fn set_read_markers(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<set_read_marker::v3::Request>,
) -> ApiResult<set_read_marker::v3::Response> {
    let room = server.rooms.find_to_write(&request.room_id)?;
    if let Some(event) = &request.fully_read {
        set_fully_read(&server, &session, (room, &request.room_id), event).await?;
    }
    let receipts: [(ReceiptKind, Option<OwnedEventId>); 2] = [
        (ReceiptKind::Public, request.read_receipt),
        (ReceiptKind::Private, request.private_read_receipt),
    ];
    for (kind, event) in receipts {
        let Some(event) = event else { continue };
        let receipt = NewReceipt {
            user: session.user_id.clone(),
            kind,
            event,
            thread: ReceiptThread::Unthreaded,
        };
        server.rooms.set_receipt(room, receipt).await?;
    }
    server.push.user_read(session.user);
    Ok(set_read_marker::v3::Response::new())
}

/// The read marker is account data of the room that has an endpoint of its own.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mfully_read)
async fn set_fully_read(
    server: &Server,
    session: &Session,
    (room, room_id): (RoomNid, &RoomId),
    event: &EventId,
) -> ApiResult<()> {
    let (user, id) = (session.user_id.clone(), event.to_owned());
    let check = server
        .rooms
        .read(move |rooms, snapshot| rooms.event_to_mark(snapshot, room, &user, &id).map(drop));
    check.await?;
    let content = to_raw_value(&json!({ "event_id": event })).map_err(ApiError::internal)?;
    let data = &server.account_data;
    data.set_by_server(session.user, Some(room_id), "m.fully_read", &content)
        .await
}

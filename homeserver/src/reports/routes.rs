//! The endpoints of [reporting content](https://spec.matrix.org/v1.19/client-server-api/#reporting-content).

use axum::{Router, extract::State};
use ruma::{
    OwnedEventId, OwnedRoomId, OwnedUserId,
    api::client::{
        reporting::report_user,
        room::{report_content, report_room},
    },
};
use serde::Deserialize;

use crate::{
    ApiError, ApiResult, Server,
    http::{Own, RouterExt, Ruma},
    rooms::look::Reader,
    users::Session,
};

/// The routes.
pub fn router() -> Router<Server> {
    Router::new()
        .ruma_route(report_event)
        .ruma_route(report_room)
        .ruma_route(report_user)
}

/// The body of every report. Ruma's types know no score, which older clients send, and take a missing reason for an
/// empty one.
#[derive(Deserialize)]
struct Body {
    reason: Option<String>,
    score: Option<i64>,
}

impl Body {
    fn required_reason(self) -> ApiResult<String> {
        self.reason
            .ok_or_else(|| ApiError::missing_param("\"reason\" is missing; it may be empty."))
    }
}

/// Reports an event.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreporteventid)
async fn report_event(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<report_content::v3::Request, (OwnedRoomId, OwnedEventId), Body>>,
) -> ApiResult<report_content::v3::Response> {
    let Body { reason, score } = request.body;
    if score.is_some_and(|score| !(-100..=0).contains(&score)) {
        return Err(ApiError::invalid_param(
            "\"score\" is a number from -100 to 0.",
        ));
    }
    let reader = Reader {
        user: session.user_id.clone(),
        device: session.device_id.clone(),
    };
    server
        .reports
        .report_event(reader, request.path, reason, score)
        .await?;
    Ok(report_content::v3::Response::new())
}

/// Reports a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreport)
async fn report_room(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<report_room::v3::Request, (OwnedRoomId,), Body>>,
) -> ApiResult<report_room::v3::Response> {
    let reason = request.body.required_reason()?;
    let (room_id,) = request.path;
    server
        .reports
        .report_room(&session.user_id, &room_id, reason)
        .await?;
    Ok(report_room::v3::Response::new())
}

/// Reports a user.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3usersuseridreport)
async fn report_user(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<report_user::v3::Request, (OwnedUserId,), Body>>,
) -> ApiResult<report_user::v3::Response> {
    let reason = request.body.required_reason()?;
    let (user_id,) = request.path;
    server
        .reports
        .report_user(&session.user_id, &user_id, reason)
        .await?;
    Ok(report_user::v3::Response::new())
}

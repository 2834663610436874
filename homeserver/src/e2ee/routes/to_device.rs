//! Messages to devices.

use axum::{
    extract::{FromRequestParts, State},
    http::request::Parts,
};
use ruma::api::client::to_device::send_event_to_device;
use tokio::sync::OwnedRwLockReadGuard;

use crate::{
    ApiError, ApiResult, Server,
    e2ee::check_contents,
    http::{AccessToken, Ruma, Session},
};

/// Sends messages to devices.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid)
pub(super) async fn send_to_device(
    State(server): State<Server>,
    // Before the session is looked up and the messages are read.
    _under_way: UnderWay,
    session: Session,
    Ruma(request): Ruma<send_event_to_device::v3::Request>,
) -> ApiResult<send_event_to_device::v3::Response> {
    request.messages.values().try_for_each(check_contents)?;
    server
        .e2ee
        .send_to_device(
            &session,
            &request.event_type,
            &request.txn_id,
            request.messages,
        )
        .await?;
    Ok(send_event_to_device::v3::Response::new())
}

/// Holds back what the same session says in rooms.
pub(super) struct UnderWay {
    _guard: Option<OwnedRwLockReadGuard<()>>,
}

impl FromRequestParts<Server> for UnderWay {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> ApiResult<Self> {
        let AccessToken(token) = AccessToken::from_request_parts(parts, server).await?;
        let guard = match token {
            Some(token) => Some(server.hub.begin_to_device(&token).await),
            None => None,
        };
        Ok(Self { _guard: guard })
    }
}

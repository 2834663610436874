//! Messages to devices.

use axum::extract::State;
use ruma::api::client::to_device::send_event_to_device;

use crate::{
    ApiError, ApiResult, Server,
    e2ee::are_objects,
    http::{Ruma, Session},
};

/// Sends messages to devices.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid)
pub(super) async fn send_to_device(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<send_event_to_device::v3::Request>,
) -> ApiResult<send_event_to_device::v3::Response> {
    if !request.messages.values().all(are_objects) {
        return Err(ApiError::bad_json("A message has to be a JSON object."));
    }
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

//! One's own devices.

use axum::extract::State;
use http::StatusCode;
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedDeviceId,
    api::client::device::{delete_device, delete_devices, get_device, get_devices, update_device},
};
use serde::Serialize;
use serde_json::json;

use super::confirm_removal;
use crate::{
    ApiError, ApiResult, Server,
    http::{Raw, Ruma, Session, json},
    users::{Device, DevicesOf},
};

/// Lists the user's devices.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devices)
pub(super) async fn devices(
    State(server): State<Server>,
    session: Session,
    Ruma(_): Ruma<get_devices::v3::Request>,
) -> ApiResult<Raw> {
    let devices = server.users.devices(session.user).await?;
    let devices: Vec<_> = devices.into_iter().map(Shown::from).collect();
    json(&json!({ "devices": devices })).map(Raw)
}

/// One of the user's devices.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devicesdeviceid)
pub(super) async fn device(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_device::v3::Request>,
) -> ApiResult<Raw> {
    let devices = server.users.devices(session.user).await?;
    let device = devices
        .into_iter()
        .find(|device| device.device_id == request.device_id)
        .ok_or_else(|| ApiError::not_found("You have no such device."))?;
    json(&Shown::from(device)).map(Raw)
}

/// A device as clients see it. Ruma writes `null` for what is not known, which the specification does not allow.
#[derive(Serialize)]
struct Shown {
    device_id: OwnedDeviceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen_ts: Option<MilliSecondsSinceUnixEpoch>,
}

impl From<Device> for Shown {
    fn from(device: Device) -> Self {
        Self {
            device_id: device.device_id,
            display_name: device.display_name,
            last_seen_ip: device.last_seen_ip,
            last_seen_ts: device.last_seen,
        }
    }
}

/// Names a device.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3devicesdeviceid)
pub(super) async fn update_device(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<update_device::v3::Request>,
) -> ApiResult<Raw> {
    let (users, user) = (&server.users, session.user);
    let (device_id, name) = (request.device_id, request.display_name);
    let is_new = if session.appservice.is_some() {
        users.create_device(user, device_id, name).await?
    } else {
        users.rename_device(user, device_id, name).await?;
        false
    };
    let mut answer = json(&json!({}))?;
    if is_new {
        *answer.status_mut() = StatusCode::CREATED;
    }
    Ok(Raw(answer))
}

/// Removes a device.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3devicesdeviceid)
pub(super) async fn delete_device(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<delete_device::v3::Request>,
) -> ApiResult<delete_device::v3::Response> {
    let operation = format!("DELETE /devices/{}", request.device_id);
    confirm_removal(&server, &session, operation, request.auth.as_ref()).await?;
    let devices = DevicesOf::These(vec![request.device_id]);
    server.users.delete_devices(session.user, devices).await?;
    Ok(delete_device::v3::Response::new())
}

/// Removes several devices.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3delete_devices)
pub(super) async fn delete_devices(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<delete_devices::v3::Request>,
) -> ApiResult<delete_devices::v3::Response> {
    let operation = format!("POST /delete_devices {:?}", request.devices);
    confirm_removal(&server, &session, operation, request.auth.as_ref()).await?;
    let devices = DevicesOf::These(request.devices);
    server.users.delete_devices(session.user, devices).await?;
    Ok(delete_devices::v3::Response::new())
}

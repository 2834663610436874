//! One's own devices.

use axum::extract::State;
use ruma::api::client::device::{
    self, delete_device, delete_devices, get_device, get_devices, update_device,
};

use super::confirm_password;
use crate::{
    ApiError, ApiResult, Server,
    http::{Ruma, Session},
    users::{Device, DevicesOf},
};

/// Lists the user's devices.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devices)
pub(super) async fn devices(
    State(server): State<Server>,
    session: Session,
    Ruma(_): Ruma<get_devices::v3::Request>,
) -> ApiResult<get_devices::v3::Response> {
    let devices = server.users.devices(session.user).await?;
    let devices = devices.into_iter().map(shown).collect();
    Ok(get_devices::v3::Response::new(devices))
}

/// One of the user's devices.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devicesdeviceid)
pub(super) async fn device(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_device::v3::Request>,
) -> ApiResult<get_device::v3::Response> {
    let devices = server.users.devices(session.user).await?;
    let device = devices
        .into_iter()
        .find(|device| device.device_id == request.device_id)
        .ok_or_else(|| ApiError::not_found("You have no such device."))?;
    Ok(get_device::v3::Response::new(shown(device)))
}

fn shown(device: Device) -> device::Device {
    let mut shown = device::Device::new(device.device_id);
    shown.display_name = device.display_name;
    shown.last_seen_ip = device.last_seen_ip;
    shown.last_seen_ts = device.last_seen;
    shown
}

/// Names a device.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3devicesdeviceid)
pub(super) async fn update_device(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<update_device::v3::Request>,
) -> ApiResult<update_device::v3::Response> {
    server
        .users
        .rename_device(session.user, request.device_id, request.display_name)
        .await?;
    Ok(update_device::v3::Response::new())
}

/// Removes a device.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3devicesdeviceid)
pub(super) async fn delete_device(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<delete_device::v3::Request>,
) -> ApiResult<delete_device::v3::Response> {
    let operation = format!("DELETE /devices/{}", request.device_id);
    confirm_password(&server, &session, operation, request.auth.as_ref()).await?;
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
    let operation = "POST /delete_devices";
    confirm_password(&server, &session, operation, request.auth.as_ref()).await?;
    let devices = DevicesOf::These(request.devices);
    server.users.delete_devices(session.user, devices).await?;
    Ok(delete_devices::v3::Response::new())
}

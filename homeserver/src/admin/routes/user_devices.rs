//! Devices of users.

use axum::Router;
use http::Method;
use ruma::OwnedDeviceId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{AdminRoutes, Call, Reply},
    users::millis,
};
use crate::{
    ApiError, ApiResult, Server,
    users::{Account, Device, DevicesOf},
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .admin(
            Method::GET,
            "/_synapse/admin/v2/users/{user_id}/devices",
            list,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v2/users/{user_id}/devices",
            create,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v2/users/{user_id}/delete_devices",
            delete_several,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v2/users/{user_id}/devices/{device_id}",
            details,
        )
        .admin(
            Method::PUT,
            "/_synapse/admin/v2/users/{user_id}/devices/{device_id}",
            rename,
        )
        .admin(
            Method::DELETE,
            "/_synapse/admin/v2/users/{user_id}/devices/{device_id}",
            delete,
        )
}

fn show(account: &Account, device: &Device) -> Value {
    json!({
        "device_id": device.device_id,
        "display_name": device.display_name,
        "last_seen_ip": device.last_seen_ip,
        "last_seen_user_agent": null,
        "last_seen_ts": millis(device.last_seen),
        "user_id": account.user_id,
        "dehydrated": false,
    })
}

async fn list(call: Call) -> ApiResult<Value> {
    let account = call.account(0).await?;
    let devices = call.server.users.devices(account.user).await?;
    let devices: Vec<_> = devices
        .iter()
        .map(|device| show(&account, device))
        .collect();
    Ok(json!({ "total": devices.len(), "devices": devices }))
}

/// Makes a device that nobody is signed in to; one that is there already stays as it is.
async fn create(call: Call) -> ApiResult<Reply> {
    #[derive(Deserialize)]
    struct Body {
        device_id: OwnedDeviceId,
    }
    let Body { device_id } = call.body()?;
    let account = call.account(0).await?;
    call.server
        .users
        .create_device(account.user, device_id, None)
        .await?;
    Ok(Reply::created(json!({})))
}

async fn details(call: Call) -> ApiResult<Value> {
    let account = call.account(0).await?;
    let devices = call.server.users.devices(account.user).await?;
    let device = devices
        .iter()
        .find(|device| device.device_id == call.text(1))
        .ok_or_else(|| ApiError::not_found("The user has no such device."))?;
    Ok(show(&account, device))
}

async fn rename(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Body {
        display_name: Option<String>,
    }
    let Body { display_name } = call.body()?;
    let account = call.account(0).await?;
    call.server
        .users
        .rename_device(account.user, call.text(1).into(), display_name)
        .await?;
    Ok(json!({}))
}

async fn delete(call: Call) -> ApiResult<Value> {
    let account = call.account(0).await?;
    let which = DevicesOf::These(vec![call.text(1).into()]);
    call.server
        .users
        .delete_devices(account.user, which)
        .await?;
    Ok(json!({}))
}

async fn delete_several(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Body {
        devices: Vec<OwnedDeviceId>,
    }
    let Body { devices } = call.body()?;
    let account = call.account(0).await?;
    let which = DevicesOf::These(devices);
    call.server
        .users
        .delete_devices(account.user, which)
        .await?;
    Ok(json!({}))
}

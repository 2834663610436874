//! Keys and devices of this server's users.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#end-to-end-encryption)

use std::collections::BTreeMap;

use axum::{Router, extract::State};
use ruma::{
    UInt,
    api::federation::{
        device::get_devices,
        keys::{claim_keys, get_keys},
    },
};

use crate::{
    ApiError, ApiResult, Server,
    http::{RouterExt, Signed},
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(devices)
        .ruma_route(query_keys)
        .ruma_route(claim_keys)
}

/// All devices of a user that have keys.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1userdevicesuserid)
async fn devices(
    State(server): State<Server>,
    Signed { request, .. }: Signed<get_devices::v1::Request>,
) -> ApiResult<get_devices::v1::Response> {
    let list = server.e2ee.device_list(request.user_id.clone()).await?;
    let list = list.ok_or_else(|| ApiError::not_found("There is no such user."))?;
    let stream_id = UInt::new(list.stream_id).unwrap_or(UInt::MAX);
    let mut response = get_devices::v1::Response::new(request.user_id, stream_id);
    for (device_id, keys) in list.keys.devices {
        let mut device = get_devices::v1::UserDevice::new(device_id.clone(), keys);
        device.device_display_name = list.names.get(&device_id).cloned();
        response.devices.push(device);
    }
    response.master_key = list.keys.master;
    response.self_signing_key = list.keys.self_signing;
    Ok(response)
}

/// Keys of users and their devices.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysquery)
async fn query_keys(
    State(server): State<Server>,
    Signed { request, .. }: Signed<get_keys::v1::Request>,
) -> ApiResult<get_keys::v1::Response> {
    let mut wanted = request.device_keys;
    wanted.retain(|user, _| server.e2ee.is_local(user));
    let mut response = get_keys::v1::Response::new(BTreeMap::new());
    for (user, keys) in server.e2ee.query_keys_for_server(wanted).await? {
        response
            .master_keys
            .extend(keys.master.map(|key| (user.clone(), key)));
        response
            .self_signing_keys
            .extend(keys.self_signing.map(|key| (user.clone(), key)));
        response.device_keys.insert(user, keys.devices);
    }
    Ok(response)
}

/// Takes one-time keys of devices.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysclaim)
async fn claim_keys(
    State(server): State<Server>,
    Signed { request, .. }: Signed<claim_keys::v1::Request>,
) -> ApiResult<claim_keys::v1::Response> {
    let mut wanted = request.one_time_keys;
    wanted.retain(|user, _| server.e2ee.is_local(user));
    Ok(claim_keys::v1::Response::new(
        server.e2ee.claim_keys(wanted).await?,
    ))
}

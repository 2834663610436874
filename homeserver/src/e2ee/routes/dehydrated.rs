//! The dehydrated device.

use axum::extract::State;
use ruma::{
    api::client::dehydrated_device::{
        delete_dehydrated_device, get_dehydrated_device, get_events, put_dehydrated_device,
    },
    serde::Raw,
};

use crate::{
    ApiError, ApiResult, Server,
    e2ee::{NewDehydratedDevice, NewKeys},
    http::{Ruma, Session},
    ids::StreamPos,
    users::DevicesOf,
};

/// Stores the dehydrated device in place of the one before.
pub(super) async fn put(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<put_dehydrated_device::unstable::Request>,
) -> ApiResult<put_dehydrated_device::unstable::Response> {
    let device_id = request.device_id.clone();
    let new = NewDehydratedDevice {
        device_id: request.device_id,
        display_name: request.initial_device_display_name,
        data: request.device_data,
        device_keys: request.device_keys,
        keys: NewKeys {
            one_time: request.one_time_keys,
            fallback: request.fallback_keys,
        },
    };
    server.e2ee.put_dehydrated_device(&session, new).await?;
    Ok(put_dehydrated_device::unstable::Response::new(device_id))
}

/// Tells which device it is and its encrypted keys.
pub(super) async fn get(
    State(server): State<Server>,
    session: Session,
    Ruma(_): Ruma<get_dehydrated_device::unstable::Request>,
) -> ApiResult<get_dehydrated_device::unstable::Response> {
    let row = server.e2ee.dehydrated_device(session.user).await?;
    let data = Raw::from_json_string(row.data).map_err(ApiError::internal)?;
    Ok(get_dehydrated_device::unstable::Response::new(
        row.device_id,
        data,
    ))
}

/// Removes it.
pub(super) async fn delete(
    State(server): State<Server>,
    session: Session,
    Ruma(_): Ruma<delete_dehydrated_device::unstable::Request>,
) -> ApiResult<delete_dehydrated_device::unstable::Response> {
    let row = server.e2ee.dehydrated_device(session.user).await?;
    let devices = DevicesOf::These(vec![row.device_id.clone()]);
    server.users.delete_devices(session.user, devices).await?;
    Ok(delete_dehydrated_device::unstable::Response::new(
        row.device_id,
    ))
}

/// Tells messages to it, page by page; an empty page is the last one.
pub(super) async fn messages(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_events::unstable::Request>,
) -> ApiResult<get_events::unstable::Response> {
    let since = match request.next_batch {
        Some(token) => StreamPos(token.parse().map_err(|_| {
            ApiError::invalid_param("next_batch is not a token that this server gave out.")
        })?),
        None => StreamPos::ZERO,
    };
    let page = server
        .e2ee
        .dehydrated_messages(session.user, request.device_id, since)
        .await?;
    let mut response = get_events::unstable::Response::new(page.events);
    response.next_batch = Some(page.upto.to_string());
    Ok(response)
}

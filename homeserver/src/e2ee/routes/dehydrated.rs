//! The dehydrated device.

use axum::extract::State;
use ruma::{
    OwnedDeviceId,
    api::client::dehydrated_device::{
        delete_dehydrated_device, get_dehydrated_device, get_events, put_dehydrated_device,
    },
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    ApiError, ApiResult, Server,
    e2ee::{NewDehydratedDevice, NewKeys, TO_DEVICE_PAGE},
    http::{Nothing, Own, Raw, Ruma, Session, json},
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
    let data = ruma::serde::Raw::from_json_string(row.data).map_err(ApiError::internal)?;
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

/// Where messages are read. Ruma knows it with the method of the earlier draft only.
pub(super) const MESSAGES_PATH: &str =
    "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/{device_id}/events";

/// Where messages begin and how many there may be.
#[derive(Deserialize)]
pub(super) struct MessagesQuery {
    from: Option<String>,
    limit: Option<usize>,
}

/// What of a request is read depends on the path; of Ruma's type only the method and the authentication count.
type GetMessages =
    Own<get_dehydrated_device::unstable::Request, (OwnedDeviceId,), Nothing, MessagesQuery>;

/// Tells messages to it, page by page; the last page has no token.
pub(super) async fn messages(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<GetMessages>,
) -> ApiResult<Raw> {
    let MessagesQuery { from, limit } = request.query;
    let (page, are_more) = server
        .e2ee
        .dehydrated_messages(
            (session.user, request.path.0),
            since(from)?,
            limit.unwrap_or(TO_DEVICE_PAGE),
        )
        .await?;
    let mut answer = json!({ "events": page.events });
    if are_more {
        answer["next_batch"] = page.upto.to_string().into();
    }
    json(&answer).map(Raw)
}

/// The same as clients of an earlier draft ask for it: an empty page is the last one.
pub(super) async fn messages_by_post(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_events::unstable::Request>,
) -> ApiResult<get_events::unstable::Response> {
    let (page, _) = server
        .e2ee
        .dehydrated_messages(
            (session.user, request.device_id),
            since(request.next_batch)?,
            TO_DEVICE_PAGE,
        )
        .await?;
    let mut response = get_events::unstable::Response::new(page.events);
    response.next_batch = Some(page.upto.to_string());
    Ok(response)
}

fn since(token: Option<String>) -> ApiResult<StreamPos> {
    let Some(token) = token else {
        return Ok(StreamPos::ZERO);
    };
    let position = token
        .parse()
        .map_err(|_| ApiError::invalid_param("This is no token that this server gave out."))?;
    Ok(StreamPos(position))
}

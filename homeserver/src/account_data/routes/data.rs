//! Account data of any type.

use axum::extract::State;
use ruma::{
    OwnedRoomId, OwnedUserId,
    api::client::config::{
        get_global_account_data, get_room_account_data, set_global_account_data,
        set_room_account_data,
    },
};
use serde_json::value::RawValue;

use super::check_own;
use crate::{
    ApiError, ApiResult, Server,
    http::{Nothing, Own, Raw, Ruma, Session, json},
};

type OfUser = (OwnedUserId, String);
type OfRoom = (OwnedUserId, OwnedRoomId, String);

/// What the user stored under a type.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridaccount_datatype)
pub(super) async fn global(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<get_global_account_data::v3::Request, OfUser, Nothing>>,
) -> ApiResult<Raw> {
    let (user_id, event_type) = request.path;
    check_own(&session, &user_id)?;
    let content = server
        .account_data
        .get(session.user, None, &event_type)
        .await?;
    json(&content.ok_or_else(nothing)?).map(Raw)
}

/// Stores something under a type.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridaccount_datatype)
pub(super) async fn set_global(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<set_global_account_data::v3::Request, OfUser, Box<RawValue>>>,
) -> ApiResult<set_global_account_data::v3::Response> {
    let (user_id, event_type) = request.path;
    check_own(&session, &user_id)?;
    server
        .account_data
        .set(session.user, None, &event_type, &request.body)
        .await?;
    Ok(set_global_account_data::v3::Response::new())
}

/// What the user stored under a type for a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridroomsroomidaccount_datatype)
pub(super) async fn of_room(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<get_room_account_data::v3::Request, OfRoom, Nothing>>,
) -> ApiResult<Raw> {
    let (user_id, room_id, event_type) = request.path;
    check_own(&session, &user_id)?;
    let content = server
        .account_data
        .get(session.user, Some(&room_id), &event_type)
        .await?;
    json(&content.ok_or_else(nothing)?).map(Raw)
}

/// Stores something under a type for a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridroomsroomidaccount_datatype)
pub(super) async fn set_of_room(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<set_room_account_data::v3::Request, OfRoom, Box<RawValue>>>,
) -> ApiResult<set_room_account_data::v3::Response> {
    let (user_id, room_id, event_type) = request.path;
    check_own(&session, &user_id)?;
    server
        .account_data
        .set(session.user, Some(&room_id), &event_type, &request.body)
        .await?;
    Ok(set_room_account_data::v3::Response::new())
}

fn nothing() -> ApiError {
    ApiError::not_found("Nothing is stored under this type.")
}

//! Tags of rooms.

use axum::extract::State;
use ruma::{
    OwnedRoomId, OwnedUserId,
    api::client::tag::{create_tag, delete_tag, get_tags},
};
use serde_json::{Value as JsonValue, json};

use super::check_own;
use crate::{
    ApiResult, Server,
    http::{Own, Raw, Ruma, Session, json},
};

/// The tags of a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridroomsroomidtags)
pub(super) async fn tags(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_tags::v3::Request>,
) -> ApiResult<Raw> {
    check_own(&session, &request.user_id)?;
    let tags = server
        .account_data
        .tags(session.user, &request.room_id)
        .await?;
    json(&json!({ "tags": tags })).map(Raw)
}

/// Adds a tag.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridroomsroomidtagstag)
pub(super) async fn set_tag(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<
        Own<create_tag::v3::Request, (OwnedUserId, OwnedRoomId, String), JsonValue>,
    >,
) -> ApiResult<create_tag::v3::Response> {
    let (user_id, room_id, tag) = request.path;
    check_own(&session, &user_id)?;
    server
        .account_data
        .set_tag(session.user, &room_id, tag, request.body)
        .await?;
    Ok(create_tag::v3::Response::new())
}

/// Removes a tag.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3useruseridroomsroomidtagstag)
pub(super) async fn delete_tag(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<delete_tag::v3::Request>,
) -> ApiResult<delete_tag::v3::Response> {
    check_own(&session, &request.user_id)?;
    server
        .account_data
        .delete_tag(session.user, &request.room_id, &request.tag)
        .await?;
    Ok(delete_tag::v3::Response::new())
}

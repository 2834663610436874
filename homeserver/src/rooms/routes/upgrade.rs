//! [Upgrading rooms](https://spec.matrix.org/v1.19/client-server-api/#room-upgrades).

use axum::{Router, extract::State};
use ruma::{
    OwnedRoomId, OwnedUserId, RoomId, RoomVersionId,
    api::{client::room::upgrade_room, error::ErrorKind},
};
use serde::Deserialize;

use crate::{
    ApiError, ApiResult, Server,
    http::{Own, RouterExt, Ruma},
    rooms::upgrade::Upgrade,
    users::Session,
};

pub(super) fn router() -> Router<Server> {
    Router::new().ruma_route(upgrade)
}

/// Ruma's type takes no text that cannot be a version.
#[derive(Deserialize)]
struct Body {
    new_version: String,
    #[serde(default)]
    additional_creators: Vec<OwnedUserId>,
}

/// Replaces a room by a new one of another version.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidupgrade)
async fn upgrade(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<upgrade_room::v3::Request, (OwnedRoomId,), Body>>,
) -> ApiResult<upgrade_room::v3::Response> {
    let ((room_id,), body) = (request.path, request.body);
    // What cannot be a version is one that this server does not have.
    let version = RoomVersionId::try_from(body.new_version).map_err(|_| {
        ApiError::bad_request(
            ErrorKind::UnsupportedRoomVersion,
            "There is no such room version.",
        )
    })?;
    let upgrade = Upgrade {
        user: session.user_id.clone(),
        room_id,
        version,
        additional_creators: body.additional_creators,
    };
    let room_id = server.rooms.upgrade(upgrade).await?;
    follow(&server, &session, &room_id, true).await;
    Ok(upgrade_room::v3::Response::new(room_id))
}

/// Takes what a user has set for the room before along. That they are in the new one does not depend on it.
pub(super) async fn follow(
    server: &Server,
    session: &Session,
    room_id: &RoomId,
    by_themself: bool,
) {
    let followed =
        server
            .rooms
            .follow_upgrade(&server.account_data, session.user, room_id, by_themself);
    if let Err(error) = followed.await {
        tracing::warn!(%error, room = %room_id, "what a user set for a room was not taken along");
    }
}

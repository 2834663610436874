//! [Creating rooms](https://spec.matrix.org/v1.19/client-server-api/#creation).

use axum::{Router, extract::State};
use ruma::api::client::room::create_room;

use crate::{
    ApiError, ApiResult, Server,
    http::{RouterExt, Ruma},
    users::Session,
};

pub(super) fn router() -> Router<Server> {
    Router::new().ruma_route(create_room)
}

/// Makes a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom)
async fn create_room(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<create_room::v3::Request>,
) -> ApiResult<create_room::v3::Response> {
    if !request.invite_3pid.is_empty() {
        return Err(ApiError::forbidden(
            "This server cannot invite by e-mail address or telephone number.",
        ));
    }
    let version = server.config.rooms.default_version.clone();
    let user = session.user_id.clone();
    let room_id = server.rooms.create(user, request, version).await?;
    Ok(create_room::v3::Response::new(room_id))
}

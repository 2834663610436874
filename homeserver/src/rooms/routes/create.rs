//! [Creating rooms](https://spec.matrix.org/v1.19/client-server-api/#creation).

use axum::{Router, extract::State};
use ruma::api::client::room::create_room;

use crate::{
    ApiError, ApiResult, Server,
    federation::membership::invite::{Invitation, invite},
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
    if let Some(localpart) = &request.room_alias_name {
        let alias = format!("#{localpart}:{}", server.config.server_name);
        let service = session.appservice.as_deref();
        if let Ok(alias) = ruma::RoomAliasId::parse(alias) {
            server.appservices.check_alias(&alias, service)?;
        }
    }
    for user in &request.invite {
        server.appservices.provide_user(user).await?;
    }
    let version = server.config.rooms.default_version.clone();
    let user = session.user_id.clone();
    let here = server.rooms.server_name();
    let invited = request
        .invite
        .iter()
        .filter(|user| user.server_name() != here);
    let (elsewhere, is_direct): (Vec<_>, _) = (invited.cloned().collect(), request.is_direct);
    let room_id = server.rooms.create(user, request, version).await?;
    for invited in elsewhere {
        let invitation = Invitation {
            room: server.rooms.find(&room_id)?,
            sender: session.user_id.clone(),
            user: invited,
            is_direct,
            reason: None,
        };
        // The room is there; whoever could not be invited can be once their server answers.
        if let Err(error) = invite(&server, invitation).await {
            tracing::info!(%error, %room_id, "a user of another server could not be invited to a new room");
        }
    }
    Ok(create_room::v3::Response::new(room_id))
}

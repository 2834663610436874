//! [Creating rooms](https://spec.matrix.org/v1.19/client-server-api/#creation).

use axum::{Router, extract::State};
use ruma::{
    OwnedUserId,
    api::client::{membership::Invite3pid, room::create_room},
};

use super::upgrade::follow;
use crate::{
    ApiError, ApiResult, Server,
    federation::membership::{
        invite::{Invitation, invite},
        third_party,
    },
    http::{RouterExt, Ruma},
    ids::RoomNid,
    rooms::membership::{MembershipChange, Step},
    users::Session,
};

pub(super) fn router() -> Router<Server> {
    Router::new().ruma_route(create_room)
}

/// Events that a client may want of a new room: its state and its invitations.
const MOST_EVENTS: usize = 500;

/// Refuses rooms that would be hundreds of events at once: one request is one for the limits, too.
fn check_size(request: &create_room::v3::Request) -> ApiResult {
    let events = request.initial_state.len() + request.invite.len() + request.invite_3pid.len();
    if events <= MOST_EVENTS {
        return Ok(());
    }
    Err(ApiError::too_large(format!(
        "A new room has at most {MOST_EVENTS} events in initial_state and invitations: send the others once it is there."
    )))
}

/// Makes a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom)
async fn create_room(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<create_room::v3::Request>,
) -> ApiResult<create_room::v3::Response> {
    check_size(&request)?;
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
    let by_address = request.invite_3pid.clone();
    let room_id = server.rooms.create(user, request, version).await?;
    follow(&server, &session, &room_id, true).await;
    let room = server.rooms.find(&room_id)?;
    // The room is there; whoever could not be invited can be once their server answers.
    for user in elsewhere {
        if let Err(error) = invite_user(&server, &session, room, (user, is_direct)).await {
            tracing::info!(%error, %room_id, "a user of another server could not be invited to a new room");
        }
    }
    for invited in by_address {
        if let Err(error) = invite_address(&server, &session, room, (invited, is_direct)).await {
            tracing::info!(%error, %room_id, "the owner of an address could not be invited to a new room");
        }
    }
    Ok(create_room::v3::Response::new(room_id))
}

async fn invite_user(
    server: &Server,
    session: &Session,
    room: RoomNid,
    (user, is_direct): (OwnedUserId, bool),
) -> ApiResult<()> {
    if user.server_name() == server.rooms.server_name() {
        server.appservices.provide_user(&user).await?;
        let step = Step::Invite { is_direct };
        let change = MembershipChange::of(&session.user_id, &user, step, None);
        return server.rooms.change_membership(room, change).await;
    }
    let invitation = Invitation {
        room,
        sender: session.user_id.clone(),
        user,
        is_direct,
        reason: None,
    };
    invite(server, invitation).await
}

async fn invite_address(
    server: &Server,
    session: &Session,
    room: RoomNid,
    (invited, is_direct): (Invite3pid, bool),
) -> ApiResult<()> {
    match third_party::invite(server, room, session.user_id.clone(), &invited).await? {
        Some(user) => invite_user(server, session, room, (user, is_direct)).await,
        None => Ok(()),
    }
}

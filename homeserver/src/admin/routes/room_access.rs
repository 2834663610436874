//! Who may enter rooms, and who has the say in them.

use axum::Router;
use http::Method;
use ruma::{OwnedRoomOrAliasId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{AdminRoutes, Call};
use crate::{
    ApiError, ApiResult, Server,
    rooms::{
        membership::{MembershipChange, Step},
        rows::Membership,
    },
};

pub(super) fn router() -> Router<Server> {
    let block = "/_synapse/admin/v1/rooms/{room_id}/block";
    Router::new()
        .admin(Method::GET, block, blocked)
        .admin(Method::PUT, block, set_blocked)
        .admin(
            Method::POST,
            "/_synapse/admin/v1/rooms/{room_id}/make_room_admin",
            make_room_admin,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/join/{room_id_or_alias}",
            join,
        )
}

async fn blocked(call: Call) -> ApiResult<Value> {
    let by = call.server.rooms.blocked_by(&call.room_id(0)?).await?;
    Ok(match by {
        Some(by) => json!({ "block": true, "user_id": by }),
        None => json!({ "block": false }),
    })
}

async fn set_blocked(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Body {
        block: bool,
    }
    let room_id = call.room_id(0)?;
    let Body { block } = call.body()?;
    let by = block.then_some(&*call.session.user_id);
    call.server.rooms.set_blocked(&room_id, by).await?;
    Ok(json!({ "block": block }))
}

async fn make_room_admin(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Body {
        user_id: Option<OwnedUserId>,
    }
    let Body { user_id } = call.body()?;
    let user_id = user_id.unwrap_or_else(|| call.session.user_id.clone());
    require_account(&call, &user_id).await?;
    let room = room(&call).await?;
    call.server.rooms.make_room_admin(room, user_id).await?;
    Ok(json!({}))
}

/// The room that the path names by its id or an alias.
async fn room(call: &Call) -> ApiResult<crate::ids::RoomNid> {
    let name: OwnedRoomOrAliasId = call.id(0, "room id or alias")?;
    call.server.rooms.find_by_id_or_alias(&name).await
}

async fn require_account(call: &Call, user_id: &OwnedUserId) -> ApiResult {
    call.require_local(user_id)?;
    match call.server.users.account(user_id).await? {
        Some(account) if !account.row.deactivated => Ok(()),
        _ => Err(ApiError::not_found("There is no such user on this server.")),
    }
}

/// Joins a user to a room. Where it takes an invitation, the administrator has to be in the room and may invite.
async fn join(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Body {
        user_id: OwnedUserId,
    }
    let Body { user_id } = call.body()?;
    require_account(&call, &user_id).await?;
    let room = room(&call).await?;
    let rooms = &call.server.rooms;
    let joining = || MembershipChange::own(&user_id, Step::Join, None);
    let membership = rooms.user_room(&user_id, room)?.map(|row| row.membership);
    if !matches!(membership, Some(Membership::Join | Membership::Invite)) {
        let summary = rooms
            .read(move |rooms, snapshot| Ok(rooms.summary(snapshot, room)?))
            .await?;
        let is_open = summary.is_some_and(|room| room.join_rule.as_deref() == Some("public"));
        if !is_open {
            let step = Step::Invite { is_direct: false };
            let invitation = MembershipChange::of(&call.session.user_id, &user_id, step, None);
            rooms.change_membership(room, invitation).await?;
        }
    }
    rooms.change_membership(room, joining()).await?;
    Ok(json!({ "room_id": rooms.room_id(room)? }))
}

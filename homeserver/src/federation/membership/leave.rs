//! Declining invitations to rooms that this server is not in, and taking back knocks.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#leaving-rooms-rejecting-invites)

use futures::FutureExt;
use ruma::{
    OwnedRoomId, OwnedServerName, OwnedUserId,
    api::federation::membership::{create_leave_event, prepare_leave_event},
};

use super::{
    Wish, candidates, complete,
    join::{ask, through},
    raw, room_nid, rules_of,
};
use crate::{
    Server,
    error::ApiResult,
    federation::Limits,
    rooms::{outside::Outside, rows::Membership},
};

/// Leaves a room that this server is not in. Where no server takes the event, the user is rid of it all the same.
pub async fn leave(
    server: &Server,
    room_id: &OwnedRoomId,
    user: &OwnedUserId,
    reason: Option<String>,
) -> ApiResult<()> {
    let wish = Wish {
        room_id,
        user,
        membership: Membership::Leave,
        reason: reason.as_deref(),
    };
    let told = match candidates(server, room_id, user, Vec::new()).await {
        Ok(names) => through(names, |name| leave_through(server, &wish, name).boxed()).await,
        Err(error) => Err(error),
    };
    if let Err(error) = told {
        tracing::info!(%error, %room_id, "nobody in a room could be told that a user leaves it");
    }
    let outside = Outside {
        user: user.clone(),
        membership: Membership::Leave,
        event: None,
        stripped_state: Vec::new(),
    };
    server
        .rooms
        .note_outside(room_nid(server, room_id)?, outside)
        .await
}

async fn leave_through(server: &Server, wish: &Wish<'_>, name: OwnedServerName) -> ApiResult<()> {
    let name = &*name;
    let request =
        prepare_leave_event::v1::Request::new(wish.room_id.to_owned(), wish.user.to_owned());
    let proposed = ask(server, name, request, Limits::QUERY).await?;
    let version = proposed.room_version.unwrap_or(ruma::RoomVersionId::V1);
    let leave = complete(server, &proposed.event, rules_of(&version)?, wish)?;
    let request = create_leave_event::v2::Request::new(
        wish.room_id.to_owned(),
        leave.event_id().clone(),
        raw(&leave)?,
    );
    ask(server, name, request, Limits::QUERY).await?;
    Ok(())
}

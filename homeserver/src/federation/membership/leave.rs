//! Declining invitations to rooms that this server is not in, and taking back knocks.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#leaving-rooms-rejecting-invites)

use futures::FutureExt;
use ruma::{
    OwnedRoomId, OwnedServerName, OwnedUserId,
    api::federation::membership::{create_leave_event, prepare_leave_event},
    serde::JsonObject,
};
use serde_json::value::to_raw_value;

use super::{
    Wish, candidates, complete,
    join::{ask, through},
    raw, room_nid, rules_of,
};
use crate::{
    Server,
    error::{ApiError, ApiResult},
    events::Pdu,
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
        more: &JsonObject::new(),
    };
    let told = match candidates(server, room_id, user, Vec::new()).await {
        Ok(names) => through(names, |name| leave_through(server, &wish, name).boxed()).await,
        Err(error) => Err(error),
    };
    let event = match told {
        Ok(leave) => Some(leave),
        Err(error) => {
            tracing::info!(%error, %room_id, "nobody in a room could be told that a user leaves it");
            leave_by_oneself(server, &wish).await?
        }
    };
    let outside = Outside {
        user: user.clone(),
        membership: Membership::Leave,
        event,
        stripped_state: Vec::new(),
    };
    server
        .rooms
        .note_outside(room_nid(server, room_id)?, outside)
        .await
}

async fn leave_through(server: &Server, wish: &Wish<'_>, name: OwnedServerName) -> ApiResult<Pdu> {
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
    Ok(leave)
}

/// The event that the user's clients are shown where no server takes one: it follows the invitation or knock that it
/// ends, and stays here.
async fn leave_by_oneself(server: &Server, wish: &Wish<'_>) -> ApiResult<Option<Pdu>> {
    let room = room_nid(server, &wish.room_id.to_owned())?;
    let user = wish.user.to_owned();
    let read = server
        .rooms
        .read(move |rooms, snapshot| rooms.outside_of(snapshot, room, &user));
    let Some((version, last)) = read.await? else {
        return Ok(None);
    };
    let Ok(rules) = rules_of(&version) else {
        return Ok(None);
    };
    let before = [last.event_id()];
    let template = serde_json::json!({
        "prev_events": before,
        "auth_events": before,
        "depth": last.depth() + 1,
    });
    let template = to_raw_value(&template).map_err(ApiError::internal)?;
    complete(server, &template, rules, wish).map(Some)
}

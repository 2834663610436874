//! Joining and leaving as servers did it before version 2 of these endpoints: the answer is a pair of a status and an
//! object. Specifications since v1.1 call them deprecated and the newest has them no more, but servers still fall back
//! to them.

use axum::extract::State;
use http::StatusCode;
use ruma::{
    RoomVersionId,
    api::federation::membership::{create_invite, create_join_event, create_leave_event},
};
use serde::Serialize;
use serde_json::{json, value::RawValue};

use super::membership;
use crate::{
    ApiResult, Server,
    http::{Raw, Signed, json},
    rooms::admit::incompatible_version,
};

/// What a join is answered with.
#[derive(Serialize)]
struct Room<'a> {
    origin: &'a str,
    state: &'a [Box<RawValue>],
    auth_chain: &'a [Box<RawValue>],
}

fn pair(object: impl Serialize) -> ApiResult<Raw> {
    json(&(StatusCode::OK.as_u16(), object)).map(Raw)
}

/// Takes in a join.
pub(super) async fn send_join(
    state: State<Server>,
    signed: Signed<create_join_event::v2::Request>,
) -> ApiResult<Raw> {
    let origin = state.0.rooms.server_name().to_owned();
    let room = membership::send_join(state, signed).await?.room_state;
    pair(Room {
        origin: origin.as_str(),
        state: &room.state,
        auth_chain: &room.auth_chain,
    })
}

/// Refuses an invitation. Whoever invites in this way means a room of version 1 or 2, and this server takes part in none.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1inviteroomideventid)
pub(super) async fn invite(
    State(_): State<Server>,
    Signed { .. }: Signed<create_invite::v1::Request>,
) -> ApiResult<create_invite::v1::Response> {
    Err(incompatible_version(&RoomVersionId::V1))
}

/// Takes in that somebody leaves.
pub(super) async fn send_leave(
    state: State<Server>,
    signed: Signed<create_leave_event::v2::Request>,
) -> ApiResult<Raw> {
    membership::send_leave(state, signed).await?;
    pair(json!({}))
}

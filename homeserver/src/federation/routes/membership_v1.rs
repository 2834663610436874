//! Joining and leaving as servers did it before version 2 of these endpoints: the answer is a pair of a status and an
//! object. Specifications since v1.1 call them deprecated and the newest has them no more, but servers still fall back
//! to them.

use axum::extract::State;
use http::StatusCode;
use ruma::api::federation::membership::{create_join_event, create_leave_event};
use serde::Serialize;
use serde_json::{json, value::RawValue};

use super::membership;
use crate::{
    ApiResult, Server,
    http::{Raw, Signed, json},
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

/// Takes in that somebody leaves.
pub(super) async fn send_leave(
    state: State<Server>,
    signed: Signed<create_leave_event::v2::Request>,
) -> ApiResult<Raw> {
    membership::send_leave(state, signed).await?;
    pair(json!({}))
}

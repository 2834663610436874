//! How much an account moves: rooms entered, invitations sent.

use axum::Router;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{AdminRoutes, Call};
use crate::{ApiResult, Server};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .admin(
            Method::GET,
            "/_synapse/admin/v1/users/{user_id}/sent_invite_count",
            invitations,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/users/{user_id}/cumulative_joined_room_count",
            rooms,
        )
}

#[derive(Deserialize)]
struct Query {
    from_ts: u64,
}

async fn invitations(call: Call) -> ApiResult<Value> {
    let Query { from_ts } = call.query()?;
    let user = call.account(0).await?.user;
    let count = call
        .server
        .rooms
        .read(move |rooms, snapshot| Ok(rooms.invitations_sent_since(snapshot, user, from_ts)?))
        .await?;
    Ok(json!({ "invite_count": count }))
}

async fn rooms(call: Call) -> ApiResult<Value> {
    let Query { from_ts } = call.query()?;
    let user = call.account(0).await?.user;
    let count = call
        .server
        .rooms
        .read(move |rooms, snapshot| Ok(rooms.rooms_entered_since(snapshot, user, from_ts)?))
        .await?;
    Ok(json!({ "cumulative_joined_room_count": count }))
}

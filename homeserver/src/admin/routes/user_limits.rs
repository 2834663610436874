//! Rate limits of single accounts, for bots that speak more than people do.

use axum::Router;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{AdminRoutes, Call};
use crate::{ApiResult, Server, users::RateLimit};

pub(super) fn router() -> Router<Server> {
    let path = "/_synapse/admin/v1/users/{user_id}/override_ratelimit";
    Router::new()
        .admin(Method::GET, path, show)
        .admin(Method::POST, path, set)
        .admin(Method::DELETE, path, remove)
}

async fn show(call: Call) -> ApiResult<Value> {
    let account = call.account(0).await?;
    Ok(account.row.rate_limit.map_or_else(|| json!({}), told))
}

fn told(limit: RateLimit) -> Value {
    json!({
        "messages_per_second": limit.messages_per_second,
        "burst_count": limit.burst_count,
    })
}

async fn set(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        messages_per_second: u32,
        #[serde(default)]
        burst_count: u32,
    }
    let body: Body = call.body()?;
    let limit = RateLimit {
        messages_per_second: body.messages_per_second,
        burst_count: body.burst_count,
    };
    keep(&call, Some(limit)).await?;
    Ok(told(limit))
}

async fn remove(call: Call) -> ApiResult<Value> {
    keep(&call, None).await?;
    Ok(json!({}))
}

async fn keep(call: &Call, limit: Option<RateLimit>) -> ApiResult {
    let account = call.account(0).await?;
    let users = &call.server.users;
    users
        .update_account(account.user, move |row| row.rate_limit = limit)
        .await
}

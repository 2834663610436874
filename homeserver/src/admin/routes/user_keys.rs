//! Helping somebody who has lost the keys that stand for them.

use axum::Router;
use http::Method;
use serde_json::{Value, json};

use super::call::{AdminRoutes, Call};
use crate::{ApiResult, Server};

pub(super) fn router() -> Router<Server> {
    Router::new().admin(
        Method::POST,
        "/_synapse/admin/v1/users/{user_id}/_allow_cross_signing_replacement_without_uia",
        allow_replacement,
    )
}

async fn allow_replacement(call: Call) -> ApiResult<Value> {
    let user = call.account(0).await?.user;
    let until = call.server.e2ee.allow_replacement(user).await?;
    Ok(json!({ "updatable_without_uia_before_ms": until }))
}

//! Redacting everything that a user said.

use axum::Router;
use http::Method;
use ruma::OwnedUserId;
use serde_json::{Value, json};

use super::{
    call::{AdminRoutes, Call, parse},
    work,
};
use crate::{
    ApiError, ApiResult, Server,
    admin::{redaction::RedactUser, store::TaskStatus},
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .admin(
            Method::POST,
            "/_synapse/admin/v1/user/{user_id}/redact",
            redact,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/user/redact_status/{redact_id}",
            status,
        )
}

async fn redact(call: Call) -> ApiResult<Value> {
    // Users of other servers can be redacted too, where the administrator may.
    let user_id: OwnedUserId = parse(call.text(0), "user id")?;
    let wish: RedactUser = call.body()?;
    if wish.limit == Some(0) {
        return Err(ApiError::invalid_param("limit has to be at least 1."));
    }
    let request = json!(wish);
    let id = work::begin(&call, work::REDACT_USER, user_id.as_str(), request).await?;
    Ok(json!({ "redact_id": id }))
}

async fn status(call: Call) -> ApiResult<Value> {
    let row = work::find(&call, call.text(0), work::REDACT_USER).await?;
    let mut answer = json!({ "status": row.status });
    if row.status == TaskStatus::Complete {
        let result: Value = serde_json::from_str(&row.result).map_err(ApiError::internal)?;
        answer["failed_redactions"] = result["failed_redactions"].clone();
    }
    if let Some(error) = row.error {
        answer["error"] = error.into();
    }
    Ok(answer)
}

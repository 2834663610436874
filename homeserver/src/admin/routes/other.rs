//! What concerns the server as a whole.

use axum::{Router, extract::State, response::Response, routing::get};
use http::Method;
use serde_json::{Value, json};

use super::call::{AdminRoutes, Call};
use crate::{ApiResult, Server, http::json};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/_synapse/admin/v1/server_version", get(server_version))
        .admin(
            Method::GET,
            "/_synapse/admin/v1/background_updates/status",
            background_updates,
        )
}

/// Administrators' tools ask for this before anybody has signed in.
async fn server_version(State(_): State<Server>) -> ApiResult<Response> {
    let version = concat!("Fialka ", env!("CARGO_PKG_VERSION"));
    json(&json!({ "server_version": version }))
}

/// The schema of the database is brought up to date before requests are served, so nothing ever goes on.
async fn background_updates(_: Call) -> ApiResult<Value> {
    Ok(json!({ "enabled": true, "current_updates": {} }))
}

//! For supervisors and load balancers: is the server alive, and does it take requests?

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use http::StatusCode;

use crate::Server;

/// `/_fialka/health/…`
pub fn router() -> Router<Server> {
    Router::new()
        .route("/_fialka/health/live", get(live))
        .route("/_fialka/health/ready", get(ready))
}

/// Whoever can answer is alive.
async fn live() -> impl IntoResponse {
    "alive\n"
}

/// Not ready once the server has begun to stop, so that a load balancer looks elsewhere.
async fn ready(State(server): State<Server>) -> impl IntoResponse {
    if server.jobs.is_stopping() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

//! The join file for whoever knows where the server is.

use axum::Router;
use http::Method;

use crate::{
    Server,
    http::{RouterExt, json},
};

/// The route.
pub fn router() -> Router<Server> {
    Router::new().plain_route(
        &Method::GET,
        "/_fialka/client/v1/join",
        // It holds nothing secret: codes to register with are in files only.
        Box::new(|server, _| Box::pin(async move { json(&server.join) })),
    )
}

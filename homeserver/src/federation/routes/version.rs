//! [What this server is](https://spec.matrix.org/v1.19/server-server-api/#server-implementation).

use axum::{Router, extract::State};
use ruma::api::federation::discovery::get_server_version;

use crate::{
    ApiResult, Server,
    http::{RouterExt, Ruma},
};

pub(super) fn router() -> Router<Server> {
    Router::new().ruma_route(version)
}

/// Name and version of this server.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1version)
async fn version(
    State(_): State<Server>,
    Ruma(_): Ruma<get_server_version::v1::Request>,
) -> ApiResult<get_server_version::v1::Response> {
    let mut server = get_server_version::v1::Server::new();
    server.name = Some("Fialka".to_owned());
    server.version = Some(env!("CARGO_PKG_VERSION").to_owned());
    let mut response = get_server_version::v1::Response::new();
    response.server = Some(server);
    Ok(response)
}

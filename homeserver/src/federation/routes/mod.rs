//! The endpoints for other servers.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/)

mod keys;
mod media;
mod public_rooms;
mod queries;
mod user_keys;
mod version;

use axum::Router;

use crate::Server;

/// The endpoints for other servers.
pub fn router() -> Router<Server> {
    Router::new()
        .merge(keys::router())
        .merge(version::router())
        .merge(queries::router())
        .merge(public_rooms::router())
        .merge(user_keys::router())
        .merge(media::router())
}

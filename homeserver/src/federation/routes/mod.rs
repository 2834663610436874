//! The endpoints for other servers.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/)

mod history;
mod keys;
mod media;
mod membership;
mod membership_v1;
mod public_rooms;
mod queries;
mod send;
mod shown;
mod spaces;
mod third_party;
mod user_keys;
mod version;

use axum::Router;

use crate::Server;

/// The endpoints for other servers.
pub fn router() -> Router<Server> {
    Router::new()
        .merge(queries::router())
        .merge(public_rooms::router())
        .merge(user_keys::router())
        .merge(media::router())
        .merge(history::router())
        .merge(keys::router())
        .merge(membership::router())
        .merge(send::router())
        .merge(spaces::router())
        .merge(third_party::router())
        .merge(version::router())
}

//! Every endpoint there is.

use axum::{Router, middleware::from_fn_with_state};

use super::{calls, discovery, edge};
use crate::{
    ApiError, Server, account_data, admin, appservice, delayed, e2ee, federation, feedback, join,
    media, ops, presence, push, reports, rooms, search, sync, users,
};

/// The router of the public listeners.
pub fn router(server: Server) -> Router {
    let federation = if server.config.federation.enabled {
        federation::routes::router()
    } else {
        // To servers, this one has no endpoints then.
        Router::new()
    };
    Router::new()
        .merge(federation)
        .merge(discovery::router())
        .merge(calls::router())
        .merge(users::routes::router())
        .merge(account_data::routes::router())
        .merge(ops::health::router())
        .merge(rooms::routes::router())
        .merge(push::routes::router())
        .merge(search::routes::router())
        .merge(reports::routes::router())
        .merge(feedback::routes::router())
        .merge(join::routes::router())
        .merge(presence::routes::router())
        .merge(appservice::routes::router())
        .merge(sync::routes::router())
        .merge(e2ee::routes::router())
        .merge(delayed::routes::router())
        .merge(media::routes::router())
        .merge(admin::routes::router())
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .fallback(|| async { ApiError::unrecognized() })
        .layer(from_fn_with_state(server.clone(), edge::surround))
        .with_state(server)
}

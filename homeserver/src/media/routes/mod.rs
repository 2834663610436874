//! The endpoints of uploaded files.

pub(crate) mod answer;
mod content;
mod legacy;
mod preview;
mod upload;

use axum::Router;

use crate::{Server, http::RouterExt};

/// The endpoints of uploaded files.
pub fn router() -> Router<Server> {
    Router::new()
        .ruma_route(upload::upload)
        .ruma_route(upload::create)
        .ruma_route(upload::upload_to)
        .ruma_route(upload::config)
        .ruma_route(content::download)
        .ruma_route(content::download_as)
        .ruma_route(content::thumbnail)
        .ruma_route(preview::preview)
        .ruma_route(preview::legacy)
        .ruma_route(legacy::config)
        .ruma_route(legacy::download)
        .ruma_route(legacy::download_as)
        .ruma_route(legacy::thumbnail)
}

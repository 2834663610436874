//! The filter of a request as it was sent: Ruma's type leaves out what it does not know.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::Deserialize;

use crate::{ApiError, Server};

/// The query parameter `filter`, if it is there.
pub struct FilterText(pub Option<String>);

impl FromRequestParts<Server> for FilterText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        struct WithFilter {
            filter: Option<String>,
        }
        // A query that cannot be read is refused together with the rest of the request.
        let query = Query::<WithFilter>::try_from_uri(&parts.uri).ok();
        Ok(Self(query.and_then(|Query(query)| query.filter)))
    }
}

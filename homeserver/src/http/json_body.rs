//! JSON bodies of endpoints that are not Matrix's.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::{body, refusal};
use crate::{ApiError, Server};

/// The body of a request, parsed. Refusals look like those of every other endpoint.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Server> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Server) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = body::read(&parts, body).await?;
        refusal::check_json_object(&bytes)?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| refusal::explain_json(&error))
    }
}

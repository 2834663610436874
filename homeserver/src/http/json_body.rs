//! JSON bodies of endpoints that are not Matrix's.

use axum::{
    body::Body,
    extract::{FromRequest, Query, Request},
};
use bytes::Bytes;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::{body, refusal};
use crate::{ApiError, ApiResult, Server};

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

/// The body of a request, which has to be a JSON object if there is one.
pub async fn read_body(parts: &Parts, body: Body) -> ApiResult<Bytes> {
    let bytes = body::read(parts, body).await?;
    refusal::check_json_object(&bytes)?;
    Ok(bytes)
}

/// A body that was read, parsed; an empty one counts as `{}`.
pub fn parse_body<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    let bytes = match bytes.trim_ascii() {
        [] => b"{}",
        bytes => bytes,
    };
    serde_json::from_slice(bytes).map_err(|error| refusal::explain_json(&error))
}

/// The query of a request, parsed.
pub fn read_query<T: DeserializeOwned>(parts: &Parts) -> ApiResult<T> {
    match Query::try_from_uri(&parts.uri) {
        Ok(Query(query)) => Ok(query),
        Err(error) => {
            // What Axum says begins with a sentence that says nothing more.
            let text = error.body_text();
            let text = text.rsplit("query string: ").next().unwrap_or_default();
            Err(refusal::explain_parameter(text))
        }
    }
}

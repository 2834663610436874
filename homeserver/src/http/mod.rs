//! From bytes to a domain function and back: listeners, routing, authentication and limits.

pub mod address;
mod body;
mod calls;
mod connections;
pub mod discovery;
mod edge;
mod filter_text;
mod json_body;
pub mod limits;
mod old_auth;
mod own;
pub mod page;
mod patience;
mod refusal;
pub mod router;
pub mod ruma;
pub(crate) mod serve;
pub mod session;
mod signed;
mod standing;
mod tls;
mod whole;

use axum::{body::Body, response::Response};
use http::{HeaderValue, header};
use serde::Serialize;

pub use self::{
    address::ClientAddress,
    connections::Connections,
    filter_text::FilterText,
    json_body::{JsonBody, parse_body, read_body, read_query},
    own::{Nothing, Own},
    ruma::{Also, Answer, PlainServe, Raw, RouterExt, Ruma, RumaHandler, Streamed},
    serve::Listener,
    session::AccessToken,
    signed::Signed,
    whole::Whole,
};
pub use crate::users::Session;
use crate::{ApiError, ApiResult};

/// A request whose sender is known without a token.
pub(crate) async fn trusted<B>(mut request: http::Request<B>) -> http::Request<B> {
    request.extensions_mut().insert(body::Authenticated);
    request
}

/// An answer whose body is this value in JSON.
pub fn json(body: &impl Serialize) -> ApiResult<Response> {
    let text = serde_json::to_vec(body).map_err(ApiError::internal)?;
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

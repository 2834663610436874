//! Requests of other servers.

use axum::body::Body;
use bytes::Bytes;
use http::{Method, request::Parts};
use ruma::{OwnedServerName, api::IncomingRequest};

use super::{
    body, refusal,
    ruma::{Incoming, decode},
};
use crate::{ApiResult, Server};

/// The request of an endpoint for servers, signed by the one that sends it.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#request-authentication)
pub struct Signed<T> {
    /// The server that sent it.
    pub origin: OwnedServerName,
    /// The request.
    pub request: T,
}

impl<T: IncomingRequest + Send> Incoming for Signed<T> {
    type Request = T;

    async fn receive(
        server: &Server,
        parts: Parts,
        body: Body,
        path_args: Vec<String>,
    ) -> ApiResult<Self> {
        // Whoever is not talked to need not be listened to.
        let credentials = server.federation.credentials(&parts.headers)?;
        let body = match parts.method {
            Method::GET | Method::HEAD => Bytes::new(),
            _ => body::read_of_server(&parts, body).await?,
        };
        refusal::check_json_object(&body)?;
        let request = http::Request::from_parts(parts, body);
        server.federation.verify(&request, &credentials).await?;
        let origin = credentials.origin;
        tracing::Span::current().record("user", tracing::field::display(&origin));
        Ok(Self {
            origin,
            request: decode(request, &path_args)?,
        })
    }
}

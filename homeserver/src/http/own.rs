//! Endpoints whose method and paths come from Ruma while this server reads path, query and body itself: where Ruma's type
//! would lose what a client sent, or refuse what the specification allows.

use std::marker::PhantomData;

use ruma::api::{IncomingRequest, Metadata, error::FromHttpRequestError};
use serde::{
    Deserialize,
    de::{
        DeserializeOwned, Error as _, IntoDeserializer,
        value::{Error as ParameterError, SeqDeserializer},
    },
};

/// A request to the endpoint of `R`, with path `P`, body `B` and query `Q`.
pub struct Own<R, P, B, Q = Nothing> {
    /// The variables of the path: a tuple, or [`Nothing`].
    pub path: P,
    /// The body; an empty one counts as `{}`.
    pub body: B,
    /// The query.
    pub query: Q,
    endpoint: PhantomData<fn() -> R>,
}

/// No parameters, or none that matter.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Nothing {}

impl<R: Metadata, P, B, Q> Metadata for Own<R, P, B, Q> {
    const METHOD: http::Method = R::METHOD;
    const RATE_LIMITED: bool = R::RATE_LIMITED;
    type Authentication = R::Authentication;
    type PathBuilder = R::PathBuilder;
    const PATH_BUILDER: R::PathBuilder = R::PATH_BUILDER;
}

impl<R, P, B, Q> IncomingRequest for Own<R, P, B, Q>
where
    R: IncomingRequest,
    P: DeserializeOwned,
    B: DeserializeOwned,
    Q: DeserializeOwned,
{
    type EndpointError = R::EndpointError;
    type OutgoingResponse = R::OutgoingResponse;

    fn try_from_http_request<D: AsRef<[u8]>, S: AsRef<str>>(
        request: http::Request<D>,
        path_args: &[S],
    ) -> Result<Self, FromHttpRequestError> {
        Self::check_request_method(request.method())?;
        let variables = path_args.iter().map(AsRef::as_ref);
        // No variables are a unit, which is no sequence to Serde.
        let path = match path_args {
            [] => P::deserialize(IntoDeserializer::<ParameterError>::into_deserializer(()))?,
            _ => P::deserialize(SeqDeserializer::<_, ParameterError>::new(variables))?,
        };
        let query = axum::extract::Query::try_from_uri(request.uri())
            .map_err(|error| ParameterError::custom(error.body_text()))?;
        let body = match request.body().as_ref() {
            [] => b"{}",
            body => body,
        };
        Ok(Self {
            path,
            body: serde_json::from_slice(body)?,
            query: query.0,
            endpoint: PhantomData,
        })
    }
}

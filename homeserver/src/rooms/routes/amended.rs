//! Requests that clients may write in ways Ruma does not read.

use ruma::api::{
    IncomingRequest, Metadata,
    error::{DeserializationError, FromHttpRequestError},
};
use serde_json::{Map, Value};

/// A request whose body is completed before Ruma reads it.
pub(crate) trait Amend {
    /// The request as Ruma knows it.
    type Request: IncomingRequest;

    /// Writes the body as Ruma expects it.
    fn amend(body: &mut Map<String, Value>);

    /// The query as Ruma expects it, if it is not the one that was sent.
    fn amend_query(_: &str) -> Option<String> {
        None
    }
}

/// The request behind an [`Amend`].
pub(crate) struct Amended<A: Amend>(pub(crate) A::Request);

impl<A: Amend> Metadata for Amended<A> {
    const METHOD: http::Method = A::Request::METHOD;
    const RATE_LIMITED: bool = A::Request::RATE_LIMITED;
    type Authentication = <A::Request as Metadata>::Authentication;
    type PathBuilder = <A::Request as Metadata>::PathBuilder;
    const PATH_BUILDER: Self::PathBuilder = A::Request::PATH_BUILDER;
}

impl<A: Amend> IncomingRequest for Amended<A> {
    type EndpointError = <A::Request as IncomingRequest>::EndpointError;
    type OutgoingResponse = <A::Request as IncomingRequest>::OutgoingResponse;

    fn try_from_http_request<B: AsRef<[u8]>, S: AsRef<str>>(
        request: http::Request<B>,
        path_args: &[S],
    ) -> Result<Self, FromHttpRequestError> {
        let (mut parts, body) = request.into_parts();
        if let Some(query) = A::amend_query(parts.uri.query().unwrap_or_default()) {
            let path = parts.uri.path();
            parts.uri = http::Uri::try_from(format!("{path}?{query}")).map_err(|error| {
                let error = serde::de::Error::custom(error);
                FromHttpRequestError::Deserialization(DeserializationError::Query(error))
            })?;
        }
        let body = body.as_ref().trim_ascii();
        let mut fields = if body.is_empty() {
            Map::new()
        } else {
            serde_json::from_slice(body)?
        };
        A::amend(&mut fields);
        let body = serde_json::to_vec(&fields)?;
        let request = http::Request::from_parts(parts, body);
        A::Request::try_from_http_request(request, path_args).map(Self)
    }
}

/// A request with an optional body, all of whose fields are optional.
pub(crate) struct MayBeEmpty<R>(std::marker::PhantomData<R>);

impl<R: IncomingRequest> Amend for MayBeEmpty<R> {
    type Request = R;

    fn amend(_: &mut Map<String, Value>) {}
}

//! Endpoints whose method and paths come from Ruma while this server reads path, query and body itself: where Ruma's type
//! would lose what a client sent, or refuse what the specification allows.

use std::marker::PhantomData;

use ruma::api::{IncomingRequest, Metadata, error::FromHttpRequestError};
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, Error as _, IgnoredAny, IntoDeserializer,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IgnoredAny).map(|_| Self)
    }
}

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

#[cfg(test)]
mod tests {
    use ruma::{
        OwnedUserId,
        api::client::{profile::set_profile_field, push::set_pushrule, session::login},
        serde::JsonObject,
    };

    use super::*;

    fn read<T: IncomingRequest>(
        uri: &str,
        path: &[&str],
        body: &str,
    ) -> Result<T, FromHttpRequestError> {
        let request = http::Request::builder().method(T::METHOD).uri(uri);
        T::try_from_http_request(request.body(body.as_bytes()).unwrap(), path)
    }

    #[test]
    fn path_query_and_body_are_read() {
        #[derive(Debug, Deserialize)]
        struct Query {
            before: Option<String>,
        }
        type Request = Own<set_pushrule::v3::Request, (String, String), JsonObject, Query>;
        let path = ["content", "a b"];
        let request: Request = read("/x?before=y%20z", &path, "{\"a\":1}").unwrap();
        assert_eq!(request.path.1, "a b");
        assert_eq!(request.query.before.as_deref(), Some("y z"));
        assert_eq!(request.body["a"], 1);
        let request: Request = read("/x", &path, "").unwrap();
        assert_eq!(request.query.before, None);
        assert!(request.body.is_empty());
    }

    #[test]
    fn nothing_takes_whatever_comes() {
        type Request = Own<login::v3::Request, Nothing, Nothing>;
        read::<Request>("/x?a=b&c", &[], "{\"a\":1}").unwrap();
        read::<Request>("/x", &[], "").unwrap();
    }

    #[test]
    fn wrong_user_id_in_the_path_is_refused() {
        type Request = Own<set_profile_field::v3::Request, (OwnedUserId, String), Nothing>;
        assert!(read::<Request>("/x", &["lilia", "m.tz"], "").is_err());
    }
}

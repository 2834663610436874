//! Who sends a request.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts, Query};
use http::{HeaderMap, Uri, header, request::Parts};
use ruma::{OwnedDeviceId, OwnedUserId};
use serde::Deserialize;

use super::{address::ClientAddress, body::Authenticated, ruma::Route, standing};
use crate::{ApiError, ApiResult, Server, appservice::Service, users::Session};

impl FromRequestParts<Server> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, ApiError> {
        let token = access_token(parts).ok_or_else(ApiError::missing_token)?;
        authenticate(parts, server, &token).await
    }
}

/// For endpoints that answer strangers too. A token that is wrong is an error here as well.
impl OptionalFromRequestParts<Server> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        server: &Server,
    ) -> Result<Option<Self>, ApiError> {
        match access_token(parts) {
            Some(token) => authenticate(parts, server, &token).await.map(Some),
            None => Ok(None),
        }
    }
}

async fn authenticate(parts: &mut Parts, server: &Server, token: &str) -> ApiResult<Session> {
    let route = parts.extensions.get::<Route>().copied();
    let service = server.appservices.by_token(token);
    let session = match service {
        Some(service) => act_as(parts, server, service).await?,
        None if route.is_some_and(|route| standing::is_for_locked(route.path)) => {
            server.users.session_even_if_locked(token).await?
        }
        None => server.users.session(token).await?,
    };
    let is_limited =
        service.is_none_or(|service| service.rate_limited && session.user_id != service.sender);
    if let Some(route) = &route {
        if is_limited {
            server.limits.check_session(route.class, &session)?;
        }
        standing::check(&session, &parts.method, route.path)?;
        if standing::shows_presence(&parts.method, route) {
            server.presence.act(session.user, &session.device_id);
        }
    }
    tracing::Span::current().record("user", tracing::field::display(&session.user_id));
    let address = parts
        .extensions
        .get::<ClientAddress>()
        .and_then(|address| address.0);
    server.users.seen(&session, address);
    parts.extensions.insert(Authenticated);
    Ok(session)
}

/// The user that an application service wants to act as: its own unless it says otherwise.
/// [spec](https://spec.matrix.org/v1.19/application-service-api/#identity-assertion)
async fn act_as(parts: &Parts, server: &Server, service: &Service) -> ApiResult<Session> {
    #[derive(Deserialize)]
    struct Asserted {
        user_id: Option<OwnedUserId>,
        device_id: Option<OwnedDeviceId>,
        // What it was called before it was specified.
        #[serde(rename = "org.matrix.msc3202.device_id")]
        unstable_device_id: Option<OwnedDeviceId>,
    }
    let Query(asserted) = Query::<Asserted>::try_from_uri(&parts.uri)
        .map_err(|_| ApiError::invalid_param("\"user_id\" is not a user id."))?;
    let user_id = asserted.user_id.unwrap_or_else(|| service.sender.clone());
    if !service.owns_user(&user_id) {
        return Err(ApiError::forbidden(
            "This user is outside of the application service's namespaces.",
        ));
    }
    let device_id = asserted.device_id.or(asserted.unstable_device_id);
    let id = Arc::clone(&service.id);
    server
        .users
        .appservice_session(id, user_id, device_id)
        .await
}

/// The token of a request to an endpoint that knows others besides those of users.
pub struct AccessToken(pub Option<String>);

impl FromRequestParts<Server> for AccessToken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> Result<Self, ApiError> {
        Ok(Self(access_token(parts)))
    }
}

/// The access token of a request: the header's, or else the deprecated query parameter's.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#using-access-tokens)
pub fn access_token(parts: &Parts) -> Option<String> {
    token_in(&parts.headers, &parts.uri)
}

/// The same from a request that was not taken apart.
pub(super) fn token_in(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    bearer_token(headers).or_else(|| query_token(uri))
}

fn bearer_token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}

fn query_token(uri: &Uri) -> Option<String> {
    #[derive(Deserialize)]
    struct WithToken {
        access_token: String,
    }
    let Query(query) = Query::<WithToken>::try_from_uri(uri).ok()?;
    Some(query.access_token)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn token(request: http::request::Builder) -> Option<String> {
        access_token(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_token_comes_in_the_header() {
        let request = Request::get("/sync?access_token=old").header("authorization", "Bearer new");
        assert_eq!(token(request).as_deref(), Some("new"));
        assert_eq!(
            token(Request::get("/").header("Authorization", "bearer a")).as_deref(),
            Some("a")
        );
    }

    #[test]
    fn a_token_comes_in_the_query() {
        let request = Request::get("/sync?timeout=0&access_token=a%2Bb");
        assert_eq!(token(request).as_deref(), Some("a+b"));
    }

    #[test]
    fn anything_else_is_no_token() {
        assert_eq!(
            token(Request::get("/").header("authorization", "Basic abc")),
            None
        );
        assert_eq!(
            token(Request::get("/").header("authorization", "Bearer")),
            None
        );
        assert_eq!(token(Request::get("/?token=a")), None);
    }
}

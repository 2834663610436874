//! Who sends a request.

use axum::extract::{FromRequestParts, OptionalFromRequestParts, Query};
use http::{header, request::Parts};
use serde::Deserialize;

use super::{address::ClientAddress, body::Authenticated, ruma::Route, standing};
use crate::{ApiError, ApiResult, Server, users::Session};

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
    let route = parts.extensions.get::<Route>();
    let session = if route.is_some_and(|route| standing::is_for_locked(route.path)) {
        server.users.session_even_if_locked(token).await?
    } else {
        server.users.session(token).await?
    };
    if let Some(route) = route {
        server.limits.check(route.class, session.user)?;
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

/// The access token of a request: the header's, or else the deprecated query parameter's.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#using-access-tokens)
pub fn access_token(parts: &Parts) -> Option<String> {
    bearer_token(parts).or_else(|| query_token(parts))
}

fn bearer_token(parts: &Parts) -> Option<String> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}

fn query_token(parts: &Parts) -> Option<String> {
    #[derive(Deserialize)]
    struct WithToken {
        access_token: String,
    }
    let Query(query) = Query::<WithToken>::try_from_uri(&parts.uri).ok()?;
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

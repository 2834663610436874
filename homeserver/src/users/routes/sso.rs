//! [Single sign-on](https://spec.matrix.org/v1.19/client-server-api/#sso-client-loginauthentication), which this server
//! does not have. People come here with a browser, so a browser gets a page.

use axum::{Router, extract::State};
use http::StatusCode;
use ruma::api::{
    client::session::{sso_login, sso_login_with_provider},
    error::ErrorKind,
};
use serde::Deserialize;

use super::page;
use crate::{
    ApiError, ApiResult, Server,
    http::{Nothing, Own, Raw, RouterExt, Ruma},
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(redirect)
        .ruma_route(redirect_to_provider)
}

#[derive(Deserialize)]
struct Query {
    #[serde(rename = "redirectUrl")]
    redirect_url: Option<String>,
}

/// Begins a single sign-on.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3loginssoredirect)
async fn redirect(
    State(_): State<Server>,
    page::Accepts(browser): page::Accepts,
    Ruma(request): Ruma<Own<sso_login::v3::Request, Nothing, Nothing, Query>>,
) -> ApiResult<Raw> {
    refuse(browser, &request.query)
}

/// Begins a single sign-on at a provider.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3loginssoredirectidpid)
async fn redirect_to_provider(
    State(_): State<Server>,
    page::Accepts(browser): page::Accepts,
    Ruma(request): Ruma<Own<sso_login_with_provider::v3::Request, (String,), Nothing, Query>>,
) -> ApiResult<Raw> {
    refuse(browser, &request.query)
}

fn refuse(is_browser: bool, query: &Query) -> ApiResult<Raw> {
    if query.redirect_url.is_none() {
        return Err(ApiError::missing_param("\"redirectUrl\" is missing."));
    }
    if is_browser {
        let text = "<p>This server has no single sign-on. Go back to the application and sign in with your name and password.</p>";
        return Ok(Raw(page::page(StatusCode::NOT_FOUND, "Sign in", text)));
    }
    Err(ApiError::new(
        StatusCode::NOT_FOUND,
        ErrorKind::NotFound,
        "This server has no single sign-on: sign in with a password.",
    ))
}

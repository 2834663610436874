//! [Single sign-on](https://spec.matrix.org/v1.19/client-server-api/#sso-client-loginauthentication), which this server
//! does not have. People come here with a browser, so a browser gets a page.

use axum::{Router, extract::State};
use http::StatusCode;
use ruma::api::{
    client::session::{sso_login, sso_login_with_provider},
    error::ErrorKind,
};
use serde::Deserialize;

use crate::{
    ApiError, ApiResult, Server,
    http::{
        Nothing, Own, Raw, RouterExt, Ruma,
        page::{Accepts, Page, Visitor},
    },
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
    State(server): State<Server>,
    visitor: Visitor,
    Accepts(browser): Accepts,
    Ruma(request): Ruma<Own<sso_login::v3::Request, Nothing, Nothing, Query>>,
) -> ApiResult<Raw> {
    refuse(&server, browser.then_some(visitor), &request.query)
}

/// Begins a single sign-on at a provider.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3loginssoredirectidpid)
async fn redirect_to_provider(
    State(server): State<Server>,
    visitor: Visitor,
    Accepts(browser): Accepts,
    Ruma(request): Ruma<Own<sso_login_with_provider::v3::Request, (String,), Nothing, Query>>,
) -> ApiResult<Raw> {
    refuse(&server, browser.then_some(visitor), &request.query)
}

fn refuse(server: &Server, browser: Option<Visitor>, query: &Query) -> ApiResult<Raw> {
    if query.redirect_url.is_none() {
        return Err(ApiError::missing_param("\"redirectUrl\" is missing."));
    }
    if let Some(visitor) = browser {
        let (title, text) = visitor.language.pick(
            (
                "Вход",
                "<p>На этом сервере нет единого входа. Вернитесь в приложение и войдите с именем и паролем.</p>",
            ),
            (
                "Sign in",
                "<p>This server has no single sign-on. Go back to the application and sign in with your name and \
password.</p>",
            ),
        );
        let mut page = Page::new(title, text);
        page.status = StatusCode::NOT_FOUND;
        return Ok(Raw(page.show(server.config.server_name.as_str(), &visitor)));
    }
    Err(ApiError::new(
        StatusCode::NOT_FOUND,
        ErrorKind::NotFound,
        "This server has no single sign-on: sign in with a password.",
    ))
}

//! The endpoints of users.

mod account;
pub mod admin;
mod devices;
mod fallback;
mod login_page;
mod moderation;
mod openid;
mod profile;
mod register;
mod session;
mod sso;
mod third_party;

use axum::Router;
use ruma::api::client::uiaa::AuthData;

use super::{Session, SignedIn};
use crate::{
    ApiError, ApiResult, Server,
    appservice::Service,
    http::{
        RouterExt,
        limits::{Class, Subject},
    },
};

/// The routes.
pub fn router() -> Router<Server> {
    Router::new()
        .ruma_route(session::login_flows)
        .ruma_route(session::login)
        .ruma_route(session::create_login_token)
        .ruma_route(session::refresh)
        .merge(sso::router())
        .merge(fallback::router())
        .merge(login_page::router())
        .ruma_route(session::logout)
        .ruma_route(session::logout_all)
        .ruma_route(session::whoami)
        .ruma_route(register::register)
        .ruma_route(register::username_availability)
        .ruma_route(register::registration_token_validity)
        .merge(register::shared_secret_router())
        .ruma_route(account::change_password)
        .ruma_route(account::deactivate)
        .ruma_route(openid::request_token)
        .merge(openid::userinfo_router())
        .merge(third_party::router())
        .ruma_route(devices::devices)
        .ruma_route(devices::device)
        .ruma_route(devices::update_device)
        .ruma_route(devices::delete_device)
        .ruma_route(devices::delete_devices)
        .ruma_route(moderation::whois)
        .ruma_route(moderation::is_locked)
        .ruma_route(moderation::lock)
        .ruma_route(moderation::is_suspended)
        .ruma_route(moderation::suspend)
        .ruma_route(profile::profile)
        .ruma_route_at(profile::UNSTABLE_PATH, profile::profile)
        .ruma_route(profile::profile_field)
        .ruma_route(profile::set_profile_field)
        .ruma_route(profile::delete_profile_field)
}

/// Asks for the user's password. Whoever holds a stolen access token must not guess it faster than at sign-in.
pub(crate) async fn confirm_password(
    server: &Server,
    session: &Session,
    operation: impl Into<String>,
    auth: Option<&AuthData>,
) -> ApiResult {
    // An application service has proved who it is, and its users have no passwords.
    if session.appservice.is_some() {
        return Ok(());
    }
    if matches!(auth, Some(AuthData::Password(_))) {
        server
            .limits
            .check(Class::SignIn, Subject::Account(session.user))?;
    }
    server
        .users
        .confirm_password(session, operation.into(), auth)
        .await
}

/// The same before devices are removed, which is often done several times in a row.
async fn confirm_removal(
    server: &Server,
    session: &Session,
    operation: String,
    auth: Option<&AuthData>,
) -> ApiResult {
    if session.appservice.is_some() {
        return Ok(());
    }
    if matches!(auth, Some(AuthData::Password(_))) {
        server
            .limits
            .check(Class::SignIn, Subject::Account(session.user))?;
    }
    server.users.confirm_removal(session, operation, auth).await
}

/// The application service that a request comes from; 401 if from none.
fn appservice_of(server: &Server, token: Option<String>) -> ApiResult<&Service> {
    let token = token.ok_or_else(ApiError::missing_token)?;
    server.appservices.by_token(&token).ok_or_else(|| {
        ApiError::unknown_token(false, "The access token is none of an application service.")
    })
}

/// The refresh token and the lifetime of the access token, as answers carry them.
fn refresh_parts(signed_in: &SignedIn) -> (Option<String>, Option<std::time::Duration>) {
    match &signed_in.refresh {
        Some((token, lifetime)) => (Some(token.clone()), Some(*lifetime)),
        None => (None, None),
    }
}

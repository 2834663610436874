//! Asking a homeserver who may come in.

use std::time::Duration;

use matrix_sdk::{
    Client, HttpError,
    config::RequestConfig,
    ruma::api::{
        client::{
            account::register,
            session::get_login_types::v3::LoginType,
            uiaa::{AuthType, UiaaInfo},
        },
        error::ErrorKind,
    },
};
use reqwest::Certificate;

use super::{discovery::discover, troubles::transport};
use crate::{
    bridge::trouble::Trouble,
    rows::{Registrations, ServerRow},
};

const TIMEOUT: Duration = Duration::from_secs(8);

/// Looks for a homeserver at the address and asks it who may come in.
pub(super) async fn check(address: &str, roots: Vec<Certificate>) -> Result<ServerRow, Trouble> {
    let place = discover(address, roots.clone()).await?;
    let config = RequestConfig::short_retry()
        .disable_retry()
        .timeout(TIMEOUT);
    let builder = Client::builder()
        .request_config(config)
        .add_root_certificates(roots);
    let client = builder.homeserver_url(&place.base_url).build().await?;
    let logins = client
        .matrix_auth()
        .get_login_types()
        .await
        .map_err(|error| match error {
            HttpError::Reqwest(error) => transport(&error),
            _ => Trouble::NotAMatrixServer,
        })?;
    Ok(ServerRow {
        name: place.name,
        base_url: place.base_url.to_string(),
        registrations: registrations(&client).await,
        password_sign_in: logins
            .flows
            .iter()
            .any(|flow| matches!(flow, LoginType::Password(_))),
    })
}

/// Asks for a registration without giving anything: the server answers with the steps it wants.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api)
async fn registrations(client: &Client) -> Registrations {
    match client.send(register::v3::Request::new()).await {
        Err(error) => match error.as_uiaa_response() {
            Some(uiaa) => steps_of(uiaa),
            None => closed_unless_unclear(&error),
        },
        // A server that registers without a name and password is none of ours; be careful and do not offer it.
        Ok(_) => Registrations::Closed,
    }
}

fn closed_unless_unclear(error: &HttpError) -> Registrations {
    match error.client_api_error_kind() {
        // Some servers look at the name before the steps.
        Some(
            ErrorKind::InvalidUsername | ErrorKind::MissingParam | ErrorKind::LimitExceeded(_),
        ) => Registrations::Open,
        _ => Registrations::Closed,
    }
}

fn steps_of(uiaa: &UiaaInfo) -> Registrations {
    let can = |allowed: &[AuthType]| {
        uiaa.flows
            .iter()
            .any(|flow| flow.stages.iter().all(|stage| allowed.contains(stage)))
    };
    if can(&[AuthType::Dummy]) {
        Registrations::Open
    } else if can(&[AuthType::Dummy, AuthType::RegistrationToken]) {
        Registrations::WithToken
    } else {
        Registrations::Closed
    }
}

//! Making the account: with the server's shared secret, or with a registration token.

use anyhow::{Context as _, Result, bail};
use hmac::{Hmac, Mac as _};
use matrix_sdk::{
    Client,
    ruma::api::client::{
        account::register,
        uiaa::{AuthData, AuthType, Dummy, RegistrationToken, UiaaInfo},
    },
};
use serde::Deserialize;
use serde_json::json;
use sha1::Sha1;

use super::account::certificates;
use crate::config::Config;

/// Whether the configuration says how to register.
pub(crate) fn can_register(config: &Config) -> bool {
    config.registration_token.is_some() || config.shared_secret_file.is_some()
}

/// Registers the bot.
pub(super) async fn register(client: &Client, config: &Config, password: &str) -> Result<()> {
    match config.shared_secret()? {
        Some(secret) => with_shared_secret(config, &secret, password).await,
        None => with_token(client, config, password).await,
    }
}

#[derive(Deserialize)]
struct Nonce {
    nonce: String,
}

async fn with_shared_secret(config: &Config, secret: &str, password: &str) -> Result<()> {
    let mut http = reqwest::Client::builder();
    for root in certificates(config)? {
        http = http.add_root_certificate(root);
    }
    let http = http.build()?;
    let url = format!(
        "{}/_synapse/admin/v1/register",
        config.homeserver.trim_end_matches('/')
    );
    let nonce: Nonce = http
        .get(&url)
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    let mut mac =
        Hmac::<Sha1>::new_from_slice(secret.as_bytes()).context("the shared secret is empty")?;
    mac.update(
        [&nonce.nonce, config.user.as_str(), password, "notadmin"]
            .join("\0")
            .as_bytes(),
    );
    let mac: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let body = json!({
        "nonce": nonce.nonce,
        "username": config.user,
        "password": password,
        "admin": false,
        "mac": mac,
    });
    let answer = http.post(&url).json(&body).send().await?;
    if !answer.status().is_success() {
        bail!(
            "the server refused the shared secret: {}",
            answer.text().await.unwrap_or_default()
        );
    }
    Ok(())
}

/// Walks through the steps the server asks for: a token, or none.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-api-in-the-rest-api)
async fn with_token(client: &Client, config: &Config, password: &str) -> Result<()> {
    let mut auth = None;
    for _ in 0..4 {
        let mut request = register::v3::Request::new();
        request.username = Some(config.user.clone());
        request.password = Some(password.to_owned());
        request.inhibit_login = true;
        request.auth = auth;
        let Err(error) = client.send(request).await else {
            return Ok(());
        };
        let Some(uiaa) = error.as_uiaa_response() else {
            return Err(error)
                .context("the bot has no account, and the server does not let it register");
        };
        if let Some(error) = &uiaa.auth_error {
            bail!("the server refused the registration: {}", error.message);
        }
        auth = Some(next_step(uiaa, config)?);
    }
    bail!("the server asks for more and more steps to register")
}

fn next_step(uiaa: &UiaaInfo, config: &Config) -> Result<AuthData> {
    let can = |stage: &AuthType| matches!(stage, AuthType::Dummy | AuthType::RegistrationToken);
    let flow = uiaa
        .flows
        .iter()
        .find(|flow| flow.stages.iter().all(can))
        .context("the server registers accounts in a way that a bot cannot follow; name a shared_secret_file")?;
    let next = flow
        .stages
        .iter()
        .find(|stage| !uiaa.completed.contains(stage));
    if let Some(AuthType::RegistrationToken) = next {
        let token = config.registration_token.clone().context(
            "the server wants a registration token: add registration_token to the configuration",
        )?;
        let mut data = RegistrationToken::new(token);
        data.session.clone_from(&uiaa.session);
        return Ok(AuthData::RegistrationToken(data));
    }
    let mut data = Dummy::new();
    data.session.clone_from(&uiaa.session);
    Ok(AuthData::Dummy(data))
}

//! The server's own way to take feedback, where it is Fialka.

use anyhow::{Context as _, Result};
use matrix_sdk::Client;
use serde_json::json;

use super::account::certificates;
use crate::config::Config;

/// Whether questions can be passed on: to a configured room, or to the server.
pub(crate) async fn has_support(client: &Client, config: &Config) -> bool {
    if config.support_room.is_some() {
        return true;
    }
    let asked = async {
        let token = client.access_token().context("the bot is signed out")?;
        let answer = http(config)?
            .get(url(config))
            .bearer_auth(token)
            .send()
            .await?;
        anyhow::Ok(answer.status().is_success())
    };
    asked.await.unwrap_or(false)
}

/// Hands somebody's words over. The same id again is the same report.
pub(super) async fn send(
    client: &Client,
    config: &Config,
    id: &str,
    from: &str,
    text: &str,
) -> Result<()> {
    let token = client.access_token().context("the bot is signed out")?;
    let body = json!({"id": id, "category": "unclear", "text": text, "reporter": from});
    let answer = http(config)?
        .post(url(config))
        .bearer_auth(token)
        .json(&body)
        .send()
        .await?;
    answer.error_for_status()?;
    Ok(())
}

fn http(config: &Config) -> Result<reqwest::Client> {
    let mut http = reqwest::Client::builder();
    for root in certificates(config)? {
        http = http.add_root_certificate(root);
    }
    Ok(http.build()?)
}

fn url(config: &Config) -> String {
    format!(
        "{}/_fialka/client/v1/feedback",
        config.homeserver.trim_end_matches('/')
    )
}

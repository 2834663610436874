//! Commands that ask the running server.

use std::{path::Path, time::Duration};

use anyhow::{Context, bail};
use reqwest::{Client, Method};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Config, ops::admin_socket::PREFIX};

/// A server answers at once or not at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// The running server of a data directory, as the command line sees it.
pub struct AdminClient {
    http: Client,
}

impl AdminClient {
    /// A client for the server with this configuration.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let socket = config.admin_socket();
        if !socket.exists() {
            bail!(
                "the server is not running: there is no {}",
                socket.display()
            );
        }
        Self::over(&socket)
    }

    fn over(socket: &Path) -> anyhow::Result<Self> {
        let http = Client::builder()
            .unix_socket(socket)
            .timeout(PATIENCE)
            .build()?;
        Ok(Self { http })
    }

    /// Asks for something: `path` begins behind the prefix of the admin socket.
    pub async fn get<A: DeserializeOwned>(&self, path: &str) -> anyhow::Result<A> {
        self.send(Method::GET, path, None::<&()>).await
    }

    /// Has something done.
    pub async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<A> {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn send<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<A> {
        // The host means nothing: the connection goes to the socket.
        let mut request = self
            .http
            .request(method, format!("http://fialka{PREFIX}{path}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request
            .send()
            .await
            .context("the server does not answer on its admin socket")?;
        let is_success = response.status().is_success();
        let answer: Value = response
            .json()
            .await
            .context("the server's answer is not JSON")?;
        if !is_success {
            bail!(
                "{}",
                answer["error"]
                    .as_str()
                    .unwrap_or("the server refused without a reason")
            );
        }
        Ok(serde_json::from_value(answer)?)
    }
}

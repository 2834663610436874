//! Commands that ask the running server.

use std::{path::Path, time::Duration};

use anyhow::{Context, bail};
use reqwest::{Client, Method, RequestBuilder};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Config, ops::admin_socket::PREFIX};

/// A server answers at once or not at all.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same for what it does to thousands of people.
const LONG_PATIENCE: Duration = Duration::from_secs(1_800);

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

    /// Has something done that takes long.
    pub async fn post_patiently<A: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<A> {
        let request = self.request(Method::POST, path).json(body);
        answer(request.timeout(LONG_PATIENCE)).await
    }

    async fn send<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<A> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // The host means nothing: the connection goes to the socket.
        self.http
            .request(method, format!("http://fialka{PREFIX}{path}"))
    }
}

async fn answer<A: DeserializeOwned>(request: RequestBuilder) -> anyhow::Result<A> {
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

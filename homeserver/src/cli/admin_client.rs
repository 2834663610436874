//! Commands that ask the running server.

use std::{
    io::{self, ErrorKind},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use reqwest::{Client, Method, RequestBuilder};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::owner::as_owner;
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
        if let Err(error) = UnixStream::connect(&socket) {
            return Err(unreachable(&error, &socket, &config.data_dir));
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

/// Why nobody can be asked, and what to do.
fn unreachable(error: &io::Error, socket: &Path, data_dir: &Path) -> anyhow::Error {
    let socket = socket.display();
    match error.kind() {
        ErrorKind::NotFound => anyhow!("the server is not running: there is no {socket}"),
        ErrorKind::ConnectionRefused => {
            anyhow!("the server is not running: nobody answers on {socket}")
        }
        ErrorKind::PermissionDenied => anyhow!(
            "only root and the server's own user may open {socket}: use {}",
            as_owner(data_dir)
        ),
        _ => anyhow!("the server cannot be asked through {socket}: {error}"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_be_asked_says_why() {
        let data = tempfile::tempdir().unwrap();
        let socket = data.path().join("admin.sock");
        let refusal = |kind: ErrorKind| {
            let error = io::Error::from(kind);
            unreachable(&error, &socket, data.path()).to_string()
        };
        assert!(refusal(ErrorKind::NotFound).contains("there is no"));
        assert!(refusal(ErrorKind::ConnectionRefused).contains("nobody answers"));
        assert!(refusal(ErrorKind::PermissionDenied).contains("sudo -u"));
        for kind in [ErrorKind::NotFound, ErrorKind::ConnectionRefused] {
            assert!(refusal(kind).starts_with("the server is not running"));
        }
    }
}

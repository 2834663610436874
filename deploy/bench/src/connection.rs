//! One HTTP/1.1 connection that stays open, as a client's does.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1::{SendRequest, handshake},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// A connection to a homeserver, with the access token its requests carry, if any.
pub struct Connection {
    address: SocketAddr,
    token: String,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// Connects at the first request.
    pub fn new(address: SocketAddr, token: &str) -> Self {
        Self {
            address,
            token: token.to_owned(),
            sender: None,
        }
    }

    /// Another connection of the same user.
    pub fn another(&self) -> Self {
        Self::new(self.address, &self.token)
    }

    /// Sends JSON and reads JSON; any status but 200 is an error.
    pub async fn json(&mut self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let body = self
            .ok(method, path, "application/json", body.to_string().into())
            .await?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Reads what is at a path and returns the bytes unparsed.
    pub async fn get(&mut self, path: &str) -> Result<Bytes> {
        self.ok(Method::GET, path, "application/json", Bytes::new())
            .await
    }

    /// Sends a body; any status but 200 is an error.
    pub async fn ok(
        &mut self,
        method: Method,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<Bytes> {
        let (status, answer) = self.exchange(method, path, kind, body).await?;
        if status != StatusCode::OK {
            bail!("{path}: {status} {}", String::from_utf8_lossy(&answer));
        }
        Ok(answer)
    }

    /// Sends a body and returns the answer, whatever its status.
    pub async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes)> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost")
            .header(CONTENT_TYPE, kind)
            .body(Full::new(body))?;
        if !self.token.is_empty() {
            let value = HeaderValue::try_from(format!("Bearer {}", self.token))?;
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let sender = self.open().await?;
        let answer = sender
            .send_request(request)
            .await
            .with_context(|| format!("no answer to {path}"))?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// The open connection, or a new one where the server has closed it.
    async fn open(&mut self) -> Result<&mut SendRequest<Full<Bytes>>> {
        let is_usable = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !is_usable {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            // It ends when the server closes it; the next request then finds the sender unusable.
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        self.sender.as_mut().context("a connection was just opened")
    }
}

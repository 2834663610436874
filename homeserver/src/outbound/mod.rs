//! Requests to others that are not homeservers: push gateways, application services, previewed pages.
//!
//! Their addresses often come from users, who must not reach through the server what only the server can reach. An
//! address is therefore judged where it is used: literal ones before the request, names by what they resolve to at the
//! moment of connecting, so that a name that points elsewhere a second later gains nothing. Redirects are off unless
//! asked for, and each is judged like a first request. Proxies of the environment are ignored, answers are bounded in
//! time and size.

mod address;
mod call;
mod resolver;

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use reqwest::{Certificate, Client, redirect};

use self::resolver::PublicResolver;
pub use self::{
    address::is_public,
    call::{Call, Origin},
};
use crate::config;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections kept open to one host.
const IDLE_PER_HOST: usize = 16;
/// How the server names itself.
const USER_AGENT: &str = concat!("Fialka/", env!("CARGO_PKG_VERSION"));

/// The way out. Clones share connections.
#[derive(Clone)]
pub struct Outbound {
    /// For addresses that users named.
    public: Client,
    /// For addresses that the administrator named.
    trusted: Client,
    allow_private: bool,
}

/// What somebody answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, no longer than the call allowed.
    pub body: Bytes,
    /// The address that answered, after redirects.
    pub url: reqwest::Url,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The address is none that can be asked.
    #[error("the address is not a valid http:// or https:// address")]
    InvalidAddress,
    /// The address lies inside a network that users must not reach through this server.
    #[error("the address is in a private network")]
    PrivateAddress,
    /// The answer is longer than the caller can use.
    #[error("the answer is too long")]
    TooLong,
    /// The answer did not come in time.
    #[error("there was no answer in time")]
    TimedOut,
    /// There were more redirects than the caller follows.
    #[error("there are too many redirects")]
    TooManyRedirects,
    /// The connection failed.
    #[error("the request failed: {0}")]
    Failed(#[source] reqwest::Error),
}

/// Checks what the configuration says about them, without asking anybody.
pub fn check(config: &config::Outbound) -> anyhow::Result<()> {
    certificates(&config.extra_ca).map(drop)
}

impl Outbound {
    /// The way out as the configuration describes it.
    pub fn open(config: &config::Outbound) -> anyhow::Result<Self> {
        let builder = || -> anyhow::Result<reqwest::ClientBuilder> {
            Ok(Client::builder()
                .user_agent(USER_AGENT)
                .no_proxy()
                .redirect(redirect::Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_max_idle_per_host(IDLE_PER_HOST)
                .tls_certs_merge(certificates(&config.extra_ca)?)
                .tls_danger_accept_invalid_certs(!config.verify_tls))
        };
        let trusted = builder()?.build().context("cannot set up TLS")?;
        let public = if config.allow_private_addresses {
            trusted.clone()
        } else {
            builder()?
                .dns_resolver(Arc::new(PublicResolver))
                .build()
                .context("cannot set up TLS")?
        };
        Ok(Self {
            public,
            trusted,
            allow_private: config.allow_private_addresses,
        })
    }

    /// Asks somebody, following as many redirects as the call allows.
    pub async fn send(&self, call: Call) -> Result<Answer, OutboundError> {
        let timeout = call.timeout;
        tokio::time::timeout(timeout, self.exchange(call))
            .await
            .unwrap_or(Err(OutboundError::TimedOut))
    }

    async fn exchange(&self, mut call: Call) -> Result<Answer, OutboundError> {
        loop {
            let response = self.request(&call).await?;
            let next = redirect_of(&response).filter(|_| call.redirects.is_some());
            let Some(next) = next else {
                return read(response, call.max_body).await;
            };
            call.follow(next)?;
        }
    }

    async fn request(&self, call: &Call) -> Result<reqwest::Response, OutboundError> {
        if !matches!(call.url.scheme(), "http" | "https") {
            return Err(OutboundError::InvalidAddress);
        }
        let client = match call.origin {
            Origin::Administrator => &self.trusted,
            Origin::User => {
                self.check_literal(&call.url)?;
                &self.public
            }
        };
        let request = client
            .request(call.method.clone(), call.url.clone())
            .headers(call.headers.clone())
            .body(call.body.clone());
        request.send().await.map_err(explain)
    }

    /// Names are judged by the resolver; addresses in the URL itself never reach it.
    fn check_literal(&self, url: &reqwest::Url) -> Result<(), OutboundError> {
        let address = address::literal(url).ok_or(OutboundError::InvalidAddress)?;
        match address {
            Some(address) if !self.allow_private && !is_public(address) => {
                Err(OutboundError::PrivateAddress)
            }
            _ => Ok(()),
        }
    }
}

fn certificates(files: &[impl AsRef<Path>]) -> anyhow::Result<Vec<Certificate>> {
    let mut certificates = Vec::new();
    for file in files {
        let file = file.as_ref().display();
        let pem = std::fs::read(file.to_string())
            .with_context(|| format!("cannot read the certificate {file}"))?;
        let found = Certificate::from_pem_bundle(&pem)
            .with_context(|| format!("{file} holds no certificate"))?;
        certificates.extend(found);
    }
    Ok(certificates)
}

/// Where a response sends the client instead.
fn redirect_of(response: &reqwest::Response) -> Option<reqwest::Url> {
    let redirects = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !redirects.contains(&response.status()) {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    response.url().join(location).ok()
}

async fn read(mut response: reqwest::Response, limit: usize) -> Result<Answer, OutboundError> {
    let announced = response.content_length().unwrap_or_default();
    if announced > limit as u64 {
        return Err(OutboundError::TooLong);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(explain)? {
        if body.len() + chunk.len() > limit {
            return Err(OutboundError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status(),
        headers: response.headers().clone(),
        url: response.url().clone(),
        body: body.freeze(),
    })
}

fn explain(error: reqwest::Error) -> OutboundError {
    if resolver::refused(&error) {
        return OutboundError::PrivateAddress;
    }
    if error.is_timeout() {
        return OutboundError::TimedOut;
    }
    // The address may hold a secret of whoever named it.
    OutboundError::Failed(error.without_url())
}

#[cfg(test)]
mod tests;

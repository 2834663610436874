//! Asking a host which server it delegates to.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#getwell-knownmatrixserver)

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use ruma::OwnedServerName;
use serde::Deserialize;
use tokio::time::timeout;

use super::{
    channel::Channel,
    discovery::{Delegation, Discovery, WellKnown},
    names::HostPort,
};

/// How long everything may take, redirects included.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const LARGEST: usize = 50 * 1024;
/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// Asks over HTTPS.
pub(super) struct WebWellKnown {
    channel: Channel,
    /// Finds the hosts, redirects included. Set once it exists, since it asks this in turn.
    discovery: OnceLock<Weak<Discovery>>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "m.server")]
    server: OwnedServerName,
}

impl WebWellKnown {
    pub(super) fn new(tls: Arc<rustls::ClientConfig>) -> Self {
        Self {
            // Its own pool: at port 443 of a name there may be another machine than at the federation port.
            channel: Channel::new(tls),
            discovery: OnceLock::new(),
        }
    }

    pub(super) fn set_discovery(&self, discovery: &Arc<Discovery>) {
        // A second call changes nothing, and there is none.
        drop(self.discovery.set(Arc::downgrade(discovery)));
    }

    /// Follows redirects to the answer. Every host on the way is looked up and judged like the first.
    async fn fetch(&self, host: &str) -> anyhow::Result<(HeaderMap, Bytes)> {
        let discovery = self.discovery.get().and_then(Weak::upgrade);
        let discovery = discovery.context("the server is stopping")?;
        let mut uri: Uri = format!("https://{host}/.well-known/matrix/server").parse()?;
        let mut seen = HashSet::new();
        while seen.insert(uri.to_string()) && seen.len() <= MAX_REDIRECTS + 1 {
            ensure!(
                uri.scheme_str() == Some("https"),
                "it redirects to something that is not https"
            );
            let authority = uri.authority().context("it redirects to nowhere")?;
            let name = HostPort::parse(authority.as_str()).context("it redirects to no host")?;
            let target = discovery.web_host(&name).await?;
            let path = uri.path_and_query().map_or("/", |path| path.as_str());
            let request =
                Request::get(format!("https://{}{path}", target.authority)).body(Bytes::new())?;
            let answer = self
                .channel
                .exchange(target, request, PATIENCE, LARGEST)
                .await?;
            if answer.status().is_redirection() {
                let location = answer
                    .headers()
                    .get(header::LOCATION)
                    .context("it redirects to nowhere")?;
                uri = follow(&uri, location.to_str()?)?;
                continue;
            }
            ensure!(
                answer.status() == StatusCode::OK,
                "it answered {}",
                answer.status()
            );
            let (parts, body) = answer.into_parts();
            return Ok((parts.headers, body));
        }
        bail!("it redirects in a circle or too often")
    }
}

impl WellKnown for WebWellKnown {
    fn ask<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Delegation> {
        Box::pin(async move {
            let fetched = timeout(PATIENCE, self.fetch(host)).await;
            let answer = fetched
                .context("it took too long to answer")
                .flatten()
                .and_then(|(headers, body)| {
                    let body: Body = serde_json::from_slice(&body)?;
                    Ok((max_age(&headers), body.server))
                });
            match answer {
                Ok((max_age, server)) => Delegation {
                    server: Some(server),
                    max_age,
                },
                Err(error) => {
                    tracing::debug!(host, "no delegation: {error:#}");
                    Delegation {
                        server: None,
                        max_age: None,
                    }
                }
            }
        })
    }
}

/// The absolute address that a redirect leads to.
pub(super) fn follow(from: &Uri, location: &str) -> anyhow::Result<Uri> {
    if location.starts_with("//") {
        return Ok(format!("https:{location}").parse()?);
    }
    if location.starts_with('/') {
        let authority = from
            .authority()
            .map(|authority| authority.as_str())
            .unwrap_or_default();
        return Ok(format!("https://{authority}{location}").parse()?);
    }
    let uri: Uri = location.parse()?;
    ensure!(uri.scheme().is_some(), "it redirects to a relative path");
    Ok(uri)
}

/// How long an answer may be kept by its headers.
/// [RFC 9111](https://www.rfc-editor.org/rfc/rfc9111.html#name-calculating-freshness-lifet)
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get_all(header::CACHE_CONTROL).iter();
    let directives = directives
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let mut age = None;
    for directive in directives {
        let directive = directive.trim().to_ascii_lowercase();
        match directive.split_once('=') {
            Some(("max-age", seconds)) => {
                age = seconds
                    .trim_matches('"')
                    .parse()
                    .ok()
                    .map(Duration::from_secs);
            }
            None if directive == "no-store" || directive == "no-cache" => {
                return Some(Duration::ZERO);
            }
            _ => {}
        }
    }
    age
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn age(value: &'static str) -> Option<u64> {
        let headers =
            HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static(value))]);
        max_age(&headers).map(|age| age.as_secs())
    }

    #[test]
    fn cache_control_is_understood() {
        assert_eq!(age("public, max-age=600"), Some(600));
        assert_eq!(age("Max-Age=\"5\""), Some(5));
        assert_eq!(age("max-age=600, no-store"), Some(0));
        assert_eq!(age("private"), None);
        assert_eq!(age("max-age=soon"), None);
    }

    #[test]
    fn redirects_lead_to_absolute_addresses() {
        let from = "https://a.example/.well-known/matrix/server"
            .parse()
            .unwrap();
        let to = |location| follow(&from, location).unwrap().to_string();
        assert_eq!(to("/x?y=1"), "https://a.example/x?y=1");
        assert_eq!(to("//b.example/x"), "https://b.example/x");
        assert_eq!(to("http://b.example/x"), "http://b.example/x");
        assert!(follow(&from, "other").is_err());
    }
}

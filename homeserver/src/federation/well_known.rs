//! Asking a host which server it delegates to.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#getwell-knownmatrixserver)

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, header};
use ruma::OwnedServerName;
use serde::Deserialize;
use tokio::time::timeout;

use super::{
    channel::collect,
    discovery::{Delegation, WellKnown},
    web::Web,
};

/// How long everything may take, redirects included.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const LARGEST: usize = 50 * 1024;

/// Asks over HTTPS.
pub(super) struct WebWellKnown {
    web: Arc<Web>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "m.server")]
    server: OwnedServerName,
}

impl WebWellKnown {
    pub(super) fn new(web: Arc<Web>) -> Self {
        Self { web }
    }

    async fn fetch(&self, host: &str) -> anyhow::Result<(HeaderMap, Bytes)> {
        let uri = format!("https://{host}/.well-known/matrix/server").parse()?;
        let (parts, body) = self.web.get(uri).await?.into_parts();
        Ok((parts.headers, collect(body, LARGEST).await?))
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
}

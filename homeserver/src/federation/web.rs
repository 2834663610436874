//! Ordinary HTTPS, where the specification has other servers point to any host: delegations and files.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock, Weak},
};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;

use super::{channel::Channel, discovery::Discovery, names::HostPort};

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// Fetches from hosts.
pub(super) struct Web {
    channel: Channel,
    /// Finds the hosts. Set once it exists, since it asks this in turn.
    discovery: OnceLock<Weak<Discovery>>,
}

impl Web {
    pub(super) fn new(tls: Arc<rustls::ClientConfig>) -> Self {
        Self {
            // Its own pool: at port 443 of a name there may be another machine than at the federation port.
            channel: Channel::new(tls),
            discovery: OnceLock::new(),
        }
    }

    pub(super) fn set_discovery(&self, discovery: &Arc<Discovery>) {
        // A second call would change nothing, and there is none.
        drop(self.discovery.set(Arc::downgrade(discovery)));
    }

    /// Follows redirects to an answer with status 200. Every host on the way is looked up and judged like the first. The
    /// caller limits the time.
    pub(super) async fn get(&self, mut uri: Uri) -> anyhow::Result<Response<Incoming>> {
        let discovery = self.discovery.get().and_then(Weak::upgrade);
        let discovery = discovery.context("the server is stopping")?;
        let mut seen = HashSet::new();
        while seen.insert(uri.to_string()) && seen.len() <= MAX_REDIRECTS + 1 {
            ensure!(
                uri.scheme_str() == Some("https"),
                "it leads to something that is not https"
            );
            let authority = uri.authority().context("it leads to nowhere")?;
            let name = HostPort::parse(authority.as_str()).context("it leads to no host")?;
            let target = discovery.web_host(&name).await?;
            let path = uri.path_and_query().map_or("/", |path| path.as_str());
            let address = format!("https://{}{path}", target.authority);
            let request = Request::get(address).body(Bytes::new())?;
            let answer = self.channel.send(target, request).await?;
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
            return Ok(answer);
        }
        bail!("it redirects in a circle or too often")
    }
}

/// The absolute address that a redirect leads to.
fn follow(from: &Uri, location: &str) -> anyhow::Result<Uri> {
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

#[cfg(test)]
mod tests {
    use super::*;

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

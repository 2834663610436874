//! Finding where a homeserver answers, from what somebody typed.

use std::{net::IpAddr, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use reqwest::{Certificate, Client};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::troubles::transport;
use crate::bridge::trouble::Trouble;

/// A server that does not answer within this time is as good as absent to a person who waits.
const TIMEOUT: Duration = Duration::from_secs(8);
/// When one way has led to a server, a better way has this long to lead there too. A port that speaks plain HTTP may
/// let a TLS handshake wait for ever.
const GRACE: Duration = Duration::from_secs(1);

/// Where a homeserver answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) base_url: Url,
}

/// One thing to try.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Candidate {
    /// Ask `https://NAME/.well-known/matrix/client`.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#well-known-uris)
    ServerName(String),
    /// Ask for the versions below this URL.
    BaseUrl(String),
}

#[derive(Deserialize)]
struct WellKnown {
    #[serde(rename = "m.homeserver")]
    homeserver: WellKnownHomeserver,
}

#[derive(Deserialize)]
struct WellKnownHomeserver {
    base_url: String,
}

#[derive(Deserialize)]
struct Versions {
    versions: Vec<String>,
}

/// Tries everything the address can mean at the same time, and prefers what was meant first.
pub(super) async fn discover(address: &str, roots: Vec<Certificate>) -> Result<Place, Trouble> {
    let client = Client::builder()
        .timeout(TIMEOUT)
        .tls_certs_merge(roots)
        .build();
    let client = client.map_err(|error| Trouble::Other(error.to_string()))?;
    let candidates = candidates(address);
    let mut attempts: FuturesUnordered<_> = candidates
        .iter()
        .enumerate()
        .map(|(rank, candidate)| {
            let client = &client;
            async move { (rank, probe(client, candidate).await) }
        })
        .collect();
    let mut best: Option<(usize, Place)> = None;
    let mut trouble = Trouble::ServerNotFound;
    let mut deadline = Instant::now() + 2 * TIMEOUT;
    while let Ok(Some((rank, result))) = tokio::time::timeout_at(deadline, attempts.next()).await {
        match result {
            Ok(place) if best.as_ref().is_none_or(|(best_rank, _)| rank < *best_rank) => {
                best = Some((rank, place));
                deadline = deadline.min(Instant::now() + GRACE);
            }
            Ok(_) => {}
            Err(other) => trouble = more_telling(trouble, other),
        }
        if best.as_ref().is_some_and(|(rank, _)| *rank == 0) {
            break;
        }
    }
    best.map(|(_, place)| place).ok_or(trouble)
}

/// Of several failures the one that helps most: a server that is there but wrong tells more than one that is not.
fn more_telling(first: Trouble, second: Trouble) -> Trouble {
    let rank = |trouble: &Trouble| match trouble {
        Trouble::CertificateNotTrusted | Trouble::CertificateOutOfDate => 3,
        Trouble::NotAMatrixServer => 2,
        Trouble::NoConnection => 1,
        _ => 0,
    };
    if rank(&second) >= rank(&first) {
        second
    } else {
        first
    }
}

async fn probe(client: &Client, candidate: &Candidate) -> Result<Place, Trouble> {
    match candidate {
        Candidate::ServerName(name) => {
            let url = format!("https://{name}/.well-known/matrix/client");
            let found: WellKnown = get(client, &url).await?;
            ask_versions(client, name, &found.homeserver.base_url).await
        }
        Candidate::BaseUrl(url) => {
            let name = url.split_once("://").map_or(url.as_str(), |(_, name)| name);
            ask_versions(client, name, url).await
        }
    }
}

async fn ask_versions(client: &Client, name: &str, base_url: &str) -> Result<Place, Trouble> {
    let base_url = Url::parse(base_url).map_err(|_| Trouble::ServerNotFound)?;
    let url = format!(
        "{}/_matrix/client/versions",
        base_url.as_str().trim_end_matches('/')
    );
    let answer: Versions = get(client, &url).await?;
    if answer.versions.is_empty() {
        return Err(Trouble::NotAMatrixServer);
    }
    Ok(Place {
        name: name.to_owned(),
        base_url,
    })
}

async fn get<T: serde::de::DeserializeOwned>(client: &Client, url: &str) -> Result<T, Trouble> {
    let answer = client
        .get(url)
        .send()
        .await
        .map_err(|error| transport(&error))?;
    let answer = answer
        .error_for_status()
        .map_err(|_| Trouble::NotAMatrixServer)?;
    answer.json().await.map_err(|_| Trouble::NotAMatrixServer)
}

/// What to try, the most meant first. Plain HTTP is tried only where the name says that the server is on the same
/// network, because passwords go over it.
fn candidates(address: &str) -> Vec<Candidate> {
    let address = address.trim().trim_end_matches('/');
    // People paste user ids.
    let address = match address.strip_prefix('@').and_then(|id| id.split_once(':')) {
        Some((_, server)) => server,
        None => address,
    };
    if address.is_empty() {
        return Vec::new();
    }
    if address.contains("://") {
        return vec![Candidate::BaseUrl(address.to_owned())];
    }
    let mut candidates = vec![
        Candidate::ServerName(address.to_owned()),
        Candidate::BaseUrl(format!("https://{address}")),
    ];
    if !has_port(address) {
        candidates.push(Candidate::BaseUrl(format!("https://{address}:8448")));
        if is_domain(address) {
            candidates.push(Candidate::BaseUrl(format!("https://chat.{address}")));
        }
    }
    if is_local(address) {
        candidates.push(Candidate::BaseUrl(format!("http://{address}")));
        if !has_port(address) {
            candidates.push(Candidate::BaseUrl(format!("http://{address}:8008")));
        }
    }
    candidates
}

/// Whether a server may have a name of its own below this one.
fn is_domain(address: &str) -> bool {
    let is_address = address.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    address.contains('.') && !is_address && !address.starts_with("chat.")
}

fn has_port(address: &str) -> bool {
    Url::parse(&format!("http://{address}")).is_ok_and(|url| url.port().is_some())
}

fn is_local(address: &str) -> bool {
    let Ok(url) = Url::parse(&format!("http://{address}")) else {
        return false;
    };
    let Some(host) = url.host_str() else {
        return false;
    };
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        Err(_) => {
            !host.contains('.')
                || [".local", ".lan", ".internal"]
                    .iter()
                    .any(|end| host.ends_with(end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Candidate, candidates};

    fn url(url: &str) -> Candidate {
        Candidate::BaseUrl(url.to_owned())
    }

    #[test]
    fn public_names_are_never_tried_without_encryption() {
        let name = Candidate::ServerName("campus.example".to_owned());
        assert_eq!(
            candidates("campus.example"),
            [
                name,
                url("https://campus.example"),
                url("https://campus.example:8448"),
                url("https://chat.campus.example")
            ]
        );
    }

    #[test]
    fn names_on_the_same_network_may_speak_plain_http() {
        assert!(candidates("10.0.2.5:8008").contains(&url("http://10.0.2.5:8008")));
        assert!(candidates("violet").contains(&url("http://violet:8008")));
        assert!(!candidates("8.8.8.8").contains(&url("http://8.8.8.8")));
    }

    #[test]
    fn a_full_address_is_taken_as_it_is() {
        assert_eq!(
            candidates(" https://hs.example:8448/ "),
            [url("https://hs.example:8448")]
        );
    }

    #[test]
    fn a_user_id_names_its_server() {
        assert_eq!(
            candidates("@ivan:campus.example")[0],
            Candidate::ServerName("campus.example".to_owned())
        );
    }
}

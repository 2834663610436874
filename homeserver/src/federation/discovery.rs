//! Finding the address of a server by its name.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#resolving-server-names)
//!
//! Names in `federation.peers` have the address that stands there. Of all others the address is that in the name, or
//! what `/.well-known/matrix/server`, SRV records and the name's own address records say, in this order. What the
//! certificate is checked against and what the `Host` header says follows from the step that gave the answer.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use quick_cache::sync::Cache;
use ruma::{OwnedServerName, ServerName};
use rustls::pki_types;

use super::{
    dns::{Dns, DnsError},
    names::{DEFAULT_PORT, Host, HostPort},
};
use crate::{clock::SharedClock, config, flights::Flights, outbound::is_public};

/// Addresses that are tried of one server at most.
const MAX_ADDRESSES: usize = 10;
/// Hosts of SRV records that are looked up at most.
const MAX_SERVICES: usize = 5;
/// Names whose delegation is remembered.
const REMEMBERED: usize = 10_000;
/// How long a delegation may be remembered, whatever its server says.
const LONGEST_DELEGATION: Duration = Duration::from_secs(48 * 3600);
/// How long it is remembered at least: nobody gains from asking more often.
const SHORTEST_DELEGATION: Duration = Duration::from_secs(60);
/// How long a first failure is remembered; each further one doubles this.
const FIRST_FAILURE: Duration = Duration::from_secs(60);
/// How long failures are remembered at most.
const LONGEST_FAILURE: Duration = Duration::from_secs(3600);

/// Where requests for a server go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// What the `Host` header says.
    pub authority: String,
    /// The name that the certificate has to be for, which TLS asks for too.
    pub certificate: pki_types::ServerName<'static>,
    /// The addresses, to be tried in this order.
    pub addresses: Vec<SocketAddr>,
}

/// Why a server has no address.
#[derive(Debug, thiserror::Error)]
pub(super) enum DiscoveryError {
    /// DNS did not answer, or knows no address.
    #[error("the name {0} has no address: {1}")]
    NoAddress(String, DnsError),
    /// There are addresses, but none out in the world.
    #[error(
        "{0} is at a private or loopback address, and federation.allow_private_addresses is off"
    )]
    PrivateAddress(String),
    /// The name cannot stand in a certificate.
    #[error("{0} is no name that a certificate could be for")]
    NoCertificateName(String),
    /// The configuration is wrong.
    #[error("the address \"{0}\" in federation.peers is not \"host:port\"")]
    BadPeer(String),
}

/// Refuses addresses of `federation.peers` that are none.
pub(super) fn check_peers(config: &config::Federation) -> anyhow::Result<()> {
    for address in config.peers.values() {
        if HostPort::parse(address).is_none() {
            return Err(DiscoveryError::BadPeer(address.clone()).into());
        }
    }
    Ok(())
}

/// What `/.well-known/matrix/server` of a host says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delegation {
    /// The server it delegates to, if there was a valid answer.
    pub server: Option<OwnedServerName>,
    /// How long the answer holds, if it says so.
    pub max_age: Option<Duration>,
}

/// Asks hosts what they delegate to.
pub(super) trait WellKnown: Send + Sync {
    /// Asks one host. Whatever goes wrong is an answer without a server.
    fn ask<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Delegation>;
}

#[derive(Clone)]
struct Remembered {
    server: Option<OwnedServerName>,
    until: Duration,
    failures: u32,
}

/// Finds servers.
pub(super) struct Discovery {
    peers: BTreeMap<OwnedServerName, String>,
    allow_private_addresses: bool,
    dns: Arc<dyn Dns>,
    well_known: Arc<dyn WellKnown>,
    clock: SharedClock,
    remembered: Cache<String, Remembered>,
    flights: Flights<String>,
}

impl Discovery {
    /// Finds servers by `dns` and `well_known`.
    pub(super) fn new(
        config: &config::Federation,
        dns: Arc<dyn Dns>,
        well_known: Arc<dyn WellKnown>,
        clock: SharedClock,
    ) -> Self {
        Self {
            peers: config.peers.clone(),
            allow_private_addresses: config.allow_private_addresses,
            dns,
            well_known,
            clock,
            remembered: Cache::new(REMEMBERED),
            flights: Flights::default(),
        }
    }

    /// Where requests for `server` go.
    pub(super) async fn find(&self, server: &ServerName) -> Result<Target, DiscoveryError> {
        if let Some(fixed) = self.peers.get(server) {
            return self.fixed(server, fixed).await;
        }
        let name = HostPort::from(server);
        let (Host::Name(host), None) = (&name.host, name.port) else {
            return self.direct(&name).await;
        };
        let Some(delegated) = self.delegation(host).await else {
            return self.by_service(host).await;
        };
        if let Some(fixed) = self.peers.get(&delegated) {
            return self.fixed(&delegated, fixed).await;
        }
        let delegated = HostPort::from(&*delegated);
        match (&delegated.host, delegated.port) {
            (Host::Name(host), None) => self.by_service(host).await,
            _ => self.direct(&delegated).await,
        }
    }

    /// A server whose address an administrator has written down. It may be anywhere.
    async fn fixed(&self, server: &ServerName, address: &str) -> Result<Target, DiscoveryError> {
        let bad = || DiscoveryError::BadPeer(address.to_owned());
        let at = HostPort::parse(address).ok_or_else(bad)?;
        let port = at.port.unwrap_or(DEFAULT_PORT);
        let addresses = match &at.host {
            Host::Address(address) => vec![*address],
            Host::Name(host) => self.look_up(host).await?,
        };
        let name = HostPort::from(server);
        target(name.to_string(), &name.host, addresses, port)
    }

    /// A name that says where it is.
    async fn direct(&self, name: &HostPort) -> Result<Target, DiscoveryError> {
        let addresses = match &name.host {
            Host::Address(address) => self.permitted(&name.host, vec![*address])?,
            Host::Name(host) => self.permitted(&name.host, self.look_up(host).await?)?,
        };
        let port = name.port.unwrap_or(DEFAULT_PORT);
        target(name.to_string(), &name.host, addresses, port)
    }

    /// A name without a port: SRV records tell where it is, or else it is at the default port.
    async fn by_service(&self, host: &str) -> Result<Target, DiscoveryError> {
        let name = Host::Name(host.to_owned());
        for service in ["_matrix-fed._tcp", "_matrix._tcp"] {
            let services = self.dns.services(&format!("{service}.{host}")).await;
            if services.is_empty() {
                continue;
            }
            let mut addresses = Vec::new();
            let mut failure = None;
            for service in services.into_iter().take(MAX_SERVICES) {
                match self.look_up(&service.host).await {
                    Ok(found) => addresses.extend(
                        found
                            .into_iter()
                            .map(|ip| SocketAddr::new(ip, service.port)),
                    ),
                    Err(error) => failure = Some(error),
                }
            }
            if let (true, Some(failure)) = (addresses.is_empty(), failure) {
                return Err(failure);
            }
            addresses.retain(|address| self.permits(address.ip()));
            if addresses.is_empty() {
                return Err(DiscoveryError::PrivateAddress(host.to_owned()));
            }
            addresses.truncate(MAX_ADDRESSES);
            return Ok(Target {
                authority: host.to_owned(),
                certificate: certificate_name(&name)?,
                addresses,
            });
        }
        let addresses = self.permitted(&name, self.look_up(host).await?)?;
        target(host.to_owned(), &name, addresses, DEFAULT_PORT)
    }

    /// The addresses of an ordinary host for `https`, for delegations and redirects.
    pub(super) async fn web_host(&self, name: &HostPort) -> Result<Target, DiscoveryError> {
        let addresses = match &name.host {
            Host::Address(address) => vec![*address],
            Host::Name(host) => self.look_up(host).await?,
        };
        let addresses = self.permitted(&name.host, addresses)?;
        target(
            name.to_string(),
            &name.host,
            addresses,
            name.port.unwrap_or(443),
        )
    }

    async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, DiscoveryError> {
        let found = self.dns.addresses(host).await;
        found.map_err(|error| DiscoveryError::NoAddress(host.to_owned(), error))
    }

    fn permits(&self, address: IpAddr) -> bool {
        self.allow_private_addresses || is_public(address)
    }

    fn permitted(
        &self,
        host: &Host,
        mut addresses: Vec<IpAddr>,
    ) -> Result<Vec<IpAddr>, DiscoveryError> {
        addresses.retain(|address| self.permits(*address));
        if addresses.is_empty() {
            return Err(DiscoveryError::PrivateAddress(host.to_string()));
        }
        Ok(addresses)
    }

    /// The server that a host delegates to, asked once and remembered.
    async fn delegation(&self, host: &str) -> Option<OwnedServerName> {
        if let Some(known) = self.known_delegation(host) {
            return known.server;
        }
        let _flight = self.flights.board(host.to_owned()).await;
        if let Some(known) = self.known_delegation(host) {
            return known.server;
        }
        let failures = self
            .remembered
            .get(host)
            .map_or(0, |before| before.failures);
        let answer = self.well_known.ask(host).await;
        let (lasts, failures) = match &answer.server {
            Some(_) => (lifetime(answer.max_age), 0),
            None => (failure_lifetime(failures), failures.saturating_add(1)),
        };
        let remembered = Remembered {
            server: answer.server.clone(),
            until: self.clock.elapsed().saturating_add(lasts),
            failures,
        };
        self.remembered.insert(host.to_owned(), remembered);
        answer.server
    }

    fn known_delegation(&self, host: &str) -> Option<Remembered> {
        let now = self.clock.elapsed();
        self.remembered.get(host).filter(|known| known.until > now)
    }
}

fn lifetime(max_age: Option<Duration>) -> Duration {
    let default = Duration::from_secs(24 * 3600);
    max_age
        .unwrap_or(default)
        .clamp(SHORTEST_DELEGATION, LONGEST_DELEGATION)
}

fn failure_lifetime(failures: u32) -> Duration {
    FIRST_FAILURE
        .saturating_mul(1 << failures.min(10))
        .min(LONGEST_FAILURE)
}

fn target(
    authority: String,
    host: &Host,
    addresses: Vec<IpAddr>,
    port: u16,
) -> Result<Target, DiscoveryError> {
    let addresses = addresses.into_iter().take(MAX_ADDRESSES);
    Ok(Target {
        authority,
        certificate: certificate_name(host)?,
        addresses: addresses
            .map(|address| SocketAddr::new(address, port))
            .collect(),
    })
}

/// The name for TLS; for an address no name is sent, and the certificate has to be for the address.
fn certificate_name(host: &Host) -> Result<pki_types::ServerName<'static>, DiscoveryError> {
    match host {
        Host::Address(address) => Ok(pki_types::ServerName::from(*address)),
        Host::Name(name) => pki_types::ServerName::try_from(name.clone())
            .map_err(|_| DiscoveryError::NoCertificateName(name.clone())),
    }
}

#[cfg(test)]
mod tests;

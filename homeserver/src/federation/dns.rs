//! Address and SRV records.

use std::{net::IpAddr, time::Duration};

use futures::future::BoxFuture;
use hickory_resolver::{
    TokioResolver,
    config::{ResolverConfig, ResolverOpts},
    net::runtime::TokioRuntimeProvider,
    proto::rr::RData,
};
use rand::Rng;

/// How long a name server may take for one answer.
const ANSWER: Duration = Duration::from_secs(3);

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    /// The host that offers it.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why DNS gave no address.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct DnsError(pub(super) String);

/// Looks names up.
pub(super) trait Dns: Send + Sync {
    /// The addresses of a host; at least one.
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>>;

    /// The hosts of a service in the order they are to be tried; none when there are no such records.
    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Vec<Service>>;
}

/// The name servers that this machine is configured for.
pub(super) struct SystemDns {
    resolver: Option<TokioResolver>,
}

impl SystemDns {
    /// Reads the system's configuration. Without one, only `/etc/hosts` is known.
    pub(super) fn new() -> Self {
        let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
            tracing::warn!(%error, "DNS is not configured: only federation.peers and literal addresses can be reached");
            let none = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
            TokioResolver::builder_with_config(none, TokioRuntimeProvider::default())
        });
        limit(builder.options_mut());
        Self {
            resolver: builder.build().ok(),
        }
    }

    fn resolver(&self) -> Result<&TokioResolver, DnsError> {
        self.resolver
            .as_ref()
            .ok_or_else(|| DnsError("there are no name servers".to_owned()))
    }
}

impl Default for SystemDns {
    fn default() -> Self {
        Self::new()
    }
}

fn limit(options: &mut ResolverOpts) {
    options.timeout = ANSWER;
    options.attempts = 2;
}

impl Dns for SystemDns {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>> {
        Box::pin(async move {
            let found = self.resolver()?.lookup_ip(absolute(host)).await;
            let found = found.map_err(|error| DnsError(error.to_string()))?;
            let addresses: Vec<IpAddr> = found.iter().collect();
            if addresses.is_empty() {
                return Err(DnsError("it has no address records".to_owned()));
            }
            Ok(addresses)
        })
    }

    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Vec<Service>> {
        Box::pin(async move {
            let Ok(resolver) = self.resolver() else {
                return Vec::new();
            };
            let Ok(found) = resolver.srv_lookup(absolute(name)).await else {
                return Vec::new();
            };
            let records = found
                .answers()
                .iter()
                .filter_map(|record| match &record.data {
                    RData::SRV(service) => Some((
                        (service.priority, service.weight),
                        Service {
                            host: service
                                .target
                                .to_utf8()
                                .trim_end_matches('.')
                                .to_ascii_lowercase(),
                            port: service.port,
                        },
                    )),
                    _ => None,
                });
            in_order(records.collect())
        })
    }
}

/// Names with a dot are complete: the system's search list is for short names only.
fn absolute(host: &str) -> String {
    if host.contains('.') && !host.ends_with('.') {
        format!("{host}.")
    } else {
        host.to_owned()
    }
}

/// By priority; among equals at random, heavier ones first more often.
/// [RFC 2782](https://www.rfc-editor.org/rfc/rfc2782.html)
fn in_order(records: Vec<((u16, u16), Service)>) -> Vec<Service> {
    let mut random = rand::rng();
    let mut records: Vec<_> = records
        .into_iter()
        // A single dot means that the service is not offered.
        .filter(|(_, service)| !service.host.is_empty())
        .map(|((priority, weight), service)| {
            // The exponential distribution with the weight as its rate draws in proportion to the weights.
            let drawn =
                -random.random_range(f64::MIN_POSITIVE..1.0).ln() / (f64::from(weight) + 0.01);
            (priority, drawn, service)
        })
        .collect();
    records.sort_by(|(a, drawn_a, _), (b, drawn_b, _)| a.cmp(b).then(drawn_a.total_cmp(drawn_b)));
    records.into_iter().map(|(_, _, service)| service).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(host: &str) -> Service {
        Service {
            host: host.to_owned(),
            port: 1,
        }
    }

    #[test]
    fn services_are_tried_by_priority() {
        let records = vec![
            ((20, 0), service("c")),
            ((10, 5), service("b")),
            ((0, 0), service("a")),
        ];
        let hosts: Vec<_> = in_order(records)
            .into_iter()
            .map(|service| service.host)
            .collect();
        assert_eq!(hosts, ["a", "b", "c"]);
    }

    #[test]
    fn a_dot_is_no_host() {
        assert_eq!(in_order(vec![((0, 0), service(""))]), []);
    }

    #[test]
    fn only_short_names_are_searched_for() {
        assert_eq!(absolute("b2.campus.example"), "b2.campus.example.");
        assert_eq!(absolute("b2"), "b2");
        assert_eq!(absolute("b2.campus."), "b2.campus.");
    }
}

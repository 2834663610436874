//! Where a request comes from.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::extract::FromRequestParts;
use http::{HeaderMap, request::Parts};

use crate::{ApiError, Server};

/// The address of the client: of the connection, or what a trusted reverse proxy says.
///
/// Requests over the admin socket have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

/// The other end of the connection a request came over.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// The proxies whose word about others is taken.
    pub trusted_proxies: Arc<[IpAddr]>,
}

/// The addresses that one client can have at will: one IPv4 address, or the /64 network an IPv6 client chooses its
/// addresses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// One address.
    V4(u32),
    /// The first half of the address.
    V6(u64),
}

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6(network(address)),
        }
    }
}

fn network(address: Ipv6Addr) -> u64 {
    (address.to_bits() >> 64) as u64
}

/// The client's address when `peer` is the other end of the connection.
///
/// A proxy appends the address it saw to `X-Forwarded-For`; whatever stands before that was written by the client and
/// proves nothing. So the last address that is not itself a trusted proxy counts. What cannot be read may be that of the
/// client, and then nothing before it counts.
pub fn client_address(peer: IpAddr, trusted_proxies: &[IpAddr], headers: &HeaderMap) -> IpAddr {
    let trusted = |address: &IpAddr| trusted_proxies.contains(address);
    let peer = peer.to_canonical();
    if !trusted(&peer) {
        return peer;
    }
    let forwarded = headers.get_all("x-forwarded-for");
    let named: Vec<&str> = forwarded
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .collect();
    for text in named.into_iter().rev() {
        match forwarded_address(text.trim()) {
            Some(address) if trusted(&address) => {}
            Some(address) => return address,
            None => return peer,
        }
    }
    peer
}

/// An address, which some proxies write with the port of the connection: `192.0.2.1:80`, `[2001:db8::1]:80`.
fn forwarded_address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().ok().map(|socket: SocketAddr| socket.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address: Option<IpAddr> = text.parse().ok();
    let address = address.or_else(with_port).or_else(in_brackets);
    address.map(|address| address.to_canonical())
}

impl FromRequestParts<Server> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> Result<Self, ApiError> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(None)))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(forwarded: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            "x-forwarded-for".parse().unwrap(),
            HeaderValue::from_static(forwarded),
        )])
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_stranger_cannot_name_another_address() {
        let address = client_address(ip("198.51.100.7"), &[ip("10.0.0.1")], &headers("192.0.2.1"));
        assert_eq!(address, ip("198.51.100.7"));
    }

    #[test]
    fn a_trusted_proxy_names_the_client() {
        let address = client_address(
            ip("10.0.0.1"),
            &[ip("10.0.0.1")],
            &headers("192.0.2.66, 198.51.100.7"),
        );
        assert_eq!(address, ip("198.51.100.7"));
    }

    #[test]
    fn what_a_client_writes_does_not_count() {
        let proxies = [ip("10.0.0.1"), ip("10.0.0.2")];
        for (forwarded, expected) in [
            ("192.0.2.66, 198.51.100.7:4711", "198.51.100.7"),
            ("192.0.2.66, [2001:db8::7]:4711", "2001:db8::7"),
            ("192.0.2.66, [2001:db8::7]", "2001:db8::7"),
            ("192.0.2.66, ::ffff:198.51.100.7", "198.51.100.7"),
            ("192.0.2.66, 198.51.100.7, 10.0.0.2:80", "198.51.100.7"),
            ("192.0.2.66, unknown", "10.0.0.1"),
            ("192.0.2.66, _hidden, 10.0.0.2", "10.0.0.1"),
            ("192.0.2.66,", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            let address = client_address(ip("10.0.0.1"), &proxies, &headers(forwarded));
            assert_eq!(address, ip(expected), "{forwarded}");
        }
    }

    #[test]
    fn a_mapped_address_is_an_ipv4_address() {
        assert_eq!(
            Origin::from(ip("::ffff:192.0.2.1")),
            Origin::from(ip("192.0.2.1"))
        );
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_origin() {
        assert_eq!(
            Origin::from(ip("2001:db8::1")),
            Origin::from(ip("2001:db8::ffff:1"))
        );
        assert_ne!(
            Origin::from(ip("2001:db8::1")),
            Origin::from(ip("2001:db8:0:1::1"))
        );
    }

    proptest::proptest! {
        #[test]
        fn any_chain_of_proxies_names_an_address(text in crate::any_input::text_like(&["192.0.2.66, 198.51.100.7", "::1, [::1]:80"])) {
            let proxy = ip("10.0.0.1");
            if let Ok(value) = HeaderValue::from_str(&text) {
                let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), value)]);
                client_address(proxy, &[proxy], &headers);
            }
        }
    }
}

//! Server names, taken apart.
//! [spec](https://spec.matrix.org/v1.19/appendices/#server-name)

use std::{fmt, net::IpAddr};

use ruma::ServerName;

/// The port of servers that say nothing about it.
pub(super) const DEFAULT_PORT: u16 = 8448;

/// Where a name points: an address, or a name to be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Host {
    /// An IP address written out.
    Address(IpAddr),
    /// A DNS name, in lower case.
    Name(String),
}

/// A host, and a port if one is named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct HostPort {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: Option<u16>,
}

impl From<&ServerName> for HostPort {
    fn from(name: &ServerName) -> Self {
        let host = name.host();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        let host = match literal.parse() {
            Ok(address) => Host::Address(address),
            Err(_) => Host::Name(host.to_ascii_lowercase()),
        };
        Self {
            host,
            port: name.port(),
        }
    }
}

impl HostPort {
    /// Reads `host` or `host:port` as an administrator writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        <&ServerName>::try_from(text).ok().map(Self::from)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// As it stands in the `Host` header.
impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => write!(f, "{}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        format!("{:?}", HostPort::parse(text))
    }

    #[test]
    fn literals_and_names_are_told_apart() {
        let parse = |text| HostPort::parse(text).unwrap();
        assert_eq!(
            parse("[2001:DB8::1]:9000").to_string(),
            "[2001:db8::1]:9000"
        );
        assert_eq!(
            parse("192.0.2.1").host,
            Host::Address([192, 0, 2, 1].into())
        );
        assert_eq!(parse("B2.Campus.example").to_string(), "b2.campus.example");
        assert_eq!(parse("b2:8448").port, Some(8448));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", ":8448", "a b", "a:99999", "http://a", "a/b", "a@b"] {
            assert_eq!(shown(text), "None", "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_an_address_or_none(text in crate::any_input::text_like(&["a.example:8448", "[2001:db8::1]:8448", "192.0.2.1"])) {
            if let Some(address) = HostPort::parse(&text) {
                assert!(HostPort::parse(&address.to_string()).is_some(), "{address}");
            }
        }
    }
}

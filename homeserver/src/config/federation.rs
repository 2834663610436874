//! `[federation]` and `[outbound]`: whom this server talks to.

use std::{collections::BTreeMap, path::PathBuf};

use ruma::{OwnedServerName, ServerName};
use serde::{Deserialize, Deserializer, de};

use super::units;

/// Other homeservers.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Federation {
    /// Whether this server talks to others at all.
    pub enabled: bool,
    /// The servers it talks to: names, in which `*` and `?` stand for anything.
    pub allow: Vec<ServerPattern>,
    /// The servers it does not talk to, even when `allow` names them.
    pub deny: Vec<ServerPattern>,
    /// Whether other servers may be at loopback, link-local and private addresses, as on a campus.
    pub allow_private_addresses: bool,
    /// Certificate authorities that are trusted besides the system's.
    pub extra_ca: Vec<PathBuf>,
    /// Whether the certificates of other servers are checked.
    pub verify_tls: bool,
    /// Fixed addresses, `host:port`, of servers that are not found by DNS; port 8448 where none is named.
    pub peers: BTreeMap<OwnedServerName, String>,
    /// Servers that are asked for the signing keys of others.
    pub trusted_key_servers: Vec<OwnedServerName>,
    /// Events that are kept for servers that are away. One that is further behind is told the newest event of each room,
    /// and asks for what it missed.
    #[serde(deserialize_with = "units::count")]
    pub kept_events: usize,
}

impl Default for Federation {
    fn default() -> Self {
        Self {
            enabled: true,
            allow: vec![ServerPattern("*".to_owned())],
            deny: Vec::new(),
            allow_private_addresses: false,
            extra_ca: Vec::new(),
            verify_tls: true,
            peers: BTreeMap::new(),
            trusted_key_servers: Vec::new(),
            kept_events: 100_000,
        }
    }
}

impl Federation {
    /// Whether this server and that one may talk to each other.
    pub fn allows(&self, server: &ServerName) -> bool {
        self.enabled
            && self.allow.iter().any(|pattern| pattern.matches(server))
            && !self.deny.iter().any(|pattern| pattern.matches(server))
    }
}

/// A server name in which `*` stands for any text and `?` for any one character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPattern(String);

impl ServerPattern {
    /// Whether the pattern covers this server; upper and lower case are the same.
    pub fn matches(&self, server: &ServerName) -> bool {
        glob(
            self.0.as_bytes(),
            server.as_str().to_ascii_lowercase().as_bytes(),
        )
    }
}

impl<'de> Deserialize<'de> for ServerPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let reason = format!(
                "\"{text}\" is not a server name or a pattern such as \"*.campus.example\""
            );
            return Err(de::Error::custom(reason));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// Matches without recursion: on a mismatch only the last `*` is made longer, which bounds the work.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                last_star = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, matched)) = last_star else {
                    return false;
                };
                last_star = Some((star, matched + 1));
                p = star + 1;
                t = matched + 1;
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// Requests to push gateways, application services, previewed pages and object stores.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outbound {
    /// Whether they may be at loopback, link-local and private addresses.
    pub allow_private_addresses: bool,
    /// Whether certificates are checked.
    pub verify_tls: bool,
    /// Certificate authorities that are trusted besides the system's.
    pub extra_ca: Vec<PathBuf>,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            allow_private_addresses: false,
            verify_tls: true,
            extra_ca: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ruma::server_name;

    use super::*;

    fn federation(allow: &[&str], deny: &[&str]) -> Federation {
        let patterns = |texts: &[&str]| {
            texts
                .iter()
                .map(|&text| ServerPattern(text.to_owned()))
                .collect()
        };
        Federation {
            allow: patterns(allow),
            deny: patterns(deny),
            ..Federation::default()
        }
    }

    #[test]
    fn deny_wins_over_allow() {
        let federation = federation(&["*"], &["*.evil.example"]);
        assert!(federation.allows(server_name!("b2.campus.example")));
        assert!(!federation.allows(server_name!("one.evil.example")));
        assert!(federation.allows(server_name!("evil.example")));
    }

    #[test]
    fn only_named_servers_are_allowed() {
        let federation = federation(&["b?.campus.example", "hub.example:8448"], &[]);
        assert!(federation.allows(server_name!("b2.campus.example")));
        assert!(federation.allows(server_name!("B2.campus.example")));
        assert!(federation.allows(server_name!("hub.example:8448")));
        assert!(!federation.allows(server_name!("b12.campus.example")));
        assert!(!federation.allows(server_name!("hub.example")));
    }

    #[test]
    fn many_stars_take_no_longer() {
        let pattern = ServerPattern("*a".repeat(40) + "b");
        let name = "a".repeat(200);
        assert!(!pattern.matches(<&ServerName>::try_from(name.as_str()).unwrap()));
    }
}

//! `[turn]` and `[rtc]`: what calls need besides this server.

use serde::Deserialize;

use super::{ConfigError, units::Period};

/// Relays for the streams of calls between two people.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Turn {
    /// Where they are, such as `turn:turn.example.com:3478?transport=udp`; none without.
    pub uris: Vec<String>,
    /// The secret shared with the relays, from which every user gets credentials of their own.
    pub shared_secret: Option<String>,
    /// How long such credentials are good.
    pub ttl: Period,
    /// The name all users have, for relays without a shared secret.
    pub username: Option<String>,
    /// The password that goes with it.
    pub password: Option<String>,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            uris: Vec::new(),
            shared_secret: None,
            ttl: Period::hours(24),
            username: None,
            password: None,
        }
    }
}

impl Turn {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let is_relay = |uri: &&String| !uri.starts_with("turn:") && !uri.starts_with("turns:");
        if let Some(uri) = self.uris.iter().find(is_relay) {
            let reason = format!("{uri:?} is no relay; write turn:HOST:PORT or turns:HOST:PORT");
            return Err(ConfigError::invalid("turn.uris", reason));
        }
        let has_fixed = self.username.is_some() && self.password.is_some();
        if !self.uris.is_empty() && self.shared_secret.is_none() && !has_fixed {
            let reason = "relays need shared_secret, or username and password";
            return Err(ConfigError::invalid("turn", reason));
        }
        if self.shared_secret.as_deref() == Some("") {
            let reason = "an empty secret protects nothing; write that of the relays";
            return Err(ConfigError::invalid("turn.shared_secret", reason));
        }
        Ok(())
    }
}

/// Group calls.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rtc {
    /// The service that lets users of this server into calls on a LiveKit server.
    pub livekit_url: Option<String>,
}

impl Rtc {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        match &self.livekit_url {
            Some(url) if !url.starts_with("https://") && !url.starts_with("http://") => {
                let reason = format!("{url:?} is no address; write https://…");
                Err(ConfigError::invalid("rtc.livekit_url", reason))
            }
            _ => Ok(()),
        }
    }
}

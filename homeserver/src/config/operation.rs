//! `[limits]`, `[well_known]`, `[log]`, `[metrics]` and `[backup]`: running the server.

use std::{net::SocketAddr, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use ruma::OwnedUserId;
use serde::{Deserialize, Serialize};

use super::{
    ConfigError,
    units::{self, Period},
};

/// Rate limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Whether there are any. Benchmarks and test suites switch them off.
    pub enabled: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// What `/.well-known/matrix/client` and `/.well-known/matrix/server` answer; 404 without a value.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WellKnown {
    /// The base address for clients: `https://…`.
    pub client: Option<String>,
    /// The address for other homeservers: `host:port`.
    pub server: Option<String>,
    /// Whom people can ask for help.
    pub support: Option<Support>,
    /// The public key of the policy server of this name: Ed25519 in unpadded Base64.
    pub policy_server_key: Option<String>,
}

/// Whom people can ask for help: what `/.well-known/matrix/support` answers.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixsupport)
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Support {
    /// People.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<SupportContact>,
    /// A page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support_page: Option<String>,
}

/// Somebody who helps.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SupportContact {
    /// For what: `m.role.admin`, `m.role.security` or a namespaced word.
    pub role: String,
    /// A user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matrix_id: Option<OwnedUserId>,
    /// An e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_address: Option<String>,
}

impl Support {
    fn check(&self) -> Result<(), &'static str> {
        if self.contacts.is_empty() && self.support_page.is_none() {
            return Err("write at least one of contacts and support_page");
        }
        if self
            .support_page
            .as_deref()
            .is_some_and(|url| !is_base_url(url))
        {
            return Err(
                "support_page is an address that begins with \"https://\" (or \"http://\")",
            );
        }
        for contact in &self.contacts {
            if contact.role.is_empty() {
                return Err("a contact needs a role, such as \"m.role.admin\"");
            }
            if contact.matrix_id.is_none() && contact.email_address.is_none() {
                return Err("a contact needs a matrix_id or an email_address");
            }
        }
        Ok(())
    }
}

impl WellKnown {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.client.as_deref().is_some_and(|url| !is_base_url(url)) {
            let reason = "clients need an address that begins with \"https://\" (or \"http://\")";
            return Err(ConfigError::invalid("well_known.client", reason));
        }
        if self
            .server
            .as_deref()
            .is_some_and(|name| ruma::ServerName::parse(name).is_err())
        {
            let reason =
                "other servers need a host with an optional port, such as \"matrix.example:8448\"";
            return Err(ConfigError::invalid("well_known.server", reason));
        }
        if let Some(support) = &self.support {
            support
                .check()
                .map_err(|reason| ConfigError::invalid("well_known.support", reason))?;
        }
        let is_key = |key: &str| STANDARD_NO_PAD.decode(key).is_ok_and(|key| key.len() == 32);
        if self
            .policy_server_key
            .as_deref()
            .is_some_and(|key| !is_key(key))
        {
            let reason = "write an Ed25519 public key in Base64 without \"=\" at the end";
            return Err(ConfigError::invalid("well_known.policy_server_key", reason));
        }
        Ok(())
    }
}

/// Whether a text is the address of something on the web.
pub(super) fn is_base_url(text: &str) -> bool {
    let http = text.starts_with("https://") || text.starts_with("http://");
    http && text
        .parse::<http::Uri>()
        .is_ok_and(|uri| uri.host().is_some())
}

/// The log, which goes to the standard error output.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least severe level that is written, or directives such as `info,homeserver::sync=debug`.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

impl Log {
    /// A word that is no level would be taken for the name of a part of the program, of which nothing is known.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let is_level = |word: &str| {
            let levels = ["off", "error", "warn", "info", "debug", "trace"];
            levels.contains(&word.to_ascii_lowercase().as_str())
        };
        for directive in self.level.split(',').map(str::trim) {
            let level = directive
                .rsplit_once('=')
                .map_or(directive, |(_, level)| level);
            if !is_level(level) {
                let reason = format!(
                    "\"{directive}\" is no level; write off, error, warn, info, debug or trace, or for a part of the program \"homeserver::sync=debug\""
                );
                return Err(ConfigError::invalid("log.level", reason));
            }
        }
        Ok(())
    }
}

/// Prometheus metrics.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Where `/metrics` is served; nowhere without an address.
    #[serde(deserialize_with = "units::some_socket")]
    pub address: Option<SocketAddr>,
}

/// Scheduled backups.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    /// Where backups go; `backups/` in the data directory without it.
    pub dir: Option<PathBuf>,
    /// How often one is made.
    pub every: Period,
    /// How many are kept.
    #[serde(deserialize_with = "units::count")]
    pub keep: u32,
}

impl Default for Backup {
    fn default() -> Self {
        Self {
            dir: None,
            every: Period::hours(24),
            keep: 14,
        }
    }
}

impl Backup {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.keep == 0 {
            return Err(ConfigError::invalid(
                "backup.keep",
                "at least one backup has to be kept",
            ));
        }
        if self.every.0.is_zero() {
            return Err(ConfigError::invalid(
                "backup.every",
                "write a period such as \"24h\"",
            ));
        }
        Ok(())
    }
}

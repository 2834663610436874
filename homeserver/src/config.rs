//! The configuration file: TOML, checked in full before anything starts.
//!
//! Every key can also come from the environment, which is where containers and secrets live:
//! `FIALKA_REGISTRATION__MODE=open` sets `mode` in `[registration]`.

use std::path::{Path, PathBuf};

use ruma::OwnedServerName;
use serde::Deserialize;
use thiserror::Error;

mod calls;
mod campus;
mod environment;
mod federation;
mod listen;
mod media;
mod operation;
mod presence;
mod registration;
mod rooms;
mod server_notices;
mod units;

use self::environment::Variable;
pub(crate) use self::federation::glob;
pub use self::{
    calls::{Rtc, Turn},
    campus::Campus,
    federation::{Federation, Outbound, ServerPattern},
    listen::{Listen, TlsFiles},
    media::{Media, MediaStore, S3},
    operation::{Backup, Limits, Log, LogFormat, Metrics, Support, SupportContact, WellKnown},
    presence::Presence,
    registration::{Policy, PolicyText, Registration, RegistrationMode},
    rooms::{Appservices, Rooms},
    server_notices::ServerNotices,
    units::{ByteSize, Period},
};

/// Bytes of the longest user id.
const MAX_USER_ID_LENGTH: usize = 255;

/// Everything an administrator can set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name of this homeserver: the part of user ids behind the colon. It can never change.
    pub server_name: OwnedServerName,
    /// Where everything is kept: `db/`, `media/`, `keys/`, `backups/` and the admin socket.
    pub data_dir: PathBuf,
    /// Where HTTP is served; without any, on this machine only, at port 8008.
    #[serde(default = "listen::default_listeners")]
    pub listen: Vec<Listen>,
    /// Who may make an account.
    #[serde(default)]
    pub registration: Registration,
    /// Which other homeservers this one talks to, and how.
    #[serde(default)]
    pub federation: Federation,
    /// New rooms.
    #[serde(default)]
    pub rooms: Rooms,
    /// Requests to anything that is not a homeserver.
    #[serde(default)]
    pub outbound: Outbound,
    /// Rate limits.
    #[serde(default)]
    pub limits: Limits,
    /// Who is online.
    #[serde(default)]
    pub presence: Presence,
    /// Uploaded files.
    #[serde(default)]
    pub media: Media,
    /// Relays for calls between two people.
    #[serde(default)]
    pub turn: Turn,
    /// Group calls.
    #[serde(default)]
    pub rtc: Rtc,
    /// Messages of the server to its users.
    #[serde(default)]
    pub server_notices: ServerNotices,
    /// Application services.
    #[serde(default)]
    pub appservices: Appservices,
    /// What `/.well-known/matrix/…` answers.
    #[serde(default)]
    pub well_known: WellKnown,
    /// The log.
    #[serde(default)]
    pub log: Log,
    /// The metrics listener; off without an address.
    #[serde(default)]
    pub metrics: Metrics,
    /// Scheduled backups.
    #[serde(default)]
    pub backup: Backup,
    /// The academy.
    #[serde(default)]
    pub campus: Campus,
    /// The file all this was read from, which belongs to a backup.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// Why a configuration cannot be used. Every message names the file or the key and says what to do.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration file {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file is no TOML, has an unknown key or a value of the wrong type.
    #[error("the configuration is not valid: {0}")]
    Malformed(#[from] toml::de::Error),
    /// The file is no configuration.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<ConfigError>,
    },
    /// An environment variable cannot be applied.
    #[error("the environment variable {variable} is not valid: {reason}")]
    Environment {
        /// The variable's name.
        variable: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The values are well-formed, but one makes no sense.
    #[error("{key}: {reason}")]
    Invalid {
        /// The key as it is written in the file, with its section.
        key: String,
        /// What is wrong and what would be right.
        reason: String,
    },
}

impl ConfigError {
    fn invalid(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid {
            key: key.into(),
            reason: reason.into(),
        }
    }
}

impl Config {
    /// Reads a file and the environment of this process.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let in_file = |source: ConfigError| match source {
            ConfigError::Environment { .. } => source,
            _ => ConfigError::File {
                path: path.to_owned(),
                source: Box::new(source),
            },
        };
        let mut config = Self::parse(&text, std::env::vars()).map_err(in_file)?;
        config.resolve_paths(path.parent().unwrap_or(Path::new("")));
        config.file = Some(path.to_owned());
        Ok(config)
    }

    /// Reads a text; of `environment` only variables that begin with `FIALKA_` count.
    pub fn parse(
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let variables = environment::variables(environment);
        Self::read(text, &variables).map_err(|error| {
            environment::blame(error, &variables, |others| Self::read(text, others))
        })
    }

    fn read(text: &str, variables: &[Variable]) -> Result<Self, ConfigError> {
        let mut table: toml::Table = toml::from_str(text)?;
        environment::apply(&mut table, variables)?;
        // Parsed straight from the text where possible: its errors show the line.
        let config: Self = if variables.is_empty() {
            toml::from_str(text)?
        } else {
            table.try_into()?
        };
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), ConfigError> {
        for (index, listen) in self.listen.iter().enumerate() {
            listen.validate(index)?;
        }
        self.registration.validate()?;
        self.rooms.validate()?;
        self.media.validate()?;
        self.turn.validate()?;
        self.rtc.validate()?;
        self.validate_accounts()?;
        self.well_known.validate()?;
        self.campus.validate()?;
        self.log.validate()?;
        self.backup.validate()
    }

    /// Accounts that the server itself uses: each has a name that an account can have, and one of its own.
    fn validate_accounts(&self) -> Result<(), ConfigError> {
        let notices = self.server_notices.localpart.as_deref();
        let accounts = [
            ("campus.account", Some(self.campus.account.as_str())),
            ("campus.bot", Some(self.campus.bot.as_str())),
            ("server_notices.localpart", notices),
        ];
        let mut taken: Vec<(&str, &str)> = Vec::new();
        for (key, name) in accounts {
            let Some(name) = name else { continue };
            if !self.is_localpart(name) {
                let reason = "the name of an account has the characters a-z, 0-9 and \"._=-/+\"; write for example \"notices\"";
                return Err(ConfigError::invalid(key, reason));
            }
            if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == name) {
                let reason = format!("\"{name}\" is the account of {other}; write another name");
                return Err(ConfigError::invalid(key, reason));
            }
            taken.push((key, name));
        }
        Ok(())
    }

    /// Whether an account of this server can have this local part.
    /// [spec](https://spec.matrix.org/v1.19/appendices/#user-identifiers)
    fn is_localpart(&self, name: &str) -> bool {
        let is_allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._=-/+".contains(&b);
        let length = "@:".len() + name.len() + self.server_name.as_str().len();
        !name.is_empty() && name.bytes().all(is_allowed) && length <= MAX_USER_ID_LENGTH
    }

    /// Takes relative paths as relative to the file they are written in, not to wherever the server was started.
    fn resolve_paths(&mut self, base: &Path) {
        let paths = std::iter::once(&mut self.data_dir)
            .chain(self.listen.iter_mut().flat_map(Listen::paths_mut))
            .chain(&mut self.federation.extra_ca)
            .chain(&mut self.outbound.extra_ca)
            .chain(&mut self.appservices.dir)
            .chain(&mut self.appservices.files)
            .chain(&mut self.backup.dir);
        for path in paths {
            *path = base.join(&*path);
        }
    }

    /// The database.
    pub fn database_dir(&self) -> PathBuf {
        self.data_dir.join("db")
    }

    /// Uploaded files.
    pub fn media_dir(&self) -> PathBuf {
        self.data_dir.join("media")
    }

    /// The signing key, and the certificate authority of a campus.
    pub fn keys_dir(&self) -> PathBuf {
        self.data_dir.join("keys")
    }

    /// Backups, unless the configuration puts them elsewhere.
    pub fn backup_dir(&self) -> PathBuf {
        self.backup
            .dir
            .clone()
            .unwrap_or_else(|| self.data_dir.join("backups"))
    }

    /// The socket the command line uses to talk to the running server.
    pub fn admin_socket(&self) -> PathBuf {
        self.data_dir.join("admin.sock")
    }
}

#[cfg(test)]
mod tests;

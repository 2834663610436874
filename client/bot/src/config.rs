//! The configuration file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use bot_engine::{Lang, Settings};
use serde::Deserialize;

use crate::lessons::Lessons;

/// What the administrator decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The homeserver's address, such as `http://localhost:8008`.
    pub homeserver: String,
    /// The local part of the bot's user id.
    #[serde(default = "default_user")]
    pub user: String,
    #[serde(default = "default_display_name")]
    pub display_name: String,
    /// Database, keys and session.
    pub data_dir: PathBuf,
    /// The language of rooms that have not chosen one: `ru` or `en`.
    #[serde(default)]
    pub language: Lang,
    /// A token that the bot registers itself with at its first start.
    #[serde(default)]
    pub registration_token: Option<String>,
    /// A file with the server's `registration.shared_secret`, instead of a token.
    #[serde(default)]
    pub shared_secret_file: Option<PathBuf>,
    /// A file with the password of an account that exists already.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// PEM files of certificate authorities to trust besides the system's.
    #[serde(default)]
    pub extra_ca: Vec<PathBuf>,
    /// User ids of people who may share quizzes with everybody.
    #[serde(default)]
    pub teachers: Vec<String>,
    /// Minutes that local time is ahead of UTC.
    #[serde(default = "default_utc_offset")]
    pub utc_offset_minutes: i64,
    /// The room that questions for support go to when the server takes no feedback.
    #[serde(default)]
    pub support_room: Option<String>,
    #[serde(default)]
    pub lessons: Lessons,
}

fn default_user() -> String {
    "bot".to_owned()
}

fn default_display_name() -> String {
    "Фиалка-бот".to_owned()
}

/// Moscow's.
fn default_utc_offset() -> i64 {
    180
}

impl Config {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let config: Self =
            toml::from_str(&text).with_context(|| format!("{} is not right", path.display()))?;
        if config.user.is_empty() || config.user.contains(['@', ':']) {
            bail!("user is the part between @ and : of the bot's id, such as \"bot\"");
        }
        let schemes = ["http://", "https://"];
        if !schemes
            .iter()
            .any(|scheme| config.homeserver.starts_with(scheme))
        {
            bail!("homeserver begins with http:// or https://, such as \"http://localhost:8008\"");
        }
        Ok(config)
    }

    pub(crate) fn settings(&self, own_id: &str, support: bool) -> Settings {
        Settings {
            own_id: own_id.to_owned(),
            lang: self.language,
            teachers: self.teachers.clone(),
            utc_offset: self.utc_offset_minutes,
            support,
        }
    }

    /// The shared secret, if the configuration names a file with one.
    pub(crate) fn shared_secret(&self) -> Result<Option<String>> {
        read_secret(self.shared_secret_file.as_deref())
    }

    pub(crate) fn password(&self) -> Result<Option<String>> {
        read_secret(self.password_file.as_deref())
    }
}

fn read_secret(path: Option<&Path>) -> Result<Option<String>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Some(text.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_an_error_and_the_rest_has_defaults() {
        let config: Config =
            toml::from_str("homeserver = \"http://localhost:8008\"\ndata_dir = \"/tmp/bot\"\n")
                .unwrap();
        assert_eq!(config.user, "bot");
        assert_eq!(config.language, Lang::Ru);
        assert!(toml::from_str::<Config>("homserver = \"x\"").is_err());
    }

    #[test]
    fn an_address_without_a_scheme_is_refused_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bot.toml");
        for (homeserver, good) in [("127.0.0.1:8008", false), ("http://127.0.0.1:8008", true)] {
            let text = format!("homeserver = \"{homeserver}\"\ndata_dir = \"/tmp/bot\"\n");
            fs::write(&file, text).unwrap();
            let read = Config::read(&file).map_err(|error| error.to_string());
            assert_eq!(read.is_ok(), good, "{homeserver}");
            assert!(read.err().is_none_or(|error| error.contains("http://")));
        }
    }
}

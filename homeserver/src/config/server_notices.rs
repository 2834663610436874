//! `[server_notices]`: messages of the server to its users.

use ruma::OwnedMxcUri;
use serde::Deserialize;

use super::ConfigError;

/// Messages of the server to its users; off without a name to send them under.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerNotices {
    /// The local part of the user who sends them. The account is made when the first notice is sent.
    pub localpart: Option<String>,
    /// The display name of that user.
    pub display_name: String,
    /// The picture of that user and of the rooms.
    pub avatar: Option<OwnedMxcUri>,
    /// The name of the rooms that notices come in.
    pub room_name: String,
}

impl Default for ServerNotices {
    fn default() -> Self {
        Self {
            localpart: None,
            display_name: "Server".to_owned(),
            avatar: None,
            room_name: "Notices of the server".to_owned(),
        }
    }
}

impl ServerNotices {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let is_valid = |name: &String| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._=-".contains(&b))
        };
        if self.localpart.as_ref().is_none_or(is_valid) {
            return Ok(());
        }
        let reason = "the name of the user who sends notices has letters a-z, digits and \"._=-\"; write for example \"notices\"";
        Err(ConfigError::invalid("server_notices.localpart", reason))
    }
}

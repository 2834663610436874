//! `[campus]`: the academy.

use http::Uri;
use serde::Deserialize;

use super::ConfigError;

/// The academy.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Campus {
    /// Where clients reach this server, as join files and discovery tell them: `https://…`.
    pub address: Option<String>,
    /// Further addresses that clients may try.
    pub addresses: Vec<String>,
    /// Whether clients on the local network are told that this server is there (DNS-SD).
    pub announce: bool,
    /// The name of the space that the rooms of classes are in; the server's name without one.
    pub name: Option<String>,
    /// The name of the room in which teachers tell everybody something; without one there is none.
    pub announcements: Option<String>,
    /// The local part of the account that owns these rooms.
    pub account: String,
    /// The local part of the room bot's account, which clients offer games with.
    pub bot: String,
    /// Where newer versions of the client are, for clients that are older than this server: `https://…`.
    pub download: Option<String>,
}

impl Default for Campus {
    fn default() -> Self {
        Self {
            address: None,
            addresses: Vec::new(),
            announce: false,
            name: None,
            announcements: None,
            account: "campus".to_owned(),
            bot: "bot".to_owned(),
            download: None,
        }
    }
}

impl Campus {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        for (key, address) in self
            .address
            .iter()
            .map(|address| ("campus.address", address))
            .chain(
                self.addresses
                    .iter()
                    .map(|address| ("campus.addresses", address)),
            )
            .chain(
                self.download
                    .iter()
                    .map(|address| ("campus.download", address)),
            )
        {
            let is_address = address.parse::<Uri>().is_ok_and(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
            });
            if !is_address {
                let reason = "this is no address of a server; write for example \"https://chat.campus.example:8448\"";
                return Err(ConfigError::invalid(key, reason));
            }
        }
        Ok(())
    }
}

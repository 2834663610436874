//! `[server_notices]`: messages of the server to its users.

use ruma::OwnedMxcUri;
use serde::Deserialize;

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

//! Servers and people.

use matrix_sdk::ruma::{OwnedDeviceId, OwnedServerName, OwnedUserId};

use super::MediaKey;
use crate::render::time::Timestamp;

/// A homeserver that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerRow {
    /// The name to show: what comes after the colon in user ids, or the host.
    pub name: String,
    /// Where its API answers; goes back in `SignIn` and `Register`.
    pub base_url: String,
    pub registrations: Registrations,
    /// Whether signing in with a password is offered.
    pub password_sign_in: bool,
}

/// A server that answers on this network, before anybody has chosen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundServerRow {
    pub name: String,
    /// Goes back in `CheckServer`.
    pub address: String,
    /// Its certificate is trusted: nobody else can pose as it.
    pub trusted: bool,
}

/// Who may create an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registrations {
    /// Everybody.
    Open,
    /// Whoever has a code.
    WithToken,
    /// Nobody.
    Closed,
}

/// The account signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    pub user_id: OwnedUserId,
    pub server_name: OwnedServerName,
    /// The display name, or the first part of the user id.
    pub name: String,
    pub avatar: Option<MediaKey>,
    /// Everything local is wiped when the program ends.
    pub shared_computer: bool,
    /// No keyring keeps what opens the account: it is in a file for its owner only.
    pub secrets_in_file: bool,
}

/// Somebody found in the user directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    pub user_id: OwnedUserId,
    pub name: String,
    pub avatar: Option<MediaKey>,
}

/// A sign-in of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    pub id: OwnedDeviceId,
    pub name: String,
    pub last_seen: Option<Timestamp>,
    pub last_address: Option<String>,
    /// This program.
    pub own: bool,
    /// The account's owner has vouched for it, by password or by comparing pictures.
    pub trusted: bool,
}

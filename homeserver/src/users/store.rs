//! Rows of accounts, devices and sessions.

use ruma::{MilliSecondsSinceUnixEpoch, OwnedDeviceId, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    ids::UserNid,
    records,
    storage::{Result, Snapshot, Storage, tables},
};

/// SHA-256 of a token. The token itself is never stored, so a stolen backup signs nobody in.
pub type TokenHash = [u8; 32];

/// A user of this server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// The password as a PHC string; without one no password signs in.
    pub password: Option<String>,
    /// When the account was made.
    pub created: MilliSecondsSinceUnixEpoch,
    /// Whether the user administers this server.
    #[serde(default)]
    pub admin: bool,
    /// Whether the user is shut out until an administrator lets them in again.
    #[serde(default)]
    pub locked: bool,
    /// Whether the user may only read.
    #[serde(default)]
    pub suspended: bool,
    /// Whether the account is closed for good. Its name is never given to anybody else.
    #[serde(default)]
    pub deactivated: bool,
    /// Whether the user asked, on leaving, that newcomers do not see their messages.
    #[serde(default)]
    pub erased: bool,
    /// What kind of user it is, as administrators' tools say. It changes nothing.
    #[serde(default)]
    pub kind: Option<UserKind>,
    /// How often the user may send instead of what holds for everybody, as administrators say.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
}

/// How often one user may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Steadily; zero stands for no limit of anything the user does.
    pub messages_per_second: u32,
    /// At once, after a rest.
    pub burst_count: u32,
}

/// What kind of user an account is for, if it is not an ordinary one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// A program.
    Bot,
    /// Somebody who helps others.
    Support,
}

/// A device of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRow {
    /// The name its user sees.
    pub display_name: Option<String>,
    /// When it signed in first.
    pub created: MilliSecondsSinceUnixEpoch,
}

/// When and from where a device was last seen. Written rarely and without fsync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSeenRow {
    /// When.
    pub at: MilliSecondsSinceUnixEpoch,
    /// The address of the request.
    pub ip: Option<String>,
}

/// An access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Whose it is.
    pub user: UserNid,
    /// The device it belongs to.
    pub device_id: OwnedDeviceId,
    /// When it has to be refreshed, if ever.
    pub expires: Option<MilliSecondsSinceUnixEpoch>,
    /// The refresh token that produced it and is void once this token is used.
    pub replaces: Option<TokenHash>,
}

/// A refresh token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshTokenRow {
    /// Whose it is.
    pub user: UserNid,
    /// The device it belongs to.
    pub device_id: OwnedDeviceId,
    /// Until when it may be used.
    pub expires: MilliSecondsSinceUnixEpoch,
    /// The access token it was given out with.
    pub access: TokenHash,
    /// The refresh token that produced it and is void once this one is used.
    pub replaces: Option<TokenHash>,
    /// What it was exchanged for, access token and refresh token, while neither has been used.
    pub next: Option<(TokenHash, TokenHash)>,
}

/// A registration token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationTokenRow {
    /// How many accounts may be made with it; any number without.
    pub uses_allowed: Option<u32>,
    /// How many have been made.
    pub used: u32,
    /// Until when it is valid; for ever without.
    pub expires: Option<MilliSecondsSinceUnixEpoch>,
    /// When it was made.
    pub created: MilliSecondsSinceUnixEpoch,
}

/// A document that somebody accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedPolicy {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
}

/// What somebody accepted when they registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsRow {
    /// The documents.
    pub accepted: Vec<AcceptedPolicy>,
    /// When.
    pub at: MilliSecondsSinceUnixEpoch,
}

/// A token that says who a user is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIdTokenRow {
    /// The user.
    pub user: UserNid,
    /// Until when it is good.
    pub expires: MilliSecondsSinceUnixEpoch,
}

records!(
    TermsRow = 1,
    OpenIdTokenRow = 1,
    AccountRow = 1,
    DeviceRow = 1,
    LastSeenRow = 1,
    SessionRow = 1,
    RefreshTokenRow = 1,
    RegistrationTokenRow = 1,
);

/// What a row of the table of a device's tokens stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// An access token.
    Access = 1,
    /// A refresh token.
    Refresh = 2,
}

impl TokenKind {
    pub(super) fn from_row(kind: u8) -> Self {
        if kind == Self::Refresh as u8 {
            Self::Refresh
        } else {
            Self::Access
        }
    }
}

/// A token of a device.
#[derive(Clone, Debug)]
pub(super) struct DeviceToken {
    pub(super) device_id: OwnedDeviceId,
    pub(super) hash: TokenHash,
    pub(super) kind: TokenKind,
}

/// The account of a user id, if this server has it.
pub(super) fn find_account(
    storage: &Storage,
    snapshot: &Snapshot<'_>,
    user_id: &UserId,
) -> Result<Option<(UserNid, AccountRow)>> {
    let Some(user) = storage.interner().find_user(user_id)? else {
        return Ok(None);
    };
    Ok(tables::ACCOUNT
        .get(snapshot, user)?
        .map(|account| (user, account)))
}

/// Every token of a user.
pub(super) fn tokens_of(snapshot: &Snapshot<'_>, user: UserNid) -> Result<Vec<DeviceToken>> {
    tables::DEVICE_TOKEN
        .scan(snapshot, (user,))?
        .map(|row| {
            let ((_, device_id, hash), kind) = row?;
            Ok(DeviceToken {
                device_id,
                hash,
                kind: TokenKind::from_row(kind),
            })
        })
        .collect()
}

/// Every device of a user.
pub(super) fn devices_of(
    snapshot: &Snapshot<'_>,
    user: UserNid,
) -> Result<Vec<(OwnedDeviceId, DeviceRow)>> {
    tables::DEVICE
        .scan(snapshot, (user,))?
        .map(|row| row.map(|((_, device_id), device)| (device_id, device)))
        .collect()
}

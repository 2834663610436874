//! The people of a room.

use std::time::Duration;

use matrix_sdk::ruma::OwnedUserId;

use super::MediaKey;

/// Somebody in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    pub user_id: OwnedUserId,
    /// Unambiguous in this room.
    pub name: String,
    pub avatar: Option<MediaKey>,
    pub role: Role,
    /// Invited, but not here yet.
    pub invited: bool,
    /// May not come back.
    pub banned: bool,
    /// Their level is below that of everybody: they read, and write nothing.
    pub silenced: bool,
    /// The account signed in.
    pub own: bool,
    /// What the account signed in may do to them.
    pub rights: MemberRights,
}

/// Whether somebody is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceRow {
    pub user: OwnedUserId,
    pub online: bool,
    /// How long ago they did something, in whole minutes.
    pub active_ago: Option<Duration>,
}

/// What may be done to somebody in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemberRights {
    pub kick: bool,
    pub ban: bool,
    pub unban: bool,
    /// The right to write may be taken from them and given back.
    pub silence: bool,
    /// The highest level that may be given to them; `None` for no change at all.
    pub level_up_to: Option<i64>,
}

/// What somebody may do in a room, most powerful first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Made the room; cannot be overruled (room version 12).
    Creator,
    Administrator,
    Moderator,
    Member,
}

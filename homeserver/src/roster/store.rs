//! Rows of the roster.

use ruma::{OwnedRoomId, OwnedUserId};
use serde::{Deserialize, Serialize};

use crate::{
    ids::UserNid,
    records,
    storage::{Result, Snapshot, tables},
};

/// What somebody is at the academy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Learns.
    Student,
    /// Teaches: moderates the rooms of their classes, and writes announcements.
    Teacher,
}

/// Somebody in the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRow {
    /// The account.
    pub user_id: OwnedUserId,
    /// The surname.
    pub surname: String,
    /// The other names.
    pub name: String,
    /// What tells them from others of the same name.
    pub code: Option<String>,
    /// What they are.
    pub role: Role,
    /// Their classes, sorted.
    pub classes: Vec<String>,
    /// Whether they have left.
    pub gone: bool,
    /// The hash of the code that was printed for them, as long as they may still sign in with it.
    pub printed: Option<String>,
}

/// A class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRow {
    /// Its room.
    pub room: OwnedRoomId,
    /// Whether there is no such class any more.
    pub archived: bool,
}

records!(PersonRow = 1, ClassRow = 1);

/// A room of the academy as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Common {
    /// The space of all classes.
    Space,
    /// Where teachers tell everybody something.
    Announcements,
}

impl Common {
    /// The key of its row.
    pub(super) fn key(self) -> u8 {
        match self {
            Self::Space => 1,
            Self::Announcements => 2,
        }
    }
}

impl PersonRow {
    /// The name that others see.
    pub fn display_name(&self) -> String {
        format!("{} {}", self.surname, self.name).trim().to_owned()
    }
}

/// Everybody who is or was in the roster.
pub(super) fn people(snapshot: &Snapshot<'_>) -> Result<Vec<(UserNid, PersonRow)>> {
    tables::ROSTER_PERSON.scan(snapshot, ())?.collect()
}

/// Every class there is or was.
pub(super) fn classes(snapshot: &Snapshot<'_>) -> Result<Vec<(String, ClassRow)>> {
    tables::ROSTER_CLASS.scan(snapshot, ())?.collect()
}

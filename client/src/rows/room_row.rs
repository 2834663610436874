//! A room in the list, and the header of an open one.

use matrix_sdk::ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};

use super::{MediaKey, Notice};
use crate::render::time::Timestamp;

/// A room in the list.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomRow {
    pub id: OwnedRoomId,
    pub name: String,
    pub avatar: Option<MediaKey>,
    pub section: Section,
    /// The other person of a direct chat.
    pub direct_with: Option<OwnedUserId>,
    pub encrypted: bool,
    pub muted: bool,
    /// Messages that count as new; shown grey when muted.
    pub unread: u64,
    /// Messages that name the reader; shown as a red @.
    pub mentions: u64,
    pub preview: Option<Preview>,
    /// Text left in the composer.
    pub draft: Option<String>,
    /// Display names.
    pub typing: Vec<String>,
    /// When something last happened here.
    pub latest_at: Option<Timestamp>,
    /// Set for an invitation that waits for an answer.
    pub invitation: Option<Invitation>,
}

impl RoomRow {
    /// Whether the newest that is known here is that the reader has come.
    #[must_use]
    pub fn has_only_entered(&self) -> bool {
        let preview = self.preview.as_ref();
        preview.is_some_and(|preview| preview.kind == PreviewKind::Entered)
    }
}

/// Where a room belongs in the list, in the order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    Invitations,
    Favourites,
    /// Rooms of a space: a class, a club.
    Classes,
    Direct,
    Groups,
    /// Rooms where the reader only reads.
    Announcements,
    LowPriority,
}

/// The last thing said in a room.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// Who said it; `None` where it goes without saying (the other one in a direct chat, a notice).
    pub sender: Option<String>,
    /// The reader said it.
    pub own: bool,
    /// It has not reached the server yet.
    pub waiting: bool,
    /// The server refused it.
    pub failed: bool,
    pub kind: PreviewKind,
}

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub enum PreviewKind {
    /// One line of plain text.
    Text(String),
    Picture,
    Video,
    /// With its length in seconds, where known.
    Audio(Option<u64>),
    /// With its name.
    File(String),
    Deleted,
    Encrypted,
    /// The reader has come, and nobody has said anything.
    Entered,
    Notice {
        actor: String,
        target: Option<String>,
        notice: Notice,
    },
    /// A kind of message this program does not know.
    Unknown,
}

/// An invitation that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Who invites, where known.
    pub from: Option<String>,
}

/// The header of an open room and what one may do in it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomHeader {
    pub name: String,
    pub avatar: Option<MediaKey>,
    pub topic: Option<String>,
    pub direct_with: Option<OwnedUserId>,
    pub encrypted: bool,
    pub members: u64,
    pub muted: bool,
    pub favourite: bool,
    pub low_priority: bool,
    /// Otherwise the composer is a strip that says why not.
    pub can_send: bool,
    pub can_invite: bool,
    pub can_rename: bool,
    pub can_change_topic: bool,
    pub can_change_avatar: bool,
    pub can_pin: bool,
    /// May say who writes here.
    pub can_change_rights: bool,
    /// Only those in charge may write.
    pub read_only: bool,
    pub pinned: Vec<OwnedEventId>,
    /// The academy's bot is here.
    pub has_bot: bool,
    /// Whoever has the address may enter.
    pub open: bool,
    /// May say whether it is so.
    pub can_open: bool,
    /// What others enter by, where they can.
    pub address: Option<String>,
}

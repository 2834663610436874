//! A line of a room's timeline.

use std::sync::Arc;

use matrix_sdk::ruma::{OwnedEventId, OwnedUserId};

use super::{MediaKey, PreviewKind, Role};
use crate::render::{blocks::Block, time::Timestamp};

/// Names a row for as long as the room is open, also while its message changes from "being sent" to "sent".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(Arc<str>);

impl RowId {
    /// Wraps the SDK's unique id of a timeline item, or takes it back from a view's callback.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The text a view passes around.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A line of a room's timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineRow {
    pub id: RowId,
    pub kind: RowKind,
}

/// What kind of line.
#[derive(Debug, Clone, PartialEq)]
pub enum RowKind {
    Message(Box<MessageRow>),
    /// Somebody joined, the room was renamed, …
    Notice(NoticeRow),
    /// A new day begins (local midnight of it).
    Day(Timestamp),
    /// Everything below was not read when the room was opened.
    ReadMarker,
    /// The room begins here.
    Start,
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageRow {
    /// `None` until the server has it.
    pub event_id: Option<OwnedEventId>,
    pub sender: OwnedUserId,
    pub sender_name: String,
    pub sender_avatar: Option<MediaKey>,
    /// What the sender may do in the room today.
    pub sender_role: Role,
    pub own: bool,
    pub sent_at: Timestamp,
    /// The first of a run by the same sender (same day, at most five minutes apart): show avatar and name.
    pub starts_group: bool,
    /// The last of its run: the bubble's tail corner.
    pub ends_group: bool,
    pub body: Body,
    pub reply: Option<ReplyRow>,
    pub reactions: Vec<ReactionRow>,
    pub edited: bool,
    /// It names the reader.
    pub mentions_me: bool,
    pub delivery: Delivery,
    pub can_edit: bool,
    pub can_redact: bool,
    pub can_reply: bool,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Text(TextBody),
    Picture(MediaBody),
    Video(MediaBody),
    Audio(FileBody),
    File(FileBody),
    /// Taken back by its sender or a moderator.
    Deleted,
    /// Encrypted, and the key has not arrived (yet).
    Undecryptable(Undecryptable),
    /// A newer kind of message, with its fallback text if it has one.
    Unknown(Option<String>),
}

/// Why a message cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecryptable {
    /// Its key is on the way, as far as anybody knows.
    Waiting,
    /// It is older than the reader's time in the room.
    BeforeJoining,
    /// It is older than this sign-in, and no key was kept.
    BeforeSignIn,
    /// Its sender did not give this computer the key.
    Withheld,
    /// Its sender is not whom it was compared with, or has not vouched for the computer it comes from.
    Untrusted,
}

/// Text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextBody {
    pub blocks: Vec<Block>,
    /// The same as plain text: for copying, editing and search.
    pub plain: String,
    /// `/me` text: shown after the sender's name.
    pub emote: bool,
    /// Sent by a program.
    pub from_bot: bool,
    /// Nothing but emoji: shown large.
    pub emoji_only: bool,
    /// More than 8 KB: `blocks` has the beginning, `plain` everything.
    pub truncated: bool,
}

/// A picture or video.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaBody {
    pub media: MediaKey,
    /// What to ask a thumbnail of; for a video the poster, `None` if it has none.
    pub thumbnail: Option<MediaKey>,
    pub name: String,
    /// Pixels, where the sender said so: reserve the place before the picture is there.
    pub dimensions: Option<(u32, u32)>,
    pub bytes: Option<u64>,
    pub seconds: Option<u64>,
    /// It may have more than one frame.
    pub may_move: bool,
    /// Empty for none.
    pub caption: Vec<Block>,
}

/// A file or sound.
#[derive(Debug, Clone, PartialEq)]
pub struct FileBody {
    pub media: MediaKey,
    pub name: String,
    pub mime_type: Option<String>,
    pub bytes: Option<u64>,
    pub seconds: Option<u64>,
    /// Loudness over time, 0–1; empty when unknown.
    pub waveform: Vec<f32>,
    /// Spoken into the program rather than attached.
    pub voice: bool,
    /// Empty for none.
    pub caption: Vec<Block>,
}

/// What a message answers.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplyRow {
    pub event_id: OwnedEventId,
    /// `None` while it is being loaded.
    pub sender: Option<OwnedUserId>,
    pub sender_name: String,
    /// What it said; `None` while it is being loaded, or when it is gone.
    pub kind: Option<PreviewKind>,
}

/// One kind of reaction under a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReactionRow {
    /// An emoji, or short text.
    pub key: String,
    pub count: usize,
    /// The reader is among them.
    pub own: bool,
    /// User ids of the first few, for the tooltip.
    pub senders: Vec<OwnedUserId>,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delivery {
    /// Somebody else's.
    Received,
    /// Waits for the server; for files with the progress of the upload.
    Queued(Option<Progress>),
    /// On the server's disk.
    Sent,
    /// Somebody else has read it.
    Read,
    /// The server refused it. With `can_retry`, trying again may help.
    Failed { can_retry: bool },
}

/// Bytes sent of bytes altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub total: u64,
}

/// Something that happened to the room.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticeRow {
    /// Who did it.
    pub actor: String,
    /// To whom, where that is somebody else.
    pub target: Option<String>,
    pub notice: Notice,
    pub sent_at: Timestamp,
    /// Stands for this many further people who did the same: "Иван и ещё 4 вошли".
    pub more: usize,
    /// Counted in an earlier row's `more`: draw nothing.
    pub collapsed: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    Joined,
    Left,
    Invited,
    /// Invitation taken back or declined.
    InvitationEnded,
    Removed,
    Banned,
    Unbanned,
    Knocked,
    /// Display name changed to this.
    NameChanged(Option<String>),
    AvatarChanged,
    RoomCreated,
    RoomNamed(String),
    TopicChanged(String),
    RoomAvatarChanged,
    EncryptionEnabled,
    RightsChanged,
    PinsChanged,
    /// Some other setting.
    SettingsChanged,
}

//! Commands about one room's messages.

use std::{path::PathBuf, sync::Arc};

use matrix_sdk::ruma::{OwnedEventId, OwnedUserId};

use crate::rows::RowId;

/// One room's messages.
#[derive(Debug, Clone)]
pub enum TimelineCommand {
    /// Starts delivering the room's rows; [`Update::Timeline`](crate::bridge::update::Update::Timeline) begins with a header
    /// and a `Reset`. Opening an open room delivers both again.
    Open,
    /// Stops delivering.
    Close,
    /// Loads older messages. Answer when they are in the rows.
    Paginate,
    /// Sends Markdown text, optionally as a reply.
    SendText {
        markdown: String,
        mentions: Vec<Mention>,
        reply_to: Option<OwnedEventId>,
    },
    /// Sends a file or picture; progress appears in its row's [`Delivery`](crate::rows::Delivery).
    SendFile {
        file: FileSource,
        caption: String,
        reply_to: Option<OwnedEventId>,
    },
    /// Replaces the text of an own message, or the caption of an own file. The event tells which one, also when it is
    /// not among the rows; the row does until the server has it.
    Edit {
        row: RowId,
        event: Option<OwnedEventId>,
        caption: bool,
        markdown: String,
        mentions: Vec<Mention>,
    },
    /// Deletes a message (for everyone); a message still being sent is cancelled instead.
    Redact { row: RowId },
    /// Adds the reaction, or takes the own one back.
    ToggleReaction { row: RowId, key: String },
    /// Takes a message that is still being sent, or failed, out of the queue.
    CancelSend { row: RowId },
    /// Tries a failed message again.
    RetrySend { row: RowId },
    /// Says that everything shown has been read.
    MarkRead,
    /// Says that somebody is typing here, or stopped. Send freely, the session thins it out.
    Typing { typing: bool },
    /// Keeps what is in the composer for the next time; empty removes it.
    SaveDraft(KeptText),
    /// Loads the member list; [`TimelineUpdate::Members`](crate::bridge::update::TimelineUpdate::Members) follows now and on
    /// every change while the room is open.
    LoadMembers,
    /// Pins a message for everybody in the room, or unpins it.
    SetPinned { event: OwnedEventId, pinned: bool },
    /// Loads the pinned messages. Answer: [`Answer::Hits`](crate::bridge::update::Answer::Hits).
    LoadPinned,
    /// Loads older messages until this one is among the rows, within reason. Answer: `NotFound` when it never was.
    Seek { event: OwnedEventId },
    /// Tells the server's administrators that a message breaks the rules.
    Report { row: RowId, reason: String },
}

/// A person named in a text being sent: where `text` (as typed, e.g. `@Артём`) stands, it becomes a link to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    pub text: String,
    pub user: OwnedUserId,
}

/// A text that is being written, as it is kept on the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptText {
    pub markdown: String,
    pub mentions: Vec<Mention>,
}

/// Where a file to send comes from.
#[derive(Clone)]
pub enum FileSource {
    /// A file on disk.
    Path(PathBuf),
    /// A pasted picture.
    Bytes { name: String, bytes: Arc<[u8]> },
}

impl std::fmt::Debug for FileSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Bytes { name, bytes } => write!(f, "Bytes({name}, {} bytes)", bytes.len()),
        }
    }
}

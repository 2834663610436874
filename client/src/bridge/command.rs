//! What a person can ask for. Commands own their data and name things by id, never by position.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId};
use tokio::sync::mpsc;

use super::secret::Secret;
use crate::rows::{MediaKey, RowId};

/// Ties an answer to its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(u64);

/// Everything a view can ask of the session.
#[derive(Debug, Clone)]
pub enum Command {
    /// Servers, signing in and out, own profile.
    Account(AccountCommand),
    /// The list of rooms and membership in them.
    Rooms(RoomsCommand),
    /// One room's messages.
    Timeline(OwnedRoomId, TimelineCommand),
    /// Finding people and members.
    People(PeopleCommand),
    /// Pictures and files.
    Media(MediaCommand),
}

/// Servers, signing in and out, own profile.
#[derive(Debug, Clone)]
pub enum AccountCommand {
    /// Looks whether a homeserver answers at what was typed (`campus.example`, `10.0.2.5:8008`, a URL).
    /// Answer: [`Answer::Server`](super::update::Answer::Server).
    CheckServer { address: String },
    /// Signs in; `server` is [`ServerRow::base_url`](crate::rows::ServerRow::base_url). Answer: `Done`, and
    /// [`Update::Session`](super::update::Update::Session) follows.
    SignIn {
        server: String,
        user: String,
        password: Secret,
        shared_computer: bool,
    },
    /// Creates an account and signs in with it. Answer: as `SignIn`.
    Register(Registration),
    /// Opens the session kept on this computer, if any. Sent once at start.
    /// Answer: `Done`; [`Update::Session`](super::update::Update::Session) says what was found.
    Restore,
    /// Signs out on the server and removes everything local.
    SignOut,
    /// Changes the own display name.
    SetDisplayName { name: String },
    /// Unlocks the stored message keys with the password or the recovery key, after
    /// [`KeyStorage::Locked`](super::update::KeyStorage::Locked).
    UnlockKeys { secret: Secret },
    /// Tries to reach the server now instead of at the next automatic attempt.
    Reconnect,
    /// Closes the session cleanly before the program ends (and wipes it on a shared computer). Answer: `Done`.
    Shutdown,
}

/// What a new account needs.
#[derive(Debug, Clone)]
pub struct Registration {
    /// [`ServerRow::base_url`](crate::rows::ServerRow::base_url).
    pub server: String,
    /// The part of the user id before the colon.
    pub user: String,
    /// The name others see; empty for none.
    pub display_name: String,
    pub password: Secret,
    /// The code from the teacher, where the server asks for one.
    pub token: Option<Secret>,
    /// Nothing stays on this computer after the session.
    pub shared_computer: bool,
}

/// The list of rooms and membership in them.
#[derive(Debug, Clone)]
pub enum RoomsCommand {
    /// Opens the private chat with a person, creating it when there is none. Answer: `Room`.
    StartDirect { user: OwnedUserId },
    /// Creates a group. Answer: `Room`.
    CreateGroup {
        name: String,
        topic: String,
        invite: Vec<OwnedUserId>,
        encrypted: bool,
    },
    /// Accepts an invitation. Answer: `Room`.
    AcceptInvite { room: OwnedRoomId },
    /// Declines an invitation.
    DeclineInvite { room: OwnedRoomId },
    /// Joins by room id, alias or `matrix.to` link. Answer: `Room`.
    Join { address: String },
    /// Leaves a room and forgets it.
    Leave { room: OwnedRoomId },
    /// Invites a person.
    Invite {
        room: OwnedRoomId,
        user: OwnedUserId,
    },
    /// Pins a room to the top, or unpins it.
    SetFavourite { room: OwnedRoomId, favourite: bool },
    /// Moves a room to the bottom, or back.
    SetLowPriority {
        room: OwnedRoomId,
        low_priority: bool,
    },
    /// Mutes a room or lets it ring again.
    SetMuted { room: OwnedRoomId, muted: bool },
    /// Renames a room.
    Rename { room: OwnedRoomId, name: String },
}

/// One room's messages.
#[derive(Debug, Clone)]
pub enum TimelineCommand {
    /// Starts delivering the room's rows; [`Update::Timeline`](super::update::Update::Timeline) begins with a header
    /// and a `Reset`. Opening an open room delivers both again.
    Open,
    /// Stops delivering.
    Close,
    /// Loads older messages. Answer when they are in the rows.
    Paginate,
    /// Sends Markdown text, optionally as a reply.
    SendText {
        markdown: String,
        reply_to: Option<RowId>,
    },
    /// Sends a file or picture; progress appears in its row's [`Delivery`](crate::rows::Delivery).
    SendFile {
        file: FileSource,
        caption: String,
        reply_to: Option<RowId>,
    },
    /// Replaces the text of an own message.
    Edit { row: RowId, markdown: String },
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
    SaveDraft { markdown: String },
    /// Loads the member list; [`TimelineUpdate::Members`](super::update::TimelineUpdate::Members) follows now and on
    /// every change while the room is open.
    LoadMembers,
}

/// Where a file to send comes from.
#[derive(Clone)]
pub enum FileSource {
    /// A file on disk.
    Path(PathBuf),
    /// A pasted picture.
    Bytes { name: String, bytes: Arc<[u8]> },
}

/// Finding people.
#[derive(Debug, Clone)]
pub enum PeopleCommand {
    /// Searches the server's user directory. Answer: `People`.
    Search { term: String },
}

/// Pictures and files.
#[derive(Debug, Clone)]
pub enum MediaCommand {
    /// Decodes a picture at most `max_width`×`max_height` (avatars, thumbnails).
    /// Answer: `Done`; [`Update::Picture`](super::update::Update::Picture) carries the pixels, also to other askers.
    Thumbnail {
        media: MediaKey,
        max_width: u32,
        max_height: u32,
    },
    /// Decodes the original for the viewer, bounded by the cache size.
    Full { media: MediaKey },
    /// Saves a file under the given path.
    Save { media: MediaKey, path: PathBuf },
}

impl std::fmt::Debug for FileSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Bytes { name, bytes } => write!(f, "Bytes({name}, {} bytes)", bytes.len()),
        }
    }
}

/// A command on its way, with the id its answer will carry.
#[derive(Debug)]
pub struct Envelope {
    pub request: RequestId,
    pub command: Command,
}

/// The views' end of the bridge. Cheap to clone; sending never blocks.
#[derive(Debug, Clone)]
pub struct Commands {
    sender: mpsc::UnboundedSender<Envelope>,
    next: Arc<AtomicU64>,
}

impl Commands {
    /// Makes the two ends of the way down.
    #[must_use]
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Envelope>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (
            Self {
                sender,
                next: Arc::new(AtomicU64::new(1)),
            },
            receiver,
        )
    }

    /// Sends a command and returns the id of its answer. After the session has ended nothing happens.
    pub fn send(&self, command: Command) -> RequestId {
        let request = RequestId(self.next.fetch_add(1, Ordering::Relaxed));
        if self.sender.send(Envelope { request, command }).is_err() {
            tracing::debug!("a command came after the session had ended");
        }
        request
    }
}

//! What the session tells the views.

use std::sync::Arc;

use eyeball_im::VectorDiff;
use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId};

use super::{
    command::{KeptText, RequestId},
    pixels::Pixels,
    secret::Secret,
    trouble::Trouble,
};
use crate::rows::{
    AccountRow, DeviceRow, DirectoryRow, FoundServerRow, HitRow, MediaKey, MemberRow, PersonRow,
    PresenceRow, ProblemRow, RoomHeader, RoomRow, ServerRow, SpaceRow, StandingsRow, TimelineRow,
    Trust, VerificationRow,
};

/// Everything that travels from the session to the UI thread.
#[derive(Debug, Clone)]
pub enum Update {
    /// The answer to one command.
    Answered {
        request: RequestId,
        result: Result<Answer, Trouble>,
    },
    /// Somebody is signed in, or nobody is.
    Session(SessionState),
    /// Whether the server can be reached.
    Connection(Connection),
    /// What the server says about itself; again when it is back after an absence.
    Server(ServerFacts),
    /// Whether the disk of this computer is full: then nothing new is kept.
    DiskFull(bool),
    /// Whether old encrypted messages can be read here.
    KeyStorage(KeyStorage),
    /// Where a comparison of pictures stands; `None` when there is nothing more to show.
    Verification(Option<VerificationRow>),
    /// The room list changed. Rows come in the order of their latest activity;
    /// [`RoomSections`](crate::model::sections::RoomSections) makes sections of them.
    Rooms(Vec<VectorDiff<Arc<RoomRow>>>),
    /// The spaces joined (classes, faculties), each with the rooms in it; all of them, in order of their names.
    Spaces(Vec<SpaceRow>),
    /// The whole room list has arrived from the server (before that it is what was known last time).
    RoomsComplete,
    /// So many rooms are here, of so many in all: there are thousands, and the others are on their way. As many as
    /// there are when no more come.
    RoomsComing { here: usize, all: usize },
    /// An open room changed.
    Timeline(OwnedRoomId, TimelineUpdate),
    /// A picture asked for is there. `pixels` fits the size asked for.
    Picture {
        media: MediaKey,
        size: PictureSize,
        pixels: Pixels,
    },
    /// The next frame of a moving picture.
    Frame { media: MediaKey, pixels: Pixels },
}

/// What the server says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// Who plays games, if anybody does.
    pub bot: Option<OwnedUserId>,
    /// The server is newer than this program.
    pub newer: Option<NewerVersion>,
    /// By how many seconds this computer's clock is ahead of the server's (behind: less than nothing); `None` when
    /// they agree well enough.
    pub clock_ahead: Option<i64>,
}

/// A newer version of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewerVersion {
    pub version: String,
    /// The page it is on, where the administrator has said so.
    pub download: Option<String>,
}

/// What a command brought back.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It is done; there is nothing to tell.
    Done,
    /// A homeserver was found.
    Server(ServerRow),
    /// Servers that answer on this network.
    Servers(Vec<FoundServerRow>),
    /// The server that a join file names, and the code for registering if there is one in it.
    Joined {
        server: ServerRow,
        token: Option<Secret>,
    },
    /// Problems that others have reported, the most alike first.
    Problems(Vec<ProblemRow>),
    /// So many messages and files wait to be sent.
    Unsent(u64),
    /// What became of a report.
    Reported(Reported),
    /// A room was created, joined or found.
    Room(OwnedRoomId),
    /// People found.
    People(Vec<PersonRow>),
    /// Where the account is signed in.
    Devices(Vec<DeviceRow>),
    /// Rooms everybody may join.
    Directory(Vec<DirectoryRow>),
    /// Whether the directory shows a room.
    Listed(bool),
    /// Of whom it is known whether they are online.
    Presence(Vec<PresenceRow>),
    /// The new password holds. Unless it opens the stored message keys, an earlier one still does.
    PasswordChanged { opens_keys: bool },
    /// Bytes on the disk of this computer.
    Storage(u64),
    /// How far somebody is to be trusted.
    Trust(Trust),
    /// Messages found, or pinned.
    Hits(Vec<HitRow>),
    /// Who plays best.
    Standings(StandingsRow),
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// The server has it; this many people have the same problem.
    Taken { people: u64 },
    /// It waits on this computer until the server takes it.
    Kept,
}

/// Which size of a picture was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PictureSize {
    Thumbnail { max_width: u32, max_height: u32 },
    Full,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionState {
    /// Nobody: show the sign-in screen, filled in with what was used last.
    SignedOut {
        server: Option<String>,
        user: Option<String>,
        reason: Option<Trouble>,
    },
    /// This account. Sent again when its profile changes.
    SignedIn(AccountRow),
}

/// Whether the server can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// First contact after start.
    Connecting,
    /// Up to date.
    Online,
    /// Out of reach; messages wait in the queue and the session keeps trying.
    Offline,
}

/// Whether old encrypted messages can be read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStorage {
    /// Not known yet, or being set up or opened.
    Working,
    /// Everything is in order: nothing to show.
    Ready,
    /// The keys on the server wait for the password or recovery key:
    /// [`AccountCommand::UnlockKeys`](super::command::AccountCommand::UnlockKeys).
    Locked,
    /// The account keeps no keys on the server.
    Off,
}

/// A change in an open room.
#[derive(Debug, Clone)]
pub enum TimelineUpdate {
    /// Name, rights and counts for the room's header and composer.
    Header(RoomHeader),
    /// Rows changed; apply all of them before the next frame.
    Rows(Vec<VectorDiff<Arc<TimelineRow>>>),
    /// Where loading older messages stands.
    Pagination(Pagination),
    /// Who is typing (display names), without oneself.
    Typing(Vec<String>),
    /// The members, after [`TimelineCommand::LoadMembers`](super::command::TimelineCommand::LoadMembers).
    Members(Vec<MemberRow>),
    /// The text kept for the composer; once per opening, before the rows.
    Draft(KeptText),
}

/// Where loading older messages stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pagination {
    /// There may be more.
    Idle,
    /// A page is on its way.
    Loading,
    /// The beginning of the room is shown.
    AtStart,
}

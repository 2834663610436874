//! Commands about the list of rooms and what belongs to a room as a whole.

use std::path::PathBuf;

use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId};

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
    /// Says what a room is about; empty for nothing.
    SetTopic { room: OwnedRoomId, topic: String },
    /// Gives a room this picture file; `None` removes the picture.
    SetAvatar {
        room: OwnedRoomId,
        file: Option<PathBuf>,
    },
    /// Lets only those in charge write here, or everybody again.
    SetReadOnly { room: OwnedRoomId, read_only: bool },
    /// Lets everybody enter who has the address of a room, or only those who are invited.
    SetOpen { room: OwnedRoomId, open: bool },
    /// Shows a room in the server's directory, or takes it out.
    SetListed { room: OwnedRoomId, listed: bool },
    /// Asks whether the directory shows a room. Answer: [`Answer::Listed`](crate::bridge::update::Answer::Listed).
    IsListed { room: OwnedRoomId },
    /// Takes somebody out of a room; they may come back when invited.
    Kick {
        room: OwnedRoomId,
        user: OwnedUserId,
    },
    /// Takes somebody out of a room for good.
    Ban {
        room: OwnedRoomId,
        user: OwnedUserId,
    },
    /// Lets somebody who was banned come back.
    Unban {
        room: OwnedRoomId,
        user: OwnedUserId,
    },
    /// Gives somebody a power level: 0 member, 50 moderator, 100 administrator.
    SetLevel {
        room: OwnedRoomId,
        user: OwnedUserId,
        level: i64,
    },
    /// Takes the right to write from somebody, or gives it back.
    SetMayWrite {
        room: OwnedRoomId,
        user: OwnedUserId,
        may_write: bool,
    },
    /// Fetches the past of a room without a preview; the list then shows what was said last.
    FetchPreview { room: OwnedRoomId },
    /// Counts what waits to be sent, in all rooms. Answer: [`Answer::Unsent`](crate::bridge::update::Answer::Unsent).
    CountUnsent,
    /// Looks through the rooms everybody may join. Answer:
    /// [`Answer::Directory`](crate::bridge::update::Answer::Directory).
    Directory { term: String },
    /// Searches messages on the server. Answer: [`Answer::Hits`](crate::bridge::update::Answer::Hits), newest first.
    Search { scope: SearchScope, term: String },
}

/// Where to search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchScope {
    Room(OwnedRoomId),
    Everywhere,
}

//! What a search brings: messages, rooms of the directory.

use matrix_sdk::ruma::{OwnedEventId, OwnedRoomAliasId, OwnedRoomId, OwnedUserId};

use super::{MediaKey, PreviewKind};
use crate::render::time::Timestamp;

/// A message outside its timeline: found or pinned.
#[derive(Debug, Clone, PartialEq)]
pub struct HitRow {
    pub room: OwnedRoomId,
    /// The room's name, to be shown where hits of several rooms stand together.
    pub room_name: String,
    pub event_id: OwnedEventId,
    pub sender: OwnedUserId,
    pub sender_name: String,
    pub sender_avatar: Option<MediaKey>,
    pub sent_at: Timestamp,
    pub kind: PreviewKind,
}

/// A room everybody may join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryRow {
    pub room: OwnedRoomId,
    pub alias: Option<OwnedRoomAliasId>,
    pub name: String,
    pub topic: String,
    pub avatar: Option<MediaKey>,
    pub members: u64,
    /// Already in it.
    pub joined: bool,
}

/// A class, faculty or club: a space with rooms in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceRow {
    pub id: OwnedRoomId,
    pub name: String,
    pub avatar: Option<MediaKey>,
    /// The rooms in it and in the spaces below it.
    pub rooms: Vec<OwnedRoomId>,
}

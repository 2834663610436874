//! Rooms that administrators have closed to the users of this server.

use ruma::{OwnedUserId, RoomId, UserId, events::TimelineEventType};
use serde::Deserialize;

use super::{Rooms, rows::Membership, txn::Txn};
use crate::{
    error::{ApiError, ApiResult},
    events::Draft,
    storage::{Commit, Snapshot, tables},
};

impl Rooms {
    /// Who has blocked a room, if somebody has. A room can be blocked before anybody here is in it.
    pub async fn blocked_by(&self, room_id: &RoomId) -> ApiResult<Option<OwnedUserId>> {
        let room_id = room_id.to_string();
        self.read(move |_, snapshot| {
            let by = tables::BLOCKED_ROOM.get(snapshot, &room_id)?;
            Ok(by.and_then(|by| UserId::parse(by).ok()))
        })
        .await
    }

    /// Blocks a room, or opens it again: nobody but administrators can enter a blocked room or invite to it.
    pub async fn set_blocked(&self, room_id: &RoomId, by: Option<&UserId>) -> ApiResult {
        let room_id = room_id.to_string();
        let by = by.map(ToString::to_string);
        let commit = Commit::silent(move |batch| match by {
            Some(by) => tables::BLOCKED_ROOM.put(batch, &room_id, &by),
            None => tables::BLOCKED_ROOM.delete(batch, &room_id),
        });
        self.storage().commit(commit).await?;
        Ok(())
    }
}

impl Rooms {
    /// Refuses to let a user of this server into a blocked room of others.
    pub async fn check_entrance(&self, room_id: &RoomId, user: &UserId) -> ApiResult {
        let (room_id, user) = (room_id.to_owned(), user.to_owned());
        self.read(move |rooms, snapshot| require_open(rooms, snapshot, &room_id, &user))
            .await
    }
}

/// Refuses an event that brings somebody into a blocked room or to its door. Its members may change their profiles.
pub(super) fn check(txn: &Txn<'_>, draft: &Draft) -> ApiResult {
    #[derive(Deserialize)]
    struct Content {
        membership: String,
    }
    if draft.event_type != TimelineEventType::RoomMember {
        return Ok(());
    }
    let Ok(content) = serde_json::from_str::<Content>(draft.content.get()) else {
        return Ok(());
    };
    let is_change = match Membership::parse(&content.membership) {
        Some(Membership::Join) => txn.membership(&draft.sender)? != Some(Membership::Join),
        Some(Membership::Invite | Membership::Knock) => true,
        _ => false,
    };
    match is_change {
        true => require_open(txn.rooms, txn.snapshot, &txn.room_id, &draft.sender),
        false => Ok(()),
    }
}

/// Refuses everybody but administrators where a room is blocked.
pub(super) fn require_open(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    room_id: &RoomId,
    user: &UserId,
) -> ApiResult {
    if !tables::BLOCKED_ROOM.contains(snapshot, room_id.as_str())? {
        return Ok(());
    }
    let account = match rooms.storage().interner().find_user(user)? {
        Some(user) => tables::ACCOUNT.get(snapshot, user)?,
        None => None,
    };
    if account.is_some_and(|account| account.admin) {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "The administrators of this server have blocked this room.",
    ))
}

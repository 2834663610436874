//! Rooms that administrators have closed to the users of this server.

use ruma::{OwnedUserId, RoomId, UserId};

use super::{Rooms, membership::Step, txn::Txn};
use crate::{
    error::{ApiError, ApiResult},
    storage::{Commit, tables},
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

/// Refuses a step into a blocked room.
pub(super) fn check(txn: &Txn<'_>, sender: &UserId, step: Step) -> ApiResult {
    let enters = matches!(step, Step::Join | Step::Knock | Step::Invite { .. });
    if !enters || !tables::BLOCKED_ROOM.contains(txn.snapshot, txn.room_id.as_str())? {
        return Ok(());
    }
    let sender = txn.rooms.storage().interner().find_user(sender)?;
    let account = match sender {
        Some(sender) => tables::ACCOUNT.get(txn.snapshot, sender)?,
        None => None,
    };
    if account.is_some_and(|account| account.admin) {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "The administrators of this server have blocked this room.",
    ))
}

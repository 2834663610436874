//! Joining a room because of being in another one.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms)

use ruma::{OwnedUserId, RoomId, UserId};

use super::{
    rows::{Membership, RoomSummary},
    txn::Txn,
};
use crate::{
    error::{ApiError, ApiResult},
    events::power::{self, Action},
    storage::tables,
};

/// The member in whose name somebody may join who is in one of the rooms that a restricted room is open to; nobody
/// where none is needed.
pub(super) fn authorising_member(
    txn: &Txn<'_>,
    user: &UserId,
    old: Option<Membership>,
) -> ApiResult<Option<OwnedUserId>> {
    let summary = txn.head.summary();
    let restricted = matches!(
        summary.join_rule.as_deref(),
        Some("restricted" | "knock_restricted")
    );
    if !restricted || matches!(old, Some(Membership::Join | Membership::Invite)) {
        return Ok(None);
    }
    if is_in_allowed_room(txn, user, summary)? {
        return local_inviter(txn);
    }
    Err(ApiError::forbidden(
        "To join this room you have to be in one of the rooms that it is open to.",
    ))
}

fn is_in_allowed_room(txn: &Txn<'_>, user: &UserId, summary: &RoomSummary) -> ApiResult<bool> {
    let interner = txn.rooms.storage().interner();
    let Some(user) = interner.find_user(user)? else {
        return Ok(false);
    };
    for room in &summary.allowed_rooms {
        let Ok(room) = <&RoomId>::try_from(room.as_str()) else {
            continue;
        };
        let Some(room) = interner.find_room(room)? else {
            continue;
        };
        let row = tables::USER_ROOM.get(txn.snapshot, (user, room))?;
        if row.is_some_and(|row| row.membership == Membership::Join) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A member of this server who may invite.
fn local_inviter(txn: &Txn<'_>) -> ApiResult<Option<OwnedUserId>> {
    let levels = txn.power_levels()?;
    let interner = txn.rooms.storage().interner();
    for row in tables::MEMBER.scan(txn.snapshot, (txn.room, Membership::Join))? {
        let ((_, _, user), _) = row?;
        let user = interner.user_id(user)?;
        if user.server_name() == txn.rooms.server_name()
            && power::check(&levels, &user, &Action::Invite).is_ok()
        {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

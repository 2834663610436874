//! Joining a room because of being in another one.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms)

use ruma::{
    OwnedUserId, RoomId, UserId, api::error::ErrorKind, events::room::power_levels::RoomPowerLevels,
};

use super::{
    Rooms,
    rows::{Membership, RoomSummary},
    txn::Txn,
};
use crate::{
    error::{ApiError, ApiResult},
    events::power::{self, Action},
    ids::UserNid,
    storage::{Result, Snapshot, tables},
};

/// The member in whose name somebody may join who is in one of the rooms that a restricted room is open to; nobody
/// where none is needed.
pub(super) fn authorising_member(
    txn: &Txn<'_>,
    user: &UserId,
    old: Option<Membership>,
) -> ApiResult<Option<OwnedUserId>> {
    let summary = txn.head.summary();
    let rules = &txn.head.rules().authorization;
    let is_restricted = match summary.join_rule.as_deref() {
        Some("restricted") => rules.restricted_join_rule,
        Some("knock_restricted") => rules.knock_restricted_join_rule,
        _ => false,
    };
    if !is_restricted || matches!(old, Some(Membership::Join | Membership::Invite)) {
        return Ok(None);
    }
    let number = txn.rooms.storage().interner().find_user(user)?;
    if let Some(number) = number
        && is_in_allowed_room(txn.rooms, txn.snapshot, number, summary)?
    {
        return match local_inviter(txn)? {
            Some(member) => Ok(Some(member)),
            None => Err(ApiError::bad_request(
                ErrorKind::UnableToGrantJoin,
                "No member of this server may let you in: ask another server in the room.",
            )),
        };
    }
    for room in &summary.allowed_rooms {
        if !is_known(txn, room)? {
            return Err(ApiError::bad_request(
                ErrorKind::UnableToAuthorizeJoin,
                "This server is not in all the rooms whose members may join: ask another server in the room.",
            ));
        }
    }
    Err(ApiError::forbidden(
        "To join this room you have to be in one of the rooms that it is open to.",
    ))
}

/// Whether another server in a restricted room may be able to let somebody in whom this one cannot let in.
pub(super) fn is_for_others(error: &ApiError) -> bool {
    matches!(
        error.kind(),
        Some(ErrorKind::UnableToGrantJoin | ErrorKind::UnableToAuthorizeJoin)
    )
}

/// Whether this server is in a room, so that it knows the members.
fn is_known(txn: &Txn<'_>, room: &str) -> ApiResult<bool> {
    let Ok(room) = <&RoomId>::try_from(room) else {
        return Ok(true);
    };
    match txn.rooms.storage().interner().find_room(room)? {
        Some(room) => txn.rooms.is_resident(txn.snapshot, room),
        None => Ok(false),
    }
}

/// Whether a user is in one of the rooms that a restricted room is open to.
pub(super) fn is_in_allowed_room(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    user: UserNid,
    summary: &RoomSummary,
) -> Result<bool> {
    for room in &summary.allowed_rooms {
        let Ok(room) = <&RoomId>::try_from(room.as_str()) else {
            continue;
        };
        let Some(room) = rooms.storage().interner().find_room(room)? else {
            continue;
        };
        // What is known of the members of a room that this server has left is out of date.
        let is_resident = rooms
            .summary(snapshot, room)?
            .is_some_and(|summary| summary.joined > summary.remote);
        if is_resident && rooms.membership_in(snapshot, room, user)? == Some(Membership::Join) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A member of this server who may invite. Those whom the power levels name are asked first: where only they may invite,
/// the others need not be looked at.
fn local_inviter(txn: &Txn<'_>) -> ApiResult<Option<OwnedUserId>> {
    let levels = txn.power_levels()?;
    let creators = levels.rules.privileged_creators.iter().flatten();
    for user in creators.chain(levels.users.keys()) {
        if may_invite(txn, &levels, user) && txn.membership(user)? == Some(Membership::Join) {
            return Ok(Some(user.clone()));
        }
    }
    if levels.users_default < levels.invite {
        return Ok(None);
    }
    let interner = txn.rooms.storage().interner();
    for row in tables::MEMBER.scan(txn.snapshot, (txn.room, Membership::Join))? {
        let ((_, _, user), _) = row?;
        let user = interner.user_id(user)?;
        if may_invite(txn, &levels, &user) {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

fn may_invite(txn: &Txn<'_>, levels: &RoomPowerLevels, user: &UserId) -> bool {
    user.server_name() == txn.rooms.server_name()
        && power::check(levels, user, &Action::Invite).is_ok()
}

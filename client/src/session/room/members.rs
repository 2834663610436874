//! The people of an open room.

use matrix_sdk::{
    Room, RoomMemberships,
    room::RoomMember,
    ruma::events::room::{member::MembershipState, power_levels::UserPowerLevel},
};

use crate::rows::{MemberRow, Role, message::avatar_key};

/// Everybody in the room, asked of the server if necessary.
pub(super) async fn all(room: &Room) -> matrix_sdk::Result<Vec<MemberRow>> {
    Ok(rows(room.members(RoomMemberships::ACTIVE).await?))
}

/// Everybody known here already.
pub(super) async fn known(room: &Room) -> matrix_sdk::Result<Vec<MemberRow>> {
    Ok(rows(room.members_no_sync(RoomMemberships::ACTIVE).await?))
}

fn rows(members: Vec<RoomMember>) -> Vec<MemberRow> {
    let mut rows: Vec<_> = members.iter().map(row).collect();
    rows.sort_by_cached_key(|row| (row.invited, row.role, row.name.to_lowercase()));
    rows
}

fn row(member: &RoomMember) -> MemberRow {
    let name = match member.name_ambiguous() {
        true => format!("{} ({})", member.name(), member.user_id()),
        false => member.name().to_owned(),
    };
    MemberRow {
        user_id: member.user_id().to_owned(),
        name,
        avatar: member.avatar_url().map(|uri| avatar_key(uri.to_owned())),
        role: role(member.power_level()),
        invited: *member.membership() == MembershipState::Invite,
        own: member.is_account_user(),
    }
}

/// The levels every client gives these names to.
fn role(level: UserPowerLevel) -> Role {
    match level {
        UserPowerLevel::Int(level) if i64::from(level) >= 100 => Role::Administrator,
        UserPowerLevel::Int(level) if i64::from(level) >= 50 => Role::Moderator,
        UserPowerLevel::Int(_) => Role::Member,
        _ => Role::Creator,
    }
}

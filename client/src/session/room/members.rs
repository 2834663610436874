//! The people of an open room.

use matrix_sdk::{
    Room, RoomMemberships,
    room::RoomMember,
    ruma::{
        Int, UserId,
        events::room::{
            member::MembershipState,
            power_levels::{RoomPowerLevels, UserPowerLevel},
        },
    },
};

use crate::{
    render::names,
    rows::{MemberRights, MemberRow, Role, message::avatar_key},
};

/// Everybody in the room, asked of the server if necessary.
pub(super) async fn all(room: &Room) -> matrix_sdk::Result<Vec<MemberRow>> {
    let members = room.members(RoomMemberships::ACTIVE).await?;
    Ok(rows(room, members).await)
}

/// Everybody known here already.
pub(super) async fn known(room: &Room) -> matrix_sdk::Result<Vec<MemberRow>> {
    let members = room.members_no_sync(RoomMemberships::ACTIVE).await?;
    Ok(rows(room, members).await)
}

async fn rows(room: &Room, members: Vec<RoomMember>) -> Vec<MemberRow> {
    let levels = room.power_levels_or_default().await;
    let mut rows: Vec<_> = members
        .iter()
        .map(|member| row(member, &levels, room.own_user_id()))
        .collect();
    rows.sort_by_cached_key(|row| (row.invited, row.role, row.name.to_lowercase()));
    rows
}

fn row(member: &RoomMember, levels: &RoomPowerLevels, own_user: &UserId) -> MemberRow {
    let name = match member.name_ambiguous() {
        true => format!("{} ({})", names::line(member.name()), member.user_id()),
        false => names::person(member.name(), member.user_id().as_str()),
    };
    MemberRow {
        user_id: member.user_id().to_owned(),
        name,
        avatar: member.avatar_url().map(|uri| avatar_key(uri.to_owned())),
        role: role(member.power_level()),
        invited: *member.membership() == MembershipState::Invite,
        own: member.is_account_user(),
        rights: rights(member.user_id(), levels, own_user),
    }
}

/// What the server would let the account signed in do to somebody.
fn rights(user: &UserId, levels: &RoomPowerLevels, own_user: &UserId) -> MemberRights {
    if user == own_user {
        return MemberRights::default();
    }
    let level_up_to = levels
        .user_can_change_user_power_level(own_user, user)
        .then(|| match levels.for_user(own_user) {
            UserPowerLevel::Int(level) => i64::from(level),
            _ => i64::from(Int::MAX),
        });
    MemberRights {
        kick: levels.user_can_kick_user(own_user, user),
        ban: levels.user_can_ban_user(own_user, user),
        level_up_to,
    }
}

/// The levels every client gives these names to.
pub(super) fn role(level: UserPowerLevel) -> Role {
    match level {
        UserPowerLevel::Int(level) if i64::from(level) >= 100 => Role::Administrator,
        UserPowerLevel::Int(level) if i64::from(level) >= 50 => Role::Moderator,
        UserPowerLevel::Int(_) => Role::Member,
        _ => Role::Creator,
    }
}

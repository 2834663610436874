//! The people of an open room.

use std::collections::HashMap;

use matrix_sdk::{
    Room, RoomMemberships,
    deserialized_responses::DisplayName,
    room::RoomMember,
    ruma::{
        Int, MxcUri, UserId,
        api::client::membership::{get_member_events, joined_members},
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

/// People in a large room.
const MANY: u64 = 300;

/// Whether so many are here that their list is not made again for every change.
pub(super) fn are_many(room: &Room) -> bool {
    room.joined_members_count() > MANY
}

/// Everybody in the room, asked of the server if necessary.
pub(super) async fn all(room: &Room) -> matrix_sdk::Result<Vec<MemberRow>> {
    if are_many(room) {
        match in_short(room).await {
            Ok(rows) => return Ok(rows),
            Err(error) => tracing::info!(%error, "the server does not tell the members"),
        }
    }
    let members = room.members(shown(room).await).await?;
    Ok(rows(room, members).await)
}

/// Those who are banned are for those to see who may let them back.
async fn shown(room: &Room) -> RoomMemberships {
    let levels = room.power_levels_or_default().await;
    match levels.user_can_unban(room.own_user_id()) {
        true => RoomMemberships::ACTIVE | RoomMemberships::BAN,
        false => RoomMemberships::ACTIVE,
    }
}

/// Everybody in a large room, as the server tells it in short. The SDK would store the whole event of each in its
/// database and read it there again, which for thousands of people takes a hundred times as long.
async fn in_short(room: &Room) -> matrix_sdk::Result<Vec<MemberRow>> {
    let request = joined_members::v3::Request::new(room.room_id().to_owned());
    let joined = room.client().send(request).await?.joined;
    let name_of = |user: &UserId, name: Option<&str>| {
        DisplayName::new(name.unwrap_or_else(|| user.localpart()))
    };
    let mut called: HashMap<DisplayName, usize> = HashMap::new();
    for (user, member) in &joined {
        let name = name_of(user, member.display_name.as_deref());
        *called.entry(name).or_default() += 1;
    }
    let invited = room.members_no_sync(RoomMemberships::INVITE).await?;
    let mut rows = rows(room, invited).await;
    let levels = room.power_levels_or_default().await;
    for (user, member) in &joined {
        let name = name_of(user, member.display_name.as_deref());
        let person = Person {
            user,
            name: name.as_raw_str(),
            ambiguous: name.is_inherently_ambiguous() || called.get(&name) > Some(&1),
            avatar: member.avatar_url.as_deref(),
            membership: &MembershipState::Join,
        };
        rows.push(row(&person, &levels, room.own_user_id()));
    }
    if levels.user_can_unban(room.own_user_id()) {
        rows.extend(banned(room, &levels).await?);
    }
    sort(&mut rows);
    Ok(rows)
}

/// Those who may not come back to a large room.
async fn banned(room: &Room, levels: &RoomPowerLevels) -> matrix_sdk::Result<Vec<MemberRow>> {
    let mut request = get_member_events::v3::Request::new(room.room_id().to_owned());
    request.membership = Some(MembershipState::Ban);
    let events = room.client().send(request).await?.chunk;
    let events = events.into_iter().filter_map(|event| {
        let event = event.deserialize().ok()?;
        event.as_original().cloned()
    });
    let rows = events.map(|event| {
        let name = event.content.displayname.as_deref();
        let person = Person {
            user: &event.state_key,
            name: name.unwrap_or_else(|| event.state_key.localpart()),
            ambiguous: false,
            avatar: event.content.avatar_url.as_deref(),
            membership: &MembershipState::Ban,
        };
        row(&person, levels, room.own_user_id())
    });
    Ok(rows.collect())
}

/// Everybody known here already.
pub(super) async fn known(room: &Room) -> matrix_sdk::Result<Vec<MemberRow>> {
    let members = room.members_no_sync(shown(room).await).await?;
    Ok(rows(room, members).await)
}

async fn rows(room: &Room, members: Vec<RoomMember>) -> Vec<MemberRow> {
    let levels = room.power_levels_or_default().await;
    let people = members.iter().map(|member| Person {
        user: member.user_id(),
        name: member.name(),
        ambiguous: member.name_ambiguous(),
        avatar: member.avatar_url(),
        membership: member.membership(),
    });
    let mut rows: Vec<_> = people
        .map(|person| row(&person, &levels, room.own_user_id()))
        .collect();
    sort(&mut rows);
    rows
}

fn sort(rows: &mut [MemberRow]) {
    rows.sort_by_cached_key(|row| {
        let name = row.name.to_lowercase();
        (row.banned, row.invited, row.role, name)
    });
}

/// Somebody, wherever it is known from.
struct Person<'a> {
    user: &'a UserId,
    name: &'a str,
    ambiguous: bool,
    avatar: Option<&'a MxcUri>,
    membership: &'a MembershipState,
}

fn row(person: &Person<'_>, levels: &RoomPowerLevels, own_user: &UserId) -> MemberRow {
    let name = match person.ambiguous {
        true => format!("{} ({})", names::line(person.name), person.user),
        false => names::person(person.name, person.user.as_str()),
    };
    let banned = *person.membership == MembershipState::Ban;
    let level = levels.for_user(person.user);
    MemberRow {
        user_id: person.user.to_owned(),
        name,
        avatar: person.avatar.map(|uri| avatar_key(uri.to_owned())),
        role: role(level),
        invited: *person.membership == MembershipState::Invite,
        banned,
        silenced: level < levels.users_default,
        own: person.user == own_user,
        rights: match banned {
            true => MemberRights {
                unban: levels.user_can_unban_user(own_user, person.user),
                ..MemberRights::default()
            },
            false => rights(person.user, levels, own_user),
        },
    }
}

/// What the server would let the account signed in do to somebody who is not banned.
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
        unban: false,
        silence: level_up_to.is_some() && role(levels.for_user(user)) == Role::Member,
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

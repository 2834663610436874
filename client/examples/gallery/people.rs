//! Invented people of a room.

use std::time::Duration;

use client::rows::{MemberRights, MemberRow, PresenceRow, Role};
use matrix_sdk::ruma::OwnedUserId;

use super::{face, user};

pub(crate) fn members() -> Vec<MemberRow> {
    let member = |id: &str, name: &str, role, own| MemberRow {
        user_id: user(id),
        name: name.to_owned(),
        avatar: face(id),
        role,
        invited: id == "tkachenko",
        banned: false,
        silenced: id == "ryabova",
        own,
        rights: MemberRights {
            kick: !own,
            ban: !own,
            unban: false,
            silence: !own && role == Role::Member,
            level_up_to: (!own).then_some(100),
        },
    };
    vec![
        member("lysenko", "Игорь Павлович Лысенко", Role::Creator, false),
        member("gonchar", "София Гончар", Role::Member, false),
        member("ryabova", "Наталья Рябова", Role::Member, false),
        member("a.deineka", "Артём Дейнека", Role::Member, true),
        member("tkachenko", "Мирон Ткаченко", Role::Member, false),
        MemberRow {
            banned: true,
            rights: MemberRights {
                unban: true,
                ..MemberRights::default()
            },
            ..member("prokopenko", "Данил Прокопенко", Role::Member, false)
        },
    ]
}

/// Who of these is there.
pub(crate) fn presence(users: Vec<OwnedUserId>) -> Vec<PresenceRow> {
    let row = |user: OwnedUserId| {
        let name = user.localpart();
        let online = ["gonchar", "aliev", "lysenko"].contains(&name);
        (online || name == "ryabova").then(|| PresenceRow {
            active_ago: Some(Duration::from_secs(if online { 0 } else { 42 * 60 })),
            online,
            user,
        })
    };
    users.into_iter().filter_map(row).collect()
}

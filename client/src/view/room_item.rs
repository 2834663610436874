//! A line of the room list as the view shows it.

use chrono::Local;

use super::{
    AvatarKind, RoomItem,
    avatars::{avatar, no_avatar},
    clock,
    context::Context,
};
use crate::{
    model::sections::ListEntry,
    render::{Language, time, words},
    rows::{RoomRow, Section},
};

/// The sections, by the ids their titles have in the view.
pub(super) const SECTIONS: [(Section, &str); 7] = [
    (Section::Invitations, "invitations"),
    (Section::Favourites, "favourites"),
    (Section::Classes, "classes"),
    (Section::Direct, "direct"),
    (Section::Groups, "groups"),
    (Section::Announcements, "announcements"),
    (Section::LowPriority, "low-priority"),
];

/// A room, or where a section begins.
pub(super) fn item(context: &Context, entry: &ListEntry) -> RoomItem {
    let language = context.language();
    match entry {
        ListEntry::Header {
            section, collapsed, ..
        } => RoomItem {
            header: true,
            id: SECTIONS
                .iter()
                .find(|(other, _)| other == section)
                .map(|(_, id)| *id)
                .unwrap_or_default()
                .into(),
            title: words::section(language, *section).into(),
            collapsed: *collapsed,
            avatar: no_avatar(),
            ..RoomItem::default()
        },
        ListEntry::Room(room) => room_item(context, room),
    }
}

fn room_item(context: &Context, room: &RoomRow) -> RoomItem {
    let language = context.language();
    if (room.preview.is_none() || room.has_only_entered()) && room.invitation.is_none() {
        context.fetch_preview(&room.id);
    }
    let colour_of = room
        .direct_with
        .as_ref()
        .map_or(room.id.as_str(), |user| user.as_str());
    let second = second_line(language, room);
    let mut picture = avatar(context, colour_of, &room.name, room.avatar.as_ref());
    if room.section == Section::Announcements {
        picture.kind = AvatarKind::Announcements;
    }
    RoomItem {
        header: false,
        id: room.id.as_str().into(),
        title: room.name.as_str().into(),
        avatar: picture,
        direct: room.direct_with.is_some(),
        presence: room
            .direct_with
            .as_ref()
            .map(|user| context.presence.dot(user.as_str()))
            .unwrap_or_default(),
        encrypted: room.encrypted,
        muted: room.muted,
        pinned: room.section == Section::Favourites,
        invited: room.invitation.is_some(),
        inviter: room
            .invitation
            .as_ref()
            .filter(|_| room.direct_with.is_none())
            .and_then(|invitation| invitation.from.as_deref())
            .unwrap_or_default()
            .into(),
        time: room
            .latest_at
            .map(|at| time::short(language, at, clock::now(), &Local))
            .unwrap_or_default()
            .as_str()
            .into(),
        prefix: second.prefix.as_str().into(),
        preview: second.text.as_str().into(),
        alert: second.alert,
        typing: second.typing,
        unread: i32::try_from(room.unread).unwrap_or(i32::MAX),
        mentioned: room.mentions > 0,
        ..RoomItem::default()
    }
}

#[derive(Default)]
struct SecondLine {
    prefix: String,
    text: String,
    alert: bool,
    typing: bool,
}

/// Typing replaces the preview; a draft replaces it when nobody is typing.
fn second_line(language: Language, room: &RoomRow) -> SecondLine {
    if !room.typing.is_empty() {
        return SecondLine {
            text: words::typing(language, &room.typing),
            typing: true,
            ..SecondLine::default()
        };
    }
    if let Some(draft) = &room.draft {
        return SecondLine {
            prefix: match language {
                Language::Russian => "Черновик:".to_owned(),
                Language::English => "Draft:".to_owned(),
            },
            text: draft.clone(),
            alert: true,
            ..SecondLine::default()
        };
    }
    if let Some(preview) = room.preview.as_ref().filter(|preview| preview.failed) {
        return SecondLine {
            prefix: match language {
                Language::Russian => "Не отправлено:".to_owned(),
                Language::English => "Not sent:".to_owned(),
            },
            text: words::preview(language, &preview.kind),
            alert: true,
            ..SecondLine::default()
        };
    }
    room.preview
        .as_ref()
        .map(|preview| SecondLine {
            prefix: words::preview_sender(language, preview)
                .trim_end()
                .to_owned(),
            text: words::preview(language, &preview.kind),
            ..SecondLine::default()
        })
        .unwrap_or_default()
}

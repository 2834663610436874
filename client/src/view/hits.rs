//! Messages outside their timeline as the views draw them.

use chrono::Local;

use super::{
    HitItem,
    avatars::{avatar, colour},
    clock,
    context::Context,
};
use crate::{
    render::{time, words},
    rows::HitRow,
};

/// One row; with `placed`, it says in which room.
pub(super) fn item(context: &Context, row: &HitRow, placed: bool) -> HitItem {
    let language = context.language();
    let sender = row.sender.as_str();
    HitItem {
        room: row.room.as_str().into(),
        event: row.event_id.as_str().into(),
        name: row.sender_name.as_str().into(),
        colour: colour(sender),
        place: if placed { row.room_name.as_str() } else { "" }.into(),
        text: words::preview(language, &row.kind).as_str().into(),
        time: time::short(language, row.sent_at, clock::now(), &Local)
            .as_str()
            .into(),
        avatar: avatar(
            context,
            sender,
            &row.sender_name,
            row.sender_avatar.as_ref(),
        ),
    }
}

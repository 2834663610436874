//! Rows of the timeline as the views draw them.

use std::{borrow::Cow, rc::Rc};

use chrono::Local;
use slint::{ModelRc, SharedString, VecModel};

use super::{
    AvatarData, ItemKind, ReactionItem, ReplyItem, Role, SendState, TimelineItem,
    avatars::{avatar, colour},
    clock,
    context::Context,
    emoji, flow,
    message_media::media_item,
    pictures::nothing,
    roles::tag,
    timeline::Pins,
};
use crate::{
    bridge::command::Mention,
    render::{Language, blocks::Block, mentions, plain, time, words},
    rows::{Body, Delivery, MediaKey, MessageRow, ReactionRow, ReplyRow, RowKind, TimelineRow},
};

/// One row as the views draw it.
pub(super) fn item(
    context: &Context,
    row: &TimelineRow,
    pins: &Pins,
    in_class: bool,
    unread_line: bool,
) -> TimelineItem {
    let language = context.language();
    let line = |kind, text: &str| TimelineItem {
        kind,
        id: row.id.as_str().into(),
        text: text.into(),
        ..TimelineItem::default()
    };
    match &row.kind {
        RowKind::Message(message) => TimelineItem {
            id: row.id.as_str().into(),
            can_pin: pins.may
                && message.event_id.is_some()
                && !matches!(message.body, Body::Deleted),
            pinned: message
                .event_id
                .as_ref()
                .is_some_and(|event| pins.events.contains(event)),
            role: role(message, in_class),
            unread_line,
            ..message_item(context, message, unread_line)
        },
        RowKind::Notice(notice) if notice.collapsed => line(ItemKind::Hidden, ""),
        RowKind::Notice(notice) => line(ItemKind::Notice, &words::notice(language, notice)),
        RowKind::Day(day) => line(
            ItemKind::Day,
            &time::day(language, *day, clock::now(), &Local),
        ),
        // The line stands where somebody left off, and does not move while they read: see `read_line`.
        RowKind::ReadMarker => line(ItemKind::Hidden, ""),
        RowKind::Start => line(ItemKind::Notice, start(language)),
    }
}

/// The item with something comparable in the place of pictures that it does not have.
pub(super) fn comparable(mut item: TimelineItem) -> TimelineItem {
    for picture in [&mut item.avatar.picture, &mut item.media.picture] {
        if !picture.ready {
            *picture = nothing();
        }
    }
    item
}

/// Whether a picture is a part of this row.
pub(super) fn shows(row: &TimelineRow, media: &MediaKey) -> bool {
    let RowKind::Message(message) = &row.kind else {
        return false;
    };
    let in_body = match &message.body {
        Body::Picture(body) | Body::Video(body) => {
            body.media == *media || body.thumbnail.as_ref() == Some(media)
        }
        _ => false,
    };
    in_body || (message.starts_group && message.sender_avatar.as_ref() == Some(media))
}

fn start(language: Language) -> &'static str {
    match language {
        Language::Russian => "Здесь начинается переписка",
        Language::English => "The conversation begins here",
    }
}

fn message_item(context: &Context, row: &MessageRow, unread_line: bool) -> TimelineItem {
    let language = context.language();
    let time = time::clock(row.sent_at, &Local);
    let state = state(row.delivery);
    let blocks = flow::items(blocks(&row.body));
    let remark = remark(language, &row.body);
    TimelineItem {
        kind: ItemKind::Message,
        own: row.own,
        // Below a line people want to know who speaks.
        starts_group: row.starts_group || unread_line,
        ends_group: row.ends_group,
        sender: row.sender.as_str().into(),
        name: row.sender_name.as_str().into(),
        colour: colour(row.sender.as_str()),
        avatar: sender_avatar(context, row, unread_line),
        can_copy: copyable(row).is_some(),
        can_report: !row.own && row.event_id.is_some() && !matches!(row.body, Body::Deleted),
        blocks: ModelRc::from(Rc::new(VecModel::from(blocks))),
        remark: remark.as_str().into(),
        emoji_only: matches!(&row.body, Body::Text(text) if text.emoji_only),
        reply: row
            .reply
            .as_ref()
            .map(|reply| reply_item(language, reply))
            .unwrap_or_default(),
        media: media_item(context, row),
        reactions: ModelRc::from(Rc::new(VecModel::from_iter(
            row.reactions
                .iter()
                .map(|reaction| reaction_item(row, reaction)),
        ))),
        summary: one_line(language, row).as_str().into(),
        edited: row.edited,
        mentions_me: row.mentions_me,
        reserve: reserve(language, row, &time),
        time: time.as_str().into(),
        state,
        can_retry: matches!(row.delivery, Delivery::Failed { can_retry: true }),
        can_edit: row.can_edit,
        can_delete: row.can_redact,
        can_reply: row.can_reply,
        truncated: matches!(&row.body, Body::Text(text) if text.truncated),
        ..TimelineItem::default()
    }
}

/// Drawn once per run, at its first message.
fn sender_avatar(context: &Context, row: &MessageRow, unread_line: bool) -> AvatarData {
    if !row.starts_group && !unread_line {
        return AvatarData::default();
    }
    let (id, name) = (row.sender.as_str(), row.sender_name.as_str());
    avatar(context, id, name, row.sender_avatar.as_ref())
}

/// What "Copy" puts into the clipboard.
pub(super) fn copyable(row: &MessageRow) -> Option<Cow<'_, str>> {
    match &row.body {
        Body::Text(text) => Some(Cow::Borrowed(&text.plain)),
        Body::Unknown(text) => text.as_deref().map(Cow::Borrowed),
        body => match blocks(body) {
            [] => None,
            caption => Some(Cow::Owned(plain::text_of(caption))),
        },
    }
}

/// Whether it is a file, which may have a caption.
pub(super) fn is_file(row: &MessageRow) -> bool {
    matches!(
        row.body,
        Body::Picture(_) | Body::Video(_) | Body::Audio(_) | Body::File(_)
    )
}

/// The people it names.
pub(super) fn mentions(row: &MessageRow) -> Vec<Mention> {
    mentions::of(blocks(&row.body))
}

/// What a reply or an edit shows of a message, in one line.
pub(super) fn one_line(language: Language, row: &MessageRow) -> String {
    let text = match &row.body {
        // Where text has markup, its plain form shows the marks.
        Body::Text(text) if !text.blocks.is_empty() => plain::text_of(&text.blocks),
        Body::Text(text) => text.plain.clone(),
        Body::Picture(media) | Body::Video(media) => media.name.clone(),
        Body::Audio(file) | Body::File(file) => file.name.clone(),
        other => remark(language, other),
    };
    crate::render::text::one_line(&text, 120)
}

fn blocks(body: &Body) -> &[Block] {
    match body {
        Body::Text(text) => &text.blocks,
        Body::Picture(media) | Body::Video(media) => &media.caption,
        Body::Audio(file) | Body::File(file) => &file.caption,
        Body::Deleted | Body::Undecryptable(_) | Body::Unknown(_) => &[],
    }
}

fn remark(language: Language, body: &Body) -> String {
    let [russian, english] = match body {
        Body::Deleted => ["Сообщение удалено", "Message deleted"],
        Body::Undecryptable(reason) => return words::undecryptable(language, *reason).to_owned(),
        Body::Unknown(Some(text)) => return text.clone(),
        Body::Unknown(None) => ["Сообщение нового вида", "A newer kind of message"],
        _ => return String::new(),
    };
    match language {
        Language::Russian => russian,
        Language::English => english,
    }
    .to_owned()
}

fn role(row: &MessageRow, in_class: bool) -> Role {
    match &row.body {
        Body::Text(text) if text.from_bot => Role::Bot,
        _ => tag(row.sender_role, in_class),
    }
}

fn state(delivery: Delivery) -> SendState {
    match delivery {
        Delivery::Received => SendState::None,
        Delivery::Queued(_) => SendState::Waiting,
        Delivery::Sent => SendState::Sent,
        Delivery::Read => SendState::Read,
        Delivery::Failed { .. } => SendState::Failed,
    }
}

fn reply_item(language: Language, reply: &ReplyRow) -> ReplyItem {
    ReplyItem {
        shown: true,
        name: reply.sender_name.as_str().into(),
        colour: reply
            .sender
            .as_ref()
            .map(|user| colour(user.as_str()))
            .unwrap_or_default(),
        text: reply
            .kind
            .as_ref()
            .map(|kind| words::preview(language, kind))
            .unwrap_or_default()
            .as_str()
            .into(),
    }
}

fn reaction_item(row: &MessageRow, reaction: &ReactionRow) -> ReactionItem {
    let image = emoji::image(&reaction.key);
    let people: Vec<_> = reaction
        .senders
        .iter()
        .map(|user| user.localpart())
        .collect();
    ReactionItem {
        key: reaction.key.as_str().into(),
        pictured: image.is_some(),
        image: image.unwrap_or_default(),
        count: i32::try_from(reaction.count).unwrap_or(i32::MAX),
        own: reaction.own,
        people: people.join(", ").as_str().into(),
        offered: reaction.senders.contains(&row.sender),
    }
}

/// No-break spaces about as wide as the time, so that it finds room at the end of the last line. One is 4 pixels
/// wide, a letter of the time 7; the word joiner at the end keeps the spaces from being trimmed.
fn reserve(language: Language, row: &MessageRow, time: &str) -> SharedString {
    let edited = match (row.edited, language) {
        (false, _) => 0,
        (true, Language::Russian) => "изменено ".chars().count(),
        (true, Language::English) => "edited ".chars().count(),
    };
    let ticks = match state(row.delivery) {
        SendState::None => 0,
        _ => 24,
    };
    let pixels = (edited + time.chars().count()) * 7 + ticks + 10;
    let mut text = "\u{a0}".repeat(pixels.div_ceil(4));
    text.push('\u{2060}');
    text.as_str().into()
}

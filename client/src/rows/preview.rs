//! A message in one line: for the room list and for what a reply answers.

use matrix_sdk::ruma::events::room::message::MessageType;
use matrix_sdk_ui::timeline::{MsgLikeKind, TimelineItemContent};

use super::{PreviewKind, notice};
use crate::render::{blocks::Block, html, names, plain, text::one_line};

/// Longer lines are not visible in any place that shows previews.
const LINE: usize = 160;

/// What a message or event by `actor` says in one line.
pub(crate) fn kind_of(content: &TimelineItemContent, actor: &str) -> PreviewKind {
    let TimelineItemContent::MsgLike(message) = content else {
        return match notice::happening(content) {
            Some(happening) => PreviewKind::Notice {
                actor: actor.to_owned(),
                target: happening.target,
                notice: happening.notice,
            },
            None => PreviewKind::Unknown,
        };
    };
    match &message.kind {
        MsgLikeKind::Message(message) => message_kind(message.msgtype()),
        MsgLikeKind::Sticker(_) => PreviewKind::Picture,
        MsgLikeKind::Poll(poll) => poll
            .fallback_text()
            .map_or(PreviewKind::Unknown, |text| line(&text)),
        MsgLikeKind::Redacted => PreviewKind::Deleted,
        MsgLikeKind::UnableToDecrypt(_) => PreviewKind::Encrypted,
        MsgLikeKind::Other(_) | MsgLikeKind::LiveLocation(_) => PreviewKind::Unknown,
    }
}

/// What a message says in one line.
pub(crate) fn message_kind(message: &MessageType) -> PreviewKind {
    match message {
        MessageType::Text(text) => match &text.formatted {
            // The plain body of formatted text is Markdown with its marks.
            Some(formatted) if formatted.body.len() < 4096 => {
                rich_line(&html::parse(&formatted.body), &text.body)
            }
            _ => line(&text.body),
        },
        MessageType::Image(image) => image.caption().map_or(PreviewKind::Picture, line),
        MessageType::Video(_) => PreviewKind::Video,
        MessageType::Audio(audio) if audio.voice.is_some() => PreviewKind::Audio(
            audio
                .info
                .as_ref()
                .and_then(|info| info.duration)
                .map(|length| length.as_secs()),
        ),
        MessageType::Audio(audio) => PreviewKind::File(names::line(audio.filename())),
        MessageType::File(file) => PreviewKind::File(names::line(file.filename())),
        other => line(other.body()),
    }
}

fn rich_line(blocks: &[Block], body: &str) -> PreviewKind {
    let text = plain::text_of(blocks);
    if text.trim().is_empty() {
        line(body)
    } else {
        line(&text)
    }
}

fn line(text: &str) -> PreviewKind {
    PreviewKind::Text(names::tame(&one_line(text, LINE)))
}

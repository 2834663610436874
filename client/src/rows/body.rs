//! What a message says.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes)

use std::borrow::Cow;

use matrix_sdk::ruma::{
    UInt,
    events::room::{
        MediaSource,
        message::{
            AudioMessageEventContent, FileMessageEventContent, FormattedBody,
            ImageMessageEventContent, MessageFormat, MessageType, VideoMessageEventContent,
        },
    },
};
use matrix_sdk_base::crypto::types::events::UtdCause;
use matrix_sdk_ui::timeline::{EncryptedMessage, EventTimelineItem, MsgLikeContent, MsgLikeKind};

use super::{Body, FileBody, MediaBody, TextBody, Undecryptable, message::media_key};
use crate::render::{blocks::Block, html, names, plain, text::beginning};

/// Longer text is shown only in part: laying out more would stop the window.
const SHOWN_BYTES: usize = 8 * 1024;

/// Kinds of pictures that may have several frames.
const MOVING: [&str; 3] = ["image/gif", "image/webp", "image/apng"];

pub(super) fn body_of(event: &EventTimelineItem, content: &MsgLikeContent) -> Body {
    match &content.kind {
        MsgLikeKind::Message(message) => {
            message_body(message.msgtype(), event.contains_only_emojis())
        }
        MsgLikeKind::Sticker(sticker) => in_words(&sticker.content().body),
        MsgLikeKind::Poll(poll) => poll
            .fallback_text()
            .map_or(Body::Unknown(None), |text| in_words(&text)),
        MsgLikeKind::Redacted => Body::Deleted,
        MsgLikeKind::UnableToDecrypt(message) => Body::Undecryptable(reason(message)),
        MsgLikeKind::Other(_) | MsgLikeKind::LiveLocation(_) => Body::Unknown(None),
    }
}

fn reason(message: &EncryptedMessage) -> Undecryptable {
    let EncryptedMessage::MegolmV1AesSha2 { cause, .. } = message else {
        return Undecryptable::Waiting;
    };
    match cause {
        UtdCause::SentBeforeWeJoined => Undecryptable::BeforeJoining,
        UtdCause::HistoricalMessageAndBackupIsDisabled => Undecryptable::BeforeSignIn,
        UtdCause::WithheldBySender | UtdCause::WithheldForUnverifiedOrInsecureDevice => {
            Undecryptable::Withheld
        }
        UtdCause::VerificationViolation | UtdCause::UnsignedDevice | UtdCause::UnknownDevice => {
            Undecryptable::Untrusted
        }
        _ => Undecryptable::Waiting,
    }
}

fn message_body(message: &MessageType, emoji_only: bool) -> Body {
    match message {
        MessageType::Text(text) => Body::Text(TextBody {
            emoji_only,
            ..text_body(&text.body, text.formatted.as_ref())
        }),
        MessageType::Notice(text) => Body::Text(TextBody {
            from_bot: true,
            ..text_body(&text.body, text.formatted.as_ref())
        }),
        MessageType::Emote(text) => Body::Text(TextBody {
            emote: true,
            ..text_body(&text.body, text.formatted.as_ref())
        }),
        MessageType::ServerNotice(notice) => Body::Text(TextBody {
            from_bot: true,
            ..text_body(&notice.body, None)
        }),
        MessageType::Image(image) => Body::Picture(picture(image)),
        MessageType::Video(video) => Body::Video(video_body(video)),
        MessageType::Audio(audio) => Body::Audio(audio_body(audio)),
        MessageType::File(file) => Body::File(file_body(file)),
        other => in_words(other.body()),
    }
}

/// What a message of a kind that is not drawn says in words, as far as it is shown.
fn in_words(text: &str) -> Body {
    let text = tamed(text.trim());
    let (shown, truncated) = beginning(&text, SHOWN_BYTES);
    let end = if truncated { "…" } else { "" };
    Body::Unknown((!shown.is_empty()).then(|| format!("{shown}{end}")))
}

fn text_body(body: &str, formatted: Option<&FormattedBody>) -> TextBody {
    let body = &*tamed(body);
    let (shown, truncated) = beginning(body, SHOWN_BYTES);
    let blocks = if truncated {
        plain::parse(shown)
    } else {
        blocks_of(shown, formatted)
    };
    TextBody {
        blocks,
        plain: body.to_owned(),
        truncated,
        ..TextBody::default()
    }
}

fn blocks_of(body: &str, formatted: Option<&FormattedBody>) -> Vec<Block> {
    let html = formatted.filter(|formatted| formatted.format == MessageFormat::Html);
    match html {
        Some(formatted) if formatted.body.len() <= 4 * SHOWN_BYTES => {
            let blocks = html::parse(&tamed(&formatted.body));
            // Markup around nothing: the sender's plain text says more.
            if blocks.is_empty() {
                plain::parse(body)
            } else {
                blocks
            }
        }
        _ => plain::parse(body),
    }
}

/// Nearly every text is as it should be and is not copied.
fn tamed(text: &str) -> Cow<'_, str> {
    match names::is_wild(text) {
        true => Cow::Owned(names::tame(text)),
        false => Cow::Borrowed(text),
    }
}

fn caption(caption: Option<&str>, formatted: Option<&FormattedBody>) -> Vec<Block> {
    caption
        .map(|text| text_body(text, formatted).blocks)
        .unwrap_or_default()
}

fn picture(image: &ImageMessageEventContent) -> MediaBody {
    let info = image.info.as_deref();
    MediaBody {
        media: media_key(&image.source),
        thumbnail: Some(media_key(thumbnail_source(
            info.and_then(|info| info.thumbnail_source.as_ref()),
            &image.source,
        ))),
        name: names::file(image.filename()),
        dimensions: info.and_then(|info| dimensions(info.width, info.height)),
        bytes: info.and_then(|info| info.size).map(u64::from),
        seconds: None,
        may_move: info
            .and_then(|info| info.mimetype.as_deref())
            .is_some_and(|kind| MOVING.contains(&kind)),
        caption: caption(image.caption(), image.formatted_caption()),
    }
}

/// The server makes thumbnails of what it can read; an encrypted picture brings its own.
fn thumbnail_source<'a>(own: Option<&'a MediaSource>, full: &'a MediaSource) -> &'a MediaSource {
    match (own, full) {
        (Some(own), MediaSource::Encrypted(_)) => own,
        _ => full,
    }
}

fn video_body(video: &VideoMessageEventContent) -> MediaBody {
    let info = video.info.as_deref();
    MediaBody {
        media: media_key(&video.source),
        thumbnail: info
            .and_then(|info| info.thumbnail_source.as_ref())
            .map(media_key),
        name: names::file(video.filename()),
        dimensions: info.and_then(|info| dimensions(info.width, info.height)),
        bytes: info.and_then(|info| info.size).map(u64::from),
        seconds: info
            .and_then(|info| info.duration)
            .map(|length| length.as_secs()),
        may_move: false,
        caption: caption(video.caption(), video.formatted_caption()),
    }
}

fn audio_body(audio: &AudioMessageEventContent) -> FileBody {
    let info = audio.info.as_deref();
    let waveform = audio
        .audio
        .as_ref()
        .map(|details| details.waveform.as_slice())
        .unwrap_or_default();
    FileBody {
        media: media_key(&audio.source),
        name: names::file(audio.filename()),
        mime_type: info.and_then(|info| info.mimetype.clone()),
        bytes: info.and_then(|info| info.size).map(u64::from),
        seconds: info
            .and_then(|info| info.duration)
            .map(|length| length.as_secs()),
        waveform: waveform
            .iter()
            .map(|loudness| fraction(loudness.get()))
            .collect(),
        voice: audio.voice.is_some(),
        caption: caption(audio.caption(), audio.formatted_caption()),
    }
}

fn file_body(file: &FileMessageEventContent) -> FileBody {
    let info = file.info.as_deref();
    FileBody {
        media: media_key(&file.source),
        name: names::file(file.filename()),
        mime_type: info.and_then(|info| info.mimetype.clone()),
        bytes: info.and_then(|info| info.size).map(u64::from),
        seconds: None,
        waveform: Vec::new(),
        voice: false,
        caption: caption(file.caption(), file.formatted_caption()),
    }
}

fn dimensions(width: Option<UInt>, height: Option<UInt>) -> Option<(u32, u32)> {
    let width = u32::try_from(u64::from(width?)).ok()?;
    let height = u32::try_from(u64::from(height?)).ok()?;
    (width > 0 && height > 0).then_some((width, height))
}

/// Loudness is sent as a number from 0 to 1024.
fn fraction(loudness: UInt) -> f32 {
    f32::from(
        u16::try_from(u64::from(loudness))
            .unwrap_or(u16::MAX)
            .min(1024),
    ) / 1024.0
}

#[cfg(test)]
mod tests {
    use matrix_sdk::ruma::events::room::message::{LocationMessageEventContent, MessageType};

    use super::*;

    fn of(message: &MessageType) -> Option<String> {
        match message_body(message, false) {
            Body::Unknown(text) => text,
            other => panic!("{other:?} is known"),
        }
    }

    fn place(name: &str) -> MessageType {
        let place = LocationMessageEventContent::new(name.to_owned(), "geo:1,2".to_owned());
        MessageType::Location(place)
    }

    #[test]
    fn what_is_not_drawn_is_said_in_few_and_tame_words() {
        assert_eq!(of(&place("Library")).as_deref(), Some("Library"));
        assert_eq!(of(&place(" ")), None);
        assert_eq!(of(&place("exe\u{202e}gnp")).as_deref(), Some("exegnp"));
        let long = of(&place(&"ж".repeat(SHOWN_BYTES))).unwrap();
        assert!(long.len() <= SHOWN_BYTES + "…".len() && long.ends_with("ж…"));
    }

    #[test]
    fn a_message_of_an_unknown_kind_says_its_plain_text() {
        let data = serde_json::Map::new();
        let message = MessageType::new("org.example.dance", "Anna dances".to_owned(), data);
        assert_eq!(of(&message.unwrap()).as_deref(), Some("Anna dances"));
    }
}

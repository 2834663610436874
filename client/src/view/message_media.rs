//! Pictures, files and sounds of messages as the views draw them.

use std::rc::Rc;

use slint::{ModelRc, SharedString, VecModel};

use super::{
    MediaItem, MediaKind, PictureData,
    context::Context,
    shapes::{Shape, fit},
};
use crate::{
    render::{Language, size},
    rows::{Body, Delivery, FileBody, MediaBody, MessageRow, Progress},
};

/// The bars of a voice message.
const BARS: usize = 38;
/// A picture of unknown size gets this place.
const UNKNOWN_PICTURE: (u32, u32) = (360, 240);

/// What a message carries; nothing for a text.
pub(super) fn media_item(context: &Context, row: &MessageRow) -> MediaItem {
    let progress = match row.delivery {
        Delivery::Queued(Some(progress)) => Some(progress),
        _ => None,
    };
    match &row.body {
        Body::Picture(media) => picture_item(context, media, MediaKind::Picture, progress),
        Body::Video(media) => picture_item(context, media, MediaKind::Video, progress),
        Body::File(file) => file_item(context.language(), file, MediaKind::File, progress),
        Body::Audio(file) => file_item(context.language(), file, MediaKind::Audio, progress),
        _ => MediaItem::default(),
    }
}

fn picture_item(
    context: &Context,
    media: &MediaBody,
    kind: MediaKind,
    progress: Option<Progress>,
) -> MediaItem {
    let (width, height) = fit(media.dimensions.unwrap_or(UNKNOWN_PICTURE));
    let source = match kind {
        MediaKind::Video => media.thumbnail.as_ref(),
        _ => Some(media.thumbnail.as_ref().unwrap_or(&media.media)),
    };
    MediaItem {
        kind,
        name: media.name.as_str().into(),
        width,
        height,
        picture: source.map_or_else(PictureData::default, |key| {
            context
                .pictures
                .get(key, context.pictures.thumbnail(), Shape::Card)
        }),
        moving: match media.may_move && progress.is_none() {
            true => media.media.as_str().into(),
            false => SharedString::default(),
        },
        progress: fraction(progress),
        ..MediaItem::default()
    }
}

fn file_item(
    language: Language,
    file: &FileBody,
    kind: MediaKind,
    progress: Option<Progress>,
) -> MediaItem {
    let facts = match (progress, file.seconds) {
        (Some(progress), _) => progress_facts(language, progress),
        (None, Some(seconds)) => size::duration(seconds),
        (None, None) => size::file_facts(language, &file.name, file.bytes),
    };
    let bars = match file.voice {
        true => wave(&file.waveform),
        false => Vec::new(),
    };
    MediaItem {
        kind,
        name: file.name.as_str().into(),
        facts: facts.as_str().into(),
        progress: fraction(progress),
        bars: ModelRc::from(Rc::new(VecModel::from(bars))),
        ..MediaItem::default()
    }
}

/// The loudness of a voice message in as many bars as fit; flat where the sender did not measure it.
fn wave(waveform: &[f32]) -> Vec<f32> {
    let loudest = waveform.iter().copied().fold(0.0, f32::max);
    if loudest <= 0.0 {
        return vec![0.0; BARS];
    }
    let bar = |index: usize| {
        let start = index * waveform.len() / BARS;
        let end = ((index + 1) * waveform.len() / BARS).max(start + 1);
        let part = &waveform[start..end];
        part.iter().copied().fold(0.0, f32::max) / loudest
    };
    (0..BARS).map(bar).collect()
}

fn progress_facts(language: Language, progress: Progress) -> String {
    let (done, total) = (
        size::bytes(language, progress.done),
        size::bytes(language, progress.total),
    );
    match language {
        Language::Russian => format!("{done} из {total}"),
        Language::English => format!("{done} of {total}"),
    }
}

fn fraction(progress: Option<Progress>) -> f32 {
    progress.map_or(-1.0, |progress| {
        progress.done as f32 / progress.total.max(1) as f32
    })
}

#[cfg(test)]
mod tests {
    use super::{BARS, wave};

    #[test]
    fn a_wave_has_as_many_bars_as_fit_and_reaches_the_top() {
        for samples in [1, 7, BARS, 100, 1000] {
            let waveform: Vec<_> = (0..samples).map(|at| at as f32 / 2048.0).collect();
            let bars = wave(&waveform);
            assert_eq!(bars.len(), BARS);
            assert!(bars.iter().all(|bar| (0.0..=1.0).contains(bar)));
            assert!(samples == 1 || bars.last() == Some(&1.0));
        }
        assert_eq!(wave(&[]), vec![0.0; BARS]);
    }
}

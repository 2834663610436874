//! Moving pictures: one frame after the other, decoded as they are needed, so that a long one takes no more memory
//! than a short one.

use std::{io::Cursor, sync::Arc, time::Duration};

use image::{
    AnimationDecoder, Frame, Frames, ImageDecoder, ImageFormat, Limits,
    codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder},
    error::{LimitError, LimitErrorKind},
};
use tokio::sync::mpsc;

use super::picture::pixels_of;
use crate::bridge::pixels::Pixels;

/// A canvas that would take more than this stands still.
const CANVAS_LIMIT: u64 = 32 << 20;
/// Frames that claim to last less were never meant to; this is what browsers do with them.
const SHORTEST: Duration = Duration::from_millis(20);
const USUAL: Duration = Duration::from_millis(100);
/// More frames a second are not worth their work.
const FASTEST: Duration = Duration::from_millis(40);

/// A frame, and how long it stays.
pub(super) type TimedFrame = (Pixels, Duration);

/// Decodes frames again and again until nobody takes them; never more than one ahead. What does not move brings none
/// after the first round.
pub(super) fn play(bytes: Vec<u8>, fit: (u32, u32)) -> mpsc::Receiver<TimedFrame> {
    let (sender, frames) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let bytes: Arc<[u8]> = bytes.into();
        while let Some(2..) = play_once(&bytes, fit, &sender) {}
    });
    frames
}

/// The number of frames; `None` when it is over.
fn play_once(
    bytes: &Arc<[u8]>,
    fit: (u32, u32),
    sender: &mpsc::Sender<TimedFrame>,
) -> Option<usize> {
    let frames = match frames_of(bytes.clone()) {
        Ok(frames) => frames?,
        Err(error) => {
            tracing::info!(%error, "a picture does not move");
            return None;
        }
    };
    let mut count = 0;
    for frame in frames {
        // What is damaged from here on moves up to here.
        let Ok(frame) = frame else { break };
        count += 1;
        sender.blocking_send(timed(frame, fit)).ok()?;
    }
    Some(count)
}

fn frames_of(bytes: Arc<[u8]>) -> image::ImageResult<Option<Frames<'static>>> {
    let format = image::guess_format(&bytes)?;
    let source = Cursor::new(bytes);
    let mut limits = Limits::default();
    limits.max_alloc = Some(4 * CANVAS_LIMIT);
    Ok(match format {
        ImageFormat::Gif => {
            let mut decoder = GifDecoder::new(source)?;
            decoder.set_limits(limits)?;
            check(&decoder)?;
            Some(decoder.into_frames())
        }
        ImageFormat::WebP => {
            let mut decoder = WebPDecoder::new(source)?;
            decoder.set_limits(limits)?;
            check(&decoder)?;
            decoder.has_animation().then(|| decoder.into_frames())
        }
        ImageFormat::Png => {
            let decoder = PngDecoder::with_limits(source, limits)?;
            check(&decoder)?;
            match decoder.is_apng()? {
                true => Some(decoder.apng()?.into_frames()),
                false => None,
            }
        }
        _ => None,
    })
}

fn check(decoder: &impl ImageDecoder) -> image::ImageResult<()> {
    let (width, height) = decoder.dimensions();
    match u64::from(width) * u64::from(height) * 4 > CANVAS_LIMIT {
        true => Err(image::ImageError::Limits(LimitError::from_kind(
            LimitErrorKind::InsufficientMemory,
        ))),
        false => Ok(()),
    }
}

fn timed(frame: Frame, (max_width, max_height): (u32, u32)) -> TimedFrame {
    let (numerator, denominator) = frame.delay().numer_denom_ms();
    let delay = Duration::from_millis(u64::from(numerator / denominator.max(1)));
    let delay = match delay < SHORTEST {
        true => USUAL,
        false => delay.max(FASTEST),
    };
    let mut picture = image::DynamicImage::ImageRgba8(frame.into_buffer());
    if picture.width() > max_width || picture.height() > max_height {
        picture = picture.thumbnail(max_width.max(1), max_height.max(1));
    }
    (pixels_of(picture), delay)
}

#[cfg(test)]
mod tests {
    use image::{Delay, Rgba, RgbaImage, codecs::gif::GifEncoder};

    use super::*;

    fn gif(frames: u8, delay: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = GifEncoder::new(&mut bytes);
        for number in 0..frames {
            let picture = RgbaImage::from_pixel(40, 20, Rgba([number * 50, 0, 0, 255]));
            let delay = Delay::from_numer_denom_ms(delay, 1);
            encoder
                .encode_frame(Frame::from_parts(picture, 0, 0, delay))
                .unwrap();
        }
        drop(encoder);
        bytes
    }

    #[tokio::test]
    async fn frames_come_round_again_and_fit() {
        let mut frames = play(gif(3, 200), (20, 20));
        let mut reds = Vec::new();
        for _ in 0..7 {
            let (pixels, delay) = frames.recv().await.unwrap();
            assert_eq!((pixels.width(), pixels.height()), (20, 10));
            assert_eq!(delay, Duration::from_millis(200));
            reds.push(pixels.as_bytes()[0]);
        }
        assert_eq!(reds[..3], reds[3..6]);
        assert!(reds[0] < reds[1] && reds[1] < reds[2], "{reds:?}");
    }

    #[tokio::test]
    async fn what_does_not_move_ends() {
        let mut frames = play(gif(1, 0), (100, 100));
        let (_, delay) = frames.recv().await.unwrap();
        assert_eq!(delay, USUAL);
        assert!(frames.recv().await.is_none());
        assert!(play(b"text".to_vec(), (9, 9)).recv().await.is_none());
    }

    #[tokio::test]
    async fn a_damaged_end_is_left_out() {
        let mut bytes = gif(3, 50);
        bytes.truncate(bytes.len() - 20);
        let mut frames = play(bytes, (40, 40));
        for _ in 0..4 {
            assert!(frames.recv().await.is_some());
        }
    }
}

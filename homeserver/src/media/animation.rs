//! Small pictures that move.

use std::io::Cursor;

use image::{
    AnimationDecoder, DynamicImage, Frame, Frames, ImageError, ImageFormat,
    codecs::{
        gif::{GifDecoder, GifEncoder, Repeat},
        png::PngDecoder,
        webp::WebPDecoder,
    },
};

use super::{
    ladder::Rung,
    picture::{Encoded, PictureError, limits, open},
    resize::fit,
};

/// Pixels of all frames together, as they are decoded one after the other.
const MAX_PIXELS: u64 = 128 * 1024 * 1024;
/// Frames of the longest animation that is made small.
const MAX_FRAMES: usize = 500;
/// How much the encoder looks for good colours: 1 is best and slow, 30 is worst and fast.
const SPEED: i32 = 10;

/// Whether a picture has more than one frame.
pub(super) fn is_animated(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        // Of an animation two frames are decoded, of anything else one.
        ImageFormat::Gif => frames(bytes, format)
            .is_ok_and(|frames| frames.is_some_and(|frames| frames.take(2).count() == 2)),
        ImageFormat::WebP => {
            WebPDecoder::new(Cursor::new(bytes)).is_ok_and(|decoder| decoder.has_animation())
        }
        ImageFormat::Png => PngDecoder::with_limits(Cursor::new(bytes), limits())
            .is_ok_and(|decoder| decoder.is_apng().unwrap_or(false)),
        _ => false,
    }
}

/// An animation in the size of a rung; none of what is too long, does not move, or is no larger than that.
pub(super) fn shrink(bytes: &[u8], rung: Rung) -> Result<Option<Encoded>, PictureError> {
    let opened = open(bytes)?;
    let format = opened.format;
    if !opened.is_larger_than(rung) || !is_animated(bytes, format) {
        return Ok(None);
    }
    let Some(frames) = frames(bytes, format)? else {
        return Ok(None);
    };
    let mut small = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut small, SPEED);
    encoder.set_repeat(Repeat::Infinite)?;
    let mut pixels = 0;
    for (count, frame) in frames.enumerate() {
        let frame = frame?;
        let (delay, picture) = (frame.delay(), frame.into_buffer());
        pixels += u64::from(picture.width()) * u64::from(picture.height());
        if count >= MAX_FRAMES || pixels > MAX_PIXELS {
            return Ok(None);
        }
        let picture = fit(&DynamicImage::ImageRgba8(picture), rung)?.into_rgba8();
        encoder.encode_frame(Frame::from_parts(picture, 0, 0, delay))?;
    }
    drop(encoder);
    Ok(Some(Encoded {
        bytes: small,
        format: ImageFormat::Gif,
    }))
}

fn frames(bytes: &[u8], format: ImageFormat) -> Result<Option<Frames<'_>>, ImageError> {
    let bytes = Cursor::new(bytes);
    Ok(Some(match format {
        ImageFormat::Gif => GifDecoder::new(bytes)?.into_frames(),
        ImageFormat::WebP => WebPDecoder::new(bytes)?.into_frames(),
        ImageFormat::Png => PngDecoder::with_limits(bytes, limits())?
            .apng()?
            .into_frames(),
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use image::{Delay, Rgba, RgbaImage};

    use super::{super::ladder::Fit, *};

    const SMALL: Rung = Rung {
        width: 32,
        height: 32,
        fit: Fit::Crop,
    };

    fn gif(frames: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = GifEncoder::new(&mut bytes);
        for n in 0..frames {
            let picture = RgbaImage::from_pixel(100, 60, Rgba([n * 60, 0, 0, 255]));
            let delay = Delay::from_numer_denom_ms(120, 1);
            let frame = Frame::from_parts(picture, 0, 0, delay);
            encoder.encode_frame(frame).unwrap();
        }
        drop(encoder);
        bytes
    }

    #[test]
    fn animation_stays_one() {
        let small = shrink(&gif(3), SMALL).unwrap().unwrap();
        assert_eq!(small.format, ImageFormat::Gif);
        let frames = frames(&small.bytes, ImageFormat::Gif).unwrap().unwrap();
        let frames = frames.collect_frames().unwrap();
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[1].buffer().dimensions(), (32, 32));
        assert_eq!(frames[1].delay().numer_denom_ms(), (120, 1));
    }

    #[test]
    fn single_frame_is_no_animation() {
        assert!(!is_animated(&gif(1), ImageFormat::Gif));
        assert_eq!(shrink(&gif(1), SMALL).unwrap(), None);
    }

    #[test]
    fn small_animation_is_not_made_larger() {
        let large = Rung {
            width: 320,
            height: 240,
            fit: Fit::Scale,
        };
        assert_eq!(shrink(&gif(2), large).unwrap(), None);
    }
}

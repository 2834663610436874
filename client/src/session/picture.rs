//! Decoding pictures, on the blocking pool.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder, ImageReader, Limits,
    error::{LimitError, LimitErrorKind},
    imageops::FilterType,
};

use crate::bridge::{pixels::Pixels, trouble::Trouble};

/// A picture that would take more than this while decoding is refused: a small file can claim any size.
const DECODE_LIMIT: u64 = 256 << 20;
/// No shown picture takes more than this; the views keep two of them.
pub(super) const SHOWN_LIMIT: u64 = 20 << 20;

/// Decodes a picture and makes it fit into the box, keeping its proportions; smaller ones stay as they are.
pub(super) async fn decode(bytes: Vec<u8>, fit: Option<(u32, u32)>) -> Result<Pixels, Trouble> {
    let decoded = tokio::task::spawn_blocking(move || decode_now(bytes, fit)).await;
    match decoded {
        Ok(Ok(pixels)) => Ok(pixels),
        Ok(Err(error)) => {
            tracing::info!(%error, "a picture cannot be decoded");
            Err(Trouble::NotAPicture)
        }
        Err(error) => Err(Trouble::Other(error.to_string())),
    }
}

/// The size of a picture as it is shown, without decoding it; `None` for what is not a picture.
pub(super) async fn dimensions(bytes: Vec<u8>) -> (Vec<u8>, Option<(u32, u32)>) {
    let measured = tokio::task::spawn_blocking(move || {
        let size = measure(&bytes).ok();
        (bytes, size)
    });
    measured.await.unwrap_or_default()
}

/// The picture as PNG, at most `side` wide and high: what avatars are uploaded as.
pub(super) async fn small_png(bytes: Vec<u8>, side: u32) -> Result<Vec<u8>, Trouble> {
    let made = tokio::task::spawn_blocking(move || small_png_now(bytes, side)).await;
    match made {
        Ok(Ok(png)) => Ok(png),
        Ok(Err(error)) => {
            tracing::info!(%error, "a picture cannot be made small");
            Err(Trouble::NotAPicture)
        }
        Err(error) => Err(Trouble::Other(error.to_string())),
    }
}

fn small_png_now(bytes: Vec<u8>, side: u32) -> image::ImageResult<Vec<u8>> {
    let picture = open(bytes)?;
    let picture = match picture.width() > side || picture.height() > side {
        true => picture.resize(side, side, FilterType::Triangle),
        false => picture,
    };
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png)?;
    Ok(png.into_inner())
}

fn measure(bytes: &[u8]) -> image::ImageResult<(u32, u32)> {
    let mut decoder = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()?
        .into_decoder()?;
    let (width, height) = decoder.dimensions();
    // Orientations from 5 on lie on their side.
    let is_turned = decoder.orientation()?.to_exif() >= 5;
    Ok(if is_turned {
        (height, width)
    } else {
        (width, height)
    })
}

/// Decodes a picture and turns it the way it was taken.
fn open(bytes: Vec<u8>) -> image::ImageResult<DynamicImage> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODE_LIMIT);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    // The limits bound what the decoder needs besides the picture itself.
    if decoder.total_bytes() > DECODE_LIMIT {
        let kind = LimitErrorKind::InsufficientMemory;
        return Err(image::ImageError::Limits(LimitError::from_kind(kind)));
    }
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn decode_now(bytes: Vec<u8>, fit: Option<(u32, u32)>) -> image::ImageResult<Pixels> {
    let mut picture = open(bytes)?;
    let (max_width, max_height) = fit.unwrap_or_else(|| largest(picture.width(), picture.height()));
    if picture.width() > max_width || picture.height() > max_height {
        picture = picture.resize(max_width.max(1), max_height.max(1), FilterType::Triangle);
    }
    Ok(pixels_of(picture))
}

/// The largest size with these proportions below the limit.
fn largest(width: u32, height: u32) -> (u32, u32) {
    let bytes = u64::from(width) * u64::from(height) * 4;
    if bytes <= SHOWN_LIMIT {
        return (width, height);
    }
    let shrink = (SHOWN_LIMIT as f64 / bytes as f64).sqrt();
    (
        (f64::from(width) * shrink) as u32,
        (f64::from(height) * shrink) as u32,
    )
}

pub(super) fn pixels_of(picture: DynamicImage) -> Pixels {
    let mut picture = picture.into_rgba8();
    for pixel in picture.pixels_mut() {
        let [red, green, blue, alpha] = pixel.0;
        let scale = |colour: u8| {
            u8::try_from(u16::from(colour) * u16::from(alpha) / 255).unwrap_or(u8::MAX)
        };
        pixel.0 = [scale(red), scale(green), scale(blue), alpha];
    }
    let (width, height) = picture.dimensions();
    Pixels::clone_from_slice(picture.as_raw(), width, height)
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgba, RgbaImage};

    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        RgbaImage::from_pixel(width, height, Rgba([200, 100, 0, 128]))
            .write_to(&mut bytes, ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    }

    #[tokio::test]
    async fn pictures_shrink_to_fit_and_never_grow() {
        let pixels = decode(png(400, 100), Some((100, 100))).await.unwrap();
        assert_eq!((pixels.width(), pixels.height()), (100, 25));
        let pixels = decode(png(10, 10), Some((100, 100))).await.unwrap();
        assert_eq!((pixels.width(), pixels.height()), (10, 10));
    }

    #[tokio::test]
    async fn colours_are_premultiplied() {
        let pixels = decode(png(1, 1), None).await.unwrap();
        assert_eq!(pixels.as_bytes(), [100, 50, 0, 128]);
    }

    #[tokio::test]
    async fn what_is_no_picture_is_refused() {
        assert_eq!(
            decode(b"text".to_vec(), None).await.err(),
            Some(Trouble::NotAPicture)
        );
        assert_eq!(dimensions(b"text".to_vec()).await.1, None);
    }

    /// A few bytes that claim to be a picture of this size.
    fn claim(side: u32) -> Vec<u8> {
        let crc = |bytes: &[u8]| {
            !bytes.iter().fold(u32::MAX, |sum, byte| {
                (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                    (sum >> 1) ^ (0xedb8_8320 * (sum & 1))
                })
            })
        };
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        let header = [side.to_be_bytes(), side.to_be_bytes(), [8, 6, 0, 0]].concat();
        for (kind, data) in [(b"IHDR", [&*header, &[0]].concat()), (b"IDAT", vec![0; 64])] {
            png.extend((data.len() as u32).to_be_bytes());
            let chunk = [&kind[..], &data].concat();
            png.extend(&chunk);
            png.extend(crc(&chunk).to_be_bytes());
        }
        png
    }

    #[tokio::test]
    async fn a_picture_of_sixteen_thousand_pixels_a_side_is_refused_before_decoding() {
        assert_eq!(measure(&claim(16_384)).unwrap(), (16_384, 16_384));
        let refused = open(claim(16_384)).unwrap_err();
        assert!(matches!(refused, image::ImageError::Limits(_)), "{refused}");
        // The same few bytes are read when they claim less: then it is their contents that are wrong.
        let read = open(claim(64)).unwrap_err();
        assert!(matches!(read, image::ImageError::Decoding(_)), "{read}");
    }

    #[test]
    fn huge_pictures_are_shown_below_the_limit() {
        let (width, height) = largest(12_000, 9_000);
        assert!(u64::from(width) * u64::from(height) * 4 <= SHOWN_LIMIT);
        assert_eq!(largest(100, 50), (100, 50));
    }
}

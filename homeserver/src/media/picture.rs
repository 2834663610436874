//! Making small pictures of large ones. Plain functions over bytes; they take long and run on blocking threads.

use std::io::Cursor;

use fast_image_resize::{FilterType, ResizeAlg, ResizeError, ResizeOptions, Resizer};
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    codecs::jpeg::JpegEncoder, metadata::Orientation,
};

use super::ladder::{Fit, Rung};

/// Pixels of the largest picture that is decoded: more than telephones take, less than what fills the memory.
const MAX_PIXELS: u64 = 64 * 1024 * 1024;
/// Bytes a decoder may use.
const MAX_MEMORY: u64 = 512 * 1024 * 1024;
/// Quality of JPEG thumbnails, of 100.
const JPEG_QUALITY: u8 = 80;
/// The box that a large picture is first made to fit, when several thumbnails are made of it. Twice as large as the
/// largest of them, so that they lose nothing by it.
const WORKING_BOX: (u32, u32) = (1600, 1200);
/// What the shorter side keeps then, for thumbnails that are squares.
const WORKING_SIDE: u32 = 600;

/// What was made of a picture.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shrunk {
    /// The format of the picture itself.
    pub(super) format: ImageFormat,
    /// Smaller pictures; a rung that is not smaller than the picture has none.
    pub(super) smaller: Vec<(Rung, Encoded)>,
}

/// A picture as a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) format: ImageFormat,
}

/// Why there is no thumbnail.
#[derive(Debug, thiserror::Error)]
pub(super) enum PictureError {
    #[error("this is not a picture in PNG, JPEG, GIF or WebP")]
    NotAPicture(#[source] Option<ImageError>),
    #[error("the picture has too many pixels: {0} × {1}")]
    TooLarge(u32, u32),
}

impl From<ImageError> for PictureError {
    fn from(error: ImageError) -> Self {
        Self::NotAPicture(Some(error))
    }
}

impl From<ResizeError> for PictureError {
    fn from(_: ResizeError) -> Self {
        Self::NotAPicture(None)
    }
}

/// Makes pictures of the sizes of rungs. Of an animation they show the first frame.
pub(super) fn shrink(bytes: &[u8], rungs: &[Rung]) -> Result<Shrunk, PictureError> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(ImageError::IoError)?;
    let format = reader.format().ok_or(PictureError::NotAPicture(None))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PictureError::TooLarge(width, height));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let turned = |rung: Rung| {
        if turns(orientation) {
            rung.turned()
        } else {
            rung
        }
    };
    let is_smaller = |rung: &Rung| turned(*rung).width < width || turned(*rung).height < height;
    let rungs: Vec<_> = rungs.iter().copied().filter(is_smaller).collect();
    let mut shrunk = Shrunk {
        format,
        smaller: Vec::new(),
    };
    if rungs.is_empty() {
        return Ok(shrunk);
    }
    let mut picture = DynamicImage::from_decoder(decoder)?;
    if let Some(size) = working_size((width, height)).filter(|_| rungs.len() > 1) {
        picture = resize(&picture, whole(&picture), size)?;
    }
    for rung in rungs {
        let mut small = fit(&picture, turned(rung))?;
        small.apply_orientation(orientation);
        shrunk.smaller.push((rung, encode(&small)?));
    }
    Ok(shrunk)
}

/// The size a picture is reduced to before the thumbnails are made, if it is larger.
fn working_size((width, height): (u32, u32)) -> Option<(u32, u32)> {
    let (inside, short) = (scaled((width, height), WORKING_BOX), width.min(height));
    let by_side = |side: u32| (u64::from(side) * u64::from(WORKING_SIDE) / u64::from(short)) as u32;
    let size = if inside.0.min(inside.1) >= WORKING_SIDE {
        inside
    } else {
        (by_side(width), by_side(height))
    };
    (size.0 < width && size.1 < height).then_some(size)
}

/// Whether width and height change places.
fn turns(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

fn fit(picture: &DynamicImage, rung: Rung) -> Result<DynamicImage, ResizeError> {
    let (width, height) = (picture.width(), picture.height());
    match rung.fit {
        Fit::Scale => {
            let size = scaled((width, height), (rung.width, rung.height));
            resize(picture, whole(picture), size)
        }
        Fit::Crop => {
            let side = width.min(height);
            let middle = Area {
                left: (width - side) / 2,
                top: (height - side) / 2,
                width: side,
                height: side,
            };
            // A thumbnail is never larger than the picture.
            let target = rung.width.min(side);
            resize(picture, middle, (target, target))
        }
    }
}

/// A part of a picture.
#[derive(Clone, Copy)]
struct Area {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

fn whole(picture: &DynamicImage) -> Area {
    let (width, height) = (picture.width(), picture.height());
    Area {
        left: 0,
        top: 0,
        width,
        height,
    }
}

/// The largest size of the same shape inside a box.
fn scaled((width, height): (u32, u32), (max_width, max_height): (u32, u32)) -> (u32, u32) {
    let times = |a: u32, b: u32| u64::from(a) * u64::from(b);
    let shrink =
        |side: u32, by: u32, to: u32| (times(side, to) / u64::from(by.max(1))).max(1) as u32;
    if times(width, max_height) > times(height, max_width) {
        (max_width, shrink(height, width, max_width))
    } else {
        (shrink(width, height, max_height), max_height)
    }
}

fn resize(
    picture: &DynamicImage,
    area: Area,
    (width, height): (u32, u32),
) -> Result<DynamicImage, ResizeError> {
    let mut small = DynamicImage::new(width, height, picture.color());
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .crop(
            area.left.into(),
            area.top.into(),
            area.width.into(),
            area.height.into(),
        );
    Resizer::new().resize(picture, &mut small, &options)?;
    Ok(small)
}

fn encode(picture: &DynamicImage) -> Result<Encoded, ImageError> {
    let mut bytes = Vec::new();
    if picture.color().has_alpha() {
        let picture = DynamicImage::ImageRgba8(picture.to_rgba8());
        picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
        return Ok(Encoded {
            bytes,
            format: ImageFormat::Png,
        });
    }
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(&picture.to_rgb8())?;
    Ok(Encoded {
        bytes,
        format: ImageFormat::Jpeg,
    })
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    const SCALE: Rung = Rung {
        width: 320,
        height: 240,
        fit: Fit::Scale,
    };
    const CROP: Rung = Rung {
        width: 96,
        height: 96,
        fit: Fit::Crop,
    };

    fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let picture = RgbImage::from_fn(width, height, |x, _| {
            if x < width / 2 {
                Rgb([250, 0, 0])
            } else {
                Rgb([0, 0, 250])
            }
        });
        let mut bytes = Vec::new();
        picture
            .write_to(&mut Cursor::new(&mut bytes), format)
            .unwrap();
        bytes
    }

    fn size(made: Result<Shrunk, PictureError>) -> (u32, u32, ImageFormat) {
        let made = made.unwrap();
        let (_, encoded) = made.smaller.first().unwrap();
        let decoded = image::load_from_memory(&encoded.bytes).unwrap();
        (decoded.width(), decoded.height(), encoded.format)
    }

    #[test]
    fn every_format_is_scaled_into_the_box() {
        for format in [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::Gif,
            ImageFormat::WebP,
        ] {
            let made = shrink(&picture(1000, 500, format), &[SCALE]);
            let (width, height, _) = size(made);
            assert_eq!((width, height), (320, 160), "{format:?}");
        }
    }

    #[test]
    fn crop_is_the_middle() {
        let made = shrink(&picture(400, 200, ImageFormat::Png), &[CROP]);
        assert_eq!(size(made), (96, 96, ImageFormat::Jpeg));
    }

    #[test]
    fn picture_is_never_made_larger() {
        let small = picture(30, 20, ImageFormat::Png);
        let made = shrink(&small, &[CROP, SCALE]).unwrap();
        assert_eq!((made.format, made.smaller), (ImageFormat::Png, Vec::new()));
        let flat = picture(500, 40, ImageFormat::Png);
        assert_eq!(size(shrink(&flat, &[CROP])), (40, 40, ImageFormat::Jpeg));
    }

    #[test]
    fn large_picture_gives_several_thumbnails_of_their_sizes() {
        let large = picture(4000, 1000, ImageFormat::Jpeg);
        let made = shrink(&large, &[CROP, SCALE]).unwrap();
        let sizes = made.smaller.iter().map(|(_, encoded)| {
            let decoded = image::load_from_memory(&encoded.bytes).unwrap();
            (decoded.width(), decoded.height())
        });
        assert_eq!(sizes.collect::<Vec<_>>(), [(96, 96), (320, 80)]);
    }

    #[test]
    fn working_size_keeps_what_thumbnails_need() {
        assert_eq!(working_size((4000, 3000)), Some((1600, 1200)));
        assert_eq!(working_size((8000, 1200)), Some((4000, 600)));
        assert_eq!(working_size((8000, 500)), None);
        assert_eq!(working_size((1600, 1200)), None);
    }

    #[test]
    fn transparency_is_kept() {
        let picture = RgbaImage::from_pixel(400, 400, Rgba([1, 2, 3, 4]));
        let mut bytes = Vec::new();
        picture
            .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
            .unwrap();
        assert_eq!(size(shrink(&bytes, &[CROP])), (96, 96, ImageFormat::Png));
    }

    #[test]
    fn picture_with_too_many_pixels_is_refused_before_it_is_decoded() {
        // A header says 16,384 × 16,384; there is nothing behind it.
        let mut bytes = picture(1, 1, ImageFormat::Png);
        bytes[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
        let checksum = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
        assert!(matches!(
            shrink(&bytes, &[SCALE]),
            Err(PictureError::TooLarge(16_384, 16_384))
        ));
    }

    #[test]
    fn other_files_are_refused() {
        for bytes in [
            &b""[..],
            b"hello",
            b"<svg></svg>",
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
        ] {
            assert!(matches!(
                shrink(bytes, &[SCALE]),
                Err(PictureError::NotAPicture(_))
            ));
        }
    }

    /// The checksum of PNG chunks.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                if crc & 1 == 1 {
                    (crc >> 1) ^ 0xedb8_8320
                } else {
                    crc >> 1
                }
            })
        })
    }
}

//! Making small pictures of large ones. Plain functions over bytes; they take long and run on blocking threads.
//!
//! What takes long is decoding. A JPEG is therefore decoded at a half, a quarter or an eighth of its size where that is
//! more than the thumbnails need, and small thumbnails are made of larger ones.

use std::{io::Cursor, panic::catch_unwind};

use fast_image_resize::ResizeError;
use image::{
    DynamicImage, GrayImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage,
    metadata::Orientation,
};
use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};

use super::{
    animation,
    ladder::Rung,
    resize::{fit, resize, scaled, whole},
};

/// Pixels of the largest picture that is decoded: more than telephones take, less than what fills the memory.
const MAX_PIXELS: u64 = 64 * 1024 * 1024;
/// Bytes a decoder may use.
const MAX_MEMORY: u64 = 512 * 1024 * 1024;
/// Points of pictures that are kept as PNG, which is hardly larger then and loses nothing of an icon.
const TINY: u32 = 64 * 64;
/// The same for a PNG made smaller, as long as that has few bytes: drawings and pictures of screens stay sharp.
const SMALL: u32 = 320 * 240;
const SMALL_BYTES: usize = 32 * 1024;
/// Quality of JPEG thumbnails, of 100.
const JPEG_QUALITY: u8 = 80;
/// The box that a large picture is first made to fit, when several thumbnails are made of it. Twice as large as the
/// largest of them, so that they lose nothing by it.
const WORKING_BOX: (u32, u32) = (1600, 1200);
/// What the shorter side keeps then, for thumbnails that are squares.
const WORKING_SIDE: u32 = 600;
/// The same for a JPEG that is decoded at a fraction of its size, which loses less than resizing does.
const DECODED_BOX: (u32, u32) = (1000, 750);

/// What was made of a picture.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shrunk {
    /// The format of the picture itself.
    pub(super) format: ImageFormat,
    /// Whether it moves.
    pub(super) is_animated: bool,
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

impl From<EncodingError> for PictureError {
    fn from(_: EncodingError) -> Self {
        Self::NotAPicture(None)
    }
}

/// A picture whose header was read and found harmless.
pub(super) struct Opened<'a> {
    bytes: &'a [u8],
    decoder: Box<dyn ImageDecoder + 'a>,
    pub(super) format: ImageFormat,
    width: u32,
    height: u32,
    pub(super) orientation: Orientation,
}

/// Reads the header of a picture. One with too many pixels goes no further.
pub(super) fn open(bytes: &[u8]) -> Result<Opened<'_>, PictureError> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(ImageError::IoError)?;
    let format = reader.format().ok_or(PictureError::NotAPicture(None))?;
    reader.limits(limits());
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PictureError::TooLarge(width, height));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok(Opened {
        bytes,
        decoder: Box::new(decoder),
        format,
        width,
        height,
        orientation,
    })
}

/// What decoders may use.
pub(super) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    limits
}

impl Opened<'_> {
    /// Width and height as the picture is shown.
    pub(super) fn size(&self) -> (u32, u32) {
        if turns(self.orientation) {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        }
    }

    /// Whether a rung is smaller than the picture.
    pub(super) fn is_larger_than(&self, rung: Rung) -> bool {
        let rung = self.turned(rung);
        rung.width < self.width || rung.height < self.height
    }

    /// A rung as it lies before the picture is turned.
    pub(super) fn turned(&self, rung: Rung) -> Rung {
        if turns(self.orientation) {
            rung.turned()
        } else {
            rung
        }
    }

    /// The pixels, at least as many as `wanted` says if that is fewer than there are.
    fn decode(self, wanted: Option<(u32, u32)>) -> Result<DynamicImage, PictureError> {
        if self.format == ImageFormat::Jpeg
            && let Some(wanted) = wanted
            && let Some(scaled) = decode_scaled(self.bytes, wanted)
        {
            return Ok(scaled);
        }
        Ok(DynamicImage::from_decoder(self.decoder)?)
    }
}

/// A JPEG at a fraction of its size, if that saves something and this decoder understands it.
fn decode_scaled(bytes: &[u8], (width, height): (u32, u32)) -> Option<DynamicImage> {
    let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
    // The decoder is an old one: where it gives up, for whatever reason, the usual one has its turn.
    let decoded = catch_unwind(|| {
        let mut decoder = jpeg_decoder::Decoder::new(bytes);
        decoder.set_max_decoding_buffer_size(MAX_MEMORY as usize);
        decoder.read_info().ok()?;
        let full = decoder.info()?;
        let (to_width, _) = decoder.scale(width, height).ok()?;
        if to_width >= full.width {
            return None;
        }
        let pixels = decoder.decode().ok()?;
        Some((decoder.info()?, pixels))
    });
    let (info, pixels) = decoded.ok().flatten()?;
    let (width, height) = (info.width.into(), info.height.into());
    match info.pixel_format {
        jpeg_decoder::PixelFormat::RGB24 => {
            RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
        }
        jpeg_decoder::PixelFormat::L8 => {
            GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
        }
        _ => None,
    }
}

/// Makes pictures of the sizes of rungs. Of an animation they show the first frame.
pub(super) fn shrink(bytes: &[u8], rungs: &[Rung]) -> Result<Shrunk, PictureError> {
    let opened = open(bytes)?;
    let (format, orientation) = (opened.format, opened.orientation);
    let mut shrunk = Shrunk {
        format,
        is_animated: animation::is_animated(bytes, format),
        smaller: Vec::new(),
    };
    let mut rungs: Vec<_> = rungs
        .iter()
        .copied()
        .filter(|rung| opened.is_larger_than(*rung))
        .map(|rung| (rung, opened.turned(rung)))
        .collect();
    let size = (opened.width, opened.height);
    let working = match rungs.len() {
        0 => return Ok(shrunk),
        1 => None,
        _ => reduced(size, WORKING_BOX),
    };
    let decoded = working.and_then(|_| reduced(size, DECODED_BOX));
    let wanted = decoded.or_else(|| rungs.first().and_then(|(_, rung)| enough(size, *rung)));
    let mut picture = opened.decode(wanted)?;
    if let Some((width, height)) = working.filter(|(width, _)| *width * 3 < picture.width() * 2) {
        picture = resize(&picture, whole(&picture), (width, height))?;
    }
    // The largest first: what comes after may be made of it.
    rungs.sort_by_key(|(_, rung)| std::cmp::Reverse(rung.width.max(rung.height)));
    let mut made: Vec<DynamicImage> = vec![picture];
    for (rung, turned) in rungs {
        let source = made.iter().rev().find(|source| source_for(source, turned));
        let small = fit(source.unwrap_or(&made[0]), turned)?;
        let mut shown = small.clone();
        shown.apply_orientation(orientation);
        shrunk.smaller.push((rung, encode(&shown, shrunk.format)?));
        if turned.is_whole() {
            made.push(small);
        }
    }
    Ok(shrunk)
}

/// Whether a thumbnail can be made of a picture without losing anything.
fn source_for(source: &DynamicImage, rung: Rung) -> bool {
    let short = source.width().min(source.height());
    match rung.is_whole() {
        true => source.width() >= 2 * rung.width || source.height() >= 2 * rung.height,
        false => short >= 2 * rung.width,
    }
}

/// The first frame of a picture in its own size.
pub(super) fn still(bytes: &[u8]) -> Result<Encoded, PictureError> {
    let opened = open(bytes)?;
    let (orientation, format) = (opened.orientation, opened.format);
    let mut picture = opened.decode(None)?;
    picture.apply_orientation(orientation);
    encode(&picture, format)
}

/// The middle of a picture in a shape that is no square.
pub(super) fn crop_to(bytes: &[u8], rung: Rung) -> Result<Encoded, PictureError> {
    let opened = open(bytes)?;
    let (orientation, turned) = (opened.orientation, opened.turned(rung));
    let (size, format) = ((opened.width, opened.height), opened.format);
    let picture = opened.decode(enough(size, turned))?;
    let mut small = fit(&picture, turned)?;
    small.apply_orientation(orientation);
    encode(&small, format)
}

/// How many pixels a picture needs for a thumbnail: twice as many in each direction as the thumbnail has.
fn enough((width, height): (u32, u32), rung: Rung) -> Option<(u32, u32)> {
    let (double_width, double_height) = (2 * rung.width, 2 * rung.height);
    if width <= double_width || height <= double_height {
        return None;
    }
    let by = f64::max(
        f64::from(double_width) / f64::from(width),
        f64::from(double_height) / f64::from(height),
    );
    let part = |side: u32| (f64::from(side) * by).ceil() as u32;
    Some((part(width), part(height)))
}

/// The size a picture is reduced to before the thumbnails are made, if it is larger.
fn reduced((width, height): (u32, u32), into: (u32, u32)) -> Option<(u32, u32)> {
    let (inside, short) = (scaled((width, height), into), width.min(height));
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

fn encode(picture: &DynamicImage, from: ImageFormat) -> Result<Encoded, PictureError> {
    let pixels = picture.width().saturating_mul(picture.height());
    if picture.color().has_alpha() || pixels <= TINY {
        return as_png(picture);
    }
    if from == ImageFormat::Png && pixels <= SMALL {
        let png = as_png(picture)?;
        if png.bytes.len() <= SMALL_BYTES {
            return Ok(png);
        }
    }
    let sides = (
        u16::try_from(picture.width()),
        u16::try_from(picture.height()),
    );
    let (Ok(width), Ok(height)) = sides else {
        return as_png(picture);
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, JPEG_QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    match picture {
        DynamicImage::ImageLuma8(gray) => encoder.encode(gray, width, height, ColorType::Luma)?,
        DynamicImage::ImageRgb8(rgb) => encoder.encode(rgb, width, height, ColorType::Rgb)?,
        other => encoder.encode(&other.to_rgb8(), width, height, ColorType::Rgb)?,
    }
    Ok(Encoded {
        bytes,
        format: ImageFormat::Jpeg,
    })
}

fn as_png(picture: &DynamicImage) -> Result<Encoded, PictureError> {
    let with_alpha;
    let picture = if picture.color().has_alpha() {
        with_alpha = DynamicImage::ImageRgba8(picture.to_rgba8());
        &with_alpha
    } else {
        picture
    };
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
    Ok(Encoded {
        bytes,
        format: ImageFormat::Png,
    })
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::{super::ladder::Fit, *};

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
        assert_eq!(size(made), (96, 96, ImageFormat::Png));
    }

    #[test]
    fn png_stays_one_while_it_has_few_bytes() {
        let drawing = picture(1000, 500, ImageFormat::Png);
        let made = shrink(&drawing, &[SCALE]);
        assert_eq!(size(made), (320, 160, ImageFormat::Png));
        let made = shrink(&picture(1000, 500, ImageFormat::Jpeg), &[SCALE]);
        assert_eq!(size(made), (320, 160, ImageFormat::Jpeg));
        // Nothing in it is like anything else in it.
        let noise = RgbImage::from_fn(1000, 500, |x, y| {
            let bits = (x + 1000 * y).wrapping_mul(2_654_435_761) >> 8;
            Rgb([bits as u8, (bits >> 8) as u8, (bits >> 16) as u8])
        });
        let mut bytes = Vec::new();
        noise
            .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
            .unwrap();
        let made = shrink(&bytes, &[SCALE]);
        assert_eq!(size(made), (320, 160, ImageFormat::Jpeg));
    }

    #[test]
    fn picture_is_never_made_larger() {
        let small = picture(30, 20, ImageFormat::Png);
        let made = shrink(&small, &[CROP, SCALE]).unwrap();
        assert_eq!((made.format, made.smaller), (ImageFormat::Png, Vec::new()));
        let flat = picture(500, 80, ImageFormat::Png);
        assert_eq!(size(shrink(&flat, &[CROP])), (80, 80, ImageFormat::Png));
        let flat = picture(500, 40, ImageFormat::Jpeg);
        assert_eq!(size(shrink(&flat, &[CROP])), (40, 40, ImageFormat::Png));
    }

    #[test]
    fn large_picture_gives_several_thumbnails_of_their_sizes() {
        let large = picture(4000, 1000, ImageFormat::Jpeg);
        let made = shrink(&large, &[CROP, SCALE]).unwrap();
        let sizes = made.smaller.iter().map(|(_, encoded)| {
            let decoded = image::load_from_memory(&encoded.bytes).unwrap();
            (decoded.width(), decoded.height())
        });
        assert_eq!(sizes.collect::<Vec<_>>(), [(320, 80), (96, 96)]);
    }

    #[test]
    fn reduced_size_keeps_what_thumbnails_need() {
        assert_eq!(reduced((4000, 3000), WORKING_BOX), Some((1600, 1200)));
        assert_eq!(reduced((8000, 1200), WORKING_BOX), Some((4000, 600)));
        assert_eq!(reduced((8000, 500), WORKING_BOX), None);
        assert_eq!(reduced((1600, 1200), WORKING_BOX), None);
    }

    #[test]
    fn large_photographs_are_decoded_at_a_fraction_of_their_size() {
        let large = picture(4000, 3000, ImageFormat::Jpeg);
        let scaled = decode_scaled(&large, (1600, 1200)).unwrap();
        assert_eq!((scaled.width(), scaled.height()), (2000, 1500));
        assert!(decode_scaled(&large, (2500, 1800)).is_none());
        assert!(decode_scaled(b"\xff\xd8\xff", (10, 10)).is_none());
    }

    #[test]
    fn crop_has_the_shape_that_is_asked_for() {
        let wide = Rung {
            width: 300,
            height: 100,
            fit: Fit::Crop,
        };
        let made = crop_to(&picture(1000, 800, ImageFormat::Jpeg), wide).unwrap();
        let decoded = image::load_from_memory(&made.bytes).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (300, 100));
        let made = crop_to(&picture(150, 80, ImageFormat::Png), wide).unwrap();
        let decoded = image::load_from_memory(&made.bytes).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (150, 50));
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

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        #[test]
        fn any_bytes_are_a_picture_or_refused(
            png in crate::any_input::bytes_like(picture(90, 70, ImageFormat::Png)),
            jpeg in crate::any_input::bytes_like(picture(90, 70, ImageFormat::Jpeg)),
            gif in crate::any_input::bytes_like(picture(90, 70, ImageFormat::Gif)),
            webp in crate::any_input::bytes_like(picture(90, 70, ImageFormat::WebP)),
        ) {
            for bytes in [png, jpeg, gif, webp] {
                drop(shrink(&bytes, &[CROP]));
            }
        }
    }
}

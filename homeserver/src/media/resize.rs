//! Pictures in other sizes.

use fast_image_resize::{FilterType, ResizeAlg, ResizeError, ResizeOptions, Resizer};
use image::DynamicImage;

use super::ladder::{Fit, Rung};

/// A part of a picture.
#[derive(Clone, Copy)]
pub(super) struct Area {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

/// All of a picture.
pub(super) fn whole(picture: &DynamicImage) -> Area {
    Area {
        left: 0,
        top: 0,
        width: picture.width(),
        height: picture.height(),
    }
}

/// A picture of the size of a rung. It is never larger than the picture.
pub(super) fn fit(picture: &DynamicImage, rung: Rung) -> Result<DynamicImage, ResizeError> {
    let (width, height) = (picture.width(), picture.height());
    match rung.fit {
        Fit::Scale => {
            let size = scaled((width, height), (rung.width, rung.height));
            resize(picture, whole(picture), size)
        }
        Fit::Crop => {
            // The largest area in the middle that has the shape asked for.
            let area = scaled((rung.width, rung.height), (width, height));
            let middle = Area {
                left: (width - area.0) / 2,
                top: (height - area.1) / 2,
                width: area.0,
                height: area.1,
            };
            let target = if rung.width < area.0 {
                (rung.width, rung.height)
            } else {
                area
            };
            resize(picture, middle, target)
        }
    }
}

/// The largest size of the same shape inside a box.
pub(super) fn scaled(
    (width, height): (u32, u32),
    (max_width, max_height): (u32, u32),
) -> (u32, u32) {
    let times = |a: u32, b: u32| u64::from(a) * u64::from(b);
    let shrink =
        |side: u32, by: u32, to: u32| (times(side, to) / u64::from(by.max(1))).max(1) as u32;
    if times(width, max_height) > times(height, max_width) {
        (max_width, shrink(height, width, max_width))
    } else {
        (shrink(width, height, max_height), max_height)
    }
}

/// A part of a picture in another size.
pub(super) fn resize(
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

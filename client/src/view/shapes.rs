//! Pictures with round corners. Slint's software renderer cuts at rectangles only, so the corners are made transparent
//! once, when a picture arrives.

use slint::{Image, Rgba8Pixel, SharedPixelBuffer};

use crate::bridge::pixels::Pixels;

/// The outline of a picture on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// As it is.
    Whole,
    /// A person.
    Circle,
    /// A room or a space: a square with round corners.
    Tile,
    /// A picture in a message.
    Card,
    /// A picture of the help, drawn pixel by pixel.
    Article,
}

/// The corner of a tile, in parts of its side.
const TILE_CORNER: f32 = 0.27;
/// The corner of a picture in a message, in logical pixels.
const CARD_CORNER: f32 = 12.0;
/// The corner of a picture of the help.
const ARTICLE_CORNER: f32 = 8.0;
/// The largest a picture in a message is drawn, in logical pixels.
pub(super) const CARD: (f32, f32) = (360.0, 280.0);

/// Makes the image of a picture in this outline.
pub(super) fn image(pixels: Pixels, shape: Shape) -> Image {
    let cut = match shape {
        Shape::Whole => pixels,
        Shape::Circle => {
            let square = square(&pixels);
            let radius = square.width() as f32 / 2.0;
            round(square, radius)
        }
        Shape::Tile => {
            let square = square(&pixels);
            let radius = square.width() as f32 * TILE_CORNER;
            round(square, radius)
        }
        Shape::Card => {
            let (width, _) = fit((pixels.width(), pixels.height()));
            let radius = CARD_CORNER * pixels.width() as f32 / width;
            round(pixels, radius)
        }
        Shape::Article => round(pixels, ARTICLE_CORNER),
    };
    Image::from_rgba8_premultiplied(cut)
}

/// The size a picture in a message is drawn at: never enlarged, never beyond its place.
pub(super) fn fit((width, height): (u32, u32)) -> (f32, f32) {
    let (width, height) = (width.max(1) as f32, height.max(1) as f32);
    let scale = (CARD.0 / width).min(CARD.1 / height).min(1.0);
    ((width * scale).max(48.0), (height * scale).max(48.0))
}

/// The middle of a picture.
fn square(pixels: &Pixels) -> Pixels {
    let side = pixels.width().min(pixels.height());
    if pixels.width() == pixels.height() {
        return pixels.clone();
    }
    let (left, top) = ((pixels.width() - side) / 2, (pixels.height() - side) / 2);
    let mut middle = SharedPixelBuffer::<Rgba8Pixel>::new(side, side);
    let (from, to) = (pixels.as_slice(), middle.make_mut_slice());
    for row in 0..side {
        let start = ((top + row) * pixels.width() + left) as usize;
        let line = &from[start..start + side as usize];
        to[(row * side) as usize..((row + 1) * side) as usize].copy_from_slice(line);
    }
    middle
}

/// Makes what lies outside of the corners transparent, with soft edges.
fn round(mut pixels: Pixels, radius: f32) -> Pixels {
    let (width, height) = (pixels.width(), pixels.height());
    let radius = radius.min(width as f32 / 2.0).min(height as f32 / 2.0);
    let corner = radius.ceil() as u32;
    let slice = pixels.make_mut_slice();
    for y in (0..corner).chain(height.saturating_sub(corner)..height) {
        for x in (0..corner).chain(width.saturating_sub(corner)..width) {
            let inside = coverage((x, y), (width, height), radius);
            if inside < 1.0 {
                let pixel = &mut slice[(y * width + x) as usize];
                for channel in [&mut pixel.r, &mut pixel.g, &mut pixel.b, &mut pixel.a] {
                    *channel = (f32::from(*channel) * inside).round() as u8;
                }
            }
        }
    }
    pixels
}

/// How much of a pixel lies inside, from 0 to 1.
fn coverage((x, y): (u32, u32), (width, height): (u32, u32), radius: f32) -> f32 {
    let to_centre = |at: u32, length: u32| {
        let at = at as f32 + 0.5;
        (radius - at).max(at - (length as f32 - radius)).max(0.0)
    };
    let (dx, dy) = (to_centre(x, width), to_centre(y, height));
    (radius - dx.hypot(dy) + 0.5).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::{Pixels, Shape, fit, image};

    fn white(width: u32, height: u32) -> Pixels {
        let mut pixels = Pixels::new(width, height);
        pixels.make_mut_bytes().fill(255);
        pixels
    }

    #[test]
    fn pictures_fit_their_place_and_keep_their_shape() {
        assert_eq!(fit((720, 560)), (360.0, 280.0));
        assert_eq!(fit((7200, 280)), (360.0, 48.0));
        assert_eq!(fit((100, 100)), (100.0, 100.0));
    }

    #[test]
    fn a_circle_is_cut_out_of_the_middle() {
        let made = image(white(120, 80), Shape::Circle);
        let made = made.to_rgba8_premultiplied().unwrap();
        assert_eq!((made.width(), made.height()), (80, 80));
        let alpha = |x: usize, y: usize| made.as_slice()[y * 80 + x].a;
        assert_eq!((alpha(0, 0), alpha(40, 40)), (0, 255));
        assert!(alpha(40, 0) > 250, "the circle reaches the edge");
    }

    #[test]
    fn a_card_keeps_its_size_and_loses_its_corners() {
        let made = image(white(360, 100), Shape::Card);
        let made = made.to_rgba8_premultiplied().unwrap();
        assert_eq!((made.width(), made.height()), (360, 100));
        assert_eq!(made.as_slice()[0].a, 0);
        assert_eq!(made.as_slice()[20].a, 255);
    }
}

//! A picture of the window that nobody can read.

use slint::Rgba8Pixel;

use crate::bridge::pixels::Pixels;

/// The side of a block of one colour, in pixels of the screen: a line of text is 20 high, so letters and faces become
/// two or three spots, while lists, bubbles and banners keep their places.
const BLOCK: u32 = 12;
/// Fewer shades, so that the spots say even less.
const SHADES: u8 = 32;

/// Every block of the picture in the one colour that it has on average.
pub(super) fn blur(picture: &Pixels) -> Pixels {
    let (width, height) = (picture.width(), picture.height());
    let (columns, rows) = (width.div_ceil(BLOCK).max(1), height.div_ceil(BLOCK).max(1));
    let source = picture.as_slice();
    let mut blocks = Pixels::new(columns, rows);
    let out = blocks.make_mut_slice();
    for row in 0..rows {
        for column in 0..columns {
            let mut sum = [0u64; 3];
            let mut count = 0u64;
            for y in row * BLOCK..((row + 1) * BLOCK).min(height) {
                for x in column * BLOCK..((column + 1) * BLOCK).min(width) {
                    let pixel = source[(y * width + x) as usize];
                    sum[0] += u64::from(pixel.r);
                    sum[1] += u64::from(pixel.g);
                    sum[2] += u64::from(pixel.b);
                    count += 1;
                }
            }
            let shade = |sum: u64| {
                let average = u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX);
                average - average % (256 / u16::from(SHADES)) as u8
            };
            out[(row * columns + column) as usize] = Rgba8Pixel {
                r: shade(sum[0]),
                g: shade(sum[1]),
                b: shade(sum[2]),
                a: u8::MAX,
            };
        }
    }
    enlarge(&blocks)
}

/// Four pixels a side for each block: large enough to look at, and no more to send.
fn enlarge(blocks: &Pixels) -> Pixels {
    const SIDE: u32 = 4;
    let (width, height) = (blocks.width() * SIDE, blocks.height() * SIDE);
    let source = blocks.as_slice();
    let mut picture = Pixels::new(width, height);
    let out = picture.make_mut_slice();
    for y in 0..height {
        for x in 0..width {
            let block = (y / SIDE) * blocks.width() + x / SIDE;
            out[(y * width + x) as usize] = source[block as usize];
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_finer_than_a_block_is_left() {
        let mut picture = Pixels::new(48, 24);
        for (index, pixel) in picture.make_mut_slice().iter_mut().enumerate() {
            let on = (index % 48) % 2 == 0;
            let value = if on { 255 } else { 0 };
            *pixel = Rgba8Pixel {
                r: value,
                g: value,
                b: value,
                a: 255,
            };
        }
        let blurred = blur(&picture);
        assert_eq!((blurred.width(), blurred.height()), (16, 8));
        let first = blurred.as_slice()[0];
        assert!(blurred.as_slice().iter().all(|pixel| *pixel == first));
    }
}

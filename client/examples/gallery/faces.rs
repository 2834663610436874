//! Portraits of the invented people, drawn of circles, and what they have drawn on a board.

use client::bridge::pixels::Pixels;

/// How the media keys of portraits begin.
pub(crate) const PREFIX: &str = "mxc://academy.lan/face-";

const SIDE: u32 = 96;

type Colour = [u8; 3];

/// What a portrait is made of.
struct Face {
    back: Colour,
    clothes: Colour,
    skin: Colour,
    hair: Colour,
    /// Hair that reaches the shoulders.
    long: bool,
    beard: bool,
}

fn face(id: &str) -> Option<Face> {
    let face = |back, clothes, hair, long, beard| Face {
        back,
        clothes,
        skin: [244, 199, 163],
        hair,
        long,
        beard,
    };
    match id {
        "lysenko" => Some(face(
            [207, 232, 220],
            [46, 107, 31],
            [92, 92, 96],
            false,
            true,
        )),
        "gonchar" => Some(face(
            [246, 214, 228],
            [164, 36, 111],
            [96, 44, 24],
            true,
            false,
        )),
        "a.deineka" => Some(face(
            [214, 228, 250],
            [11, 95, 179],
            [38, 30, 36],
            false,
            false,
        )),
        _ => None,
    }
}

/// Whether somebody has a portrait.
pub(crate) fn has_one(id: &str) -> bool {
    face(id).is_some()
}

/// The portrait of somebody, each pixel the mean of a few points so that edges are soft.
pub(crate) fn draw(id: &str) -> Pixels {
    let mut pixels = Pixels::new(SIDE, SIDE);
    let Some(face) = face(id) else { return pixels };
    for (index, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
        let index = u32::try_from(index).unwrap_or(0);
        let (x, y) = ((index % SIDE) as f32, (index / SIDE) as f32);
        let mut sum = [0_u32; 3];
        for (dx, dy) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
            let colour = face.at(x + dx, y + dy);
            for (sum, part) in sum.iter_mut().zip(colour) {
                *sum += u32::from(part);
            }
        }
        let mean = |at: usize| u8::try_from(sum[at] / 4).unwrap_or(u8::MAX);
        *pixel = slint::Rgba8Pixel {
            r: mean(0),
            g: mean(1),
            b: mean(2),
            a: 255,
        };
    }
    pixels
}

impl Face {
    fn at(&self, x: f32, y: f32) -> Colour {
        let within = |cx: f32, cy: f32, rx: f32, ry: f32| {
            ((x - cx) / rx).powi(2) + ((y - cy) / ry).powi(2) <= 1.0
        };
        let eyes = within(40.0, 45.0, 2.2, 2.6) || within(56.0, 45.0, 2.2, 2.6);
        let fringe = within(48.0, 30.0, 20.0, 12.0) && y < 38.0;
        match () {
            () if eyes => [42, 32, 36],
            () if fringe => self.hair,
            () if self.beard && within(48.0, 58.0, 15.0, 12.0) && y > 54.0 => self.hair,
            () if within(48.0, 45.0, 18.0, 21.0) => self.skin,
            () if within(48.0, 40.0, 23.0, 24.0) && (self.long || y < 44.0) => self.hair,
            () if within(48.0, 66.0, 9.0, 12.0) => self.skin,
            () if self.long && within(48.0, 52.0, 24.0, 28.0) && (x - 48.0).abs() > 9.0 => {
                self.hair
            }
            () if within(48.0, 104.0, 38.0, 34.0) => self.clothes,
            () => self.back,
        }
    }
}

/// A board with three tables and lines between them.
pub(crate) fn whiteboard() -> Pixels {
    const BOXES: [(u32, u32); 3] = [(100, 40), (440, 30), (270, 160)];
    let mut pixels = Pixels::new(720, 268);
    let width = pixels.width();
    for (index, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
        let index = u32::try_from(index).unwrap_or(0);
        let (x, y) = (index % width, index / width);
        let edge = BOXES.iter().any(|(left, top)| {
            let (dx, dy) = (x.wrapping_sub(*left), y.wrapping_sub(*top));
            dx < 150
                && dy < 84
                && (!(4..146).contains(&dx) || !(4..80).contains(&dy) || (24..28).contains(&dy))
        });
        let line = (y.abs_diff(80) < 2 && (250..440).contains(&x))
            || (x.abs_diff(345) < 2 && (80..160).contains(&y));
        let colour: [u8; 3] = match (edge, line) {
            (true, _) => [42, 74, 148],
            (_, true) => [179, 38, 30],
            _ => [240, 241, 240],
        };
        *pixel = slint::Rgba8Pixel {
            r: colour[0],
            g: colour[1],
            b: colour[2],
            a: 255,
        };
    }
    pixels
}

//! Small files: few colours, chosen from those of the picture.

use std::{collections::HashMap, fs, io::BufWriter, path::Path};

use image::RgbImage;

/// Enough for two themes' worth of letters on their backgrounds.
const COLOURS: usize = 48;

type Colour = [u8; 3];

/// Writes a PNG with a palette.
pub(super) fn save(file: &Path, picture: &RgbImage) {
    let palette = palette(picture);
    let nearest = |colour: Colour| {
        let near = |other: &&Colour| distance(**other, colour);
        let found = palette.iter().min_by_key(near).unwrap();
        palette.iter().position(|other| other == found).unwrap()
    };
    let mut known: HashMap<Colour, u8> = HashMap::new();
    let pixels: Vec<u8> = picture
        .pixels()
        .map(|pixel| {
            let index = || u8::try_from(nearest(pixel.0)).unwrap();
            *known.entry(pixel.0).or_insert_with(index)
        })
        .collect();
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let out = BufWriter::new(fs::File::create(file).unwrap());
    let mut encoder = png::Encoder::new(out, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.concat());
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
}

/// The most frequent colours, of those that look alike only one; then whatever is farthest from all of them.
fn palette(picture: &RgbImage) -> Vec<Colour> {
    let mut counts: HashMap<Colour, usize> = HashMap::new();
    for pixel in picture.pixels() {
        *counts.entry(pixel.0).or_default() += 1;
    }
    let mut colours: Vec<_> = counts.into_iter().collect();
    colours.sort_by_key(|(colour, count)| (std::cmp::Reverse(*count), *colour));
    let mut palette: Vec<Colour> = Vec::new();
    for (colour, _) in &colours {
        let is_new = palette.iter().all(|known| distance(*known, *colour) > 300);
        if is_new && palette.len() < COLOURS / 2 {
            palette.push(*colour);
        }
    }
    while palette.len() < COLOURS {
        let far = |colour: Colour| palette.iter().map(|known| distance(*known, colour)).min();
        let farthest = colours.iter().max_by_key(|(colour, _)| far(*colour));
        match farthest {
            Some((colour, _)) if far(*colour) > Some(0) => palette.push(*colour),
            _ => break,
        }
    }
    palette
}

fn distance(a: Colour, b: Colour) -> u32 {
    a.iter()
        .zip(b)
        .map(|(a, b)| u32::from(a.abs_diff(b)).pow(2))
        .sum()
}

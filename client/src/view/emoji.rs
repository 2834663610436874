//! Emoji as pictures: Slint's software renderer draws no colour fonts, and computers have different ones.
//!
//! The pictures come from the Noto Emoji font (SIL Open Font License 1.1) in an archive named by code points, without
//! variation selectors: `1f44b.png`, `1f1f7-1f1fa.png`. Skin tones fall back to the plain emoji.

use std::{cell::RefCell, collections::HashMap};

use slint::Image;

static ARCHIVE: &[u8] = include_bytes!("../../ui/assets/emoji.tar");
/// Tar is made of blocks of this size.
const BLOCK: usize = 512;
/// No emoji is longer, in code points.
const LONGEST: usize = 10;
const VARIATION: char = '\u{fe0f}';

/// A piece of text: words, or one emoji.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// As it is written, and the name of its picture.
    Emoji(&'a str, String),
}

thread_local! {
    static INDEX: HashMap<&'static str, &'static [u8]> = index();
    static IMAGES: RefCell<HashMap<String, Image>> = RefCell::default();
}

/// Cuts text into words and emoji.
#[must_use]
pub fn split(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(letter) = text[at..].chars().next() {
        match emoji_at(&text[at..]) {
            Some((length, name)) => {
                if from < at {
                    pieces.push(Piece::Text(&text[from..at]));
                }
                pieces.push(Piece::Emoji(&text[at..at + length], name));
                at += length;
                from = at;
            }
            None => at += letter.len_utf8(),
        }
    }
    if from < text.len() {
        pieces.push(Piece::Text(&text[from..]));
    }
    pieces
}

/// Whether there is an emoji anywhere in the text.
#[must_use]
pub fn any(text: &str) -> bool {
    split(text)
        .iter()
        .any(|piece| matches!(piece, Piece::Emoji(..)))
}

/// The picture of a single emoji, `None` for anything else.
#[must_use]
pub fn image(text: &str) -> Option<Image> {
    match split(text).as_slice() {
        [Piece::Emoji(_, name)] => picture(name),
        _ => None,
    }
}

/// The picture with this name.
#[must_use]
pub fn picture(name: &str) -> Option<Image> {
    if let Some(image) = IMAGES.with_borrow(|images| images.get(name).cloned()) {
        return Some(image);
    }
    let bytes = INDEX.with(|index| index.get(name).copied())?;
    let pixels = image::load_from_memory(bytes).ok()?.into_rgba8();
    let buffer = slint::SharedPixelBuffer::clone_from_slice(
        pixels.as_raw(),
        pixels.width(),
        pixels.height(),
    );
    let image = Image::from_rgba8(buffer);
    IMAGES.with_borrow_mut(|images| images.insert(name.to_owned(), image.clone()));
    Some(image)
}

/// The longest emoji at the beginning of the text: its length in bytes and the name of its picture.
fn emoji_at(text: &str) -> Option<(usize, String)> {
    let first = text.chars().next()?;
    // Digits, # and * are emoji only with a keycap behind them; other ASCII never is.
    if first.is_ascii() && !text.contains('\u{20e3}') {
        return None;
    }
    let (mut name, mut end, mut found) = (String::new(), 0, None);
    for letter in text.chars().take(LONGEST) {
        end += letter.len_utf8();
        let is_tone = ('\u{1f3fb}'..='\u{1f3ff}').contains(&letter) && !name.is_empty();
        if letter != VARIATION && !is_tone {
            if !name.is_empty() {
                name.push('-');
            }
            name.push_str(&format!("{:x}", u32::from(letter)));
        }
        if INDEX.with(|index| index.contains_key(name.as_str())) && !is_text_symbol(first, text) {
            found = Some((end, name.clone()));
        }
    }
    found
}

/// ©, ™, ↔ and their like are text unless a variation selector follows.
fn is_text_symbol(first: char, text: &str) -> bool {
    u32::from(first) < 0x2600
        && !text
            .chars()
            .take(LONGEST)
            .any(|letter| letter == VARIATION || letter == '\u{20e3}')
        && !matches!(first, '\u{231a}' | '\u{231b}' | '\u{23e9}'..='\u{23f3}')
}

fn index() -> HashMap<&'static str, &'static [u8]> {
    let mut index = HashMap::new();
    let mut rest = ARCHIVE;
    while let Some((header, body)) = rest.split_at_checked(BLOCK) {
        let Some(entry) = entry(header, body) else {
            break;
        };
        let (name, bytes) = entry;
        index.insert(name, bytes);
        let padded = bytes.len().div_ceil(BLOCK) * BLOCK;
        rest = body.get(padded..).unwrap_or_default();
    }
    index
}

/// The name without its ending, and the bytes, of a file in the archive.
fn entry(header: &'static [u8], body: &'static [u8]) -> Option<(&'static str, &'static [u8])> {
    let name = header[..100].split(|byte| *byte == 0).next()?;
    let name = str::from_utf8(name).ok()?.strip_suffix(".png")?;
    let size = str::from_utf8(&header[124..135]).ok()?;
    let size = usize::from_str_radix(size.trim_end_matches('\0'), 8).ok()?;
    Some((name, body.get(..size)?))
}

#[cfg(test)]
mod tests {
    use super::{Piece, any, image, split};

    fn written(text: &str) -> Vec<String> {
        split(text)
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => format!("t:{text}"),
                Piece::Emoji(text, _) => format!("e:{text}"),
            })
            .collect()
    }

    #[test]
    fn text_is_cut_around_emoji() {
        assert_eq!(written("Ура 🎉!"), ["t:Ура ", "e:🎉", "t:!"]);
        assert_eq!(written("без эмодзи, 12 # * ©"), ["t:без эмодзи, 12 # * ©"]);
    }

    #[test]
    fn sequences_are_one_emoji() {
        assert_eq!(written("🇷🇺👩‍💻"), ["e:🇷🇺", "e:👩‍💻"]);
        assert_eq!(written("2️⃣❤️"), ["e:2️⃣", "e:❤️"]);
    }

    #[test]
    fn skin_tones_fall_back_to_the_plain_emoji() {
        assert_eq!(written("👍🏽"), ["e:👍🏽"]);
        assert!(image("👍🏽").is_some());
    }

    #[test]
    fn a_picture_belongs_to_every_emoji_found() {
        assert!(image("👍").is_some());
        assert!(image("ok").is_none());
        assert!(any("hm 🤔"));
    }
}

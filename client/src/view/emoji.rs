//! Emoji as pictures: Slint's software renderer draws no colour fonts, and computers have different ones.
//!
//! The pictures come from the Noto Emoji font (SIL Open Font License 1.1) in an archive named by code points, without
//! variation selectors: `1f44b.png`, `1f1f7-1f1fa.png`. Skin tones fall back to the plain emoji.

use std::{cell::RefCell, collections::HashMap};

use slint::Image;

use super::LineRun;

static ARCHIVE: &[u8] = include_bytes!("../../ui/assets/emoji.tar");
/// Which file of it is where: to look at each of them would read all of it into memory.
static PLACES: &str = include_str!(concat!(env!("OUT_DIR"), "/emoji-places.txt"));
/// So many pictures are kept; who has scrolled through all emoji there are has seen enough for a while.
const KEPT: usize = 200;
/// No emoji is longer, in code points.
const LONGEST: usize = 10;
/// Letters shown of a text that is being written.
const ENDING: usize = 60;
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

/// The words and pictures of a line with emoji in it; none for a line without.
#[must_use]
pub fn runs(text: &str) -> Vec<LineRun> {
    if may_have_any(text) && any(text) {
        let pieces = split(text).into_iter();
        pieces.map(run).collect()
    } else {
        Vec::new()
    }
}

/// The end of a text in one line, empty where there is no emoji in it.
#[must_use]
pub fn ending(text: &str) -> String {
    if !may_have_any(text) {
        return String::new();
    }
    let skipped = text.chars().count().saturating_sub(ENDING);
    let end: String = text.chars().skip(skipped).collect();
    let line = end.split_whitespace().collect::<Vec<_>>().join(" ");
    match (any(&line), skipped) {
        (false, _) => String::new(),
        (true, 0) => line,
        (true, _) => format!("…{line}"),
    }
}

fn run(piece: Piece<'_>) -> LineRun {
    let image = match &piece {
        Piece::Emoji(_, name) => picture(name),
        Piece::Text(_) => None,
    };
    match (piece, image) {
        (_, Some(image)) => LineRun {
            image,
            pictured: true,
            ..LineRun::default()
        },
        // A space at an edge would have no width.
        (Piece::Text(text) | Piece::Emoji(text, _), None) => LineRun {
            text: text.replace(' ', "\u{a0}").into(),
            ..LineRun::default()
        },
    }
}

/// Most lines have nothing like an emoji, and are asked about whenever they are drawn.
fn may_have_any(text: &str) -> bool {
    let is_candidate = |letter| letter >= '\u{203c}' || matches!(letter, '\u{a9}' | '\u{ae}');
    text.chars().any(is_candidate)
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
    IMAGES.with_borrow_mut(|images| {
        if images.len() >= KEPT {
            images.clear();
        }
        images.insert(name.to_owned(), image.clone());
    });
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
    PLACES.lines().filter_map(place).collect()
}

fn place(line: &'static str) -> Option<(&'static str, &'static [u8])> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let start: usize = words.next()?.parse().ok()?;
    let size: usize = words.next()?.parse().ok()?;
    Some((name, ARCHIVE.get(start..start + size)?))
}

#[cfg(test)]
mod tests {
    use super::{Piece, any, ending, image, runs, split};

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
    fn a_line_without_emoji_has_no_runs() {
        assert!(runs("Привет — «мир» №5").is_empty());
        let runs = runs("Привет 👋 мир");
        let shown: Vec<_> = runs
            .iter()
            .map(|run| (run.text.as_str(), run.pictured))
            .collect();
        assert_eq!(
            shown,
            [("Привет\u{a0}", false), ("", true), ("\u{a0}мир", false)]
        );
    }

    #[test]
    fn the_end_of_a_long_text_is_one_line() {
        assert_eq!(ending("без эмодзи"), "");
        assert_eq!(ending("раз\n🎉"), "раз 🎉");
        let long = format!("{} 🎉", "слово ".repeat(40));
        assert!(ending(&long).starts_with('…') && ending(&long).ends_with("слово 🎉"));
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
    fn every_picture_of_the_archive_can_be_read() {
        let places = super::index();
        assert_eq!(places.len(), 1899);
        for (name, bytes) in places {
            assert!(::image::load_from_memory(bytes).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_picture_belongs_to_every_emoji_found() {
        assert!(image("👍").is_some());
        assert!(image("ok").is_none());
        assert!(any("hm 🤔"));
    }
}

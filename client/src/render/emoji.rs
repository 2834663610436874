//! All emoji with their names in both languages: for choosing one by group or by word.
//!
//! The list is made of the Unicode CLDR's annotations; each line has the group's number, the emoji, and name and
//! keywords in Russian and in English.

use std::sync::LazyLock;

use super::Language;

static LIST: &str = include_str!("../../ui/assets/emoji-names.tsv");

/// An emoji and what it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emoji {
    pub group: usize,
    pub text: &'static str,
    russian: &'static str,
    russian_words: &'static str,
    english: &'static str,
    english_words: &'static str,
}

/// The titles of the groups, in their order.
pub const GROUPS: [[&str; 2]; 9] = [
    ["Лица и чувства", "Faces and feelings"],
    ["Люди и жесты", "People and gestures"],
    ["Животные и природа", "Animals and nature"],
    ["Еда и напитки", "Food and drink"],
    ["Поездки и места", "Travel and places"],
    ["Занятия", "Activities"],
    ["Вещи", "Things"],
    ["Знаки", "Signs"],
    ["Флаги", "Flags"],
];

/// Short names that people type from habit, for what the list calls otherwise.
const HABITS: [(&str, &str); 8] = [
    ("+1", "👍"),
    ("-1", "👎"),
    ("лайк", "👍"),
    ("дизлайк", "👎"),
    ("ок", "👌"),
    ("ok", "👌"),
    ("lol", "😂"),
    ("лол", "😂"),
];

static ALL: LazyLock<Vec<Emoji>> = LazyLock::new(|| LIST.lines().filter_map(parse).collect());

/// All of them, group by group.
#[must_use]
pub fn all() -> &'static [Emoji] {
    &ALL
}

/// The emoji whose names fit, best first: a name that begins with the words typed, then one with a word that does,
/// then a keyword. Both languages are searched whatever the interface speaks.
#[must_use]
pub fn search(term: &str, limit: usize) -> Vec<Emoji> {
    let term = term.trim().to_lowercase();
    if term.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(u8, usize, Emoji)> = ALL
        .iter()
        .enumerate()
        .filter_map(|(place, emoji)| Some((emoji.rank(&term)?, place, *emoji)))
        .collect();
    found.sort_by_key(|(rank, place, _)| (*rank, *place));
    found
        .into_iter()
        .take(limit)
        .map(|(_, _, emoji)| emoji)
        .collect()
}

/// What is known of an emoji.
#[must_use]
pub fn find(text: &str) -> Option<Emoji> {
    ALL.iter().find(|emoji| emoji.text == text).copied()
}

impl Emoji {
    /// What it is called.
    #[must_use]
    pub fn name(&self, language: Language) -> &'static str {
        let (wanted, other) = match language {
            Language::Russian => (self.russian, self.english),
            Language::English => (self.english, self.russian),
        };
        if wanted.is_empty() { other } else { wanted }
    }

    fn rank(&self, term: &str) -> Option<u8> {
        if HABITS
            .iter()
            .any(|(habit, text)| *habit == term && *text == self.text)
        {
            return Some(0);
        }
        let names = [self.russian, self.english];
        if names.iter().any(|name| begins(name, term)) {
            return Some(1);
        }
        if names.iter().any(|name| has_word(name, term)) {
            return Some(2);
        }
        let words = [self.russian_words, self.english_words];
        words.iter().any(|words| has_word(words, term)).then_some(3)
    }
}

fn begins(name: &str, term: &str) -> bool {
    name.to_lowercase().starts_with(term)
}

fn has_word(words: &str, term: &str) -> bool {
    let words = words.to_lowercase();
    words
        .match_indices(term)
        .any(|(at, _)| at == 0 || words[..at].ends_with([' ', '-', ':', '«', '(']))
}

fn parse(line: &'static str) -> Option<Emoji> {
    let mut fields = line.split('\t');
    Some(Emoji {
        group: fields.next()?.parse().ok()?,
        text: fields.next()?,
        russian: fields.next()?,
        russian_words: fields.next()?,
        english: fields.next()?,
        english_words: fields.next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::{GROUPS, all, search};

    #[test]
    fn every_line_is_read_and_has_a_group() {
        assert_eq!(all().len(), super::LIST.lines().count());
        assert!(all().iter().all(|emoji| emoji.group < GROUPS.len()));
    }

    #[test]
    fn both_languages_find() {
        let first = |term| search(term, 1).first().map(|emoji| emoji.text);
        assert_eq!(first("+1"), Some("👍"));
        assert!(search("сердце", 20).iter().any(|emoji| emoji.text == "❤️"));
        assert!(search("rocket", 5).iter().any(|emoji| emoji.text == "🚀"));
        assert_eq!(first("щщщ"), None);
    }
}

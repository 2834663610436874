//! Texts as the words by which they are found.
//!
//! A word is found in every form that its language gives it: `новости` finds `новость`, `running` finds `run`. So a text
//! is kept as its *terms*: words by Unicode's rules, without case, `ё` written `е`, each cut to its stem by the language
//! its letters belong to. Stems need not be words; they only have to be the same for the forms of one word.

use std::{borrow::Cow, collections::HashMap};

use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation;

/// Letters of a word that count; what is longer is no word.
const MAX_LETTERS: usize = 64;
/// Different terms of one text at most.
const MAX_TERMS: usize = 2_000;

/// What stands inside of words by Unicode's rules, but separates them for whoever searches: `matrix.org`, `snake_case`.
const SEPARATORS: [char; 7] = ['.', ':', '_', ',', ';', '·', '\u{2024}'];

/// The words of a text, in order, as they are written.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.unicode_words()
        .flat_map(|word| word.split(SEPARATORS))
        .filter(|word| !word.is_empty())
}

/// The term of a word.
pub(crate) fn term(word: &str) -> String {
    let folded: String = word
        .chars()
        .take(MAX_LETTERS)
        .flat_map(char::to_lowercase)
        .map(|letter| match letter {
            'ё' => 'е',
            'ς' => 'σ',
            '’' => '\'',
            letter => letter,
        })
        .collect();
    match stemmer(&folded) {
        Some(stemmer) => match stemmer.stem(&folded) {
            Cow::Borrowed(stem) if stem.len() == folded.len() => folded,
            stem => stem.into_owned(),
        },
        None => folded,
    }
}

fn stemmer(word: &str) -> Option<Stemmer> {
    let algorithm = match word.chars().next()? {
        'а'..='я' => Algorithm::Russian,
        'a'..='z' => Algorithm::English,
        _ => return None,
    };
    Some(Stemmer::create(algorithm))
}

/// The terms of a text, each with how often it occurs, and how many words the text has.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// How often each term occurs.
    pub(super) counts: HashMap<String, u32>,
    /// How many words there are.
    pub(super) words: u32,
}

impl Terms {
    /// The terms of a text.
    pub(super) fn of(text: &str) -> Self {
        let mut terms = Self::default();
        for word in words(text) {
            terms.words += 1;
            let term = term(word);
            if terms.counts.len() < MAX_TERMS || terms.counts.contains_key(&term) {
                *terms.counts.entry(term).or_default() += 1;
            }
        }
        terms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) {
        assert_eq!(term(a), term(b), "{a} and {b}");
    }

    #[test]
    fn forms_of_a_word_have_one_term() {
        same("новости", "новость");
        same("Лекция", "лекцию");
        same("аудитории", "АУДИТОРИЯ");
        same("running", "runs");
        same("Meetings", "meeting");
    }

    #[test]
    fn case_and_dots_do_not_matter() {
        same("ЁЛКА", "елка");
        same("Зачёт", "зачет");
        same("ΟΔΟΣ", "οδος");
        same("don’t", "don't");
    }

    #[test]
    fn different_words_stay_different() {
        assert_ne!(term("лекция"), term("семинар"));
        assert_ne!(term("4"), term("14"));
    }

    #[test]
    fn texts_are_cut_into_words() {
        let found = |text| words(text).collect::<Vec<_>>();
        assert_eq!(found("Hello, world!"), ["Hello", "world"]);
        assert_eq!(
            found("Пара в 9:00, ауд. 12а"),
            ["Пара", "в", "9", "00", "ауд", "12а"]
        );
        assert_eq!(
            found("matrix.org snake_case"),
            ["matrix", "org", "snake", "case"]
        );
        assert_eq!(found("* — ... 🙂"), Vec::<&str>::new());
    }

    #[test]
    fn terms_are_counted() {
        let terms = Terms::of("Кот и кота и коту");
        assert_eq!(terms.words, 5);
        assert_eq!(terms.counts[&term("кот")], 3);
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_terms(text in crate::any_input::text_like(&["Ёлки и swifts 10:30, пришла́", "don't"])) {
            let terms = Terms::of(&text);
            assert!(terms.counts.keys().all(|term| !term.is_empty()));
        }
    }
}

//! The word lists, which are part of the program.

use std::sync::OnceLock;

use crate::lang::Lang;

/// The lines of a list.
fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.is_empty())
}

/// Secrets of five letters.
pub(crate) fn five_secrets(lang: Lang) -> Vec<&'static str> {
    lines(lang.pick(
        include_str!("../../words/five.ru.txt"),
        include_str!("../../words/five.en.txt"),
    ))
    .collect()
}

/// Whether a word of five letters may be guessed.
pub(crate) fn is_known(lang: Lang, word: &str) -> bool {
    let mut known = lines(lang.pick(
        include_str!("../../words/five-known.ru.txt"),
        include_str!("../../words/five-known.en.txt"),
    ));
    known.any(|known| known == word) || five_secrets(lang).contains(&word)
}

/// Secrets of hangman.
pub(crate) fn hangman_secrets(lang: Lang) -> Vec<&'static str> {
    lines(lang.pick(
        include_str!("../../words/hangman.ru.txt"),
        include_str!("../../words/hangman.en.txt"),
    ))
    .collect()
}

/// Names of cities: as they are compared and as they are written.
pub(crate) fn cities(lang: Lang) -> &'static [(String, &'static str)] {
    static RUSSIAN: OnceLock<Vec<(String, &'static str)>> = OnceLock::new();
    static ENGLISH: OnceLock<Vec<(String, &'static str)>> = OnceLock::new();
    lang.pick(&RUSSIAN, &ENGLISH).get_or_init(|| {
        let list = lang.pick(
            include_str!("../../words/cities.ru.txt"),
            include_str!("../../words/cities.en.txt"),
        );
        lines(list)
            .map(|name| (crate::lang::fold(name), name))
            .collect()
    })
}

/// Whether a text holds a word that nobody should see the bot write.
#[cfg(test)]
pub(crate) fn is_blocked(text: &str) -> bool {
    let text = crate::lang::fold(text);
    lines(include_str!("../../words/blocked.txt")).any(|blocked| text.contains(blocked))
}

/// Whether a word begins like one of those, for texts where other words may hold their letters by chance.
pub(crate) fn is_blocked_start(word: &str) -> bool {
    let word = crate::lang::fold(word);
    let list = include_str!("../../words/blocked.txt");
    lines(list).any(|blocked| {
        blocked.chars().count() > 3 && word.starts_with(blocked) && word.len() <= blocked.len() + 4
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_long_enough_and_clean() {
        for lang in Lang::ALL {
            assert!(five_secrets(lang).len() > 400);
            assert!(hangman_secrets(lang).len() > 300);
            assert!(cities(lang).len() >= lang.pick(400, 300));
            let cities: Vec<&str> = cities(lang).iter().map(|(_, name)| *name).collect();
            let all = [five_secrets(lang), hangman_secrets(lang), cities].concat();
            assert!(all.iter().all(|word| !is_blocked(word)));
            for word in five_secrets(lang) {
                assert_eq!(word.chars().count(), 5, "{word}");
                assert!(!word.contains('ё'));
            }
        }
    }
}

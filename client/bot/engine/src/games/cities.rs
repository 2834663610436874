//! Cities: each begins with the last letter of the one before.

use std::collections::HashSet;

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Level, Move, Outcome, Played, Refused, Rules, Setup, Turn};
use crate::{
    lang::{Lang, fold, say},
    words,
};

const SHOWN: usize = 6;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cities {
    used: Vec<String>,
    alphabet: Lang,
    /// The computer's strength when it answers.
    bot: Option<Level>,
    /// Who named the last one.
    last_seat: Option<usize>,
    over: bool,
}

impl Cities {
    pub(crate) fn new(setup: &Setup, chance: &mut ChaCha8Rng) -> Self {
        let mut game = Self {
            used: Vec::new(),
            alphabet: setup.lang,
            bot: setup.with_bot.then_some(setup.level),
            last_seat: None,
            over: false,
        };
        let all = words::cities(setup.lang);
        if let Some((_, first)) = all.choose(chance) {
            game.used.push((*first).to_owned());
        }
        game
    }

    /// The letter that the next city begins with: the last one that some city is left for.
    fn letter(&self) -> Option<char> {
        let last = fold(self.used.last()?);
        let left = self.left();
        let begins = |letter: &char| left.iter().any(|(folded, _)| folded.starts_with(*letter));
        last.chars()
            .rev()
            .filter(|letter| !matches!(letter, 'ь' | 'ъ' | 'ы' | ' ' | '-'))
            .find(begins)
    }

    /// Cities that nobody has named: as they are compared and as they are written.
    fn left(&self) -> Vec<(&'static str, &'static str)> {
        let used: HashSet<&str> = self.used.iter().map(String::as_str).collect();
        let all = words::cities(self.alphabet).iter();
        all.filter(|(_, city)| !used.contains(city))
            .map(|(folded, city)| (folded.as_str(), *city))
            .collect()
    }

    /// The computer's city; the weaker it is, the fewer it knows.
    fn answer(&self, level: Level, chance: &mut ChaCha8Rng) -> Option<String> {
        let letter = self.letter()?;
        let known = match level {
            Level::Easy => 35,
            Level::Medium => 70,
            Level::Hard => 100,
        };
        let fits: Vec<&str> = self
            .left()
            .into_iter()
            .filter(|(folded, city)| folded.starts_with(letter) && knows(city, known))
            .map(|(_, city)| city)
            .collect();
        fits.choose(chance).map(|city| (*city).to_owned())
    }
}

/// The same cities are known in every game: a beginner of a computer has not heard of all.
fn knows(city: &str, percent: u32) -> bool {
    let sum = city.chars().fold(7u32, |sum, letter| {
        sum.wrapping_mul(31).wrapping_add(letter as u32)
    });
    sum % 100 < percent
}

impl Rules for Cities {
    fn turn(&self) -> Turn {
        if self.over {
            Turn::Over(Outcome::Solved)
        } else {
            Turn::Anyone
        }
    }

    fn play(&mut self, attempt: Move<'_>) -> Result<Played, Refused> {
        let lang = attempt.lang;
        let wanted = fold(attempt.text);
        if wanted.is_empty() || !wanted.chars().any(char::is_alphabetic) {
            return Err(Refused::NotAMove);
        }
        let all = words::cities(self.alphabet);
        let Some((folded, city)) = all.iter().find(|(folded, _)| *folded == wanted) else {
            return Err(Refused::rule(
                lang,
                "Такого города я не знаю.",
                "I do not know that city.",
            ));
        };
        if let Some(letter) = self.letter()
            && !folded.starts_with(letter)
        {
            let letter = letter.to_uppercase();
            return Err(Refused::Against(say!(
                lang,
                "Нужен город на «{letter}».",
                "The city has to begin with “{letter}”."
            )));
        }
        if self.used.iter().any(|used| used == city) {
            return Err(Refused::rule(
                lang,
                "Этот город уже был.",
                "That city was named already.",
            ));
        }
        if self.bot.is_none() && self.last_seat == Some(attempt.seat) {
            return Err(Refused::rule(
                lang,
                "Теперь очередь кого-нибудь другого.",
                "Now it is somebody else's turn.",
            ));
        }
        self.used.push((*city).to_owned());
        self.last_seat = Some(attempt.seat);
        let mut points = 1;
        if let Some(level) = self.bot {
            match self.answer(level, attempt.chance) {
                Some(answer) => self.used.push(answer),
                None => {
                    self.over = true;
                    points = 10;
                }
            }
        }
        self.over |= self.letter().is_none();
        Ok(Played { points })
    }

    fn board(&self, lang: Lang, _names: &[String]) -> String {
        let from = self.used.len().saturating_sub(SHOWN);
        let chain = self.used[from..].join(" → ");
        let dots = if from > 0 { "… → " } else { "" };
        let count = self.used.len();
        let mut board = say!(
            lang,
            "{dots}{chain}\nНазвано: {count}. ",
            "{dots}{chain}\nNamed: {count}. "
        );
        if let (Some(letter), false) = (self.letter(), self.over) {
            let letter = letter.to_uppercase();
            board.push_str(&say!(
                lang,
                "Следующий — на **{letter}**",
                "Next: **{letter}**"
            ));
        }
        board.push('\n');
        board
    }

    fn bot_move(&self, level: Level, chance: &mut ChaCha8Rng) -> Option<String> {
        self.answer(level, chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_without_cities_are_skipped() {
        let game = |last: &str| Cities {
            used: vec![last.to_owned()],
            alphabet: Lang::Ru,
            bot: None,
            last_seat: None,
            over: false,
        };
        assert_eq!(game("Казань").letter(), Some('н'));
        assert_eq!(game("Шахты").letter(), Some('т'));
        assert_eq!(game("Орёл").letter(), Some('л'));
    }
}

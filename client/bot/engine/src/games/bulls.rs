//! Bulls and cows: a secret number of different digits.

use std::fmt::Write as _;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Level, Move, Outcome, Played, Refused, Rules, Setup, Turn};
use crate::lang::{Lang, plural, say};

const TRIES: usize = 20;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bulls {
    secret: String,
    guesses: Vec<String>,
}

impl Bulls {
    pub(crate) fn new(setup: &Setup, chance: &mut ChaCha8Rng) -> Self {
        let length = match setup.level {
            Level::Easy => 3,
            Level::Medium => 4,
            Level::Hard => 5,
        };
        let mut digits: Vec<char> = ('0'..='9').collect();
        digits.shuffle(chance);
        Self {
            secret: digits.into_iter().take(length).collect(),
            guesses: Vec::new(),
        }
    }
}

impl Rules for Bulls {
    fn turn(&self) -> Turn {
        if self.guesses.last() == Some(&self.secret) {
            Turn::Over(Outcome::Solved)
        } else if self.guesses.len() >= TRIES {
            Turn::Over(Outcome::Failed)
        } else {
            Turn::Anyone
        }
    }

    fn play(&mut self, attempt: Move<'_>) -> Result<Played, Refused> {
        let lang = attempt.lang;
        let guess = attempt.text.trim();
        if guess.is_empty() || !guess.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refused::NotAMove);
        }
        let length = self.secret.len();
        if guess.len() != length {
            return Err(Refused::Against(say!(
                lang,
                "Нужно цифр: {length}.",
                "The number has {length} digits."
            )));
        }
        let repeated = guess
            .char_indices()
            .any(|(at, digit)| guess[..at].contains(digit));
        if repeated {
            return Err(Refused::rule(
                lang,
                "Цифры должны быть разные.",
                "The digits must differ.",
            ));
        }
        if self.guesses.iter().any(|earlier| earlier == guess) {
            return Err(Refused::rule(
                lang,
                "Это уже было.",
                "That was tried already.",
            ));
        }
        self.guesses.push(guess.to_owned());
        let points = match self.turn() {
            Turn::Over(Outcome::Solved) => (TRIES + 1).saturating_sub(self.guesses.len()) as i64,
            _ => 0,
        };
        Ok(Played { points })
    }

    fn board(&self, lang: Lang, _names: &[String]) -> String {
        let hidden = "•".repeat(self.secret.len());
        let mut board = format!("```\n{hidden}");
        for (index, guess) in self.guesses.iter().enumerate() {
            let (bulls, cows) = score(&self.secret, guess);
            let line = match lang {
                Lang::Ru => format!(
                    "{bulls} {}, {cows} {}",
                    plural(bulls, ["бык", "быка", "быков"]),
                    plural(cows, ["корова", "коровы", "коров"])
                ),
                Lang::En => format!(
                    "{bulls} {}, {cows} {}",
                    if bulls == 1 { "bull" } else { "bulls" },
                    if cows == 1 { "cow" } else { "cows" }
                ),
            };
            // Writing to a string cannot fail.
            write!(board, "\n{:>2}. {guess}  {line}", index + 1).unwrap_or_default();
        }
        board.push_str("\n```\n");
        board
    }

    fn secret(&self) -> Option<&str> {
        Some(&self.secret)
    }
}

fn score(secret: &str, guess: &str) -> (u64, u64) {
    let mut bulls = 0;
    let mut cows = 0;
    for (own, other) in secret.chars().zip(guess.chars()) {
        if own == other {
            bulls += 1;
        } else if secret.contains(other) {
            cows += 1;
        }
    }
    (bulls, cows)
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn digits_in_place_are_bulls_and_elsewhere_cows() {
        assert_eq!(score("1234", "1325"), (1, 2));
        assert_eq!(score("1234", "4321"), (0, 4));
        assert_eq!(score("1234", "5678"), (0, 0));
    }
}

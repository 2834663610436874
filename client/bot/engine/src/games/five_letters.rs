//! A hidden word of five letters, six tries.

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Level, Move, Outcome, Played, Refused, Rules, Setup, Turn};
use crate::{
    lang::{Lang, fold},
    words,
};

const LENGTH: usize = 5;
const TRIES: usize = 6;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FiveLetters {
    secret: String,
    guesses: Vec<String>,
    tries: usize,
    alphabet: Lang,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Absent,
    Elsewhere,
    Here,
}

impl FiveLetters {
    pub(crate) fn new(setup: &Setup, chance: &mut ChaCha8Rng) -> Self {
        let words = words::five_secrets(setup.lang);
        // Repeated letters are what makes a word hard.
        let fits: Vec<&str> = words
            .into_iter()
            .filter(|word| match setup.level {
                Level::Easy => !has_repeats(word),
                Level::Medium => true,
                Level::Hard => has_repeats(word),
            })
            .collect();
        Self {
            secret: fits.choose(chance).copied().unwrap_or("слово").to_owned(),
            guesses: Vec::new(),
            tries: if setup.level == Level::Easy {
                TRIES + 1
            } else {
                TRIES
            },
            alphabet: setup.lang,
        }
    }
}

impl Rules for FiveLetters {
    fn turn(&self) -> Turn {
        if self.guesses.last() == Some(&self.secret) {
            Turn::Over(Outcome::Solved)
        } else if self.guesses.len() >= self.tries {
            Turn::Over(Outcome::Failed)
        } else {
            Turn::Anyone
        }
    }

    fn play(&mut self, attempt: Move<'_>) -> Result<Played, Refused> {
        let guess = fold(attempt.text);
        let lang = attempt.lang;
        if guess.is_empty() || !guess.chars().all(char::is_alphabetic) {
            return Err(Refused::NotAMove);
        }
        if guess.chars().count() != LENGTH {
            return Err(Refused::rule(
                lang,
                "Нужно пять букв.",
                "It takes five letters.",
            ));
        }
        if !words::is_known(self.alphabet, &guess) {
            return Err(Refused::rule(
                lang,
                "Такого слова нет в словаре.",
                "That word is not in the list.",
            ));
        }
        if self.guesses.contains(&guess) {
            return Err(Refused::rule(
                lang,
                "Это слово уже было.",
                "That was tried already.",
            ));
        }
        self.guesses.push(guess);
        let points = match self.turn() {
            Turn::Over(Outcome::Solved) => {
                2 * (TRIES + 2).saturating_sub(self.guesses.len()) as i64
            }
            _ => 0,
        };
        Ok(Played { points })
    }

    fn board(&self, lang: Lang, _names: &[String]) -> String {
        let mut board = String::new();
        let mut absent = String::new();
        for guess in &self.guesses {
            let marks = marks(&self.secret, guess);
            for mark in marks {
                board.push_str(match mark {
                    Mark::Here => "🟩",
                    Mark::Elsewhere => "🟨",
                    Mark::Absent => "⬜",
                });
            }
            board.push(' ');
            for (letter, mark) in guess.chars().zip(marks) {
                board.push(' ');
                board.extend(letter.to_uppercase());
                if mark == Mark::Absent && !self.secret.contains(letter) && !absent.contains(letter)
                {
                    absent.push(letter);
                }
            }
            board.push('\n');
        }
        for _ in self.guesses.len()..self.tries {
            board.push_str("🔲🔲🔲🔲🔲\n");
        }
        if !absent.is_empty() {
            let letters: Vec<String> = absent.to_uppercase().chars().map(String::from).collect();
            board.push_str(lang.pick("Нет букв: ", "Not in it: "));
            board.push_str(&letters.join(" "));
            board.push('\n');
        }
        board
    }

    fn secret(&self) -> Option<&str> {
        Some(&self.secret)
    }
}

fn has_repeats(word: &str) -> bool {
    word.char_indices()
        .any(|(at, letter)| word[..at].contains(letter))
}

/// Each letter of the secret accounts for one mark only.
fn marks(secret: &str, guess: &str) -> [Mark; LENGTH] {
    let mut marks = [Mark::Absent; LENGTH];
    let mut left: Vec<char> = Vec::new();
    for (index, (own, other)) in secret.chars().zip(guess.chars()).enumerate() {
        if own == other {
            marks[index] = Mark::Here;
        } else {
            left.push(own);
        }
    }
    for (index, letter) in guess.chars().enumerate() {
        if marks[index] == Mark::Absent
            && let Some(at) = left.iter().position(|own| *own == letter)
        {
            left.swap_remove(at);
            marks[index] = Mark::Elsewhere;
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::{Mark::*, marks};

    #[test]
    fn a_letter_is_marked_as_often_as_the_secret_has_it() {
        assert_eq!(marks("слово", "олово"), [Absent, Here, Here, Here, Here]);
        assert_eq!(marks("весна", "сосна"), [Absent, Absent, Here, Here, Here]);
        assert_eq!(
            marks("crane", "eerie"),
            [Absent, Absent, Elsewhere, Absent, Here]
        );
    }
}

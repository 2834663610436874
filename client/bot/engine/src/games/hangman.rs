//! Hangman: letters of a hidden word.

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Level, Move, Outcome, Played, Refused, Rules, Setup, Turn};
use crate::{
    lang::{Lang, fold, say},
    words,
};

const SOLVED_POINTS: i64 = 5;
const PICTURE: [&str; 7] = ["○", "/", "|", "\\", "/", "‾", "\\"];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hangman {
    secret: String,
    /// Letters that were tried, in order.
    letters: String,
    wrong_words: Vec<String>,
    lives: usize,
    solved: bool,
    alphabet: Lang,
}

impl Hangman {
    pub(crate) fn new(setup: &Setup, chance: &mut ChaCha8Rng) -> Self {
        let words = words::hangman_secrets(setup.lang);
        let secret = words.choose(chance).copied().unwrap_or("fialka");
        Self {
            secret: secret.to_owned(),
            letters: String::new(),
            wrong_words: Vec::new(),
            lives: match setup.level {
                Level::Easy => 9,
                Level::Medium => 7,
                Level::Hard => 5,
            },
            solved: false,
            alphabet: setup.lang,
        }
    }

    fn mistakes(&self) -> usize {
        let letters = self.letters.chars();
        letters
            .filter(|letter| !self.secret.contains(*letter))
            .count()
            + self.wrong_words.len()
    }

    fn try_letter(&mut self, letter: char, lang: Lang) -> Result<Played, Refused> {
        if self.letters.contains(letter) {
            return Err(Refused::rule(
                lang,
                "Эту букву уже называли.",
                "That letter was named already.",
            ));
        }
        self.letters.push(letter);
        self.solved = self.secret.chars().all(|own| self.letters.contains(own));
        let places = self.secret.matches(letter).count() as i64;
        Ok(Played { points: places })
    }

    fn try_word(&mut self, word: &str, lang: Lang) -> Result<Played, Refused> {
        if word == self.secret {
            self.solved = true;
            return Ok(Played {
                points: SOLVED_POINTS,
            });
        }
        if self.wrong_words.iter().any(|wrong| wrong == word) {
            return Err(Refused::rule(
                lang,
                "Это слово уже называли.",
                "That word was named already.",
            ));
        }
        self.wrong_words.push(word.to_owned());
        Ok(Played::default())
    }
}

impl Rules for Hangman {
    fn turn(&self) -> Turn {
        if self.solved {
            Turn::Over(Outcome::Solved)
        } else if self.mistakes() >= self.lives {
            Turn::Over(Outcome::Failed)
        } else {
            Turn::Anyone
        }
    }

    fn play(&mut self, attempt: Move<'_>) -> Result<Played, Refused> {
        let text = fold(attempt.text);
        let fits = |letter: char| match self.alphabet {
            Lang::Ru => ('а'..='я').contains(&letter),
            Lang::En => letter.is_ascii_lowercase(),
        };
        if text.is_empty() || !text.chars().all(fits) {
            return Err(Refused::NotAMove);
        }
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) => self.try_letter(letter, attempt.lang),
            _ if text.chars().count() == self.secret.chars().count() => {
                self.try_word(&text, attempt.lang)
            }
            _ => Err(Refused::rule(
                attempt.lang,
                "В этом слове другое число букв.",
                "The word has another number of letters.",
            )),
        }
    }

    fn board(&self, lang: Lang, _names: &[String]) -> String {
        let shown: Vec<String> = self
            .secret
            .chars()
            .map(|letter| {
                let open = self.solved || self.letters.contains(letter);
                if open {
                    letter.to_uppercase().to_string()
                } else {
                    "_".to_owned()
                }
            })
            .collect();
        let word = shown.join(" ");
        let mistakes = self.mistakes();
        let left = self.lives.saturating_sub(mistakes);
        // The drawing fills up as the lives go, whatever their number.
        let drawn = (mistakes * PICTURE.len())
            .div_ceil(self.lives.max(1))
            .min(PICTURE.len());
        let part = |index: usize| if index < drawn { PICTURE[index] } else { " " };
        let (head, left_arm, body, right_arm) = (part(0), part(1), part(2), part(3));
        let (left_leg, right_leg) = (part(4), part(6));
        let picture = format!(
            "```\n ┌──┐\n │  {head}\n │ {left_arm}{body}{right_arm}\n │ {left_leg} {right_leg}\n─┴───  {word}\n```\n"
        );
        let wrong = self
            .letters
            .chars()
            .filter(|letter| !self.secret.contains(*letter));
        let mut wrong: Vec<String> = wrong
            .map(|letter| letter.to_uppercase().to_string())
            .collect();
        wrong.extend(self.wrong_words.iter().cloned());
        let wrong = if wrong.is_empty() {
            "—".to_owned()
        } else {
            wrong.join(", ")
        };
        picture
            + &say!(
                lang,
                "Мимо: {wrong}. Осталось ошибок: {left}\n",
                "Wrong: {wrong}. Mistakes left: {left}\n"
            )
    }

    fn secret(&self) -> Option<&str> {
        Some(&self.secret)
    }
}

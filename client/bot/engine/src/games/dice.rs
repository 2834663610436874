//! Pig: roll as long as you dare. Also plain rolls such as 2d6.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Level, Move, Outcome, Played, Refused, Rules, Turn};
use crate::lang::{Lang, fold, say};

const GOAL: u32 = 50;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Dice {
    scores: [u32; 2],
    mover: usize,
    /// Points of this turn that are not kept yet.
    pot: u32,
    last: Option<u32>,
}

enum Action {
    Roll,
    Hold,
}

impl Rules for Dice {
    fn turn(&self) -> Turn {
        match self.scores.iter().position(|score| *score >= GOAL) {
            Some(seat) => Turn::Over(Outcome::Won(seat)),
            None => Turn::Seat(self.mover),
        }
    }

    fn play(&mut self, attempt: Move<'_>) -> Result<Played, Refused> {
        match parse(attempt.text).ok_or(Refused::NotAMove)? {
            Action::Roll => {
                let roll = attempt.chance.random_range(1..=6);
                self.last = Some(roll);
                if roll == 1 {
                    self.pass(0);
                } else {
                    self.pot += roll;
                }
            }
            Action::Hold if self.pot == 0 => {
                let lang = attempt.lang;
                return Err(Refused::rule(lang, "Сначала бросьте кубик.", "Roll first."));
            }
            Action::Hold => {
                self.last = None;
                self.pass(self.pot);
            }
        }
        Ok(Played::default())
    }

    fn board(&self, lang: Lang, names: &[String]) -> String {
        let mut board = String::new();
        for (name, score) in names.iter().zip(self.scores) {
            board.push_str(&format!("{name}: **{score}** / {GOAL}\n"));
        }
        let pot = self.pot;
        if let Some(roll) = self.last {
            let face = ["⚀", "⚁", "⚂", "⚃", "⚄", "⚅"][(roll as usize - 1) % 6];
            board.push_str(&say!(
                lang,
                "Выпало: {face} {roll}. ",
                "Rolled: {face} {roll}. "
            ));
        }
        if self.last == Some(1) {
            board.push_str(lang.pick("Очки хода сгорели.", "The points of the turn are gone."));
        } else {
            board.push_str(&say!(
                lang,
                "Накоплено за ход: {pot}",
                "Points of this turn: {pot}"
            ));
        }
        board.push('\n');
        board
    }

    fn buttons(&self) -> &'static [&'static str] {
        &["🎲", "✋"]
    }

    fn bot_move(&self, level: Level, chance: &mut ChaCha8Rng) -> Option<String> {
        let rest = GOAL.saturating_sub(self.scores[self.mover]);
        let hold_at = match level {
            Level::Easy => chance.random_range(4..30),
            Level::Medium => 15,
            Level::Hard => 20,
        };
        let enough = self.pot >= rest || self.pot >= hold_at;
        Some(if enough { "✋" } else { "🎲" }.to_owned())
    }
}

impl Dice {
    fn pass(&mut self, keeps: u32) {
        self.scores[self.mover] += keeps;
        self.pot = 0;
        self.mover = 1 - self.mover;
    }
}

fn parse(text: &str) -> Option<Action> {
    match fold(text).replace('\u{fe0f}', "").as_str() {
        "🎲" | "бросок" | "бросить" | "бросаю" | "roll" | "r" => {
            Some(Action::Roll)
        }
        "✋" | "хватит" | "стоп" | "hold" | "h" => Some(Action::Hold),
        _ => None,
    }
}

/// Plain rolls: `2d6`, `d20`, `3к6`, or one die for nothing.
pub(crate) fn roll(text: &str, lang: Lang, chance: &mut ChaCha8Rng) -> Option<String> {
    let text = fold(text).replace('к', "d");
    let (count, faces) = if text.is_empty() {
        (1, 6)
    } else {
        let (count, faces) = text.split_once('d')?;
        let count = if count.is_empty() {
            1
        } else {
            count.parse().ok()?
        };
        (count, faces.parse().ok()?)
    };
    if !(1..=20).contains(&count) || !(2..=1000).contains(&faces) {
        return None;
    }
    let rolls: Vec<u32> = (0..count).map(|_| chance.random_range(1..=faces)).collect();
    let sum: u32 = rolls.iter().sum();
    let words: Vec<String> = rolls.iter().map(u32::to_string).collect();
    let words = words.join(" + ");
    Some(if count == 1 {
        format!("🎲 **{sum}**")
    } else {
        say!(lang, "🎲 {words} = **{sum}**", "🎲 {words} = **{sum}**")
    })
}

//! Tic-tac-toe on nine squares.

use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    Level, Move, Outcome, Played, Refused, Rules, Turn,
    grid::{KEYS, digit, in_line},
};
use crate::lang::Lang;

const WIDTH: usize = 3;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct TicTacToe {
    /// 0 for empty, else the seat plus one.
    cells: [u8; 9],
    moves: u8,
    won: bool,
}

impl Rules for TicTacToe {
    fn turn(&self) -> Turn {
        let mover = usize::from(self.moves % 2);
        match (self.won, self.moves) {
            (true, _) => Turn::Over(Outcome::Won(1 - mover)),
            (false, 9) => Turn::Over(Outcome::Draw),
            _ => Turn::Seat(mover),
        }
    }

    fn play(&mut self, attempt: Move<'_>) -> Result<Played, Refused> {
        let number = digit(attempt.text)
            .filter(|number| *number > 0)
            .ok_or(Refused::NotAMove)?;
        if self.cells[number - 1] != 0 {
            let lang = attempt.lang;
            return Err(Refused::rule(
                lang,
                "Эта клетка занята.",
                "That square is taken.",
            ));
        }
        self.put(number - 1);
        Ok(Played::default())
    }

    fn board(&self, _lang: Lang, _names: &[String]) -> String {
        let mut board = String::new();
        for (index, cell) in self.cells.iter().enumerate() {
            board.push_str(match cell {
                1 => "❌",
                2 => "⭕",
                _ => KEYS[index],
            });
            if index % WIDTH == WIDTH - 1 {
                board.push('\n');
            }
        }
        board
    }

    fn buttons(&self) -> &'static [&'static str] {
        &KEYS
    }

    fn bot_move(&self, level: Level, chance: &mut ChaCha8Rng) -> Option<String> {
        let free: Vec<usize> = (0..9).filter(|at| self.cells[*at] == 0).collect();
        let by_chance = free.choose(chance).copied();
        let at = match level {
            Level::Easy => by_chance,
            Level::Medium if chance.random_ratio(1, 2) => by_chance,
            // Every first move is a draw; there is nothing to compute.
            _ if self.moves == 0 => by_chance,
            _ => {
                let best = free.iter().map(|at| self.value(*at)).max()?;
                let good: Vec<usize> = free
                    .iter()
                    .copied()
                    .filter(|at| self.value(*at) == best)
                    .collect();
                good.choose(chance).copied()
            }
        };
        at.map(|at| (at + 1).to_string())
    }

    fn sign(&self, seat: usize) -> &'static str {
        ["❌", "⭕"][seat % 2]
    }
}

impl TicTacToe {
    fn put(&mut self, at: usize) {
        self.cells[at] = self.moves % 2 + 1;
        self.moves += 1;
        self.won = in_line(&self.cells, WIDTH, at, 3);
    }

    /// What a move is worth to who makes it when both play perfectly; a sooner win is worth more.
    fn value(&self, at: usize) -> i32 {
        let mut after = self.clone();
        after.put(at);
        match after.turn() {
            Turn::Over(Outcome::Won(_)) => 10 - i32::from(after.moves),
            Turn::Over(_) => 0,
            _ => {
                let free = (0..9).filter(|at| after.cells[*at] == 0);
                -free.map(|at| after.value(at)).max().unwrap_or(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_strongest_computer_never_loses() {
        for seed in 0..40 {
            let mut chance = ChaCha8Rng::seed_from_u64(seed);
            let mut game = TicTacToe::default();
            let computer = usize::from(seed % 2 == 1);
            while let Turn::Seat(seat) = game.turn() {
                let level = if seat == computer {
                    Level::Hard
                } else {
                    Level::Easy
                };
                let text = game.bot_move(level, &mut chance).unwrap();
                game.put(text.parse::<usize>().unwrap() - 1);
            }
            assert_ne!(
                game.turn(),
                Turn::Over(Outcome::Won(1 - computer)),
                "{seed}"
            );
        }
    }
}

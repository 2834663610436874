//! Connect four: seven columns of six.

use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    Level, Move, Outcome, Played, Refused, Rules, Turn,
    grid::{KEYS, digit, in_line},
};
use crate::lang::Lang;

const WIDTH: usize = 7;
const HEIGHT: usize = 6;
const CELLS: usize = WIDTH * HEIGHT;
/// The middle first: it belongs to most lines, so the search cuts sooner.
const ORDER: [usize; WIDTH] = [3, 2, 4, 1, 5, 0, 6];

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct ConnectFour {
    /// The columns in the order they were played.
    moves: Vec<u8>,
    won: bool,
}

impl Rules for ConnectFour {
    fn turn(&self) -> Turn {
        let mover = self.moves.len() % 2;
        match (self.won, self.moves.len()) {
            (true, _) => Turn::Over(Outcome::Won(1 - mover)),
            (false, CELLS) => Turn::Over(Outcome::Draw),
            _ => Turn::Seat(mover),
        }
    }

    fn play(&mut self, attempt: Move<'_>) -> Result<Played, Refused> {
        let column = digit(attempt.text)
            .filter(|column| (1..=WIDTH).contains(column))
            .ok_or(Refused::NotAMove)?;
        let mut grid = Grid::of(&self.moves);
        let Some(at) = grid.drop(column - 1) else {
            let lang = attempt.lang;
            return Err(Refused::rule(
                lang,
                "Этот столбец полон.",
                "That column is full.",
            ));
        };
        self.moves.push((column - 1) as u8);
        self.won = in_line(&grid.cells, WIDTH, at, 4);
        Ok(Played::default())
    }

    fn board(&self, _lang: Lang, _names: &[String]) -> String {
        let grid = Grid::of(&self.moves);
        let mut board = KEYS[..WIDTH].concat();
        board.push('\n');
        for row in grid.cells.chunks(WIDTH) {
            for cell in row {
                board.push_str(["⚪", "🔴", "🔵"][usize::from(*cell)]);
            }
            board.push('\n');
        }
        board
    }

    fn buttons(&self) -> &'static [&'static str] {
        &KEYS[..WIDTH]
    }

    fn bot_move(&self, level: Level, chance: &mut ChaCha8Rng) -> Option<String> {
        let mut grid = Grid::of(&self.moves);
        let depth = match level {
            Level::Easy if chance.random_ratio(1, 3) => 0,
            Level::Easy => 1,
            Level::Medium => 3,
            Level::Hard => 6,
        };
        let mut values = Vec::new();
        for column in ORDER {
            if let Some(at) = grid.drop(column) {
                values.push((grid.value_after(at, depth), column));
                grid.lift(at);
            }
        }
        let best = values.iter().map(|(value, _)| *value).max()?;
        values.retain(|(value, _)| *value == best);
        values
            .choose(chance)
            .map(|(_, column)| (column + 1).to_string())
    }

    fn sign(&self, seat: usize) -> &'static str {
        ["🔴", "🔵"][seat % 2]
    }
}

#[derive(Clone)]
struct Grid {
    cells: [u8; CELLS],
    count: usize,
}

impl Grid {
    fn of(moves: &[u8]) -> Self {
        let mut grid = Self {
            cells: [0; CELLS],
            count: 0,
        };
        for column in moves {
            grid.drop(usize::from(*column));
        }
        grid
    }

    /// Puts a disc of whoever is to move and returns its cell.
    fn drop(&mut self, column: usize) -> Option<usize> {
        let at = (0..HEIGHT)
            .rev()
            .map(|row| row * WIDTH + column)
            .find(|at| self.cells[*at] == 0)?;
        self.cells[at] = (self.count % 2 + 1) as u8;
        self.count += 1;
        Some(at)
    }

    fn lift(&mut self, at: usize) {
        self.cells[at] = 0;
        self.count -= 1;
    }

    /// What the position is worth to who has just played at the cell.
    fn value_after(&mut self, at: usize, depth: i32) -> i32 {
        if in_line(&self.cells, WIDTH, at, 4) {
            return 1000 + depth;
        }
        -self.search(depth, -2000, 2000)
    }

    fn search(&mut self, depth: i32, mut low: i32, high: i32) -> i32 {
        if depth == 0 || self.count == CELLS {
            return 0;
        }
        for column in ORDER {
            let Some(at) = self.drop(column) else {
                continue;
            };
            let value = if in_line(&self.cells, WIDTH, at, 4) {
                1000 + depth - 1
            } else {
                -self.search(depth - 1, -high, -low)
            };
            self.lift(at);
            low = low.max(value);
            if low >= high {
                break;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn after(moves: &[u8]) -> ConnectFour {
        ConnectFour {
            moves: moves.to_vec(),
            won: false,
        }
    }

    #[test]
    fn the_computer_takes_a_win_and_blocks_one() {
        let mut chance = ChaCha8Rng::seed_from_u64(1);
        let win = after(&[0, 6, 0, 6, 0, 5]);
        assert_eq!(win.bot_move(Level::Hard, &mut chance).unwrap(), "1");
        let block = after(&[0, 6, 0, 6, 0]);
        assert_eq!(block.bot_move(Level::Medium, &mut chance).unwrap(), "1");
    }
}

//! Five in a row on ten by ten squares.

use std::fmt::Write as _;

use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    Level, Move, Outcome, Played, Refused, Rules, Turn,
    grid::{in_line, run, step},
};
use crate::lang::Lang;

const WIDTH: usize = 10;
const CELLS: usize = WIDTH * WIDTH;
/// Columns as in the pencil-and-paper games of either language; both are understood.
const COLUMNS: [[char; WIDTH]; 2] = [
    ['А', 'Б', 'В', 'Г', 'Д', 'Е', 'Ж', 'З', 'И', 'К'],
    ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J'],
];

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Five {
    /// The cells in the order they were taken.
    moves: Vec<u8>,
    won: bool,
}

impl Rules for Five {
    fn turn(&self) -> Turn {
        let mover = self.moves.len() % 2;
        match (self.won, self.moves.len()) {
            (true, _) => Turn::Over(Outcome::Won(1 - mover)),
            (false, CELLS) => Turn::Over(Outcome::Draw),
            _ => Turn::Seat(mover),
        }
    }

    fn play(&mut self, attempt: Move<'_>) -> Result<Played, Refused> {
        let at = parse(attempt.text).ok_or(Refused::NotAMove)?;
        if self.cells()[at] != 0 {
            let lang = attempt.lang;
            return Err(Refused::rule(
                lang,
                "Эта клетка занята.",
                "That square is taken.",
            ));
        }
        self.put(at);
        Ok(Played::default())
    }

    fn board(&self, lang: Lang, _names: &[String]) -> String {
        let cells = self.cells();
        let columns = lang.pick(COLUMNS[0], COLUMNS[1]);
        let mut board = String::from("```\n  ");
        for column in columns {
            board.push(' ');
            board.push(column);
        }
        for row in 0..WIDTH {
            // Writing to a string cannot fail.
            write!(board, "\n{:>2}", row + 1).unwrap_or_default();
            for column in 0..WIDTH {
                board.push_str(match cells[row * WIDTH + column] {
                    1 => " X",
                    2 => " O",
                    _ => " ·",
                });
            }
        }
        board.push_str("\n```\n");
        if let Some(last) = self.moves.last() {
            let name = name(usize::from(*last), lang);
            board.push_str(&crate::lang::say!(
                lang,
                "Последний ход: {name}\n",
                "Last move: {name}\n"
            ));
        }
        board
    }

    fn bot_move(&self, level: Level, chance: &mut ChaCha8Rng) -> Option<String> {
        let cells = self.cells();
        let free: Vec<usize> = (0..CELLS).filter(|at| cells[*at] == 0).collect();
        let mover = (self.moves.len() % 2 + 1) as u8;
        let careless = match level {
            Level::Easy => chance.random_ratio(1, 3),
            Level::Medium => chance.random_ratio(1, 10),
            Level::Hard => false,
        };
        let near: Vec<usize> = free
            .iter()
            .copied()
            .filter(|at| has_neighbour(&cells, *at))
            .collect();
        let at = if near.is_empty() || careless {
            *near.choose(chance).or_else(|| free.choose(chance))?
        } else {
            let value =
                |at: usize| worth(&cells, at, mover) * 11 / 10 + worth(&cells, at, 3 - mover);
            let best = near.iter().map(|at| value(*at)).max()?;
            let good: Vec<usize> = near
                .iter()
                .copied()
                .filter(|at| value(*at) == best)
                .collect();
            *good.choose(chance)?
        };
        Some(name(at, Lang::En))
    }

    fn sign(&self, seat: usize) -> &'static str {
        ["X", "O"][seat % 2]
    }
}

impl Five {
    fn cells(&self) -> [u8; CELLS] {
        let mut cells = [0; CELLS];
        for (index, at) in self.moves.iter().enumerate() {
            cells[usize::from(*at)] = (index % 2 + 1) as u8;
        }
        cells
    }

    fn put(&mut self, at: usize) {
        self.moves.push(at as u8);
        self.won = in_line(&self.cells(), WIDTH, at, 5);
    }
}

fn parse(text: &str) -> Option<usize> {
    let mut letters = text.trim().chars().flat_map(char::to_uppercase);
    let first = letters.next()?;
    let column = COLUMNS
        .iter()
        .find_map(|columns| columns.iter().position(|column| *column == first))?;
    let row: usize = letters.collect::<String>().trim().parse().ok()?;
    (1..=WIDTH)
        .contains(&row)
        .then(|| (row - 1) * WIDTH + column)
}

fn name(at: usize, lang: Lang) -> String {
    let columns = lang.pick(COLUMNS[0], COLUMNS[1]);
    format!("{}{}", columns[at % WIDTH], at / WIDTH + 1)
}

fn has_neighbour(cells: &[u8; CELLS], at: usize) -> bool {
    DIRECTIONS
        .iter()
        .flat_map(|&(x, y)| [(x, y), (-x, -y)])
        .any(|direction| step(CELLS, WIDTH, at, direction).is_some_and(|next| cells[next] != 0))
}

const DIRECTIONS: [(isize, isize); 4] = [(1, 0), (0, 1), (1, 1), (1, -1)];

/// What a cell is worth to a sign: longer lines that are still open count far more.
fn worth(cells: &[u8; CELLS], at: usize, sign: u8) -> u32 {
    let mut total = 0;
    for (x, y) in DIRECTIONS {
        let ahead = run(cells, WIDTH, at, (x, y), sign);
        let behind = run(cells, WIDTH, at, (-x, -y), sign);
        let is_open = |length: usize, (x, y): (isize, isize)| {
            let steps = length as isize + 1;
            step(CELLS, WIDTH, at, (x * steps, y * steps)).is_some_and(|next| cells[next] == 0)
        };
        let open = u32::from(is_open(ahead, (x, y))) + u32::from(is_open(behind, (-x, -y)));
        total += match (ahead + behind, open) {
            (4.., _) => 100_000,
            (_, 0) => 0,
            (3, 2) => 10_000,
            (3, _) | (2, 2) => 1_000,
            (2, _) | (1, 2) => 100,
            (1, _) => 10,
            _ => 1,
        };
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_in_both_alphabets() {
        assert_eq!(parse("д5"), Some(44));
        assert_eq!(parse("E5"), Some(44));
        assert_eq!(parse("к 10"), Some(99));
        assert_eq!(parse("a11"), None);
    }
}

//! The computer's chess: a search of a few half-moves with captures at its end, bounded by positions and not by time,
//! so that the same game always gets the same answer.

use cozy_chess::{Board, Color, GameStatus, Move, Piece, Square};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::{Level, chess::legal_moves};

const MATE: i32 = 100_000;
/// Positions looked at for one move.
const BUDGET: u32 = 40_000;

/// The move of this strength; `None` when there is none.
pub(super) fn choose(board: &Board, level: Level, chance: &mut ChaCha8Rng) -> Option<Move> {
    let moves = legal_moves(board);
    let (depth, tolerance) = match level {
        Level::Easy if chance.random_ratio(1, 4) => return moves.choose(chance).copied(),
        Level::Easy => (1, 60),
        Level::Medium => (2, 20),
        Level::Hard => (3, 5),
    };
    let mut search = Search { budget: BUDGET };
    let mut valued = Vec::with_capacity(moves.len());
    for chosen in ordered(board, moves) {
        let mut next = board.clone();
        next.play(chosen);
        valued.push((-search.value(&next, depth - 1, -MATE * 2, MATE * 2), chosen));
    }
    let best = valued.iter().map(|(value, _)| *value).max()?;
    valued.retain(|(value, _)| *value >= best - tolerance);
    valued.choose(chance).map(|(_, chosen)| *chosen)
}

struct Search {
    budget: u32,
}

impl Search {
    fn value(&mut self, board: &Board, depth: i32, mut low: i32, high: i32) -> i32 {
        match board.status() {
            GameStatus::Won => return -MATE - depth,
            GameStatus::Drawn => return 0,
            GameStatus::Ongoing => {}
        }
        if depth <= 0 || self.budget == 0 {
            return self.quiet_value(board, low, high, 4);
        }
        self.budget -= 1;
        for chosen in ordered(board, legal_moves(board)) {
            let mut next = board.clone();
            next.play(chosen);
            low = low.max(-self.value(&next, depth - 1, -high, -low));
            if low >= high {
                break;
            }
        }
        low
    }

    /// Captures go on until it is quiet, so that a piece in danger is not counted as safe.
    fn quiet_value(&mut self, board: &Board, mut low: i32, high: i32, depth: i32) -> i32 {
        let standing = material(board);
        low = low.max(standing);
        if low >= high || depth == 0 || self.budget == 0 {
            return low;
        }
        self.budget -= 1;
        let captures = legal_moves(board)
            .into_iter()
            .filter(|chosen| gain(board, *chosen) > 0);
        for chosen in ordered(board, captures.collect()) {
            let mut next = board.clone();
            next.play(chosen);
            low = low.max(-self.quiet_value(&next, -high, -low, depth - 1));
            if low >= high {
                break;
            }
        }
        low
    }
}

/// The most promising first: it lets the search skip the most.
fn ordered(board: &Board, mut moves: Vec<Move>) -> Vec<Move> {
    moves.sort_by_key(|chosen| -gain(board, *chosen));
    moves
}

/// What a move takes, less a little for what it takes with.
fn gain(board: &Board, chosen: Move) -> i32 {
    let own = board.side_to_move();
    if board.color_on(chosen.to) == Some(own) {
        // Castling is written as the king taking its rook.
        return 0;
    }
    let taken = board.piece_on(chosen.to).map_or(0, worth);
    let with = board.piece_on(chosen.from).map_or(0, worth);
    let promoted = chosen.promotion.map_or(0, worth);
    if taken == 0 {
        promoted
    } else {
        taken * 10 - with + promoted
    }
}

fn worth(piece: Piece) -> i32 {
    match piece {
        Piece::Pawn => 100,
        Piece::Knight => 320,
        Piece::Bishop => 330,
        Piece::Rook => 500,
        Piece::Queen => 900,
        Piece::King => 0,
    }
}

/// Pieces and where they stand, as who is to move sees it.
fn material(board: &Board) -> i32 {
    let mut total = 0;
    for square in board.occupied() {
        let Some(piece) = board.piece_on(square) else {
            continue;
        };
        let white = board.color_on(square) == Some(Color::White);
        let value = worth(piece) + place(piece, square, white);
        total += if white { value } else { -value };
    }
    if board.side_to_move() == Color::White {
        total
    } else {
        -total
    }
}

/// The middle is good for everything but the king, and pawns want to go ahead.
fn place(piece: Piece, square: Square, white: bool) -> i32 {
    let file = square.file() as i32;
    let rank = square.rank() as i32;
    let ahead = if white { rank } else { 7 - rank };
    let middle = 6 - ((2 * file - 7).abs() + (2 * rank - 7).abs()) / 2;
    match piece {
        Piece::Pawn => {
            ahead * 5
                + if (2..=5).contains(&file) {
                    middle * 2
                } else {
                    0
                }
        }
        Piece::Knight => middle * 6,
        Piece::Bishop => middle * 3,
        Piece::Queen => middle,
        Piece::Rook => {
            if ahead == 6 {
                15
            } else {
                0
            }
        }
        Piece::King => -middle * 3,
    }
}

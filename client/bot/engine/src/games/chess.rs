//! Chess. The board and the rules come from `cozy-chess`; here are notation, repetition and pictures.

use cozy_chess::{
    Board, Color, File, GameStatus, Move as ChessMove, Piece, Rank, Square,
    util::{display_san_move, display_uci_move},
};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Level, Move, Outcome, Played, Refused, Rules, Turn, chess_ai};
use crate::lang::{Lang, say};

/// Russian letters of the pieces and their English ones.
const RUSSIAN: [(&str, &str); 5] = [("Кр", "K"), ("Ф", "Q"), ("Л", "R"), ("С", "B"), ("К", "N")];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Chess {
    position: String,
    /// All moves in the notation of books.
    moves: Vec<String>,
    /// Positions since the last move that cannot be undone, to find repetitions.
    seen: Vec<u64>,
}

impl Default for Chess {
    fn default() -> Self {
        let board = Board::startpos();
        Self {
            position: board.to_string(),
            moves: Vec::new(),
            seen: vec![board.hash()],
        }
    }
}

impl Chess {
    fn position(&self) -> Board {
        // A position is only ever written by the board itself.
        self.position.parse().unwrap_or_default()
    }

    fn make(&mut self, board: &mut Board, chosen: ChessMove) {
        let san = display_san_move(board, chosen).to_string();
        board.play(chosen);
        if board.halfmove_clock() == 0 {
            self.seen.clear();
        }
        self.seen.push(board.hash());
        self.moves.push(san);
        self.position = board.to_string();
    }

    fn is_repeated(&self) -> bool {
        let last = self.seen.last();
        self.seen.iter().filter(|seen| Some(*seen) == last).count() >= 3
    }
}

impl Rules for Chess {
    fn turn(&self) -> Turn {
        let board = self.position();
        let mover = usize::from(board.side_to_move() == Color::Black);
        match board.status() {
            GameStatus::Won => Turn::Over(Outcome::Won(1 - mover)),
            GameStatus::Drawn => Turn::Over(Outcome::Draw),
            GameStatus::Ongoing if self.is_repeated() || is_too_few(&board) => {
                Turn::Over(Outcome::Draw)
            }
            GameStatus::Ongoing => Turn::Seat(mover),
        }
    }

    fn play(&mut self, attempt: Move<'_>) -> Result<Played, Refused> {
        let mut board = self.position();
        let wanted = normal(attempt.text).ok_or(Refused::NotAMove)?;
        let fits: Vec<ChessMove> = legal_moves(&board)
            .into_iter()
            .filter(|chosen| is_written(&board, *chosen, &wanted))
            .collect();
        let lang = attempt.lang;
        match fits.as_slice() {
            [] => Err(Refused::rule(
                lang,
                "Так пойти нельзя.",
                "That move is not possible.",
            )),
            [chosen] => {
                self.make(&mut board, *chosen);
                Ok(Played::default())
            }
            _ => Err(Refused::rule(
                lang,
                "Так могут пойти две фигуры: напишите и клетку, откуда.",
                "Two pieces can do that: write the square it comes from, too.",
            )),
        }
    }

    fn board(&self, lang: Lang, _names: &[String]) -> String {
        let board = self.position();
        let mut picture = String::from("```\n");
        for rank in Rank::ALL.iter().rev() {
            picture.push_str(&(*rank as usize + 1).to_string());
            for file in File::ALL {
                picture.push(' ');
                picture.push_str(sign_at(&board, Square::new(file, *rank)));
            }
            picture.push('\n');
        }
        picture.push_str("  a b c d e f g h\n```\n");
        if let Some(last) = self.moves.last() {
            let number = self.moves.len().div_ceil(2);
            let dots = if self.moves.len() % 2 == 1 {
                "."
            } else {
                "…"
            };
            let last = in_language(last, lang);
            picture.push_str(&say!(
                lang,
                "Последний ход: {number}{dots} {last}\n",
                "Last move: {number}{dots} {last}\n"
            ));
        }
        picture
    }

    fn bot_move(&self, level: Level, chance: &mut ChaCha8Rng) -> Option<String> {
        let board = self.position();
        let chosen = chess_ai::choose(&board, level, chance)?;
        Some(display_uci_move(&board, chosen).to_string())
    }

    fn sign(&self, seat: usize) -> &'static str {
        ["♔", "♚"][seat % 2]
    }
}

pub(super) fn legal_moves(board: &Board) -> Vec<ChessMove> {
    let mut moves = Vec::new();
    board.generate_moves(|group| {
        moves.extend(group);
        false
    });
    moves
}

/// Kings alone, or with one minor piece: nobody can mate.
fn is_too_few(board: &Board) -> bool {
    let heavy = board.pieces(Piece::Pawn) | board.pieces(Piece::Rook) | board.pieces(Piece::Queen);
    heavy.is_empty() && board.occupied().len() <= 3
}

fn sign_at(board: &Board, square: Square) -> &'static str {
    let Some(piece) = board.piece_on(square) else {
        return "·";
    };
    let white = board.color_on(square) == Some(Color::White);
    match piece {
        Piece::King => ["♚", "♔"][usize::from(white)],
        Piece::Queen => ["♛", "♕"][usize::from(white)],
        Piece::Rook => ["♜", "♖"][usize::from(white)],
        Piece::Bishop => ["♝", "♗"][usize::from(white)],
        Piece::Knight => ["♞", "♘"][usize::from(white)],
        Piece::Pawn => ["♟", "♙"][usize::from(white)],
    }
}

/// What somebody typed, with English piece letters, no signs for captures and checks, `O-O` for castling.
fn normal(text: &str) -> Option<String> {
    let mut text = text.trim().to_owned();
    // Castling is written with zeros, or with the letter of either alphabet.
    let castling = text
        .replace(['0', 'О', 'о', 'o'], "O")
        .replace(['–', '—'], "-");
    if castling == "O-O" || castling == "O-O-O" {
        return Some(castling);
    }
    for (russian, english) in RUSSIAN {
        text = text.replace(russian, english);
    }
    let text: String = text
        .chars()
        .filter(|letter| {
            !matches!(
                letter,
                'x' | 'х' | ':' | '-' | '+' | '#' | '=' | ' ' | '!' | '?'
            )
        })
        .map(|letter| match letter {
            // The keys with the same shape in the Russian layout.
            'а' => 'a',
            'в' => 'b',
            'с' => 'c',
            'е' => 'e',
            'ф' => 'q',
            'л' => 'r',
            'к' => 'n',
            other => other,
        })
        .collect();
    let squares = text.chars().filter(char::is_ascii_digit).count();
    let is_move = (2..=6).contains(&text.chars().count())
        && (1..=2).contains(&squares)
        && text.chars().all(|letter| letter.is_ascii_alphanumeric());
    is_move.then_some(text)
}

fn is_written(board: &Board, chosen: ChessMove, wanted: &str) -> bool {
    let uci = display_uci_move(board, chosen).to_string();
    if uci.eq_ignore_ascii_case(wanted) {
        return true;
    }
    let san = display_san_move(board, chosen).to_string();
    let plain: String = san
        .chars()
        .filter(|letter| !matches!(letter, 'x' | '+' | '#' | '='))
        .collect();
    if plain == wanted || plain.replace('0', "O") == wanted {
        return true;
    }
    // More of the square it comes from than needed is fine: Ng1f3.
    let piece = wanted.chars().next().filter(char::is_ascii_uppercase);
    piece.is_some_and(|letter| {
        plain.starts_with(letter) && uci.eq_ignore_ascii_case(wanted.trim_start_matches(letter))
    })
}

fn in_language(san: &str, lang: Lang) -> String {
    if lang == Lang::En {
        return san.to_owned();
    }
    let letter = |letter: char| {
        let found = RUSSIAN
            .iter()
            .find(|(_, english)| english.starts_with(letter));
        found.map_or_else(|| letter.to_string(), |(russian, _)| (*russian).to_owned())
    };
    san.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn play(game: &mut Chess, text: &str) -> Result<Played, Refused> {
        game.play(Move {
            seat: 0,
            text,
            lang: Lang::Ru,
            chance: &mut ChaCha8Rng::seed_from_u64(1),
        })
    }

    #[test]
    fn moves_are_read_in_every_notation() {
        let mut game = Chess::default();
        for text in [
            "e4",
            "е5",
            "Кf3",
            "b8c6",
            "Cc4".replace('C', "С").as_str(),
            "Сc5",
            "0-0",
            "Ng8f6",
            "d4",
            "exd4",
        ] {
            play(&mut game, text).unwrap_or_else(|refused| panic!("{text}: {refused:?}"));
        }
        assert_eq!(game.moves.len(), 10);
        assert_eq!(
            play(&mut game, "Кра8"),
            Err(Refused::NotAMove).or(play(&mut game, "Кра8"))
        );
        assert_eq!(play(&mut game, "привет"), Err(Refused::NotAMove));
    }

    #[test]
    fn the_fools_mate_ends_the_game() {
        let mut game = Chess::default();
        for text in ["f3", "e5", "g4", "Фh4#"] {
            play(&mut game, text).unwrap();
        }
        assert_eq!(game.turn(), Turn::Over(Outcome::Won(1)));
    }

    #[test]
    fn a_position_that_comes_three_times_is_a_draw() {
        let mut game = Chess::default();
        for _ in 0..2 {
            for text in ["Nf3", "Nf6", "Ng1", "Ng8"] {
                play(&mut game, text).unwrap();
            }
        }
        assert_eq!(game.turn(), Turn::Over(Outcome::Draw));
    }

    #[test]
    fn moves_are_told_in_the_language_of_the_room() {
        assert_eq!(in_language("Nf3", Lang::Ru), "Кf3");
        assert_eq!(in_language("Kxe2", Lang::Ru), "Крxe2");
    }
}

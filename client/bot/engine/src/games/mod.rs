//! The games. Each is a value with rules: moves are text, boards are text, and a refused move changes nothing.

mod bulls;
mod catalogue;
mod chess;
mod chess_ai;
mod cities;
mod connect_four;
mod dice;
mod five;
mod five_letters;
mod grid;
mod hangman;
mod tic_tac_toe;

#[cfg(test)]
mod random_plays;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{lang::Lang, quiz::play::Quiz};

pub(crate) use catalogue::{CATALOGUE, Kind, Level, Seats};
pub(crate) use dice::roll as dice_roll;

/// Whose turn it is, or how the game ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Seat(usize),
    /// Everybody plays together.
    Anyone,
    Over(Outcome),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Won(usize),
    Draw,
    /// Solved by all together.
    Solved,
    /// Not solved.
    Failed,
}

/// A move somebody tries.
pub(crate) struct Move<'a> {
    pub(crate) seat: usize,
    pub(crate) text: &'a str,
    pub(crate) lang: Lang,
    pub(crate) chance: &'a mut ChaCha8Rng,
}

/// What a move earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Played {
    /// Points for who made it, in games without opponents.
    pub(crate) points: i64,
}

/// Why a move was refused: nothing like a move, or a move against the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    NotAMove,
    Against(String),
}

impl Refused {
    pub(crate) fn rule(lang: Lang, russian: &str, english: &str) -> Self {
        Self::Against(lang.pick(russian, english).to_owned())
    }
}

pub(crate) trait Rules {
    fn turn(&self) -> Turn;
    /// Makes a move, or changes nothing.
    fn play(&mut self, attempt: Move<'_>) -> Result<Played, Refused>;
    /// The position as text that needs no pictures. `names` are the players by seat.
    fn board(&self, lang: Lang, names: &[String]) -> String;
    /// Reactions that serve as buttons.
    fn buttons(&self) -> &'static [&'static str] {
        &[]
    }
    /// The computer's move, for games that have one.
    fn bot_move(&self, _level: Level, _chance: &mut ChaCha8Rng) -> Option<String> {
        None
    }
    /// What was hidden, told at the end.
    fn secret(&self) -> Option<&str> {
        None
    }
    /// The sign that stands beside a player's name.
    fn sign(&self, _seat: usize) -> &'static str {
        ""
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Game {
    TicTacToe(tic_tac_toe::TicTacToe),
    Five(five::Five),
    ConnectFour(connect_four::ConnectFour),
    Hangman(hangman::Hangman),
    Cities(cities::Cities),
    FiveLetters(five_letters::FiveLetters),
    Bulls(bulls::Bulls),
    Chess(Box<chess::Chess>),
    Dice(dice::Dice),
    Quiz(Box<Quiz>),
}

impl Game {
    /// A new game; a quiz is made from its pack instead.
    pub(crate) fn new(kind: Kind, setup: &Setup, chance: &mut ChaCha8Rng) -> Option<Self> {
        Some(match kind {
            Kind::TicTacToe => Self::TicTacToe(tic_tac_toe::TicTacToe::default()),
            Kind::Five => Self::Five(five::Five::default()),
            Kind::ConnectFour => Self::ConnectFour(connect_four::ConnectFour::default()),
            Kind::Hangman => Self::Hangman(hangman::Hangman::new(setup, chance)),
            Kind::Cities => Self::Cities(cities::Cities::new(setup, chance)),
            Kind::FiveLetters => Self::FiveLetters(five_letters::FiveLetters::new(setup, chance)),
            Kind::Bulls => Self::Bulls(bulls::Bulls::new(setup, chance)),
            Kind::Chess => Self::Chess(Box::default()),
            Kind::Dice => Self::Dice(dice::Dice::default()),
            Kind::Quiz => return None,
        })
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::TicTacToe(_) => Kind::TicTacToe,
            Self::Five(_) => Kind::Five,
            Self::ConnectFour(_) => Kind::ConnectFour,
            Self::Hangman(_) => Kind::Hangman,
            Self::Cities(_) => Kind::Cities,
            Self::FiveLetters(_) => Kind::FiveLetters,
            Self::Bulls(_) => Kind::Bulls,
            Self::Chess(_) => Kind::Chess,
            Self::Dice(_) => Kind::Dice,
            Self::Quiz(_) => Kind::Quiz,
        }
    }

    pub(crate) fn rules(&self) -> &dyn Rules {
        match self {
            Self::TicTacToe(game) => game,
            Self::Five(game) => game,
            Self::ConnectFour(game) => game,
            Self::Hangman(game) => game,
            Self::Cities(game) => game,
            Self::FiveLetters(game) => game,
            Self::Bulls(game) => game,
            Self::Chess(game) => game.as_ref(),
            Self::Dice(game) => game,
            Self::Quiz(game) => game.as_ref(),
        }
    }

    pub(crate) fn rules_mut(&mut self) -> &mut dyn Rules {
        match self {
            Self::TicTacToe(game) => game,
            Self::Five(game) => game,
            Self::ConnectFour(game) => game,
            Self::Hangman(game) => game,
            Self::Cities(game) => game,
            Self::FiveLetters(game) => game,
            Self::Bulls(game) => game,
            Self::Chess(game) => game.as_mut(),
            Self::Dice(game) => game,
            Self::Quiz(game) => game.as_mut(),
        }
    }
}

/// What a new game is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) lang: Lang,
    pub(crate) level: Level,
    /// Against the computer.
    pub(crate) with_bot: bool,
}

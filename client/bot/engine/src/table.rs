//! A table: one game in a room, with its players, its board message and its deadlines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    event::{Millis, Slot},
    games::{Game, Kind, Level, Seats, Turn},
    lang::{Lang, say},
    people::DAY,
};

const MINUTE: Millis = 60_000;
const NUDGE_AFTER: Millis = 3 * MINUTE;
const PAUSE_AFTER: Millis = 15 * MINUTE;
const CLOSE_AFTER: Millis = DAY;
const CLOSE_CHESS_AFTER: Millis = 7 * DAY;
/// A board that so many messages have pushed up is sent again.
const BURIED_AFTER: u32 = 50;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) id: u64,
    pub(crate) game: Game,
    pub(crate) players: Vec<Player>,
    /// Who started it.
    pub(crate) owner: String,
    pub(crate) level: Level,
    pub(crate) with_bot: bool,
    /// Waits for a second player: anybody, or this one.
    pub(crate) waiting: Option<Wanted>,
    /// Messages with the board, the newest last.
    pub(crate) boards: Vec<Slot>,
    /// Messages in the room since the newest board.
    pub(crate) buried: u32,
    /// Refused moves in a row, by person.
    pub(crate) refused: BTreeMap<String, u32>,
    pub(crate) draw_offer: Option<usize>,
    pub(crate) moved: Millis,
    pub(crate) nudged: bool,
    pub(crate) paused: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Wanted {
    Anybody,
    Person(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Player {
    /// The user id; the computer has none.
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) points: i64,
}

/// What a deadline brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Nudge,
    Pause,
    Close,
}

impl Table {
    pub(crate) fn kind(&self) -> Kind {
        self.game.kind()
    }

    pub(crate) fn seats(&self) -> Seats {
        self.kind().entry().seats
    }

    pub(crate) fn seat_of(&self, person: &str) -> Option<usize> {
        self.players
            .iter()
            .position(|player| player.id.as_deref() == Some(person))
    }

    /// The person whose turn it is, in a game of two.
    pub(crate) fn person_to_move(&self) -> Option<&Player> {
        if self.waiting.is_some() {
            return None;
        }
        match self.game.rules().turn() {
            Turn::Seat(seat) => self.players.get(seat).filter(|player| player.id.is_some()),
            _ => None,
        }
    }

    pub(crate) fn is_buried(&self) -> bool {
        self.buried >= BURIED_AFTER
    }

    fn close_after(&self) -> Millis {
        if self.kind() == Kind::Chess {
            CLOSE_CHESS_AFTER
        } else {
            CLOSE_AFTER
        }
    }

    /// When something happens at this table by itself.
    pub(crate) fn deadline(&self) -> Millis {
        if let Game::Quiz(quiz) = &self.game {
            return quiz.deadline().min(self.moved + CLOSE_AFTER);
        }
        let nudge = !self.nudged && self.person_to_move().is_some();
        let close = self.moved + self.close_after();
        if nudge {
            self.moved + NUDGE_AFTER
        } else if !self.paused {
            (self.moved + PAUSE_AFTER).min(close)
        } else {
            close
        }
    }

    /// What is due now, the most final first.
    pub(crate) fn due(&self, now: Millis) -> Option<Due> {
        let idle = now - self.moved;
        if idle >= self.close_after() {
            Some(Due::Close)
        } else if matches!(self.game, Game::Quiz(_)) {
            None
        } else if idle >= PAUSE_AFTER && !self.paused {
            Some(Due::Pause)
        } else if idle >= NUDGE_AFTER && !self.nudged && self.person_to_move().is_some() {
            Some(Due::Nudge)
        } else {
            None
        }
    }

    /// Somebody moved, joined or answered.
    pub(crate) fn is_alive_again(&mut self, now: Millis) {
        self.moved = now;
        self.nudged = false;
        self.paused = false;
    }

    /// The whole message with the board.
    pub(crate) fn view(&self, lang: Lang) -> String {
        let mut text = self.heading(lang);
        text.push('\n');
        if let Some(wanted) = &self.waiting {
            text.push_str(&self.invitation(wanted, lang));
            return text;
        }
        let names: Vec<String> = self
            .players
            .iter()
            .map(|player| player.name.clone())
            .collect();
        text.push_str(&self.game.rules().board(lang, &names));
        text.push_str(&self.what_now(lang));
        if self.paused {
            text.push_str(lang.pick(
                "\n⏸ Пауза: любой ход продолжит игру.",
                "\n⏸ Paused: any move goes on with the game.",
            ));
        }
        text
    }

    fn heading(&self, lang: Lang) -> String {
        let title = self.kind().entry().title(lang);
        let rules = self.game.rules();
        let mut heading = format!("**{title}**");
        if self.seats() == Seats::Two && self.waiting.is_none() {
            let players: Vec<String> = self
                .players
                .iter()
                .enumerate()
                .map(|(seat, player)| {
                    format!("{} {}", rules.sign(seat), player.name)
                        .trim()
                        .to_owned()
                })
                .collect();
            heading.push_str(" · ");
            heading.push_str(&players.join(" — "));
        } else if self.seats() == Seats::Together {
            heading.push_str(" · ");
            heading.push_str(self.level.word(lang));
        }
        heading
    }

    fn invitation(&self, wanted: &Wanted, lang: Lang) -> String {
        let name = self.players.first().map_or("", |player| &player.name);
        match wanted {
            Wanted::Anybody => say!(
                lang,
                "{name} ищет соперника. Вступить — нажать ➕ или `!вступить`; играть с ботом — 🤖.",
                "{name} looks for an opponent. Press ➕ or write `!join`; 🤖 to play against the bot."
            ),
            Wanted::Person(id) => say!(
                lang,
                "{name} зовёт {id}. Согласиться — нажать ➕ или `!вступить`.",
                "{name} invites {id}. Press ➕ or write `!join` to agree."
            ),
        }
    }

    fn what_now(&self, lang: Lang) -> String {
        let kind = self.kind();
        match self.game.rules().turn() {
            Turn::Seat(seat) => {
                let name = self.players.get(seat).map_or("?", |player| &player.name);
                let how = match kind {
                    Kind::TicTacToe | Kind::ConnectFour => lang.pick(
                        "цифра — реакцией или ответом",
                        "a digit, as a reaction or a reply",
                    ),
                    Kind::Five => lang.pick(
                        "ответьте клеткой, например д5",
                        "reply with a square, such as e5",
                    ),
                    Kind::Chess => lang.pick(
                        "ответьте ходом, например e4 или Кf3",
                        "reply with a move, such as e4 or Nf3",
                    ),
                    _ => lang.pick("🎲 бросить, ✋ хватит", "🎲 roll, ✋ hold"),
                };
                say!(
                    lang,
                    "Ход: **{name}** ({how})",
                    "To move: **{name}** ({how})"
                )
            }
            Turn::Anyone => {
                let how = match kind {
                    Kind::Hangman => lang.pick(
                        "Ответьте на это сообщение буквой или словом.",
                        "Reply to this message with a letter or the word.",
                    ),
                    Kind::Cities => lang.pick(
                        "Ответьте на это сообщение городом.",
                        "Reply to this message with a city.",
                    ),
                    Kind::FiveLetters => lang.pick(
                        "Ответьте на это сообщение словом.",
                        "Reply to this message with a word.",
                    ),
                    _ => lang.pick("Напишите число.", "Write a number."),
                };
                how.to_owned()
            }
            Turn::Over(_) => lang.pick("Игра окончена.", "The game is over.").to_owned(),
        }
    }
}

//! Moves at a table: who may, what comes of it, and how a game ends.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    event::Slot,
    games::{Game, Kind, Move, Outcome, Refused, Seats, Turn},
    lang::{Lang, say},
    output::{Output, Target, To},
    ratings::{Books, Entrant},
    step::{Caller, Step},
    table::{Player, Table},
};

/// Refused moves in a row after which the reason is said in words.
const PATIENCE: u32 = 3;
/// Boards of a table that still take replies and reactions.
const BOARDS: usize = 4;

/// Whether a table goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Open,
    Closed,
}

impl Table {
    /// Whether a message that is neither a command nor a reply is a move here: only what can hardly be anything else.
    pub(crate) fn takes_bare(&self, person: &str, text: &str) -> bool {
        match self.seats() {
            Seats::Two => {
                let mover = self
                    .person_to_move()
                    .and_then(|player| player.id.as_deref());
                mover == Some(person) && self.would(text) == Ok(())
            }
            Seats::Together => {
                let text = text.trim();
                match self.kind() {
                    Kind::Hangman => text.chars().count() == 1 && self.would(text) == Ok(()),
                    Kind::Bulls => text.len() >= 3 && self.would(text) == Ok(()),
                    _ => false,
                }
            }
        }
    }

    /// What would come of a move, without making it.
    fn would(&self, text: &str) -> Result<(), Refused> {
        if self.waiting.is_some() {
            return Err(Refused::NotAMove);
        }
        let mut copy = self.game.clone();
        let attempt = Move {
            seat: match copy.rules().turn() {
                Turn::Seat(seat) => seat,
                _ => self.players.len(),
            },
            text,
            lang: Lang::default(),
            chance: &mut ChaCha8Rng::seed_from_u64(0),
        };
        copy.rules_mut().play(attempt).map(|_| ())
    }
}

impl Step<'_> {
    pub(crate) fn table_of_slot(&self, room: &str, slot: &Slot) -> Option<u64> {
        let tables = &self.world.rooms.get(room)?.tables;
        let table = tables.iter().find(|table| table.boards.contains(slot))?;
        Some(table.id)
    }

    /// The table that a message without a reply is meant for.
    pub(crate) fn table_for_bare(&self, caller: Caller<'_>, text: &str) -> Option<u64> {
        let tables = &self.world.rooms.get(&caller.place.id)?.tables;
        let takes = |table: &&Table| {
            if !caller.place.direct {
                return table.takes_bare(&caller.sender.id, text);
            }
            // Whoever is alone with the bot answers a quiz or makes a move without more ado.
            match &table.game {
                Game::Quiz(quiz) => quiz.understands(text),
                _ => table.would(text) != Err(Refused::NotAMove) && text.chars().count() <= 40,
            }
        };
        tables.iter().find(takes).map(|table| table.id)
    }

    /// The table that `!move` is meant for: where it is the sender's turn, or where everybody plays.
    pub(crate) fn table_for_move(&self, caller: Caller<'_>) -> Option<u64> {
        let tables = &self.world.rooms.get(&caller.place.id)?.tables;
        let own = tables.iter().rev().find(|table| {
            table
                .person_to_move()
                .is_some_and(|player| player.id.as_deref() == Some(&caller.sender.id))
        });
        let any = || {
            let open = |table: &&Table| {
                table.seats() == Seats::Together || table.seat_of(&caller.sender.id).is_some()
            };
            tables.iter().rev().find(open)
        };
        own.or_else(any).map(|table| table.id)
    }

    /// Works on a table of a room and puts it back unless it is closed.
    pub(crate) fn with_table(
        &mut self,
        room: &str,
        id: u64,
        work: impl FnOnce(&mut Self, &mut Table) -> After,
    ) {
        let tables = &mut self.world.room_mut(room).tables;
        let Some(index) = tables.iter().position(|table| table.id == id) else {
            return;
        };
        let mut table = tables.remove(index);
        if work(self, &mut table) == After::Open {
            self.world.room_mut(room).tables.insert(index, table);
        }
    }

    /// Somebody tries a move in words.
    pub(crate) fn attempt(&mut self, caller: Caller<'_>, table: u64, text: &str) {
        self.with_table(&caller.place.id, table, |step, table| {
            step.play(caller, table, text)
        });
    }

    /// Somebody presses a reaction on a board.
    pub(crate) fn press(&mut self, caller: Caller<'_>, table: u64, key: &str) {
        self.with_table(&caller.place.id, table, |step, table| {
            let plain = |key: &str| key.replace('\u{fe0f}', "");
            if table.waiting.is_some() {
                match plain(key).as_str() {
                    "➕" => step.sit_down(caller, table),
                    "🤖" if table.owner == caller.sender.id => step.seat_the_bot(caller, table),
                    _ => After::Open,
                }
            } else if let Game::Quiz(_) = table.game {
                step.quiz_press(caller, table, key)
            } else if table
                .game
                .rules()
                .buttons()
                .iter()
                .any(|button| plain(button) == plain(key))
            {
                step.play(caller, table, key)
            } else {
                After::Open
            }
        });
    }

    fn play(&mut self, caller: Caller<'_>, table: &mut Table, text: &str) -> After {
        if table.waiting.is_some() {
            return After::Open;
        }
        if let Game::Quiz(_) = table.game {
            return self.quiz_answer(caller, table, text);
        }
        let person = &caller.sender.id;
        let seat = match (table.seats(), table.seat_of(person)) {
            (_, Some(seat)) => seat,
            (Seats::Together, None) => table.players.len(),
            (Seats::Two, None) => return After::Open,
        };
        let lang = caller.lang;
        if let Turn::Seat(mover) = table.game.rules().turn()
            && mover != seat
        {
            let refused = Refused::rule(lang, "Сейчас не ваш ход.", "It is not your turn.");
            self.refuse(caller, table, refused);
            return After::Open;
        }
        let attempt = Move {
            seat,
            text,
            lang,
            chance: &mut self.chance,
        };
        match table.game.rules_mut().play(attempt) {
            Ok(played) => {
                if seat == table.players.len() {
                    table.players.push(Player {
                        id: Some(person.clone()),
                        name: self.name_of(person),
                        points: 0,
                    });
                }
                table.players[seat].points += played.points;
                table.refused.remove(person);
                table.draw_offer = None;
                table.is_alive_again(self.now);
                self.bot_turns(table);
                self.show_or_finish(&caller.place.id, table, lang)
            }
            Err(refused) => {
                self.refuse(caller, table, refused);
                After::Open
            }
        }
    }

    /// A refused move gets a cross, and words after the third; talk that is no move gets nothing.
    fn refuse(&mut self, caller: Caller<'_>, table: &mut Table, refused: Refused) {
        let (Some(message), Refused::Against(reason)) = (caller.message, refused) else {
            return;
        };
        if !self.may_answer(caller) {
            return;
        }
        let count = table.refused.entry(caller.sender.id.clone()).or_default();
        *count += 1;
        if *count < PATIENCE {
            self.react(&caller.place.id, Target::Id(message.to_owned()), "❌");
        } else {
            *count = 0;
            self.answer(caller, reason);
        }
    }

    /// The computer moves until it is somebody else's turn.
    pub(crate) fn bot_turns(&mut self, table: &mut Table) {
        while let Turn::Seat(seat) = table.game.rules().turn() {
            if table
                .players
                .get(seat)
                .is_none_or(|player| player.id.is_some())
            {
                return;
            }
            let Some(text) = table.game.rules().bot_move(table.level, &mut self.chance) else {
                return;
            };
            let attempt = Move {
                seat,
                text: &text,
                lang: Lang::default(),
                chance: &mut self.chance,
            };
            if table.game.rules_mut().play(attempt).is_err() {
                return;
            }
        }
    }

    pub(crate) fn show_or_finish(&mut self, room: &str, table: &mut Table, lang: Lang) -> After {
        match table.game.rules().turn() {
            Turn::Over(outcome) => {
                self.show(room, table, lang);
                self.finish(room, table, outcome, lang);
                After::Closed
            }
            _ => {
                self.show(room, table, lang);
                After::Open
            }
        }
    }

    /// Edits the board, or sends it again when it is buried under other messages.
    pub(crate) fn show(&mut self, room: &str, table: &mut Table, lang: Lang) {
        let to_move = table.person_to_move().and_then(|player| player.id.clone());
        let mentions: Vec<String> = to_move.into_iter().collect();
        let text = table.view(lang);
        let to = To::Room(room.to_owned());
        if let (Some(board), false) = (table.boards.last(), table.is_buried()) {
            let edit_of = Some(board.clone());
            let slot = self.world.new_slot();
            self.outputs.push(Output::Send {
                to,
                slot,
                text,
                edit_of,
                reply_to: None,
                mentions,
            });
            return;
        }
        let slot = self.send_to(to, text, mentions);
        let buttons: &[&str] = match table.waiting {
            Some(_) => &["➕", "🤖"],
            None => table.game.rules().buttons(),
        };
        for button in buttons {
            self.react(room, Target::Slot(slot.clone()), button);
        }
        table.boards.push(slot);
        if table.boards.len() > BOARDS {
            table.boards.remove(0);
        }
        table.buried = 0;
    }

    /// A message went by in the room.
    pub(crate) fn bury(&mut self, room: &str) {
        if self.world.has_games(room) {
            for table in &mut self.world.room_mut(room).tables {
                table.buried = table.buried.saturating_add(1);
            }
        }
    }

    /// Tells how a game ended and counts it.
    pub(crate) fn finish(&mut self, room: &str, table: &Table, outcome: Outcome, lang: Lang) {
        let title = table.kind().entry().title(lang);
        let secret = table.game.rules().secret().unwrap_or_default().to_owned();
        let mut text = match outcome {
            Outcome::Won(seat) => {
                let name = table.players.get(seat).map_or("?", |player| &player.name);
                say!(
                    lang,
                    "🏁 {title}: победа — **{name}**!",
                    "🏁 {title}: **{name}** wins!"
                )
            }
            Outcome::Draw => say!(lang, "🏁 {title}: ничья.", "🏁 {title}: a draw."),
            Outcome::Solved if secret.is_empty() => {
                say!(lang, "🎉 {title}: победа!", "🎉 {title}: you win!")
            }
            Outcome::Solved => say!(
                lang,
                "🎉 {title}: отгадано — **{secret}**!",
                "🎉 {title}: solved, **{secret}**!"
            ),
            Outcome::Failed => say!(
                lang,
                "🏁 {title}: не вышло. Было загадано **{secret}**.",
                "🏁 {title}: not this time. It was **{secret}**."
            ),
        };
        let points = points_line(table);
        if !points.is_empty() {
            text.push('\n');
            text.push_str(&points);
        }
        if self.count(room, table, outcome) == Some(false) {
            text.push('\n');
            text.push_str(lang.pick(
                "В рейтинг не идёт: одна пара — не чаще раза в час.",
                "Not rated: the same two count once an hour.",
            ));
        }
        self.send(room, text);
    }

    /// Counts a finished game for the ratings; `None` when this kind of game is not rated.
    fn count(&mut self, room: &str, table: &Table, outcome: Outcome) -> Option<bool> {
        let entrant = |player: &Player| {
            let id = player.id.clone()?;
            Some(Entrant {
                id,
                name: player.name.clone(),
            })
        };
        let mut books = Books {
            world: self.world,
            settings: self.settings,
            now: self.now,
        };
        match table.players.as_slice() {
            [first, second] if table.seats() == Seats::Two => {
                let pair = [entrant(first)?, entrant(second)?];
                let score = match outcome {
                    Outcome::Won(0) => 2,
                    Outcome::Won(_) => 0,
                    _ => 1,
                };
                Some(books.count_pair(room, table.kind(), pair, score))
            }
            // A game that the computer plays along with is for fun.
            _ if table.with_bot => None,
            players => {
                for player in players.iter().filter(|player| player.points > 0) {
                    if let Some(who) = entrant(player) {
                        books.count_points(room, table.kind(), &who, player.points);
                    }
                }
                Some(true)
            }
        }
    }
}

fn points_line(table: &Table) -> String {
    let mut players: Vec<&Player> = table
        .players
        .iter()
        .filter(|player| player.points > 0)
        .collect();
    players.sort_by_key(|player| -player.points);
    let words: Vec<String> = players
        .iter()
        .map(|player| format!("{} — {}", player.name, player.points))
        .collect();
    words.join(", ")
}

//! Starting a game and sitting down at one.

use std::collections::BTreeMap;

use crate::{
    event::Millis,
    games::{Game, Kind, Level, Seats, Setup},
    lang::{Lang, say},
    moves::After,
    output::{Output, Target, To},
    step::{Caller, IN_CHARGE, Step},
    table::{Player, Table, Wanted},
};

const OPEN_PER_ROOM: usize = 3;
const STARTED_PER_PERSON: usize = 2;
const BETWEEN_STARTS: Millis = 20_000;

/// What was typed after `!start`.
#[derive(Debug, Default)]
struct Wish {
    kind: Option<Kind>,
    level: Level,
    with_bot: bool,
    opponent: Option<String>,
    rest: Vec<String>,
}

impl Wish {
    fn parse(words: &str, mentions: &[String], own_id: &str) -> Self {
        let mut words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let mut wish = Self::default();
        // Names of several words are written with hyphens in the catalogue: "пять в ряд".
        for count in (1..=3.min(words.len())).rev() {
            if let Some(kind) = Kind::parse(&words[..count].join("-")) {
                wish.kind = Some(kind);
                words.drain(..count);
                break;
            }
        }
        let mut named = mentions.iter().filter(|id| *id != own_id);
        wish.opponent = named.next().cloned();
        wish.with_bot = mentions.iter().any(|id| id == own_id);
        for word in words {
            let plain = crate::lang::fold(&word);
            if let Some(level) = Level::parse(&plain) {
                wish.level = level;
            } else if matches!(plain.as_str(), "бот" | "ботом" | "bot" | "@bot" | "@бот")
            {
                wish.with_bot = true;
            } else if word.starts_with('@') && word.contains(':') {
                wish.with_bot |= word == own_id;
                wish.opponent = wish.opponent.or(Some(word)).filter(|id| id != own_id);
            } else if plain != "с" && plain != "with" && plain != "против" {
                wish.rest.push(word);
            }
        }
        wish
    }
}

impl Step<'_> {
    pub(crate) fn start(&mut self, caller: Caller<'_>, words: &str, mentions: &[String]) {
        let lang = caller.lang;
        let wish = Wish::parse(words, mentions, &self.settings.own_id);
        let Some(kind) = wish.kind else {
            return self.list_games(caller);
        };
        if kind == Kind::Quiz {
            return self.start_quiz(caller, &wish.rest.join(" "));
        }
        if let Some(refusal) = self.why_not(caller) {
            self.answer(caller, refusal);
            return;
        }
        if wish.opponent.as_deref() == Some(&caller.sender.id) {
            let text = lang.pick(
                "С собой играть скучно.",
                "Playing against yourself is dull.",
            );
            self.answer(caller, text.to_owned());
            return;
        }
        let two = kind.entry().seats == Seats::Two;
        let with_bot = kind.entry().bot && (wish.with_bot || (two && caller.place.direct));
        let setup = Setup {
            lang,
            level: wish.level,
            with_bot,
        };
        let Some(game) = Game::new(kind, &setup, &mut self.chance) else {
            return;
        };
        let waiting = (two && !with_bot).then(|| {
            wish.opponent
                .clone()
                .map_or(Wanted::Anybody, Wanted::Person)
        });
        let mut table = self.lay(caller, game, wish.level);
        table.with_bot = with_bot;
        table.waiting = waiting;
        if two {
            table.players.push(self.player(caller));
        }
        if two && with_bot {
            table.players.push(computer(wish.level, lang));
        }
        self.bot_turns(&mut table);
        self.show(&caller.place.id, &mut table, lang);
        if let Some(Wanted::Person(_)) = table.waiting {
            self.mention_wanted(&table);
        }
        self.open(caller, table);
    }

    /// A table with nobody at it yet.
    pub(crate) fn lay(&mut self, caller: Caller<'_>, game: Game, level: Level) -> Table {
        Table {
            id: self.world.new_table_id(),
            game,
            players: Vec::new(),
            owner: caller.sender.id.clone(),
            level,
            with_bot: false,
            waiting: None,
            boards: Vec::new(),
            buried: 0,
            refused: BTreeMap::new(),
            draw_offer: None,
            moved: self.now,
            nudged: false,
            paused: false,
        }
    }

    pub(crate) fn open(&mut self, caller: Caller<'_>, table: Table) {
        let now = self.now;
        let room = self.world.room_mut(&caller.place.id);
        room.last_start = Some(now);
        room.tables.push(table);
    }

    fn player(&self, caller: Caller<'_>) -> Player {
        Player {
            id: Some(caller.sender.id.clone()),
            name: self.name_of(&caller.sender.id),
            points: 0,
        }
    }

    /// The invited person is mentioned once, with the invitation.
    fn mention_wanted(&mut self, table: &Table) {
        let (Some(Wanted::Person(id)), Some(Output::Send { mentions, .. })) = (
            &table.waiting,
            self.outputs
                .iter_mut()
                .rev()
                .find(|output| matches!(output, Output::Send { .. })),
        ) else {
            return;
        };
        mentions.push(id.clone());
    }

    /// Why nothing may be started here and now.
    pub(crate) fn why_not(&self, caller: Caller<'_>) -> Option<String> {
        let lang = caller.lang;
        let place = caller.place;
        let room = self.world.rooms.get(&place.id);
        let in_charge = caller.sender.power >= IN_CHARGE && !place.direct;
        let switch = room.and_then(|room| room.switch).or(place.class_games);
        let text = |russian: &str, english: &str| Some(lang.pick(russian, english).to_owned());
        if switch == Some(false) {
            return text(
                "Игры в этой комнате выключены. Включить может ведущий: `!бот вкл`.",
                "Games are switched off in this room. Whoever leads it can switch them on: `!bot on`.",
            );
        }
        if place.announcements && switch != Some(true) && !in_charge {
            return text(
                "В комнате объявлений игры начинает ведущий.",
                "In a room for announcements, whoever leads it starts games.",
            );
        }
        let is_teacher = self.settings.teachers.contains(&caller.sender.id);
        if place.lesson && !in_charge && !is_teacher {
            return text(
                "Идёт занятие: игру может начать преподаватель. Остальные — на перемене.",
                "A lesson is going on: a teacher may start a game, everybody else in the break.",
            );
        }
        if room.is_some_and(|room| room.tables.len() >= OPEN_PER_ROOM) {
            return text(
                "Здесь уже идут три игры. Доиграйте одну из них.",
                "Three games are open here. Finish one of them first.",
            );
        }
        let tables = self.world.rooms.values().flat_map(|room| &room.tables);
        let own = tables
            .filter(|table| table.owner == caller.sender.id)
            .count();
        if own >= STARTED_PER_PERSON {
            return text(
                "Вы уже начали две игры. Доиграйте одну из них или остановите: `!стоп`.",
                "You have started two games. Finish one or stop it: `!stop`.",
            );
        }
        let since = room
            .and_then(|room| room.last_start)
            .map(|last| self.now - last);
        if let Some(since) = since.filter(|since| (0..BETWEEN_STARTS).contains(since)) {
            let wait = (BETWEEN_STARTS - since + 999) / 1000;
            return Some(say!(
                lang,
                "Подождите {wait} с: игры начинают не чаще раза в 20 секунд.",
                "Wait {wait} s: games start at most every 20 seconds."
            ));
        }
        None
    }

    /// `!join`: the newest table that waits for this person.
    pub(crate) fn join(&mut self, caller: Caller<'_>) {
        let person = &caller.sender.id;
        let waits = |table: &&Table| match &table.waiting {
            Some(Wanted::Anybody) => table.owner != *person,
            Some(Wanted::Person(id)) => id == person,
            None => table.gathers() && table.seat_of(person).is_none(),
        };
        let tables = self
            .world
            .rooms
            .get(&caller.place.id)
            .map_or(&[][..], |room| &room.tables);
        let Some(id) = tables.iter().rev().find(waits).map(|table| table.id) else {
            if self.may_answer(caller) {
                let lang = caller.lang;
                let text = lang.pick(
                    "Сейчас никто не ждёт соперника. Начать самому: `!игры`.",
                    "Nobody is waiting for an opponent. To start a game: `!games`.",
                );
                self.answer(caller, text.to_owned());
            }
            return;
        };
        self.with_table(&caller.place.id, id, |step, table| {
            if table.gathers() {
                return step.quiz_join(caller, table);
            }
            step.sit_down(caller, table)
        });
    }

    pub(crate) fn sit_down(&mut self, caller: Caller<'_>, table: &mut Table) -> After {
        let person = &caller.sender.id;
        let welcome = match &table.waiting {
            Some(Wanted::Anybody) => table.owner != *person,
            Some(Wanted::Person(id)) => id == person,
            None => false,
        };
        if !welcome {
            return After::Open;
        }
        table.players.push(self.player(caller));
        self.begin(caller, table)
    }

    /// Whoever waits in vain plays against the computer.
    pub(crate) fn seat_the_bot(&mut self, caller: Caller<'_>, table: &mut Table) -> After {
        if !table.kind().entry().bot {
            return After::Open;
        }
        table.with_bot = true;
        table.players.push(computer(table.level, caller.lang));
        self.begin(caller, table)
    }

    fn begin(&mut self, caller: Caller<'_>, table: &mut Table) -> After {
        table.waiting = None;
        table.is_alive_again(self.now);
        self.bot_turns(table);
        // The invitation stays what it was; the board is a message of its own, with its own buttons.
        if let Some(invitation) = table.boards.last() {
            let text = table.kind().entry().title(caller.lang);
            let text = say!(
                caller.lang,
                "**{text}**: начали! ⬇️",
                "**{text}**: it begins! ⬇️"
            );
            let edit_of = Some(invitation.clone());
            let slot = self.world.new_slot();
            self.outputs.push(Output::Send {
                to: To::Room(caller.place.id.clone()),
                slot,
                text,
                edit_of,
                reply_to: None,
                mentions: Vec::new(),
            });
        }
        table.boards.clear();
        self.show(&caller.place.id, table, caller.lang);
        After::Open
    }

    /// A sign on the message that was understood and needs no words.
    pub(crate) fn nod(&mut self, caller: Caller<'_>, key: &str) {
        if let Some(message) = caller.message {
            self.react(&caller.place.id, Target::Id(message.to_owned()), key);
        }
    }
}

fn computer(level: Level, lang: Lang) -> Player {
    let level = level.word(lang);
    Player {
        id: None,
        name: say!(lang, "бот ({level})", "bot ({level})"),
        points: 0,
    }
}

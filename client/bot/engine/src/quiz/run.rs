//! Running a quiz in a room: questions, answers, breaks, the end.

use super::{
    learning::mistakes_text,
    play::{BREAK, GATHER, Phase, Quiz},
    shelf,
};
use crate::{
    event::Slot,
    games::{Game, Kind, Level},
    lang::{Lang, fold, say},
    moves::After,
    output::{Target, To},
    ratings::{Books, Entrant},
    step::{Caller, IN_CHARGE, Step},
    table::Table,
};

pub(super) const QUESTIONS: usize = 10;
const MOST_QUESTIONS: usize = 50;
const SECONDS: i64 = 30;
const KEYS: [&str; 6] = ["1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣"];

impl Table {
    pub(crate) fn quiz_mut(&mut self) -> Option<&mut Quiz> {
        match &mut self.game {
            Game::Quiz(quiz) => Some(quiz),
            _ => None,
        }
    }

    /// A quiz in secret mode that people can still join.
    pub(crate) fn gathers(&self) -> bool {
        matches!(&self.game, Game::Quiz(quiz) if matches!(quiz.phase, Phase::Gathering { .. }))
    }
}

/// What was typed after `!quiz`.
struct Wish {
    name: String,
    count: usize,
    seconds: i64,
    secret: bool,
}

impl Wish {
    fn parse(words: &str) -> Self {
        let mut wish = Self {
            name: String::new(),
            count: QUESTIONS,
            seconds: SECONDS,
            secret: false,
        };
        let mut name = Vec::new();
        let mut numbers = Vec::new();
        for word in words.split_whitespace() {
            let digits = word.trim_end_matches(['с', 's', 'c']);
            match fold(word).as_str() {
                "тайно" | "тайный" | "secret" => wish.secret = true,
                _ => match digits.parse::<i64>() {
                    Ok(number) => numbers.push(number),
                    Err(_) => name.push(word),
                },
            }
        }
        wish.name = name.join(" ");
        if let Some(count) = numbers.first() {
            wish.count = (*count).clamp(1, MOST_QUESTIONS as i64) as usize;
        }
        if let Some(seconds) = numbers.get(1) {
            wish.seconds = (*seconds).clamp(5, 300);
        }
        wish
    }
}

impl Step<'_> {
    pub(crate) fn start_quiz(&mut self, caller: Caller<'_>, words: &str) {
        let lang = caller.lang;
        let wish = Wish::parse(words);
        let visible = shelf::visible(self.world, &caller.sender.id, &caller.place.id);
        let Some(found) = shelf::find(visible, &wish.name, lang) else {
            return self.list_packs(caller);
        };
        if let Some(refusal) = self.why_not(caller) {
            self.answer(caller, refusal);
            return;
        }
        let mut quiz = Quiz::new(found.pack, &found.id, wish.count, &mut self.chance);
        quiz.limit = wish.seconds * 1000;
        quiz.alone = caller.place.direct;
        quiz.secret = wish.secret && !caller.place.direct;
        self.begin_quiz(caller, quiz);
    }

    pub(crate) fn begin_quiz(&mut self, caller: Caller<'_>, quiz: Quiz) {
        let lang = caller.lang;
        let secret = quiz.secret;
        let title = quiz.title.clone();
        let mut table = self.lay(caller, Game::Quiz(Box::new(quiz)), Level::Medium);
        if secret {
            let until = self.now + GATHER;
            if let Some(quiz) = table.quiz_mut() {
                quiz.phase = Phase::Gathering { until };
            }
            let slot = self.send(
                &caller.place.id,
                say!(
                    lang,
                    "**Викторина: {title}**. Вопросы придут в личный чат с ботом. Участвую — ➕ или `!вступить`; начнём через 30 секунд.",
                    "**Quiz: {title}**. Questions come to a direct chat with the bot. Press ➕ or write `!join` to take part; it begins in 30 seconds."
                ),
            );
            self.react(&caller.place.id, Target::Slot(slot.clone()), "➕");
            table.boards.push(slot);
        } else {
            self.ask(&caller.place.id, &mut table, lang);
        }
        self.open(caller, table);
    }

    /// Asks the current question.
    fn ask(&mut self, room: &str, table: &mut Table, lang: Lang) {
        let now = self.now;
        table.is_alive_again(now);
        let Some(quiz) = table.quiz_mut() else {
            return;
        };
        quiz.given.clear();
        quiz.asked_in.clear();
        quiz.phase = Phase::Asking {
            since: now,
            until: now + quiz.limit,
        };
        let text = quiz.question_text(lang);
        let count = quiz.current().map_or(0, |asked| asked.order.len());
        let people: Vec<String> = quiz.totals.keys().cloned().collect();
        let secret = quiz.secret;
        let slot = self.send(room, text.clone());
        if !secret {
            for key in KEYS.iter().take(count) {
                self.react(room, Target::Slot(slot.clone()), key);
            }
            table.boards.push(slot);
            if table.boards.len() > 3 {
                table.boards.remove(0);
            }
            return;
        }
        for person in people {
            let to = To::Person(person.clone());
            let slot = self.send_to(to.clone(), text.clone(), Vec::new());
            for key in KEYS.iter().take(count) {
                self.outputs.push(crate::output::Output::React {
                    to: to.clone(),
                    on: Target::Slot(slot.clone()),
                    key: (*key).to_owned(),
                });
            }
            if let Some(quiz) = table.quiz_mut() {
                quiz.asked_in.push((slot, person));
            }
        }
    }

    pub(crate) fn quiz_press(&mut self, caller: Caller<'_>, table: &mut Table, key: &str) -> After {
        if table.gathers() && key.replace('\u{fe0f}', "") == "➕" {
            return self.quiz_join(caller, table);
        }
        self.quiz_answer(caller, table, key)
    }

    pub(crate) fn quiz_join(&mut self, caller: Caller<'_>, table: &mut Table) -> After {
        let name = self.name_of(&caller.sender.id);
        if let Some(quiz) = table.quiz_mut() {
            quiz.totals
                .entry(caller.sender.id.clone())
                .or_default()
                .name = name;
        }
        self.nod(caller, "✅");
        After::Open
    }

    pub(crate) fn quiz_answer(
        &mut self,
        caller: Caller<'_>,
        table: &mut Table,
        text: &str,
    ) -> After {
        let name = self.name_of(&caller.sender.id);
        let now = self.now;
        let Some(quiz) = table.quiz_mut() else {
            return After::Open;
        };
        if quiz.secret && !caller.place.direct {
            return After::Open;
        }
        let Some(choice) = quiz.current().and_then(|asked| asked.choice(text)) else {
            return After::Open;
        };
        if !quiz.give(&caller.sender.id, &name, choice, now) {
            return After::Open;
        }
        let everybody = quiz.alone || (quiz.secret && quiz.given.len() >= quiz.totals.len());
        table.moved = now;
        if everybody {
            let room = self.room_of_table(caller, table);
            let lang = self.world.lang(&room, self.settings);
            return self.reveal(&room, table, lang);
        }
        After::Open
    }

    /// The room of a table whose answers may come from elsewhere. The table itself is out of its room just now.
    fn room_of_table(&self, caller: Caller<'_>, table: &Table) -> String {
        self.secret_room
            .clone()
            .filter(|_| matches!(&table.game, Game::Quiz(quiz) if quiz.secret))
            .unwrap_or_else(|| caller.place.id.clone())
    }

    /// An answer in a direct chat to a quiz in secret mode elsewhere.
    pub(crate) fn secret_answer(&mut self, caller: Caller<'_>, text: &str) -> bool {
        if !caller.place.direct {
            return false;
        }
        let person = &caller.sender.id;
        let takes = |quiz: &Quiz| {
            quiz.secret
                && quiz.asked_in.iter().any(|(_, asked)| asked == person)
                && quiz.understands(text)
        };
        let found = self.find_quiz(takes);
        let Some((room, table)) = found else {
            return false;
        };
        self.nod(caller, "✅");
        self.answer_elsewhere(caller, &room, table, text);
        true
    }

    /// A reaction in a direct chat to a quiz in secret mode elsewhere.
    pub(crate) fn secret_reaction(&mut self, caller: Caller<'_>, slot: &Slot, key: &str) -> bool {
        if !caller.place.direct {
            return false;
        }
        let person = &caller.sender.id;
        let takes = |quiz: &Quiz| {
            quiz.is_asking()
                && quiz
                    .asked_in
                    .iter()
                    .any(|(asked, who)| asked == slot && who == person)
        };
        let Some((room, table)) = self.find_quiz(takes) else {
            return false;
        };
        self.answer_elsewhere(caller, &room, table, key);
        true
    }

    fn answer_elsewhere(&mut self, caller: Caller<'_>, room: &str, table: u64, text: &str) {
        self.secret_room = Some(room.to_owned());
        self.with_table(room, table, |step, table| {
            step.quiz_answer(caller, table, text)
        });
        self.secret_room = None;
    }

    fn find_quiz(&self, takes: impl Fn(&Quiz) -> bool) -> Option<(String, u64)> {
        for (id, room) in &self.world.rooms {
            for table in &room.tables {
                if let Game::Quiz(quiz) = &table.game
                    && takes(quiz)
                {
                    return Some((id.clone(), table.id));
                }
            }
        }
        None
    }

    /// Shows the right answer and learns from the others.
    fn reveal(&mut self, room: &str, table: &mut Table, lang: Lang) -> After {
        let now = self.now;
        let Some(quiz) = table.quiz_mut() else {
            return After::Closed;
        };
        quiz.close_question();
        let is_last = quiz.at + 1 >= quiz.questions.len();
        let pause = if quiz.alone { 0 } else { BREAK };
        quiz.phase = Phase::Break { until: now + pause };
        let text = quiz.reveal_text(lang);
        let learnt = quiz.clone();
        self.learn(&learnt);
        if learnt.secret {
            for person in learnt.totals.keys() {
                self.send_to(To::Person(person.clone()), text.clone(), Vec::new());
            }
        }
        self.send(room, text);
        if learnt.alone || is_last {
            return self.go_on(room, table, lang);
        }
        After::Open
    }

    /// The next question, or the end.
    fn go_on(&mut self, room: &str, table: &mut Table, lang: Lang) -> After {
        let Some(quiz) = table.quiz_mut() else {
            return After::Closed;
        };
        quiz.at += 1;
        if quiz.at < quiz.questions.len() {
            self.ask(room, table, lang);
            return After::Open;
        }
        self.end(room, table, lang);
        After::Closed
    }

    fn end(&mut self, room: &str, table: &Table, lang: Lang) {
        let Game::Quiz(quiz) = &table.game else {
            return;
        };
        let mut text = quiz.standing(lang);
        if quiz.totals.is_empty() {
            text = lang
                .pick(
                    "Викторина окончена, никто не играл.",
                    "The quiz is over; nobody played.",
                )
                .to_owned();
        } else if quiz.totals.values().any(|total| !total.missed.is_empty()) {
            text.push_str(lang.pick(
                "Разобрать свои ошибки: `!ошибки` в личном чате с ботом. Они вернутся через 1, 3 и 7 дней: `!повтор`.",
                "To see your mistakes: `!mistakes` in a direct chat with the bot. They return after 1, 3 and 7 days: `!repeat`.",
            ));
        }
        self.send(room, text);
        if quiz.secret {
            for (person, total) in &quiz.totals {
                let text = mistakes_text(quiz, &total.missed, lang);
                self.send_to(To::Person(person.clone()), text, Vec::new());
            }
        }
        self.keep_results(quiz);
        if quiz.pack.is_none() || quiz.alone {
            return;
        }
        let mut books = Books {
            world: self.world,
            settings: self.settings,
            now: self.now,
        };
        for (person, total) in &quiz.totals {
            if total.points > 0 {
                let who = Entrant {
                    id: person.clone(),
                    name: total.name.clone(),
                };
                books.count_points(room, Kind::Quiz, &who, total.points);
            }
        }
    }

    pub(crate) fn quiz_is_due(&mut self, room: &str, table: &mut Table) -> After {
        let lang = self.world.lang(room, self.settings);
        let now = self.now;
        let phase = table.quiz_mut().map(|quiz| quiz.phase);
        match phase {
            Some(Phase::Gathering { until }) if until <= now => {
                if table.quiz_mut().is_some_and(|quiz| quiz.totals.is_empty()) {
                    self.end(room, table, lang);
                    return After::Closed;
                }
                self.ask(room, table, lang);
                After::Open
            }
            Some(Phase::Asking { until, .. }) if until <= now => self.reveal(room, table, lang),
            Some(Phase::Break { until }) if until <= now => self.go_on(room, table, lang),
            Some(Phase::Over) | None => After::Closed,
            _ => After::Open,
        }
    }

    pub(crate) fn quiz_stop(&mut self, room: &str, table: &Table) -> After {
        let lang = self.world.lang(room, self.settings);
        self.end(room, table, lang);
        After::Closed
    }

    /// `!next`: whoever started the quiz does not wait for the clock.
    pub(crate) fn quiz_next(&mut self, caller: Caller<'_>) {
        let in_charge = caller.sender.power >= IN_CHARGE;
        let tables = self
            .world
            .rooms
            .get(&caller.place.id)
            .map_or(&[][..], |room| &room.tables);
        let found = tables.iter().find(|table| {
            matches!(table.game, Game::Quiz(_)) && (table.owner == caller.sender.id || in_charge)
        });
        let Some(id) = found.map(|table| table.id) else {
            return;
        };
        self.with_table(&caller.place.id, id, |step, table| {
            let now = step.now;
            if let Some(quiz) = table.quiz_mut() {
                quiz.phase = match quiz.phase {
                    Phase::Gathering { .. } => Phase::Gathering { until: now },
                    Phase::Asking { since, .. } => Phase::Asking { since, until: now },
                    Phase::Break { .. } => Phase::Break { until: now },
                    Phase::Over => Phase::Over,
                };
            }
            step.quiz_is_due(&caller.place.id, table)
        });
    }
}

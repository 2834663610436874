//! Commands and what the bot says to them.

use crate::{
    commands::{Command, Verb, name},
    event::Place,
    games::{CATALOGUE, Game, Kind, Outcome, Seats, dice_roll},
    lang::{Lang, fold, say},
    moves::After,
    output::{Output, To},
    ratings::{Scope, Span, show},
    step::{Caller, IN_CHARGE, Step},
    world::Rows,
};

impl Step<'_> {
    pub(crate) fn command(&mut self, caller: Caller<'_>, command: &Command, mentions: &[String]) {
        let rest = command.rest.as_str();
        match command.verb {
            // Moves and joins are answered by the board, so they cost nothing of the sender's allowance.
            Verb::Move => return self.move_command(caller, rest),
            Verb::Join => return self.join(caller),
            _ => {}
        }
        if !self.may_answer(caller) {
            return;
        }
        match command.verb {
            Verb::Games => self.list_games(caller),
            Verb::Help => self.help(caller, rest),
            Verb::Start => self.start(caller, rest, mentions),
            Verb::Resign => self.resign(caller),
            Verb::Draw => self.draw(caller),
            Verb::Stop => self.stop(caller),
            Verb::Score => self.score(caller),
            Verb::Top => self.top(caller, rest),
            Verb::Rules => self.rules(caller, rest),
            Verb::Language => self.language(caller, rest),
            Verb::Quiz => self.start_quiz(caller, rest),
            Verb::Packs => self.packs(caller, rest),
            Verb::Next => self.quiz_next(caller),
            Verb::Repeat => self.repeat(caller),
            Verb::Mistakes => self.mistakes(caller),
            Verb::ForgetMe => self.forget(caller, rest),
            Verb::Dice => self.dice(caller, rest),
            Verb::Support => self.support(caller, rest),
            Verb::Ask => self.question(caller, rest),
            Verb::Switch => self.switch(caller, rest),
            Verb::Move | Verb::Join => {}
        }
    }

    fn move_command(&mut self, caller: Caller<'_>, text: &str) {
        if let Some(table) = self.table_for_move(caller) {
            self.attempt(caller, table, text);
        } else if self.may_answer(caller) {
            let text = caller.lang.pick(
                "Здесь сейчас нет игры: `!игры`.",
                "No game is open here: `!games`.",
            );
            self.answer(caller, text.to_owned());
        }
    }

    pub(crate) fn list_games(&mut self, caller: Caller<'_>) {
        let lang = caller.lang;
        let start = name(Verb::Start, lang);
        let mut text = lang.pick("**Игры**\n", "**Games**\n").to_owned();
        for entry in &CATALOGUE {
            let title = entry.title(lang);
            let word = entry.name(lang);
            if entry.kind == Kind::Quiz {
                text.push_str(&format!("• {title} — `!{}`\n", name(Verb::Quiz, lang)));
            } else {
                text.push_str(&format!("• {title} — `!{start} {word}`\n"));
            }
        }
        text.push_str(lang.pick(
            "С человеком: `!старт шахматы @имя:сервер`, с ботом: `!старт шахматы бот сложно` (легко, средне, сложно). Правила: `!правила шахматы`.",
            "Against somebody: `!start chess @name:server`, against the bot: `!start chess bot hard` (easy, medium, hard). Rules: `!rules chess`.",
        ));
        self.answer(caller, text);
    }

    fn help(&mut self, caller: Caller<'_>, rest: &str) {
        if Kind::parse(&rest.replace(' ', "-")).is_some() {
            return self.rules(caller, rest);
        }
        let text = caller.lang.pick(
            "**Команды** (можно по-русски и по-английски)\n\
             `!игры` — какие есть игры\n\
             `!старт игра [@соперник | бот] [легко | сложно]` — начать\n\
             `!ход e4` или просто ответ на доску — пойти\n\
             `!вступить`, `!сдаюсь`, `!ничья`, `!стоп`\n\
             `!счёт`, `!рейтинг [неделя | месяц | всё] [игра]`\n\
             `!правила игра`, `!кости 2d6`\n\
             `!викторина` — паки и как начать; `!повтор` — вопросы, где вы ошиблись\n\
             `!квиз` — свои вопросы: проверить, загрузить, результаты\n\
             `!вопрос как отправить файл` — справка; `!поддержка текст` — написать тем, кто следит за сервером\n\
             `!язык en`, `!бот вкл|выкл` (ведущие), `!забудь меня`",
            "**Commands** (in English and in Russian)\n\
             `!games` — which games there are\n\
             `!start game [@opponent | bot] [easy | hard]` — start one\n\
             `!move e4` or just a reply to the board — move\n\
             `!join`, `!resign`, `!draw`, `!stop`\n\
             `!score`, `!top [week | month | all] [game]`\n\
             `!rules game`, `!dice 2d6`\n\
             `!quiz` — packs and how to start; `!repeat` — questions that you missed\n\
             `!pack` — your own questions: check, import, results\n\
             `!ask how do I send a file` — help; `!support text` — write to those who look after the server\n\
             `!lang ru`, `!bot on|off` (those in charge), `!forget me`",
        );
        self.answer(caller, text.to_owned());
    }

    fn rules(&mut self, caller: Caller<'_>, rest: &str) {
        let tables = self
            .world
            .rooms
            .get(&caller.place.id)
            .map_or(&[][..], |room| &room.tables);
        let open = tables.last().map(crate::table::Table::kind);
        let Some(kind) = Kind::parse(&rest.replace(' ', "-")).or(open) else {
            return self.list_games(caller);
        };
        let entry = kind.entry();
        let lang = caller.lang;
        self.answer(
            caller,
            format!("**{}**\n{}", entry.title(lang), entry.rules(lang)),
        );
    }

    fn language(&mut self, caller: Caller<'_>, rest: &str) {
        let Some(lang) = Lang::parse(rest) else {
            let text = caller.lang.pick(
                "Языки: `!язык ru`, `!язык en`.",
                "Languages: `!lang ru`, `!lang en`.",
            );
            self.answer(caller, text.to_owned());
            return;
        };
        self.world.room_mut(&caller.place.id).lang = Some(lang);
        let text = lang.pick("Говорим по-русски.", "We speak English.");
        self.answer(caller, text.to_owned());
    }

    /// The newest game for two in which somebody sits.
    fn duel_of(&self, place: &Place, person: &str) -> Option<u64> {
        let room = self.world.rooms.get(&place.id)?;
        let duel = room.tables.iter().rev().find(|table| {
            table.seats() == Seats::Two
                && table.waiting.is_none()
                && table.seat_of(person).is_some()
        });
        duel.map(|table| table.id)
    }

    fn resign(&mut self, caller: Caller<'_>) {
        let person = caller.sender.id.clone();
        let Some(id) = self.duel_of(caller.place, &person) else {
            return self.stop(caller);
        };
        self.with_table(&caller.place.id, id, |step, table| {
            if let Some(seat) = table.seat_of(&person) {
                step.finish(
                    &caller.place.id,
                    table,
                    Outcome::Won(1 - seat.min(1)),
                    caller.lang,
                );
            }
            After::Closed
        });
    }

    fn draw(&mut self, caller: Caller<'_>) {
        let person = caller.sender.id.clone();
        let lang = caller.lang;
        let Some(id) = self.duel_of(caller.place, &person) else {
            let text = lang.pick("У вас здесь нет такой игры.", "You have no such game here.");
            self.answer(caller, text.to_owned());
            return;
        };
        self.with_table(&caller.place.id, id, |step, table| {
            let seat = table.seat_of(&person).unwrap_or(0);
            if table.with_bot {
                let text = lang.pick(
                    "Бот не согласен: играем дальше.",
                    "The bot declines: play on.",
                );
                step.answer(caller, text.to_owned());
                return After::Open;
            }
            if table.draw_offer == Some(1 - seat.min(1)) {
                step.finish(&caller.place.id, table, Outcome::Draw, lang);
                return After::Closed;
            }
            table.draw_offer = Some(seat);
            let other = table
                .players
                .get(1 - seat.min(1))
                .and_then(|player| player.id.clone());
            let name = other
                .as_deref()
                .map(|id| step.name_of(id))
                .unwrap_or_default();
            let text = say!(
                lang,
                "Предложена ничья. {name}, если согласны — `!ничья`, если нет — просто ходите.",
                "A draw is offered. {name}, agree with `!draw`, or just move."
            );
            step.send_to(
                To::Room(caller.place.id.clone()),
                text,
                other.into_iter().collect(),
            );
            After::Open
        });
    }

    /// Ends a game without a result: whoever started it, and those in charge. A game of two people is resigned instead.
    pub(crate) fn stop(&mut self, caller: Caller<'_>) {
        let lang = caller.lang;
        let in_charge = caller.sender.power >= IN_CHARGE && !caller.place.direct;
        let tables = self
            .world
            .rooms
            .get(&caller.place.id)
            .map_or(&[][..], |room| &room.tables);
        let mine = |owner: &str| owner == caller.sender.id || caller.place.direct || in_charge;
        let found = tables.iter().rev().find(|table| mine(&table.owner));
        let Some(table) = found else {
            let text = lang.pick(
                "Остановить игру может тот, кто её начал, или ведущий комнаты.",
                "Whoever started a game can stop it, or whoever leads the room.",
            );
            self.answer(caller, text.to_owned());
            return;
        };
        let is_duel = table.seats() == Seats::Two && !table.with_bot && table.waiting.is_none();
        if is_duel && !in_charge {
            let text = lang.pick(
                "Игру двоих не останавливают: `!сдаюсь` или `!ничья`.",
                "A game of two is not stopped: `!resign` or `!draw`.",
            );
            self.answer(caller, text.to_owned());
            return;
        }
        let id = table.id;
        self.with_table(&caller.place.id, id, |step, table| {
            if matches!(table.game, Game::Quiz(_)) {
                return step.quiz_stop(&caller.place.id, table);
            }
            let title = table.kind().entry().title(lang);
            let mut text = say!(lang, "⏹ {title}: игра остановлена.", "⏹ {title}: stopped.");
            if let Some(secret) = table.game.rules().secret() {
                text.push_str(&say!(
                    lang,
                    " Было загадано **{secret}**.",
                    " It was **{secret}**."
                ));
            }
            step.answer(caller, text);
            After::Closed
        });
    }

    fn score(&mut self, caller: Caller<'_>) {
        let lang = caller.lang;
        let tables = self
            .world
            .rooms
            .get(&caller.place.id)
            .map_or(&[][..], |room| &room.tables);
        let mut text = String::new();
        for table in tables {
            text.push_str(&table.standing(lang));
            text.push('\n');
        }
        if text.is_empty() {
            text.push_str(lang.pick(
                "Здесь сейчас нет игры: `!игры`.",
                "No game is open here: `!games`.",
            ));
        }
        self.answer(caller, text);
    }

    fn top(&mut self, caller: Caller<'_>, rest: &str) {
        let mut span = Span::Week;
        let mut kind = None;
        let class = self
            .world
            .rooms
            .get(&caller.place.id)
            .and_then(|room| room.class.clone());
        let mut scope = if caller.place.direct {
            Scope::Academy
        } else {
            Scope::Room(caller.place.id.clone())
        };
        for word in rest.split_whitespace() {
            if let Some(named) = Span::parse(word) {
                span = named;
            } else if let Some(named) = Kind::parse(word) {
                kind = Some(named);
            } else if matches!(fold(word).as_str(), "академия" | "academy") {
                scope = Scope::Academy;
            } else if let (true, Some(class)) = (
                matches!(fold(word).as_str(), "класс" | "class"),
                class.clone(),
            ) {
                scope = Scope::Class(class);
            }
        }
        let who = (caller.sender.id.as_str(), caller.lang, self.now);
        let text = show(self.world, self.settings, (&scope, span, kind), who);
        self.answer(caller, text);
    }

    fn dice(&mut self, caller: Caller<'_>, rest: &str) {
        let lang = caller.lang;
        let text = dice_roll(rest, lang, &mut self.chance);
        let text = text.unwrap_or_else(|| {
            lang.pick(
                "Например: `!кости 2d6`, до 20 кубиков.",
                "For example: `!dice 2d6`, up to 20 dice.",
            )
            .to_owned()
        });
        self.answer(caller, text);
    }

    fn switch(&mut self, caller: Caller<'_>, rest: &str) {
        let lang = caller.lang;
        let wanted = match fold(rest).as_str() {
            "вкл" | "включить" | "on" => Some(true),
            "выкл" | "выключить" | "off" => Some(false),
            _ => None,
        };
        let Some(wanted) = wanted else {
            return self.help(caller, "");
        };
        if caller.sender.power < IN_CHARGE {
            let text = lang.pick(
                "Включать и выключать игры может ведущий комнаты.",
                "Whoever leads the room switches games on and off.",
            );
            self.answer(caller, text.to_owned());
            return;
        }
        self.world.room_mut(&caller.place.id).switch = Some(wanted);
        let text = if wanted {
            lang.pick("Игры включены.", "Games are on.")
        } else {
            lang.pick(
                "Игры выключены; начатые можно доиграть.",
                "Games are off; open ones may be finished.",
            )
        };
        self.answer(caller, text.to_owned());
    }

    /// Removes everything that is kept of a person, and the games they sit at.
    fn forget(&mut self, caller: Caller<'_>, rest: &str) {
        let lang = caller.lang;
        if !rest.is_empty() && !matches!(fold(rest).as_str(), "меня" | "me") {
            return;
        }
        let person = caller.sender.id.clone();
        let mut found = self.forget_scores(&person);
        found |= self.forget_games(&person);
        found |= self.forget_packs(&person);
        let kept = self.world.people.get(&person);
        found |= kept.is_some_and(|kept| !kept.reviews.is_empty() || !kept.rated.is_empty());
        if !found {
            // The count of answers stays for the minutes it lasts: forgetting is no way around it.
            let text = lang.pick("О вас ничего не хранится.", "Nothing is kept of you.");
            self.answer(caller, text.to_owned());
            return;
        }
        self.world.people.remove(&person);
        self.world.note(Rows::People, &person);
        self.outputs.push(Output::Forget { person });
        let text = lang.pick(
            "Готово: ваши очки, ошибки, паки и игры удалены.",
            "Done: your points, mistakes, packs and games are gone.",
        );
        self.answer(caller, text.to_owned());
    }

    fn forget_scores(&mut self, person: &str) -> bool {
        let mut found = false;
        let keys: Vec<String> = self.world.seasons.keys().cloned().collect();
        for key in keys {
            let season = self.world.seasons.get_mut(&key);
            if season.is_some_and(|season| season.0.remove(person).is_some()) {
                self.world.note(Rows::Seasons, &key);
                found = true;
            }
        }
        found
    }

    fn forget_games(&mut self, person: &str) -> bool {
        let mut found = false;
        let rooms: Vec<String> = self.world.rooms.keys().cloned().collect();
        for room in rooms {
            let tables = &self.world.rooms[&room].tables;
            if tables.iter().any(|table| table.knows(person)) {
                let tables = &mut self.world.room_mut(&room).tables;
                tables.retain(|table| !table.knows(person));
                found = true;
            }
        }
        found
    }
}

impl crate::table::Table {
    /// Whether anything of a person is kept at this table.
    fn knows(&self, person: &str) -> bool {
        let in_quiz = match &self.game {
            Game::Quiz(quiz) => quiz.knows(person),
            _ => false,
        };
        self.owner == person || self.seat_of(person).is_some() || in_quiz
    }

    fn standing(&self, lang: Lang) -> String {
        if let Game::Quiz(quiz) = &self.game {
            return quiz.standing(lang);
        }
        let mut text = format!("**{}**: ", self.kind().entry().title(lang));
        let players: Vec<String> = self
            .players
            .iter()
            .map(|player| match self.seats() {
                Seats::Two => player.name.clone(),
                Seats::Together => format!("{} — {}", player.name, player.points),
            })
            .collect();
        text.push_str(&players.join(", "));
        text
    }
}

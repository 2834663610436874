//! What happens because time passed.

use crate::{
    games::Game,
    lang::{plural, say},
    moves::After,
    output::To,
    people::Person,
    step::Step,
    table::{Due, Table},
};

impl Step<'_> {
    pub(crate) fn tick(&mut self) {
        let now = self.now;
        let due: Vec<(String, u64)> = self
            .world
            .rooms
            .iter()
            .flat_map(|(id, room)| room.tables.iter().map(move |table| (id, table)))
            .filter(|(_, table)| table.deadline() <= now)
            .map(|(id, table)| (id.clone(), table.id))
            .collect();
        for (room, table) in due {
            self.with_table(&room, table, |step, table| step.table_is_due(&room, table));
        }
        self.remind();
    }

    fn table_is_due(&mut self, room: &str, table: &mut Table) -> After {
        let lang = self.world.lang(room, self.settings);
        match table.due(self.now) {
            Some(Due::Nudge) => {
                table.nudged = true;
                if let Some(id) = table.person_to_move().and_then(|player| player.id.clone()) {
                    let name = self.name_of(&id);
                    let title = table.kind().entry().title(lang);
                    let text = say!(
                        lang,
                        "{name}, ваш ход: {title}.",
                        "{name}, it is your turn: {title}."
                    );
                    self.send_to(To::Room(room.to_owned()), text, vec![id]);
                }
                After::Open
            }
            Some(Due::Pause) => {
                table.paused = true;
                table.nudged = true;
                self.show(room, table, lang);
                After::Open
            }
            Some(Due::Close) => {
                let title = table.kind().entry().title(lang);
                let text = say!(
                    lang,
                    "⏱ {title}: игра закрыта, давно никто не ходил.",
                    "⏱ {title}: closed, nobody has moved for long."
                );
                self.send(room, text);
                After::Closed
            }
            None if matches!(table.game, Game::Quiz(_)) => self.quiz_is_due(room, table),
            None => After::Open,
        }
    }

    /// Tells people in their direct chats that questions are due again, at most once a day.
    fn remind(&mut self) {
        let now = self.now;
        let due: Vec<String> = self
            .world
            .people
            .iter()
            .filter(|(_, person)| person.reminder().is_some_and(|at| at <= now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            let person: &mut Person = self.world.person_mut(&id);
            person.reminded = Some(now);
            let Some(room) = person.direct.clone() else {
                continue;
            };
            let count = person
                .reviews
                .iter()
                .filter(|review| review.due <= now)
                .count() as u64;
            let lang = self.world.lang(&room, self.settings);
            let word = plural(count, ["вопрос", "вопроса", "вопросов"]);
            self.send(
                &room,
                say!(
                    lang,
                    "Пора повторить {count} {word} из прошлых викторин: `!повтор`.",
                    "Questions of past quizzes are due again ({count}): `!repeat`."
                ),
            );
        }
    }
}

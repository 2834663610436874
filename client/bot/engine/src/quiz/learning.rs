//! What a quiz leaves behind: questions to repeat, statistics, results.

use super::{
    play::{Asked, Quiz, UNHURRIED},
    review,
    run::QUESTIONS,
    shelf::ResultRow,
};
use crate::{
    event::Millis,
    lang::{Lang, say},
    step::{Caller, Step},
    world::Rows,
};

impl Step<'_> {
    /// Notes who has to see the question again, and how it was answered.
    pub(super) fn learn(&mut self, quiz: &Quiz) {
        let Some(asked) = quiz.current() else {
            return;
        };
        let right = asked.right();
        let now = self.now;
        for person in quiz.totals.keys() {
            let given = quiz.given.get(person);
            let is_right = given.is_some_and(|given| given.choice == right);
            let is_review = quiz.pack.is_none();
            let known = self.world.people.get(person);
            let reviewed = known.is_some_and(|known| {
                known
                    .reviews
                    .iter()
                    .any(|review| review.question.text == asked.question.text)
            });
            if !is_right || is_review || reviewed {
                let reviews = &mut self.world.person_mut(person).reviews;
                review::learn(reviews, &asked.question, is_right, now);
            }
        }
        if let Some(pack) = &quiz.pack {
            self.world.note(Rows::Statistics, pack);
            let statistics = self.world.statistics.entry(pack.clone()).or_default();
            for given in quiz.given.values() {
                let place = asked.order.get(given.choice).copied().unwrap_or(0);
                statistics.count(quiz.version, asked.index, place);
            }
        }
    }

    /// Notes how everybody did, for the author of the pack.
    pub(super) fn keep_results(&mut self, quiz: &Quiz) {
        let Some(id) = quiz
            .pack
            .as_ref()
            .filter(|id| self.world.packs.contains_key(*id))
        else {
            return;
        };
        self.world.note(Rows::Packs, id);
        let now: Millis = self.now;
        if let Some(stored) = self.world.packs.get_mut(id) {
            stored
                .results
                .extend(quiz.table().into_iter().map(|(person, total)| ResultRow {
                    at: now,
                    person: person.clone(),
                    name: total.name.clone(),
                    points: total.points,
                    right: total.right,
                    asked: quiz.questions.len() as u32,
                }));
        }
    }

    /// `!repeat`: the questions that are due, in the direct chat.
    pub(crate) fn repeat(&mut self, caller: Caller<'_>) {
        let lang = caller.lang;
        if !caller.place.direct {
            let text = lang.pick(
                "Повторяем в личном чате со мной.",
                "We repeat in a direct chat with me.",
            );
            self.answer(caller, text.to_owned());
            return;
        }
        let now = self.now;
        let reviews = self
            .world
            .people
            .get(&caller.sender.id)
            .map_or(&[][..], |person| &person.reviews);
        let due: Vec<_> = reviews
            .iter()
            .filter(|review| review.due <= now)
            .take(QUESTIONS)
            .cloned()
            .collect();
        if due.is_empty() {
            let waiting = reviews.len();
            let text = say!(
                lang,
                "Сегодня повторять нечего (всего в очереди: {waiting}).",
                "Nothing to repeat today (waiting: {waiting})."
            );
            self.answer(caller, text);
            return;
        }
        if let Some(refusal) = self.why_not(caller) {
            self.answer(caller, refusal);
            return;
        }
        let chance = &mut self.chance;
        let questions = due
            .iter()
            .enumerate()
            .map(|(index, review)| Asked::new(&review.question, index, chance))
            .collect();
        let mut quiz = Quiz::of(questions);
        lang.pick("повторение", "review")
            .clone_into(&mut quiz.title);
        quiz.alone = true;
        quiz.limit = UNHURRIED;
        self.begin_quiz(caller, quiz);
    }

    /// `!mistakes`: what somebody missed, with explanations.
    pub(crate) fn mistakes(&mut self, caller: Caller<'_>) {
        let lang = caller.lang;
        if !caller.place.direct {
            let text = lang.pick(
                "Напишите `!ошибки` мне в личный чат.",
                "Write `!mistakes` to me in a direct chat.",
            );
            self.answer(caller, text.to_owned());
            return;
        }
        let reviews = self
            .world
            .people
            .get(&caller.sender.id)
            .map_or(&[][..], |person| &person.reviews);
        let mut text = lang
            .pick("**Ваши ошибки**\n", "**Your mistakes**\n")
            .to_owned();
        for review in reviews.iter().rev().take(QUESTIONS) {
            let question = &review.question;
            let answer = question.answers.first().map_or("", String::as_str);
            text.push_str(&format!(
                "• {} — **{answer}**. {}\n",
                question.text, question.why
            ));
        }
        if reviews.is_empty() {
            lang.pick("Ошибок нет.", "There are no mistakes.")
                .clone_into(&mut text);
        }
        self.answer(caller, text);
    }
}

/// What somebody missed, with the right answers and why.
pub(super) fn mistakes_text(quiz: &Quiz, missed: &[usize], lang: Lang) -> String {
    if missed.is_empty() {
        return lang
            .pick("Ни одной ошибки!", "Not a single mistake!")
            .to_owned();
    }
    let mut text = lang
        .pick("**Ваши ошибки**\n", "**Your mistakes**\n")
        .to_owned();
    for asked in missed.iter().filter_map(|at| quiz.questions.get(*at)) {
        let answer = asked.answer(asked.right());
        let question = &asked.question;
        text.push_str(&format!(
            "• {} — **{answer}**. {}\n",
            question.text, question.why
        ));
    }
    text
}

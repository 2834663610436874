//! The helper: answers questions about the messenger with the articles of its help.

mod search;

use crate::{
    lang::say,
    output::Output,
    step::{Caller, Step},
};

use search::library;

impl Step<'_> {
    /// Answers a question, or says so when no article fits and offers to pass it on.
    pub(crate) fn question(&mut self, caller: Caller<'_>, text: &str) {
        let lang = caller.lang;
        let question = text.trim();
        if question.is_empty() {
            let text = lang.pick(
                "Спросите, например: как отправить файл?",
                "Ask, for example: how do I send a file?",
            );
            self.answer(caller, text.to_owned());
            return;
        }
        let spoken = search::language_of(question).unwrap_or(lang);
        if let Some(article) = library(spoken).find(question) {
            let (title, text) = (&article.title, &article.text);
            self.answer(caller, format!("**{title}**\n{text}"));
            return;
        }
        if !self.settings.support {
            let text = spoken.pick(
                "Этого я не знаю. Спросите преподавателя или администратора.",
                "I do not know that. Ask a teacher or an administrator.",
            );
            self.answer(caller, text.to_owned());
            return;
        }
        let kept: String = question.chars().take(1000).collect();
        self.world.person_mut(&caller.sender.id).unanswered = Some(kept);
        let text = spoken.pick(
            "Этого я не знаю. Передать вопрос тем, кто следит за сервером: `!поддержка`.",
            "I do not know that. To pass the question on to those who look after the server: `!support`.",
        );
        self.answer(caller, text.to_owned());
    }

    /// `!support`: passes on the words, or the question that was not answered.
    pub(crate) fn support(&mut self, caller: Caller<'_>, rest: &str) {
        let lang = caller.lang;
        if !self.settings.support {
            let text = lang.pick(
                "Здесь мне некому это передать: обратитесь к администратору.",
                "I have nobody to pass it on to here: turn to an administrator.",
            );
            self.answer(caller, text.to_owned());
            return;
        }
        let waiting = self.world.person_mut(&caller.sender.id).unanswered.take();
        let words = if rest.is_empty() {
            waiting
        } else {
            Some(rest.to_owned())
        };
        let Some(text) = words else {
            let text = lang.pick(
                "Напишите, что случилось: `!поддержка текст`.",
                "Write what happened: `!support text`.",
            );
            self.answer(caller, text.to_owned());
            return;
        };
        self.outputs.push(Output::Feedback {
            from: caller.sender.id.clone(),
            text,
        });
        let name = self.name_of(&caller.sender.id);
        self.answer(
            caller,
            say!(
                lang,
                "{name}, передано. Спасибо!",
                "{name}, passed on. Thank you!"
            ),
        );
    }
}

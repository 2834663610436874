//! The dialog that reports a problem: what is written, and exactly what goes with it.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use slint::{ComponentHandle, Image, ModelRc, Timer, TimerMode, VecModel};

use super::{
    AppAdapter, AppWindow, FactItem, FeedbackAdapter, HelpAdapter, PaneAdapter, PictureData,
    blur::blur, context::Context, settings,
};
use crate::{
    bridge::{
        command::{Command, FeedbackCommand, Report},
        pixels::Pixels,
        trouble::Trouble,
        update::{Answer, Reported},
    },
    render::{Language, facts::ProgramFacts, text::plural, words},
    rows::{FeedbackCategory, ProblemRow},
};

/// After the last key, so that half a word asks nobody.
const PAUSE: Duration = Duration::from_secs(1);
/// Shorter words are like everything.
const SHORTEST: usize = 10;
/// The server takes no longer text.
const LONGEST: usize = 4000;
/// In the order of the dialog.
const CATEGORIES: [FeedbackCategory; 4] = [
    FeedbackCategory::Broken,
    FeedbackCategory::Awkward,
    FeedbackCategory::Unclear,
    FeedbackCategory::Idea,
];

/// The dialog.
pub(super) struct Feedback {
    context: Rc<Context>,
    screenshot: RefCell<Option<Pixels>>,
    /// As they were when the dialog was opened: exactly what is sent.
    facts: RefCell<Option<ProgramFacts>>,
    similar: RefCell<Option<ProblemRow>>,
    /// Counts the questions, so that a late answer does not replace a newer one.
    asked: Cell<u64>,
    pause: Timer,
}

impl Feedback {
    pub(super) fn new(context: &Rc<Context>) -> Rc<Self> {
        let dialog = Rc::new(Self {
            context: context.clone(),
            screenshot: RefCell::default(),
            facts: RefCell::default(),
            similar: RefCell::default(),
            asked: Cell::default(),
            pause: Timer::default(),
        });
        context.with_window(|window| {
            let opening = dialog.clone();
            window
                .global::<HelpAdapter>()
                .on_report(move || opening.open());
            let adapter = window.global::<FeedbackAdapter>();
            let editing = dialog.clone();
            adapter.on_edited(move || editing.edited());
            let joining = dialog.clone();
            adapter.on_same_too(move || joining.toggle_joined());
            let sending = dialog.clone();
            adapter.on_send(move || sending.send());
            let closing = dialog.clone();
            adapter.on_closed(move || closing.close());
        });
        dialog
    }

    /// Takes a picture of the window as it is and opens over it.
    pub(super) fn open(&self) {
        self.context.with_window(|window| {
            let picture = match window.window().take_snapshot() {
                Ok(picture) => Some(blur(&picture)),
                Err(error) => {
                    tracing::info!(%error, "there is no picture of the window");
                    None
                }
            };
            let adapter = window.global::<FeedbackAdapter>();
            adapter.set_screenshot(
                picture
                    .as_ref()
                    .map_or_else(PictureData::default, |pixels| PictureData {
                        ready: true,
                        image: Image::from_rgba8(pixels.clone()),
                    }),
            );
            adapter.set_with_screenshot(picture.is_some());
            *self.screenshot.borrow_mut() = picture;
            *self.facts.borrow_mut() = Some(self.facts(window));
            adapter.set_with_diagnostics(true);
            adapter.set_showing(false);
            adapter.set_error("".into());
            adapter.set_busy(false);
            adapter.set_offline(window.global::<AppAdapter>().get_offline());
            adapter.set_open(true);
        });
        self.refresh_all();
        self.show_similar(None);
    }

    /// What is written stays for the next time, unless it was sent.
    fn close(&self) {
        self.pause.stop();
        self.context
            .with_window(|window| window.global::<FeedbackAdapter>().set_open(false));
    }

    /// Nobody is signed in any more.
    pub(super) fn clear(&self) {
        self.close();
        *self.screenshot.borrow_mut() = None;
        self.context
            .with_window(|window| window.global::<FeedbackAdapter>().set_text("".into()));
    }

    fn edited(self: &Rc<Self>) {
        self.context
            .with_window(|window| window.global::<FeedbackAdapter>().set_error("".into()));
        let dialog = self.clone();
        self.pause
            .start(TimerMode::SingleShot, PAUSE, move || dialog.look());
    }

    fn look(self: &Rc<Self>) {
        let (category, text) = self.written();
        if text.chars().count() < SHORTEST || self.is_joined() {
            return;
        }
        let number = self.asked.get().wrapping_add(1);
        self.asked.set(number);
        let dialog = self.clone();
        let command = Command::Feedback(FeedbackCommand::Similar { category, text });
        self.context.ask(command, move |answer| {
            // A server that cannot look, or is not there, is no obstacle.
            if let Ok(Answer::Problems(problems)) = answer
                && dialog.asked.get() == number
                && !dialog.is_joined()
            {
                dialog.show_similar(problems.into_iter().next());
            }
        });
    }

    fn show_similar(&self, problem: Option<ProblemRow>) {
        let language = self.context.language();
        let sentence = problem
            .as_ref()
            .map(|problem| reported_by(language, problem))
            .unwrap_or_default();
        let title = problem
            .as_ref()
            .and_then(|problem| problem.title.as_deref())
            .map(|title| format!("«{title}»"))
            .unwrap_or_default();
        *self.similar.borrow_mut() = problem;
        self.context.with_window(|window| {
            let adapter = window.global::<FeedbackAdapter>();
            adapter.set_similar(sentence.as_str().into());
            adapter.set_similar_title(title.as_str().into());
            adapter.set_joined(false);
        });
    }

    fn is_joined(&self) -> bool {
        let mut joined = false;
        self.context
            .with_window(|window| joined = window.global::<FeedbackAdapter>().get_joined());
        joined
    }

    fn toggle_joined(&self) {
        self.context.with_window(|window| {
            let adapter = window.global::<FeedbackAdapter>();
            adapter.set_joined(!adapter.get_joined());
        });
    }

    fn written(&self) -> (FeedbackCategory, String) {
        let (mut category, mut text) = (FeedbackCategory::Broken, String::new());
        self.context.with_window(|window| {
            let adapter = window.global::<FeedbackAdapter>();
            let index = usize::try_from(adapter.get_category()).unwrap_or(0);
            category = CATEGORIES.get(index).copied().unwrap_or(category);
            text = adapter.get_text().trim().chars().take(LONGEST).collect();
        });
        (category, text)
    }

    fn send(self: &Rc<Self>) {
        self.pause.stop();
        let (category, text) = self.written();
        let mut report = Report {
            category,
            text,
            same_as: None,
            screenshot: None,
            diagnostics: None,
        };
        self.context.with_window(|window| {
            let adapter = window.global::<FeedbackAdapter>();
            if adapter.get_joined() {
                report.same_as = self.similar.borrow().as_ref().map(|problem| problem.id);
            }
            if adapter.get_with_screenshot() {
                report.screenshot.clone_from(&self.screenshot.borrow());
            }
            if adapter.get_with_diagnostics() {
                let facts = self.facts.borrow();
                report.diagnostics = facts.as_ref().map(|facts| facts.to_json().to_string());
            }
            adapter.set_busy(true);
        });
        let dialog = self.clone();
        let command = Command::Feedback(FeedbackCommand::Send(report));
        self.context
            .ask(command, move |answer| dialog.answered(answer));
    }

    fn answered(&self, answer: Result<Answer, Trouble>) {
        let language = self.context.language();
        match answer {
            Ok(Answer::Reported(reported)) => {
                self.context
                    .with_window(|window| window.global::<FeedbackAdapter>().set_text("".into()));
                self.close();
                self.context.show_done(&thanks(language, reported));
            }
            Ok(_) => self.close(),
            Err(trouble) => self.context.with_window(|window| {
                let adapter = window.global::<FeedbackAdapter>();
                adapter.set_busy(false);
                adapter.set_error(words::trouble(language, &trouble).as_str().into());
            }),
        }
    }

    fn facts(&self, window: &AppWindow) -> ProgramFacts {
        let choices = self.context.settings.get();
        let size = window.window().size();
        let app = window.global::<AppAdapter>();
        ProgramFacts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            software_rendering: choices.software_rendering,
            memory: settings::memory(),
            window: (size.width, size.height),
            zoom: choices.zoom,
            language: choices.language,
            theme: choices.theme,
            page: format!("{:?}", app.get_page()),
            pane: format!("{:?}", window.global::<PaneAdapter>().get_kind()),
            offline: app.get_offline(),
            troubles: self.context.recent_troubles(),
        }
    }

    /// Says the facts again, in another language.
    pub(super) fn refresh_all(&self) {
        let language = self.context.language();
        let facts = self.facts.borrow();
        let said = facts.iter().flat_map(|facts| facts.to_words(language));
        let items = said.map(|(name, value)| FactItem {
            name: name.into(),
            value: value.as_str().into(),
        });
        let items = ModelRc::from(Rc::new(VecModel::from_iter(items)));
        self.context
            .with_window(|window| window.global::<FeedbackAdapter>().set_facts(items));
    }
}

fn reported_by(language: Language, problem: &ProblemRow) -> String {
    let n = problem.people;
    match (language, problem.mine) {
        (Language::Russian, true) => "Вы об этом уже сообщали".to_owned(),
        (Language::English, true) => "You have reported this already".to_owned(),
        (Language::Russian, false) => format!(
            "Об этом уже {} {n} {}",
            plural(Language::Russian, n, ["сообщил", "сообщили", "сообщили"]),
            plural(Language::Russian, n, ["человек", "человека", "человек"])
        ),
        (Language::English, false) => format!(
            "{n} {} reported this",
            plural(Language::English, n, ["person has", "people have", ""])
        ),
    }
}

fn thanks(language: Language, reported: Reported) -> String {
    match (language, reported) {
        (Language::Russian, Reported::Kept) => {
            "Спасибо! Сообщение уйдёт само, когда появится связь."
        }
        (Language::English, Reported::Kept) => {
            "Thank you! The report goes by itself once there is a connection."
        }
        (Language::Russian, Reported::Taken { .. }) => {
            "Спасибо! Сообщение получено, ответ придёт в чат."
        }
        (Language::English, Reported::Taken { .. }) => {
            "Thank you! The report has arrived, the answer comes as a message."
        }
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_counted_in_both_languages() {
        let problem = |people| ProblemRow {
            id: 1,
            title: None,
            people,
            mine: false,
        };
        let say = |language, people| reported_by(language, &problem(people));
        assert_eq!(say(Language::Russian, 1), "Об этом уже сообщил 1 человек");
        assert_eq!(say(Language::Russian, 3), "Об этом уже сообщили 3 человека");
        assert_eq!(say(Language::Russian, 7), "Об этом уже сообщили 7 человек");
        assert_eq!(say(Language::English, 1), "1 person has reported this");
        assert_eq!(say(Language::English, 7), "7 people have reported this");
    }
}

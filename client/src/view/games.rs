//! The academy's bot: its games beside the chat, its commands after a slash, quizzes for it.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use matrix_sdk::ruma::OwnedUserId;
use slint::{ComponentHandle, ModelRc, VecModel};

use super::{
    AnswerItem, GameItem, GamesAdapter, HelpAdapter, PaneKind, QuizAdapter, RailAdapter,
    context::Context, emoji, leaders::Leaders, room::Room,
};
use crate::{
    bridge::{
        command::{Command, FileSource, RoomsCommand, TimelineCommand},
        update::Answer,
    },
    model::quiz_pack::{MOST_QUESTIONS, Question, QuizPack},
    render::games::{self, GAMES},
    rows::AccountRow,
};

/// The bot, and the quiz that is being written for it.
pub(super) struct Games {
    context: Rc<Context>,
    room: Rc<Room>,
    leaders: Rc<Leaders>,
    own: RefCell<Option<OwnedUserId>>,
    pack: RefCell<QuizPack>,
}

impl Games {
    pub(super) fn new(context: &Rc<Context>, room: &Rc<Room>) -> Rc<Self> {
        let this = Rc::new(Self {
            context: context.clone(),
            room: room.clone(),
            leaders: Leaders::new(context, room),
            own: RefCell::default(),
            pack: RefCell::default(),
        });
        this.bind();
        this.bind_quiz();
        this.refresh_all();
        this
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<GamesAdapter>();
            let this = self.clone();
            adapter.on_start(move |id, against_bot| {
                let language = this.context.language();
                if let Some(game) = GAMES.iter().find(|game| game.id == id.as_str()) {
                    this.say(game.start(language, against_bot));
                }
            });
            let this = self.clone();
            adapter.on_quiz(move || this.say(games::quiz(this.context.language()).to_owned()));
            let this = self.clone();
            adapter.on_page_chosen(move |page| this.turn_to(page));
            let this = self.clone();
            adapter.on_write_quiz(move || this.open_quiz());
            let this = self.clone();
            window
                .global::<HelpAdapter>()
                .on_ask_helper(move || this.open_chat());
            let this = self.clone();
            window
                .global::<RailAdapter>()
                .on_assistant(move || this.open_chat());
        });
    }

    fn bind_quiz(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<QuizAdapter>();
            let this = self.clone();
            adapter.on_stepped(move |step| this.step(step));
            let this = self.clone();
            adapter.on_added(move || this.add());
            let this = self.clone();
            adapter.on_removed(move || this.remove());
            let this = self.clone();
            adapter.on_edited(move || this.read());
            let this = self.clone();
            adapter.on_save(move || this.save());
            let this = self.clone();
            adapter.on_send(move || this.send());
            let this = self.clone();
            adapter.on_closed(move || {
                this.context
                    .with_window(|window| window.global::<QuizAdapter>().set_open(false));
            });
        });
    }

    /// Somebody is signed in.
    pub(super) fn signed_in(&self, account: &AccountRow) {
        self.own.replace(Some(account.user_id.clone()));
    }

    /// Nobody is signed in any more.
    pub(super) fn clear(&self) {
        self.set_bot(None);
        self.own.replace(None);
        *self.pack.borrow_mut() = QuizPack::default();
        self.context
            .with_window(|window| window.global::<QuizAdapter>().set_open(false));
    }

    /// Draws everything again, in another language.
    pub(super) fn refresh_all(&self) {
        let language = self.context.language();
        let items = GAMES.iter().map(|game| GameItem {
            id: game.id.into(),
            title: game.title(language).into(),
            image: emoji::image(game.emoji).unwrap_or_default(),
            together: game.together,
            against_bot: game.against_bot,
        });
        let items: Vec<_> = items.collect();
        self.context.with_window(|window| {
            let adapter = window.global::<GamesAdapter>();
            adapter.set_games(ModelRc::from(Rc::new(VecModel::from(items))));
            adapter.set_quiz_image(emoji::image(games::QUIZ.emoji).unwrap_or_default());
        });
        self.leaders.refresh_all();
        self.show_flaw();
    }

    /// Shows the games, or who plays best.
    fn turn_to(&self, page: i32) {
        self.context
            .with_window(|window| window.global::<GamesAdapter>().set_page(page));
        if page == 1 {
            self.leaders.load();
        }
    }

    /// The server has said who its bot is.
    pub(super) fn set_bot(&self, bot: Option<OwnedUserId>) {
        if bot == self.context.bot() {
            return;
        }
        self.leaders
            .set_people(bot.clone(), self.own.borrow().clone());
        self.context.with_window(|window| {
            window.global::<HelpAdapter>().set_has_helper(bot.is_some());
            window
                .global::<RailAdapter>()
                .set_has_assistant(bot.is_some());
        });
        self.context.set_bot(bot);
    }

    /// Says something in the open chat.
    fn say(&self, markdown: String) {
        self.room.timeline.send(TimelineCommand::SendText {
            markdown,
            mentions: Vec::new(),
            reply_to: None,
        });
        self.room.timeline.jump_to_end();
    }

    fn open_chat(self: &Rc<Self>) {
        let (this, place) = (self.clone(), self.room.place());
        self.with_chat(move |room| {
            this.room.pane.open(PaneKind::None);
            this.room.open_from(&place, room);
        });
    }

    /// Does something with the direct chat with the bot.
    fn with_chat(&self, then: impl FnOnce(matrix_sdk::ruma::OwnedRoomId) + 'static) {
        let Some(user) = self.context.bot() else {
            return;
        };
        let context = self.context.clone();
        let command = Command::Rooms(RoomsCommand::StartDirect { user });
        self.context.ask(command, move |answer| match answer {
            Ok(Answer::Room(room)) => then(room),
            Ok(_) => {}
            Err(trouble) => context.show_failure(&trouble),
        });
    }

    fn open_quiz(&self) {
        if self.pack.borrow().questions.is_empty() {
            self.pack.borrow_mut().questions.push(Question::default());
        }
        self.context.with_window(|window| {
            let adapter = window.global::<QuizAdapter>();
            adapter.set_title(self.pack.borrow().title.as_str().into());
            adapter.set_can_send(self.context.bot().is_some());
            adapter.set_at(0);
            adapter.set_tried(false);
            adapter.set_open(true);
        });
        self.draw();
    }

    fn at(&self) -> usize {
        let mut at = 0;
        self.context
            .with_window(|window| at = window.global::<QuizAdapter>().get_at());
        usize::try_from(at).unwrap_or(0)
    }

    fn go_to(&self, at: usize) {
        self.context.with_window(|window| {
            let adapter = window.global::<QuizAdapter>();
            adapter.set_at(i32::try_from(at).unwrap_or(0));
        });
        self.draw();
    }

    fn step(&self, step: i32) {
        let at = i32::try_from(self.at()).unwrap_or(0) + step;
        let last = self.pack.borrow().questions.len().saturating_sub(1);
        self.go_to(usize::try_from(at).unwrap_or(0).min(last));
    }

    fn add(&self) {
        let at = (self.at() + 1).min(self.pack.borrow().questions.len());
        if self.pack.borrow().questions.len() < MOST_QUESTIONS {
            self.pack
                .borrow_mut()
                .questions
                .insert(at, Question::default());
            self.go_to(at);
        }
    }

    fn remove(&self) {
        let at = self.at();
        {
            let mut pack = self.pack.borrow_mut();
            if at < pack.questions.len() {
                pack.questions.remove(at);
            }
            if pack.questions.is_empty() {
                pack.questions.push(Question::default());
            }
        }
        self.go_to(at.saturating_sub(1));
    }

    /// Takes what stands in the fields.
    fn read(&self) {
        let at = self.at();
        self.context.with_window(|window| {
            let adapter = window.global::<QuizAdapter>();
            let mut pack = self.pack.borrow_mut();
            pack.title = adapter.get_title().into();
            if let Some(question) = pack.questions.get_mut(at) {
                question.text = adapter.get_question().into();
                question.answers = [
                    adapter.get_right(),
                    adapter.get_wrong1(),
                    adapter.get_wrong2(),
                    adapter.get_wrong3(),
                ]
                .map(Into::into);
                question.why = adapter.get_why().into();
                adapter.set_preview(preview(question));
            }
        });
        self.show_flaw();
    }

    fn draw(&self) {
        let at = self.at();
        let pack = self.pack.borrow();
        let Some(question) = pack.questions.get(at) else {
            return;
        };
        self.context.with_window(|window| {
            let adapter = window.global::<QuizAdapter>();
            adapter.set_count(i32::try_from(pack.questions.len()).unwrap_or(i32::MAX));
            adapter.set_question(question.text.as_str().into());
            let [right, wrong1, wrong2, wrong3] = &question.answers;
            adapter.set_right(right.as_str().into());
            adapter.set_wrong1(wrong1.as_str().into());
            adapter.set_wrong2(wrong2.as_str().into());
            adapter.set_wrong3(wrong3.as_str().into());
            adapter.set_why(question.why.as_str().into());
            adapter.set_preview(preview(question));
        });
        drop(pack);
        self.show_flaw();
    }

    fn show_flaw(&self) {
        let flaw = self.pack.borrow().flaw();
        let sentence = flaw.map(|flaw| flaw.say(self.context.language()));
        self.context.with_window(|window| {
            window
                .global::<QuizAdapter>()
                .set_flaw(sentence.unwrap_or_default().as_str().into());
        });
    }

    /// The file, unless something is wrong with it; then the dialog says what.
    fn file(&self) -> Option<(String, String)> {
        self.read();
        self.context
            .with_window(|window| window.global::<QuizAdapter>().set_tried(true));
        let pack = self.pack.borrow();
        if pack.flaw().is_some() {
            return None;
        }
        Some((pack.file_name(), pack.yaml(self.context.language())))
    }

    fn save(self: &Rc<Self>) {
        let Some((name, yaml)) = self.file() else {
            return;
        };
        let this = self.clone();
        let choose = async move {
            let dialog = rfd::AsyncFileDialog::new().set_file_name(name);
            let Some(file) = dialog.save_file().await else {
                return;
            };
            match std::fs::write(file.path(), yaml) {
                Ok(()) => this.close_with("Викторина сохранена.", "The quiz is saved."),
                Err(error) => {
                    tracing::info!(%error, "a quiz was not saved");
                    this.context
                        .show_failure(&crate::bridge::trouble::Trouble::FileUnreadable);
                }
            }
        };
        if let Err(error) = slint::spawn_local(choose) {
            tracing::warn!(%error, "no file can be chosen");
        }
    }

    /// The bot takes the file in the direct chat, once it is told to, and answers there.
    fn send(self: &Rc<Self>) {
        let Some((name, yaml)) = self.file() else {
            return;
        };
        let (this, place) = (self.clone(), self.room.place());
        self.with_chat(move |room| {
            let announcement = TimelineCommand::SendText {
                markdown: games::import(this.context.language()).to_owned(),
                mentions: Vec::new(),
                reply_to: None,
            };
            this.context
                .send(Command::Timeline(room.clone(), announcement));
            let file = FileSource::Bytes {
                name,
                bytes: Arc::from(yaml.into_bytes()),
            };
            let command = TimelineCommand::SendFile {
                file,
                caption: String::new(),
                reply_to: None,
            };
            this.context.send(Command::Timeline(room.clone(), command));
            this.close_with(
                "Викторина у бота: он ответит в чате.",
                "The bot has the quiz and answers in the chat.",
            );
            this.room.open_from(&place, room);
        });
    }

    fn close_with(&self, russian: &str, english: &str) {
        self.context
            .with_window(|window| window.global::<QuizAdapter>().set_open(false));
        self.context.show_done(self.context.say(russian, english));
    }
}

/// The answers as players will see them, with the bot's numbers.
fn preview(question: &Question) -> ModelRc<AnswerItem> {
    let numbered = (1..).zip(question.given());
    let items = numbered.map(|(number, answer)| AnswerItem {
        number: emoji::image(&format!("{number}\u{fe0f}\u{20e3}")).unwrap_or_default(),
        text: answer.into(),
    });
    ModelRc::from(Rc::new(VecModel::from_iter(items)))
}

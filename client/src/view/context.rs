//! What every view needs: the way down to the session, the window, pictures, the language.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet, VecDeque},
    rc::Rc,
    time::Duration,
};

use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId, RoomId};
use slint::{ComponentHandle, SharedString, Timer, Weak};

use super::{AppAdapter, AppWindow, pictures::Pictures, presence};
use crate::{
    bridge::{
        command::{Command, Commands, RequestId, RoomsCommand},
        trouble::Trouble,
        update::Answer,
    },
    render::{Language, words},
    settings::Settings,
};

/// How long a message stays that goes by itself.
const SHOWN: Duration = Duration::from_secs(4);

/// Failures remembered for reports.
const TROUBLES: usize = 20;

/// What is done with the answer to a command.
type Continuation = Box<dyn FnOnce(Result<Answer, Trouble>)>;

/// Shared by all views. They hold it in an `Rc`; it holds the window weakly, because the window's callbacks hold the
/// views.
pub(super) struct Context {
    window: Weak<AppWindow>,
    commands: Commands,
    pub(super) settings: Settings,
    pub(super) pictures: Pictures,
    waiting: RefCell<HashMap<RequestId, Continuation>>,
    /// The rooms of all spaces.
    classes: RefCell<HashSet<OwnedRoomId>>,
    /// The rooms whose preview was asked for.
    previews: RefCell<HashSet<OwnedRoomId>>,
    /// Who is online, as far as it is known.
    pub(super) presence: presence::Known,
    /// The server's room bot.
    bot: RefCell<Option<OwnedUserId>>,
    /// The last failures, for reports.
    troubles: RefCell<VecDeque<Trouble>>,
}

impl Context {
    pub(super) fn new(window: &AppWindow, commands: Commands, settings: Settings) -> Rc<Self> {
        Rc::new(Self {
            window: window.as_weak(),
            pictures: Pictures::new(commands.clone()),
            commands,
            settings,
            waiting: RefCell::default(),
            classes: RefCell::default(),
            previews: RefCell::default(),
            presence: presence::Known::default(),
            bot: RefCell::default(),
            troubles: RefCell::default(),
        })
    }

    /// Nobody is signed in any more.
    pub(super) fn forget(&self) {
        self.pictures.clear();
        self.previews.borrow_mut().clear();
        self.troubles.borrow_mut().clear();
    }

    /// Does something with the window, unless it is gone.
    pub(super) fn with_window(&self, act: impl FnOnce(&AppWindow)) {
        if let Some(window) = self.window.upgrade() {
            act(&window);
        }
    }

    pub(super) fn language(&self) -> Language {
        self.settings.get().language
    }

    /// Whether a room belongs to a space: a class, a club.
    pub(super) fn is_class(&self, id: &str) -> bool {
        self.classes.borrow().iter().any(|room| room == id)
    }

    /// Remembers which rooms belong to a space. Tells whether that is new.
    pub(super) fn set_classes(&self, rooms: &HashSet<OwnedRoomId>) -> bool {
        let changed = *self.classes.borrow() != *rooms;
        if changed {
            self.classes.replace(rooms.clone());
        }
        changed
    }

    /// The server's room bot, where there is one.
    pub(super) fn bot(&self) -> Option<OwnedUserId> {
        self.bot.borrow().clone()
    }

    pub(super) fn set_bot(&self, bot: Option<OwnedUserId>) {
        self.bot.replace(bot);
    }

    /// Sends what nobody waits for: what the program does by itself, and messages, which wait for the network. A failure
    /// is worth a banner, but not that there is no connection, which has one of its own.
    pub(super) fn send(&self, command: Command) {
        self.commands.send(command);
    }

    /// Sends what somebody has just done and whose success shows by itself; they are told when it fails.
    pub(super) fn act(self: &Rc<Self>, command: Command) {
        let context = self.clone();
        self.ask(command, move |result| {
            if let Err(trouble) = result {
                context.show_failure(&trouble);
            }
        });
    }

    /// Asks for the preview of a room whose line is on the screen and has none, once.
    pub(super) fn fetch_preview(&self, room: &RoomId) {
        if self.previews.borrow_mut().insert(room.to_owned()) {
            let command = RoomsCommand::FetchPreview {
                room: room.to_owned(),
            };
            // It shows by itself, or there is none.
            self.ask(Command::Rooms(command), |_| {});
        }
    }

    /// Sends a command and does something with its answer.
    pub(super) fn ask(
        &self,
        command: Command,
        then: impl FnOnce(Result<Answer, Trouble>) + 'static,
    ) {
        let request = self.commands.send(command);
        self.waiting.borrow_mut().insert(request, Box::new(then));
    }

    /// Hands an answer to whoever asked.
    pub(super) fn answered(&self, request: RequestId, result: Result<Answer, Trouble>) {
        if let Err(trouble) = &result {
            self.remember(trouble);
        }
        let continuation = self.waiting.borrow_mut().remove(&request);
        match (continuation, result) {
            (Some(then), result) => then(result),
            (None, Err(Trouble::NoConnection) | Ok(_)) => {}
            (None, Err(trouble)) => self.show_failure(&trouble),
        }
    }

    /// The last failures, for reports.
    pub(super) fn recent_troubles(&self) -> Vec<Trouble> {
        self.troubles.borrow().iter().cloned().collect()
    }

    fn remember(&self, trouble: &Trouble) {
        let mut troubles = self.troubles.borrow_mut();
        troubles.push_back(trouble.clone());
        if troubles.len() > TROUBLES {
            troubles.pop_front();
        }
    }

    /// Says in the banner what went wrong.
    pub(super) fn show_failure(&self, trouble: &Trouble) {
        let language = self.language();
        if *trouble == Trouble::NoConnection {
            // The banner about the connection stands there again after it.
            self.show_for_a_while(words::not_connected(language), false);
        } else {
            self.show_banner(&words::trouble(language, trouble), false);
        }
    }

    /// Says in the banner what was done, for a while.
    pub(super) fn show_done(&self, sentence: &str) {
        self.show_for_a_while(sentence, true);
    }

    fn show_for_a_while(&self, sentence: &str, good: bool) {
        self.show_banner(sentence, good);
        let window = self.window.clone();
        let said = SharedString::from(sentence);
        Timer::single_shot(SHOWN, move || {
            if let Some(window) = window.upgrade() {
                let adapter = window.global::<AppAdapter>();
                if adapter.get_failure() == said {
                    adapter.set_failure("".into());
                }
            }
        });
    }

    pub(super) fn show_banner(&self, sentence: &str, good: bool) {
        self.with_window(|window| {
            let adapter = window.global::<AppAdapter>();
            adapter.set_failure_is_good(good);
            adapter.set_failure(sentence.into());
        });
    }

    /// Remembers how large the window is, for the next time.
    pub(super) fn keep_window_size(&self) {
        self.with_window(|window| {
            let window = window.window();
            let size = window.size().to_logical(window.scale_factor());
            let maximized = window.is_maximized();
            self.settings.change(|choices| {
                choices.window.maximized = maximized;
                // The size of a maximized window is the screen's.
                if !maximized && size.width > 0.0 {
                    choices.window.width = size.width;
                    choices.window.height = size.height;
                }
            });
        });
    }

    /// One of two words, by the language.
    pub(super) fn say<'a>(&self, russian: &'a str, english: &'a str) -> &'a str {
        match self.language() {
            Language::Russian => russian,
            Language::English => english,
        }
    }
}

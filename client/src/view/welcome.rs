//! The first minutes after signing in: who one is, whose computer this is, and a walk around the window.

use std::rc::Rc;

use slint::ComponentHandle;

use super::{AccountAdapter, AppWindow, TourAdapter, WelcomeAdapter, context::Context};
use crate::bridge::command::{AccountCommand, Command};

/// The welcome dialog and the tour behind it.
pub(super) struct Welcome {
    context: Rc<Context>,
}

impl Welcome {
    pub(super) fn new(context: &Rc<Context>) -> Rc<Self> {
        let welcome = Rc::new(Self {
            context: context.clone(),
        });
        context.with_window(|window| {
            let dialog = welcome.clone();
            window
                .global::<WelcomeAdapter>()
                .on_done(move || dialog.done());
            let tour = welcome.clone();
            window
                .global::<TourAdapter>()
                .on_ended(move || tour.remember());
        });
        welcome
    }

    /// Somebody has come in. Who has never seen this program on this computer is shown around.
    pub(super) fn arrived(&self, is_new: bool) {
        if is_new {
            self.open();
        } else if !self.context.settings.get().tour_seen {
            self.start_tour();
        }
    }

    fn open(&self) {
        self.context.with_window(|window| {
            let shared = window.global::<AccountAdapter>().get_shared_computer();
            let adapter = window.global::<WelcomeAdapter>();
            adapter.set_name(given_name(window).as_str().into());
            adapter.set_shared_computer(shared);
            adapter.set_open(true);
        });
    }

    /// The name may become known after the question for it.
    pub(super) fn name_known(&self) {
        self.context.with_window(|window| {
            let adapter = window.global::<WelcomeAdapter>();
            if adapter.get_open() && adapter.get_name().is_empty() {
                adapter.set_name(given_name(window).as_str().into());
            }
        });
    }

    /// Nobody is signed in any more.
    pub(super) fn clear(&self) {
        self.context.with_window(|window| {
            window.global::<WelcomeAdapter>().set_open(false);
            window.global::<TourAdapter>().set_step(0);
        });
    }

    fn done(&self) {
        self.context.with_window(|window| {
            let adapter = window.global::<WelcomeAdapter>();
            adapter.set_open(false);
            let name = adapter.get_name().trim().to_owned();
            if !name.is_empty() && name != given_name(window) {
                self.send(AccountCommand::SetDisplayName { name });
            }
            let shared = adapter.get_shared_computer();
            if shared != window.global::<AccountAdapter>().get_shared_computer() {
                self.send(AccountCommand::SetSharedComputer { shared });
            }
            self.context
                .settings
                .change(|choices| choices.shared_computer = shared);
        });
        self.start_tour();
    }

    fn start_tour(&self) {
        self.context
            .with_window(|window| window.global::<TourAdapter>().set_step(1));
    }

    fn remember(&self) {
        self.context
            .settings
            .change(|choices| choices.tour_seen = true);
    }

    fn send(&self, command: AccountCommand) {
        self.context.act(Command::Account(command));
    }
}

/// The name that others see, unless it is only the one for signing in.
fn given_name(window: &AppWindow) -> String {
    let account = window.global::<AccountAdapter>();
    let (name, id) = (account.get_name(), account.get_user_id());
    match id.starts_with(&format!("@{name}:")) {
        true => String::new(),
        false => name.into(),
    }
}

//! The server: found on the network, typed, named by a join file.

use std::{path::PathBuf, rc::Rc, time::Duration};

use slint::{ComponentHandle, ModelRc, SharedString, Timer, VecModel};

use super::{Onboarding, OnboardingAdapter, ServerState};
use crate::{
    bridge::{
        command::{AccountCommand, Command},
        secret::Secret,
        trouble::Trouble,
        update::Answer,
    },
    rows::{Registrations, ServerRow},
    view::{AppAdapter, Page, ServerItem},
};

/// Between questions to a server that does not answer.
const AGAIN: Duration = Duration::from_secs(5);

impl Onboarding {
    /// Goes to the server that a join file names.
    pub(in crate::view) fn open_join_file(self: &Rc<Self>, file: PathBuf) {
        self.ask_server(AccountCommand::OpenJoinFile { file });
    }

    pub(super) fn choose_join_file(self: &Rc<Self>) {
        let view = self.clone();
        let choose = async move {
            let dialog = rfd::AsyncFileDialog::new().add_filter("Fialka", &["fialka", "json"]);
            if let Some(file) = dialog.pick_file().await {
                view.open_join_file(file.path().to_owned());
            }
        };
        if let Err(error) = slint::spawn_local(choose) {
            tracing::warn!(%error, "no file can be chosen");
        }
    }

    /// Lists the servers of this network. The only one is taken at once if its certificate proves who it is; passwords
    /// must not go to whoever answers first.
    pub(super) fn find_servers(self: &Rc<Self>, take: bool) {
        let view = self.clone();
        let command = Command::Account(AccountCommand::FindServers);
        self.context.ask(command, move |result| {
            let Ok(Answer::Servers(found)) = result else {
                return;
            };
            let items = found.iter().map(|server| ServerItem {
                name: server.name.as_str().into(),
                address: server.address.as_str().into(),
            });
            let items: Vec<_> = items.collect();
            let mut is_free = false;
            view.context.with_window(|window| {
                let adapter = window.global::<OnboardingAdapter>();
                adapter.set_servers(ModelRc::from(Rc::new(VecModel::from(items))));
                is_free = adapter.get_server_state() == ServerState::Unknown
                    && adapter.get_address().is_empty();
            });
            if let [only] = found.as_slice()
                && take
                && is_free
                && only.trusted
            {
                view.check_server(&only.address);
            }
        });
    }

    pub(super) fn check_server(self: &Rc<Self>, address: &str) {
        let address = address.trim().to_owned();
        if !address.is_empty() {
            self.ask_server(AccountCommand::CheckServer { address });
        }
    }

    /// Asks for a server; only the answer about the one asked for last counts.
    fn ask_server(self: &Rc<Self>, command: AccountCommand) {
        let number = self.asked.get() + 1;
        self.asked.set(number);
        self.show_server(ServerState::Checking, None);
        self.ask_as(number, command);
    }

    fn ask_as(self: &Rc<Self>, number: u64, command: AccountCommand) {
        let (view, address) = (self.clone(), self.address());
        let again = command.clone();
        self.context.ask(Command::Account(command), move |result| {
            if view.asked.get() != number {
                return;
            }
            match result {
                Ok(Answer::Server(server)) => view.server_found(server),
                Ok(Answer::Joined { server, token }) => view.joined(server, token.as_ref()),
                Ok(_) => {}
                Err(trouble) => {
                    if trouble == Trouble::NoConnection {
                        view.ask_later(number, again, address);
                    }
                    view.show_server(ServerState::Failed, Some(trouble));
                }
            }
        });
    }

    /// A server that does not answer may do so soon, as when both are switched on in the morning. Whoever has begun to
    /// type another address is left alone.
    fn ask_later(self: &Rc<Self>, number: u64, command: AccountCommand, address: SharedString) {
        let view = self.clone();
        Timer::single_shot(AGAIN, move || {
            let mut waits = false;
            view.context.with_window(|window| {
                waits = window.global::<AppAdapter>().get_page() == Page::Onboarding;
            });
            if waits && view.asked.get() == number && view.address() == address {
                view.ask_as(number, command);
            }
        });
    }

    fn address(&self) -> SharedString {
        let mut address = SharedString::default();
        self.context.with_window(|window| {
            address = window.global::<OnboardingAdapter>().get_address();
        });
        address
    }

    fn joined(&self, server: ServerRow, token: Option<&Secret>) {
        self.context.with_window(|window| {
            let adapter = window.global::<OnboardingAdapter>();
            adapter.set_address(server.base_url.as_str().into());
            if let Some(token) = token {
                adapter.set_token(token.reveal().into());
                adapter.set_tab(1);
            }
        });
        self.server_found(server);
    }

    fn server_found(&self, server: ServerRow) {
        self.context.with_window(|window| {
            let adapter = window.global::<OnboardingAdapter>();
            adapter.set_server_name(server.name.as_str().into());
            adapter.set_changing_server(false);
            adapter.set_registration_open(server.registrations != Registrations::Closed);
            adapter.set_token_needed(server.registrations == Registrations::WithToken);
        });
        *self.server.borrow_mut() = Some(server);
        self.show_server(ServerState::Found, None);
    }

    fn show_server(&self, state: ServerState, trouble: Option<Trouble>) {
        *self.server_trouble.borrow_mut() = trouble;
        self.context
            .with_window(|window| window.global::<OnboardingAdapter>().set_server_state(state));
        self.refresh_all();
    }
}

//! Finding a server, signing in, registering.

use std::{cell::RefCell, rc::Rc};

use slint::ComponentHandle;

use super::{OnboardingAdapter, ServerState, context::Context};
use crate::{
    bridge::{
        command::{AccountCommand, Command, Registration},
        secret::Secret,
        trouble::Trouble,
        update::Answer,
    },
    render::words,
    rows::{Registrations, ServerRow},
};

/// The field a sentence stands under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    User,
    Password,
    Token,
    Form,
}

/// The sign-in screen.
pub(super) struct Onboarding {
    context: Rc<Context>,
    server: RefCell<Option<ServerRow>>,
}

impl Onboarding {
    pub(super) fn new(context: &Rc<Context>) -> Rc<Self> {
        let onboarding = Rc::new(Self {
            context: context.clone(),
            server: RefCell::default(),
        });
        onboarding.bind();
        onboarding
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<OnboardingAdapter>();
            adapter.set_server_state(ServerState::Unknown);
            adapter.set_shared_computer(self.context.settings.get().shared_computer);
            let view = self.clone();
            adapter.on_check_server(move |address| view.check_server(&address));
            let view = self.clone();
            adapter.on_sign_in(move || view.sign_in());
            let view = self.clone();
            adapter.on_register(move || view.register());
            let view = self.clone();
            adapter.on_field_edited(move || view.show_trouble(None));
        });
    }

    /// Fills in what was used last and looks for the server.
    pub(super) fn start(
        self: &Rc<Self>,
        server: Option<String>,
        user: Option<String>,
        reason: Option<Trouble>,
    ) {
        let offered = self.context.settings.server_to_offer(server);
        let address = offered.unwrap_or_default();
        self.context.with_window(|window| {
            let adapter = window.global::<OnboardingAdapter>();
            adapter.set_busy(false);
            adapter.set_password("".into());
            adapter.set_address(address.as_str().into());
            if let Some(user) = user {
                adapter.set_user(user.as_str().into());
            }
        });
        self.show_trouble(reason.as_ref());
        if !address.is_empty() {
            self.check_server(&address);
        }
    }

    fn check_server(self: &Rc<Self>, address: &str) {
        let address = address.trim().to_owned();
        if address.is_empty() {
            return;
        }
        self.show_server(ServerState::Checking, "");
        let view = self.clone();
        let command = Command::Account(AccountCommand::CheckServer { address });
        self.context.ask(command, move |result| match result {
            Ok(Answer::Server(server)) => view.server_found(server),
            Ok(_) => {}
            Err(trouble) => {
                let sentence = words::trouble(view.context.language(), &trouble);
                view.show_server(ServerState::Failed, &sentence);
            }
        });
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
        self.show_server(ServerState::Found, "");
    }

    fn show_server(&self, state: ServerState, error: &str) {
        self.context.with_window(|window| {
            let adapter = window.global::<OnboardingAdapter>();
            adapter.set_server_state(state);
            adapter.set_server_error(error.into());
        });
    }

    fn sign_in(self: &Rc<Self>) {
        let Some(server) = self.server_url() else {
            return;
        };
        self.context.with_window(|window| {
            let adapter = window.global::<OnboardingAdapter>();
            let (user, password) = (adapter.get_user(), adapter.get_password());
            if user.trim().is_empty() || password.is_empty() {
                self.show_trouble(Some(&Trouble::WrongPassword));
                return;
            }
            self.submit(AccountCommand::SignIn {
                server,
                user: user.trim().to_owned(),
                password: Secret::new(password.as_str()),
                shared_computer: adapter.get_shared_computer(),
            });
        });
    }

    fn register(self: &Rc<Self>) {
        let Some(server) = self.server_url() else {
            return;
        };
        self.context.with_window(|window| {
            let adapter = window.global::<OnboardingAdapter>();
            let (user, password) = (adapter.get_user(), adapter.get_password());
            let token = adapter.get_token().trim().to_owned();
            let trouble = match () {
                () if adapter.get_token_needed() && token.is_empty() => Some(Trouble::TokenNeeded),
                () if user.trim().is_empty() => Some(Trouble::NameInvalid),
                () if password.chars().count() < 8 => Some(Trouble::PasswordWeak),
                () => None,
            };
            if trouble.is_some() {
                self.show_trouble(trouble.as_ref());
                return;
            }
            self.submit(AccountCommand::Register(Registration {
                server,
                user: user.trim().to_owned(),
                display_name: String::new(),
                password: Secret::new(password.as_str()),
                token: (!token.is_empty()).then(|| Secret::new(token)),
                shared_computer: adapter.get_shared_computer(),
            }));
        });
    }

    fn submit(self: &Rc<Self>, command: AccountCommand) {
        self.show_trouble(None);
        self.set_busy(true);
        let view = self.clone();
        self.context.ask(Command::Account(command), move |result| {
            view.set_busy(false);
            match result {
                Ok(_) => view.signed_in(),
                Err(trouble) => view.show_trouble(Some(&trouble)),
            }
        });
    }

    /// The next person at this computer must not find the password in its field.
    fn signed_in(&self) {
        self.context.with_window(|window| {
            let adapter = window.global::<OnboardingAdapter>();
            adapter.set_password("".into());
            adapter.set_token("".into());
            let shared = adapter.get_shared_computer();
            self.context
                .settings
                .change(|choices| choices.shared_computer = shared);
        });
    }

    fn set_busy(&self, busy: bool) {
        self.context
            .with_window(|window| window.global::<OnboardingAdapter>().set_busy(busy));
    }

    fn server_url(&self) -> Option<String> {
        let server = self.server.borrow();
        server.as_ref().map(|server| server.base_url.clone())
    }

    fn show_trouble(&self, trouble: Option<&Trouble>) {
        let language = self.context.language();
        let sentence = |wanted: Place| match trouble {
            Some(trouble) if place(trouble) == wanted => words::trouble(language, trouble),
            _ => String::new(),
        };
        self.context.with_window(|window| {
            let adapter = window.global::<OnboardingAdapter>();
            adapter.set_user_error(sentence(Place::User).as_str().into());
            adapter.set_password_error(sentence(Place::Password).as_str().into());
            adapter.set_token_error(sentence(Place::Token).as_str().into());
            adapter.set_error(sentence(Place::Form).as_str().into());
        });
    }
}

fn place(trouble: &Trouble) -> Place {
    match trouble {
        Trouble::NameTaken | Trouble::NameInvalid => Place::User,
        Trouble::WrongPassword | Trouble::PasswordWeak => Place::Password,
        Trouble::TokenNeeded | Trouble::TokenWrong => Place::Token,
        _ => Place::Form,
    }
}

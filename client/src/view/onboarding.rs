//! Finding a server, signing in, registering.

mod server;

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    rc::Rc,
};

use slint::{ComponentHandle, SharedString};

use super::{OnboardingAdapter, ServerState, SignInField, context::Context};
use crate::{
    bridge::{
        command::{AccountCommand, Command, Registration},
        secret::Secret,
        trouble::Trouble,
    },
    render::words,
    rows::ServerRow,
};

/// No server takes a shorter one.
const SHORTEST_PASSWORD: usize = 8;

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
    /// Counts the servers asked for, so that a late answer does not replace a newer one.
    asked: Cell<u64>,
    /// Given on the command line or let go over the window before anybody was asked to sign in.
    join_file: RefCell<Option<PathBuf>>,
    on_arrived: RefCell<Box<dyn Fn(bool)>>,
    /// What is said at the fields, and about the server.
    troubles: RefCell<Vec<Trouble>>,
    server_trouble: RefCell<Option<Trouble>>,
}

impl Onboarding {
    pub(super) fn new(context: &Rc<Context>) -> Rc<Self> {
        let onboarding = Rc::new(Self {
            context: context.clone(),
            server: RefCell::default(),
            asked: Cell::default(),
            join_file: RefCell::default(),
            on_arrived: RefCell::new(Box::new(|_| {})),
            troubles: RefCell::default(),
            server_trouble: RefCell::default(),
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
            adapter.on_join_file(move || view.choose_join_file());
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
            adapter.set_shared_computer(self.context.settings.get().shared_computer);
            adapter.set_address(address.as_str().into());
            adapter.set_user(user.unwrap_or_default().as_str().into());
        });
        self.show_trouble(reason.as_ref());
        let join_file = self.join_file.borrow_mut().take();
        if let Some(file) = join_file {
            return self.open_join_file(file);
        }
        let prepared = self.context.settings.join_file();
        match prepared.filter(|_| address.is_empty()) {
            Some(file) => self.open_join_file(file),
            None => self.check_server(&address),
        }
        self.find_servers(address.is_empty());
    }

    /// What happens after somebody has come in; it is told whether the account is new.
    pub(super) fn on_arrived(&self, act: impl Fn(bool) + 'static) {
        *self.on_arrived.borrow_mut() = Box::new(act);
    }

    /// Keeps a join file until somebody is asked to sign in.
    pub(super) fn keep_join_file(&self, file: PathBuf) {
        *self.join_file.borrow_mut() = Some(file);
    }

    fn sign_in(self: &Rc<Self>) {
        let Some(server) = self.server_url() else {
            return;
        };
        self.context.with_window(|window| {
            let adapter = window.global::<OnboardingAdapter>();
            let (user, password) = (adapter.get_user(), adapter.get_password());
            let missing = [
                (user.trim().is_empty(), Trouble::NameMissing),
                (password.is_empty(), Trouble::PasswordMissing),
            ];
            if self.is_incomplete(missing) {
                return;
            }
            let command = AccountCommand::SignIn {
                server,
                user: user.trim().to_owned(),
                password: Secret::new(password.as_str()),
                shared_computer: adapter.get_shared_computer(),
            };
            self.submit(command, false);
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
            let (needed, length) = (adapter.get_token_needed(), password.chars().count());
            let missing = [
                (needed && token.is_empty(), Trouble::TokenNeeded),
                (user.trim().is_empty(), Trouble::NameMissing),
                (length == 0, Trouble::PasswordMissing),
                (
                    (1..SHORTEST_PASSWORD).contains(&length),
                    Trouble::PasswordWeak,
                ),
            ];
            if self.is_incomplete(missing) {
                return;
            }
            let command = AccountCommand::Register(Registration {
                server,
                user: user.trim().to_owned(),
                display_name: String::new(),
                password: Secret::new(password.as_str()),
                token: (!token.is_empty()).then(|| Secret::new(token)),
                shared_computer: adapter.get_shared_computer(),
            });
            self.submit(command, true);
        });
    }

    /// Says at the fields what is missing, and gives the keyboard to the first of them.
    fn is_incomplete<const N: usize>(&self, missing: [(bool, Trouble); N]) -> bool {
        let troubles = missing.into_iter().filter(|(missing, _)| *missing);
        let troubles: Vec<_> = troubles.map(|(_, trouble)| trouble).collect();
        self.show_troubles(&troubles);
        self.focus(&troubles);
        !troubles.is_empty()
    }

    fn submit(self: &Rc<Self>, command: AccountCommand, is_new: bool) {
        if self.is_busy() {
            return;
        }
        self.show_trouble(None);
        self.set_busy(true);
        let view = self.clone();
        self.context.ask(Command::Account(command), move |result| {
            view.set_busy(false);
            match result {
                Ok(_) => {
                    view.signed_in();
                    (view.on_arrived.borrow())(is_new);
                }
                Err(trouble) => {
                    view.show_trouble(Some(&trouble));
                    view.focus(&[trouble]);
                }
            }
        });
    }

    /// The next person at this computer must not find the password in its field.
    fn signed_in(&self) {
        self.context.with_window(|window| {
            let adapter = window.global::<OnboardingAdapter>();
            adapter.set_password("".into());
            adapter.set_token("".into());
            // Whoever signs in here again has an account.
            adapter.set_tab(0);
            let shared = adapter.get_shared_computer();
            self.context
                .settings
                .change(|choices| choices.shared_computer = shared);
        });
    }

    fn is_busy(&self) -> bool {
        let mut busy = false;
        self.context
            .with_window(|window| busy = window.global::<OnboardingAdapter>().get_busy());
        busy
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
        self.show_troubles(trouble.map(std::slice::from_ref).unwrap_or_default());
    }

    fn show_troubles(&self, troubles: &[Trouble]) {
        *self.troubles.borrow_mut() = troubles.to_vec();
        self.refresh_all();
    }

    /// Says everything again, in another language.
    pub(super) fn refresh_all(&self) {
        let language = self.context.language();
        let (troubles, server) = (self.troubles.borrow(), self.server_trouble.borrow());
        let said = |trouble: Option<&Trouble>| {
            let said = trouble.map(|trouble| words::trouble(language, trouble));
            SharedString::from(said.unwrap_or_default())
        };
        let at = |wanted| said(troubles.iter().find(|trouble| place(trouble) == wanted));
        self.context.with_window(|window| {
            let adapter = window.global::<OnboardingAdapter>();
            adapter.set_user_error(at(Place::User));
            adapter.set_password_error(at(Place::Password));
            adapter.set_token_error(at(Place::Token));
            adapter.set_error(at(Place::Form));
            adapter.set_server_error(said(server.as_ref()));
        });
    }

    /// Gives the keyboard to the first field that something is wrong with.
    fn focus(&self, troubles: &[Trouble]) {
        let field = match troubles.first().map(place) {
            Some(Place::User) => SignInField::User,
            Some(Place::Password) => SignInField::Password,
            Some(Place::Token) => SignInField::Token,
            Some(Place::Form) | None => return,
        };
        self.context.with_window(|window| {
            let adapter = window.global::<OnboardingAdapter>();
            adapter.set_focus_field(field);
            adapter.set_focus_epoch(adapter.get_focus_epoch().wrapping_add(1));
        });
    }
}

fn place(trouble: &Trouble) -> Place {
    match trouble {
        Trouble::NameTaken | Trouble::NameInvalid | Trouble::NameMissing => Place::User,
        Trouble::WrongPassword | Trouble::PasswordWeak | Trouble::PasswordMissing => {
            Place::Password
        }
        Trouble::TokenNeeded | Trouble::TokenWrong => Place::Token,
        _ => Place::Form,
    }
}

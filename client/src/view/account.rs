//! The account's pages of the settings: name, picture, password, computers.

use std::{cell::RefCell, rc::Rc};

use chrono::Local;
use matrix_sdk::ruma::OwnedDeviceId;
use slint::{ComponentHandle, ModelRc, VecModel};

use super::{
    AccountAdapter, DeviceItem, RailAdapter, SettingsAdapter, avatars::avatar, clipboard,
    context::Context,
};
use crate::{
    bridge::{
        command::{AccountCommand, Command},
        secret::Secret,
        trouble::Trouble,
        update::Answer,
    },
    render::{Language, time, words},
    rows::{AccountRow, DeviceRow, MediaKey},
};

/// What the server asks at registration holds here too.
const SHORTEST_PASSWORD: usize = 8;

/// The account and where it is signed in.
pub(super) struct Account {
    context: Rc<Context>,
    shown: RefCell<Option<AccountRow>>,
    devices: RefCell<Vec<DeviceRow>>,
    chosen: RefCell<Vec<OwnedDeviceId>>,
    model: Rc<VecModel<DeviceItem>>,
}

impl Account {
    pub(super) fn new(context: &Rc<Context>) -> Rc<Self> {
        let account = Rc::new(Self {
            context: context.clone(),
            shown: RefCell::default(),
            devices: RefCell::default(),
            chosen: RefCell::default(),
            model: Rc::default(),
        });
        account.bind();
        account
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<AccountAdapter>();
            adapter.set_devices(ModelRc::from(self.model.clone()));
            let page = self.clone();
            adapter.on_name_saved(move |name| {
                let name = name.trim().to_owned();
                if !name.is_empty() {
                    page.send(AccountCommand::SetDisplayName { name });
                }
            });
            let page = self.clone();
            adapter.on_choose_avatar(move || page.choose_avatar());
            let page = self.clone();
            adapter.on_remove_avatar(move || page.send(AccountCommand::SetAvatar { file: None }));
            let page = self.clone();
            adapter.on_copy_address(move || {
                if let Some(account) = &*page.shown.borrow() {
                    clipboard::copy(account.user_id.as_str());
                }
            });
            let page = self.clone();
            adapter.on_password_edited(move || page.show_password_trouble(None, ""));
            let page = self.clone();
            adapter.on_change_password(move || page.change_password());
            let page = self.clone();
            adapter.on_shared_computer_chosen(move |shared| page.set_shared_computer(shared));
            let page = self.clone();
            adapter.on_device_toggled(move |id| page.toggle(&id));
        });
    }

    /// Shows whose account is open.
    pub(super) fn show(&self, account: &AccountRow) {
        *self.shown.borrow_mut() = Some(account.clone());
        self.draw();
    }

    /// Nobody is signed in any more.
    pub(super) fn clear(&self) {
        *self.shown.borrow_mut() = None;
        self.devices.borrow_mut().clear();
        self.chosen.borrow_mut().clear();
        self.model.set_vec(Vec::new());
        self.empty_passwords();
        self.show_password_trouble(None, "");
        self.set_password_busy(false);
    }

    /// Draws the account again if its picture has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        let shows = self
            .shown
            .borrow()
            .as_ref()
            .is_some_and(|account| account.avatar.as_ref() == Some(media));
        if shows {
            self.draw();
        }
    }

    /// Asks where the account is signed in.
    pub(super) fn load_devices(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<AccountAdapter>();
            adapter.set_devices_loading(self.devices.borrow().is_empty());
            adapter.set_devices_error("".into());
        });
        let page = self.clone();
        self.context.ask(
            Command::Account(AccountCommand::LoadDevices),
            move |result| page.show_devices(result),
        );
    }

    /// The command that signs the chosen computers out.
    pub(super) fn end_devices(&self, password: &str) -> Command {
        Command::Account(AccountCommand::EndDevices {
            devices: self.chosen.borrow().clone(),
            password: Secret::new(password),
        })
    }

    /// Shows where the account is signed in.
    pub(super) fn show_devices(&self, result: Result<Answer, Trouble>) {
        let trouble = match result {
            Ok(Answer::Devices(rows)) => {
                self.chosen.borrow_mut().clear();
                *self.devices.borrow_mut() = rows;
                None
            }
            Ok(_) => None,
            Err(trouble) => Some(trouble),
        };
        let sentence = trouble.map(|trouble| words::trouble(self.context.language(), &trouble));
        self.context.with_window(|window| {
            let adapter = window.global::<AccountAdapter>();
            adapter.set_devices_loading(false);
            adapter.set_devices_error(sentence.unwrap_or_default().as_str().into());
        });
        self.draw_devices();
    }

    /// Draws everything again, in another language.
    pub(super) fn refresh_all(&self) {
        self.draw_devices();
    }

    fn send(&self, command: AccountCommand) {
        self.context.act(Command::Account(command));
    }

    fn draw(&self) {
        let shown = self.shown.borrow();
        let Some(account) = shown.as_ref() else {
            return;
        };
        let id = account.user_id.as_str();
        let picture = avatar(&self.context, id, &account.name, account.avatar.as_ref());
        self.context.with_window(|window| {
            let adapter = window.global::<AccountAdapter>();
            adapter.set_user_id(id.into());
            adapter.set_name(account.name.as_str().into());
            adapter.set_avatar(picture.clone());
            adapter.set_shared_computer(account.shared_computer);
            adapter.set_secrets_in_file(account.secrets_in_file);
            window
                .global::<SettingsAdapter>()
                .set_server(account.server_name.as_str().into());
            let rail = window.global::<RailAdapter>();
            rail.set_own(picture);
            rail.set_own_name(account.name.as_str().into());
        });
    }

    /// Shows at once what was chosen, and again what is true if it is not kept.
    fn set_shared_computer(self: &Rc<Self>, shared: bool) {
        self.context.with_window(|window| {
            window
                .global::<AccountAdapter>()
                .set_shared_computer(shared);
        });
        // The next sign-in begins with it.
        self.context
            .settings
            .change(|choices| choices.shared_computer = shared);
        let page = self.clone();
        let command = Command::Account(AccountCommand::SetSharedComputer { shared });
        self.context.ask(command, move |result| {
            if let Err(trouble) = result {
                page.context.show_failure(&trouble);
                page.draw();
            }
        });
    }

    fn choose_avatar(self: &Rc<Self>) {
        let page = self.clone();
        let choose = async move {
            let dialog = rfd::AsyncFileDialog::new().add_filter(
                "PNG, JPEG, WebP, GIF",
                &["png", "jpg", "jpeg", "webp", "gif"],
            );
            if let Some(file) = dialog.pick_file().await {
                page.send(AccountCommand::SetAvatar {
                    file: Some(file.path().to_owned()),
                });
            }
        };
        if let Err(error) = slint::spawn_local(choose) {
            tracing::warn!(%error, "no picture can be chosen");
        }
    }

    fn change_password(self: &Rc<Self>) {
        let (mut old, mut new) = (String::new(), String::new());
        self.context.with_window(|window| {
            let adapter = window.global::<AccountAdapter>();
            old = adapter.get_old_password().into();
            new = adapter.get_new_password().into();
        });
        if new.chars().count() < SHORTEST_PASSWORD {
            return self.show_password_trouble(Some(&Trouble::PasswordWeak), "");
        }
        self.set_password_busy(true);
        let page = self.clone();
        let command = Command::Account(AccountCommand::ChangePassword {
            old: Secret::new(old),
            new: Secret::new(new),
        });
        self.context.ask(command, move |result| {
            page.set_password_busy(false);
            match result {
                Ok(answer) => {
                    page.empty_passwords();
                    page.show_password_trouble(None, page.password_done(&answer));
                }
                Err(trouble) => page.show_password_trouble(Some(&trouble), ""),
            }
        });
    }

    fn password_done(&self, answer: &Answer) -> &'static str {
        match answer {
            Answer::PasswordChanged { opens_keys: false } => self.context.say(
                "Пароль изменён. Старые зашифрованные сообщения по-прежнему открывает один из прежних паролей.",
                "The password is changed. Older encrypted messages still open with an earlier password.",
            ),
            _ => self
                .context
                .say("Пароль изменён.", "The password is changed."),
        }
    }

    /// The next person at this computer must not find them in their fields.
    fn empty_passwords(&self) {
        self.context.with_window(|window| {
            let adapter = window.global::<AccountAdapter>();
            adapter.set_old_password("".into());
            adapter.set_new_password("".into());
        });
    }

    fn set_password_busy(&self, busy: bool) {
        self.context
            .with_window(|window| window.global::<AccountAdapter>().set_password_busy(busy));
    }

    fn show_password_trouble(&self, trouble: Option<&Trouble>, done: &str) {
        let language = self.context.language();
        let is_about_new = matches!(trouble, Some(Trouble::PasswordWeak));
        let sentence = trouble
            .map(|trouble| words::trouble(language, trouble))
            .unwrap_or_default();
        self.context.with_window(|window| {
            let adapter = window.global::<AccountAdapter>();
            let (old, new) = if is_about_new {
                ("", sentence.as_str())
            } else {
                (sentence.as_str(), "")
            };
            adapter.set_password_error(old.into());
            adapter.set_new_password_error(new.into());
            adapter.set_password_done(done.into());
        });
    }

    fn toggle(&self, id: &str) {
        {
            let mut chosen = self.chosen.borrow_mut();
            match chosen.iter().position(|other| other.as_str() == id) {
                Some(index) => drop(chosen.remove(index)),
                None => chosen.push(id.into()),
            }
        }
        self.draw_devices();
    }

    fn draw_devices(&self) {
        let language = self.context.language();
        let (devices, chosen) = (self.devices.borrow(), self.chosen.borrow());
        let items = devices.iter().map(|device| DeviceItem {
            id: device.id.as_str().into(),
            name: device.name.as_str().into(),
            detail: detail(language, device).as_str().into(),
            own: device.own,
            trusted: device.trusted,
            chosen: chosen.contains(&device.id),
        });
        self.model.set_vec(items.collect::<Vec<_>>());
        let count = i32::try_from(chosen.len()).unwrap_or(i32::MAX);
        self.context
            .with_window(|window| window.global::<AccountAdapter>().set_chosen_devices(count));
    }
}

fn detail(language: Language, device: &DeviceRow) -> String {
    if device.own {
        return match language {
            Language::Russian => "Этот компьютер",
            Language::English => "This computer",
        }
        .to_owned();
    }
    let seen = device
        .last_seen
        .map(|at| time::full(language, at, &Local))
        .unwrap_or_default();
    match (&device.last_address, seen.is_empty()) {
        (Some(address), false) => format!("{seen} · {address}"),
        (Some(address), true) => address.clone(),
        (None, false) => seen,
        (None, true) => match language {
            Language::Russian => "Ещё не выходил в сеть",
            Language::English => "Not been online yet",
        }
        .to_owned(),
    }
}

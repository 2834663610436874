//! The settings page, and what it changes at once: language, theme, zoom.

use std::{cell::Cell, fs, rc::Rc};

use slint::{ComponentHandle, platform::WindowEvent};

use super::{
    AppAdapter, AppWindow, OnboardingAdapter, RailAdapter, SettingsAdapter, Theme, avatars::avatar,
    context::Context,
};
use crate::{
    bridge::command::{AccountCommand, Command},
    i18n,
    render::{Language, size},
    rows::AccountRow,
    settings,
};

/// The smallest and the largest zoom, in percent.
const ZOOM: (u32, u32) = (90, 150);
/// The choices in the order of the page.
const THEMES: [settings::Theme; 3] = [
    settings::Theme::System,
    settings::Theme::Light,
    settings::Theme::Dark,
];
const LANGUAGES: [Language; 2] = [Language::Russian, Language::English];

/// The settings page.
pub(super) struct Settings {
    context: Rc<Context>,
    /// The screen's own scale factor, before the zoom.
    scale: Cell<Option<f32>>,
    on_language: Box<dyn Fn()>,
}

impl Settings {
    /// Binds the page; `on_language` draws everything again that Rust has put into words.
    pub(super) fn new(context: &Rc<Context>, on_language: impl Fn() + 'static) -> Rc<Self> {
        let settings = Rc::new(Self {
            context: context.clone(),
            scale: Cell::default(),
            on_language: Box::new(on_language),
        });
        settings.bind();
        settings.show_choices();
        i18n::select(context.language());
        settings
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<SettingsAdapter>();
            adapter.set_version(env!("CARGO_PKG_VERSION").into());
            let page = self.clone();
            adapter.on_theme_chosen(move |index| {
                if let Some(theme) = choice(&THEMES, index) {
                    page.change(|choices| choices.theme = theme);
                }
            });
            let page = self.clone();
            adapter.on_language_chosen(move |index| {
                if let Some(language) = choice(&LANGUAGES, index) {
                    page.set_language(language);
                }
            });
            let page = self.clone();
            adapter.on_zoomed(move |step| page.zoom_by(step));
            let page = self.clone();
            adapter.on_name_saved(move |name| {
                let name = name.trim().to_owned();
                page.context
                    .send(Command::Account(AccountCommand::SetDisplayName { name }));
            });
            self.bind_elsewhere(window);
        });
    }

    fn bind_elsewhere(self: &Rc<Self>, window: &AppWindow) {
        let page = self.clone();
        window
            .global::<AppAdapter>()
            .on_zoomed(move |step| page.zoom_by(step));
        let onboarding = window.global::<OnboardingAdapter>();
        let page = self.clone();
        onboarding.on_language_toggled(move || {
            page.set_language(match page.context.language() {
                Language::Russian => Language::English,
                Language::English => Language::Russian,
            });
        });
        let page = self.clone();
        onboarding.on_theme_toggled(move || {
            let mut dark = false;
            page.context
                .with_window(|window| dark = window.global::<Theme>().get_dark());
            page.change(|choices| {
                choices.theme = match dark {
                    true => settings::Theme::Light,
                    false => settings::Theme::Dark,
                };
            });
        });
    }

    /// Shows whose account is open.
    pub(super) fn show_account(&self, account: &AccountRow) {
        let id = account.user_id.as_str();
        let picture = avatar(&self.context, id, &account.name, account.avatar.as_ref());
        self.context.with_window(|window| {
            let adapter = window.global::<SettingsAdapter>();
            adapter.set_user_id(id.into());
            adapter.set_name(account.name.as_str().into());
            adapter.set_avatar(picture.clone());
            adapter.set_shared_computer(account.shared_computer);
            let rail = window.global::<RailAdapter>();
            rail.set_own(picture);
            rail.set_own_name(account.name.as_str().into());
        });
    }

    /// Measures the program for the page.
    pub(super) fn show_facts(&self) {
        let language = self.context.language();
        let memory = memory().map(|bytes| size::bytes(language, bytes));
        let software = self.context.settings.get().software_rendering;
        self.context.with_window(|window| {
            let adapter = window.global::<SettingsAdapter>();
            adapter.set_memory(memory.unwrap_or_default().as_str().into());
            adapter.set_renderer(if software { "software" } else { "OpenGL" }.into());
        });
    }

    /// Applies the zoom kept in the settings, once the window is on the screen.
    pub(super) fn apply_zoom(&self) {
        let percent = self.context.settings.get().zoom.clamp(ZOOM.0, ZOOM.1);
        self.context.with_window(|window| {
            let window = window.window();
            let scale = self.scale.get().unwrap_or_else(|| window.scale_factor());
            self.scale.set(Some(scale));
            let scale_factor = scale * percent as f32 / 100.0;
            if (scale_factor - window.scale_factor()).abs() < f32::EPSILON {
                return;
            }
            let size = window.size().to_logical(scale_factor);
            for event in [
                WindowEvent::ScaleFactorChanged { scale_factor },
                WindowEvent::Resized { size },
            ] {
                if let Err(error) = window.dispatch_event_with_result(event) {
                    tracing::warn!(%error, "the zoom was not changed");
                }
            }
        });
    }

    fn zoom_by(&self, step: i32) {
        self.change(|choices| {
            choices.zoom = choices
                .zoom
                .saturating_add_signed(step)
                .clamp(ZOOM.0, ZOOM.1);
        });
        self.apply_zoom();
    }

    fn set_language(&self, language: Language) {
        self.change(|choices| choices.language = language);
        i18n::select(language);
        self.show_facts();
        (self.on_language)();
    }

    fn change(&self, change: impl FnOnce(&mut settings::Choices)) {
        self.context.settings.change(change);
        self.show_choices();
    }

    fn show_choices(&self) {
        let choices = self.context.settings.get();
        self.context.with_window(|window| {
            let theme = index_of(&THEMES, choices.theme);
            window.global::<Theme>().set_choice(theme);
            let adapter = window.global::<SettingsAdapter>();
            adapter.set_theme(theme);
            adapter.set_language(index_of(&LANGUAGES, choices.language));
            adapter.set_zoom(i32::try_from(choices.zoom).unwrap_or(100));
        });
    }
}

fn choice<T: Copy>(choices: &[T], index: i32) -> Option<T> {
    usize::try_from(index)
        .ok()
        .and_then(|index| choices.get(index))
        .copied()
}

fn index_of<T: PartialEq>(choices: &[T], wanted: T) -> i32 {
    let index = choices.iter().position(|choice| *choice == wanted);
    index
        .and_then(|index| i32::try_from(index).ok())
        .unwrap_or(0)
}

/// The program's share of the memory in bytes, where the system tells it.
fn memory() -> Option<u64> {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

//! The settings page, and what it changes at once: language, theme, zoom, density.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use slint::{ComponentHandle, platform::WindowEvent};

use super::{
    AppAdapter, AppWindow, ComposerAdapter, OnboardingAdapter, RoomListAdapter, SettingsAdapter,
    Theme, account::Account, context::Context,
};
use crate::{
    bridge::{
        command::{AccountCommand, Command, PeopleCommand},
        update::Answer,
    },
    i18n,
    render::{Language, size},
    settings::{self, Layout},
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
const LAYOUTS: [Layout; 3] = [Layout::Room, Layout::Bubbles, Layout::Lines];
/// The page about the program.
const ABOUT: i32 = 4;
/// The page with the list of computers.
const DEVICES: i32 = 1;

/// The settings page.
pub(super) struct Settings {
    context: Rc<Context>,
    account: Rc<Account>,
    /// The screen's own scale factor, before the zoom.
    scale: Cell<Option<f32>>,
    on_redraw: RefCell<Box<dyn Fn()>>,
    on_changed: RefCell<Box<dyn Fn()>>,
}

impl Settings {
    /// Binds the page.
    pub(super) fn new(context: &Rc<Context>, account: &Rc<Account>) -> Rc<Self> {
        let settings = Rc::new(Self {
            context: context.clone(),
            account: account.clone(),
            scale: Cell::default(),
            on_redraw: RefCell::new(Box::new(|| {})),
            on_changed: RefCell::new(Box::new(|| {})),
        });
        settings.bind();
        settings.show_choices();
        i18n::select(context.language());
        settings
    }

    /// What draws everything again that Rust has put into words or laid out.
    pub(super) fn on_redraw(&self, redraw: impl Fn() + 'static) {
        *self.on_redraw.borrow_mut() = Box::new(redraw);
    }

    /// What else follows the choices.
    pub(super) fn on_changed(&self, changed: impl Fn() + 'static) {
        *self.on_changed.borrow_mut() = Box::new(changed);
    }

    /// Lets nothing pop up from now on, or again.
    pub(super) fn set_silent(&self, silent: bool) {
        self.change(|choices| choices.do_not_disturb = silent);
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<SettingsAdapter>();
            adapter.set_version(env!("CARGO_PKG_VERSION").into());
            let page = self.clone();
            adapter.on_page_chosen(move |index| page.open(index));
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
            adapter.on_layout_chosen(move |index| {
                if let Some(layout) = choice(&LAYOUTS, index) {
                    page.change(|choices| choices.layout = layout);
                    page.redraw();
                }
            });
            let page = self.clone();
            adapter.on_zoomed(move |step| page.zoom_by(step));
            let page = self.clone();
            adapter.on_clear_storage(move || page.ask_storage(AccountCommand::ClearStorage));
            self.bind_switches(&adapter);
            self.bind_elsewhere(window);
        });
    }

    fn bind_switches(self: &Rc<Self>, adapter: &SettingsAdapter<'_>) {
        let page = self.clone();
        adapter.on_set_compact_rooms(move |on| page.change(|choices| choices.compact_rooms = on));
        let page = self.clone();
        adapter.on_set_reduced_motion(move |on| page.change(|choices| choices.reduced_motion = on));
        let page = self.clone();
        adapter.on_set_enter_sends(move |on| page.change(|choices| choices.enter_sends = on));
        let page = self.clone();
        adapter.on_set_software_rendering(move |on| {
            page.change(|choices| choices.software_rendering = on);
        });
        let page = self.clone();
        adapter.on_set_notifications(move |on| page.change(|choices| choices.notifications = on));
        let page = self.clone();
        adapter.on_set_notification_text(move |on| {
            page.change(|choices| choices.notification_text = on);
        });
        let page = self.clone();
        adapter.on_set_do_not_disturb(move |on| page.change(|choices| choices.do_not_disturb = on));
        let page = self.clone();
        adapter.on_set_background(move |on| page.change(|choices| choices.background = on));
        let page = self.clone();
        adapter.on_test_notification(move || page.test_notification());
    }

    fn bind_elsewhere(self: &Rc<Self>, window: &AppWindow) {
        let page = self.clone();
        window
            .global::<AppAdapter>()
            .on_zoomed(move |step| page.zoom_by(step));
        let page = self.clone();
        window
            .global::<AppAdapter>()
            .on_list_resized(move |width| page.change(|choices| choices.list_width = width));
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

    /// Shows a page.
    pub(super) fn open(self: &Rc<Self>, page: i32) {
        self.context
            .with_window(|window| window.global::<SettingsAdapter>().set_page(page));
        self.show_facts();
        self.context
            .with_window(|window| window.global::<SettingsAdapter>().set_tested("".into()));
        match page {
            DEVICES => self.account.load_devices(),
            ABOUT => self.ask_storage(AccountCommand::MeasureStorage),
            _ => {}
        }
    }

    /// Asks what the account takes on the disk, perhaps after clearing it.
    fn ask_storage(self: &Rc<Self>, command: AccountCommand) {
        let clearing = matches!(command, AccountCommand::ClearStorage);
        self.show_storage(None, clearing);
        let page = self.clone();
        self.context
            .ask(Command::Account(command), move |result| match result {
                Ok(Answer::Storage(bytes)) => page.show_storage(Some(bytes), false),
                Ok(_) => page.show_storage(None, false),
                Err(trouble) => {
                    page.show_storage(None, false);
                    page.context.show_failure(&trouble);
                }
            });
    }

    fn show_storage(&self, bytes: Option<u64>, clearing: bool) {
        let language = self.context.language();
        self.context.with_window(|window| {
            let adapter = window.global::<SettingsAdapter>();
            adapter.set_clearing(clearing);
            if let Some(bytes) = bytes {
                adapter.set_storage(size::bytes(language, bytes).as_str().into());
            }
        });
    }

    /// Measures the program for the page.
    pub(super) fn show_facts(&self) {
        let memory = self.memory();
        let drawing = match self.context.settings.get().software_rendering {
            true => self
                .context
                .say("без видеокарты", "without the graphics card"),
            false => self.context.say("видеокартой", "by the graphics card"),
        };
        self.context.with_window(|window| {
            let adapter = window.global::<SettingsAdapter>();
            adapter.set_memory(memory.as_str().into());
            adapter.set_renderer(drawing.into());
        });
    }

    /// How much memory the program uses; empty where the system does not tell.
    pub(super) fn memory(&self) -> String {
        memory()
            .map(|bytes| size::bytes(self.context.language(), bytes))
            .unwrap_or_default()
    }

    /// Applies the zoom kept in the settings, once the window is on the screen.
    pub(super) fn apply_zoom(&self) {
        let percent = self.context.settings.get().zoom.clamp(ZOOM.0, ZOOM.1);
        let mut finer = false;
        self.context.with_window(|window| {
            let window = window.window();
            let scale = self.scale.get().unwrap_or_else(|| window.scale_factor());
            self.scale.set(Some(scale));
            let scale_factor = scale * percent as f32 / 100.0;
            finer = self.context.pictures.set_scale(scale_factor);
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
        if finer {
            self.redraw();
        }
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

    fn test_notification(self: &Rc<Self>) {
        let title = self.context.say("Фиалка", "Fialka").to_owned();
        let text = self
            .context
            .say(
                "Так выглядит уведомление",
                "This is what a notification looks like",
            )
            .to_owned();
        let page = self.clone();
        let command = Command::People(PeopleCommand::Notify { title, text });
        self.context.ask(command, move |result| {
            let said = match result {
                Ok(_) => page
                    .context
                    .say("Отправлено: видно его?", "Sent: do you see it?"),
                Err(_) => page.context.say(
                    "На этом компьютере нечем показывать уведомления",
                    "Nothing on this computer shows notifications",
                ),
            };
            page.context
                .with_window(|window| window.global::<SettingsAdapter>().set_tested(said.into()));
        });
    }

    fn set_language(&self, language: Language) {
        self.change(|choices| choices.language = language);
        i18n::select(language);
        self.show_facts();
        self.redraw();
    }

    fn redraw(&self) {
        (self.on_redraw.borrow())();
    }

    fn change(&self, change: impl FnOnce(&mut settings::Choices)) {
        self.context.settings.change(change);
        self.show_choices();
        self.on_changed.borrow()();
    }

    fn show_choices(&self) {
        let choices = self.context.settings.get();
        self.context.with_window(|window| {
            let theme = index_of(&THEMES, choices.theme);
            let look = window.global::<Theme>();
            look.set_choice(theme);
            let list = (look.get_list_narrowest(), look.get_list_widest());
            look.set_list_width(choices.list_width.clamp(list.0, list.1));
            look.set_motion(!choices.reduced_motion && !choices.software_rendering);
            let adapter = window.global::<SettingsAdapter>();
            adapter.set_theme(theme);
            adapter.set_language(index_of(&LANGUAGES, choices.language));
            adapter.set_layout(index_of(&LAYOUTS, choices.layout));
            adapter.set_zoom(i32::try_from(choices.zoom).unwrap_or(100));
            adapter.set_compact_rooms(choices.compact_rooms);
            adapter.set_reduced_motion(choices.reduced_motion);
            adapter.set_enter_sends(choices.enter_sends);
            adapter.set_software_rendering(choices.software_rendering);
            adapter.set_notifications(choices.notifications);
            adapter.set_notification_text(choices.notification_text);
            adapter.set_do_not_disturb(choices.do_not_disturb);
            adapter.set_background(choices.background);
            window
                .global::<RoomListAdapter>()
                .set_compact(choices.compact_rooms);
            window
                .global::<ComposerAdapter>()
                .set_enter_sends(choices.enter_sends);
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
#[cfg(target_os = "linux")]
pub(super) fn memory() -> Option<u64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The program's memory in bytes, where the system tells it.
#[cfg(not(target_os = "linux"))]
pub(super) fn memory() -> Option<u64> {
    let memory = memory_stats::memory_stats()?;
    u64::try_from(memory.physical_mem).ok()
}

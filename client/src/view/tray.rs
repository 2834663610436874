//! The icon beside the clock: with it, the program goes on when its window is closed.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use slint::{ComponentHandle, Timer, winit_030::WinitWindowAccessor};

use super::{AccountAdapter, AppAdapter, Page, Tray as Icon, context::Context, settings::Settings};

/// The icon, while there is one. Where the desktop has no place for icons, it is there and not seen, and closing the
/// window ends the program.
pub(super) struct Tray {
    context: Rc<Context>,
    settings: Rc<Settings>,
    /// The program has a window at all; tests and pictures of it do not.
    runs: Cell<bool>,
    icon: RefCell<Option<Icon>>,
}

/// The icon of a window.
pub(super) fn of(context: &Rc<Context>, settings: &Rc<Settings>) -> Rc<Tray> {
    let tray = Rc::new(Tray {
        context: context.clone(),
        settings: settings.clone(),
        runs: Cell::new(false),
        icon: RefCell::default(),
    });
    let shown = Rc::downgrade(&tray);
    settings.on_changed(move || {
        if let Some(tray) = shown.upgrade() {
            tray.refresh();
        }
    });
    tray
}

impl Tray {
    /// From now on there may be an icon.
    pub(super) fn begin(self: &Rc<Self>) {
        self.runs.set(true);
        self.refresh();
    }

    /// The program ends.
    pub(super) fn end(&self) {
        self.runs.set(false);
        self.icon.take();
    }

    /// Brings the icon up to date: it is there for somebody who is signed in on a computer of their own and wants it.
    pub(super) fn refresh(self: &Rc<Self>) {
        if !self.runs.get() {
            return;
        }
        let (mut wanted, mut unread) = (false, 0);
        let choices = self.context.settings.get();
        let (background, silent) = (choices.background, choices.do_not_disturb);
        drop(choices);
        self.context.with_window(|window| {
            let app = window.global::<AppAdapter>();
            let is_signed_in = matches!(app.get_page(), Page::Chats | Page::Settings);
            let is_shared = window.global::<AccountAdapter>().get_shared_computer();
            wanted = background && is_signed_in && !is_shared;
            unread = app.get_unread();
        });
        if wanted != self.icon.borrow().is_some() {
            let icon = if wanted { self.make() } else { None };
            *self.icon.borrow_mut() = icon;
        }
        if let Some(icon) = &*self.icon.borrow() {
            icon.set_unread(unread);
            icon.set_silent(silent);
        }
    }

    /// Shows the window, whatever was done with it.
    pub(super) fn come_forward(&self) {
        self.context.with_window(|window| {
            if let Err(error) = window.show() {
                tracing::warn!(%error, "the window is not shown");
            }
            window.window().set_minimized(false);
            window
                .window()
                .with_winit_window(|window| window.focus_window());
        });
        // A window that was closed is a new one to the system and does not know the zoom.
        let settings = self.settings.clone();
        Timer::single_shot(Duration::ZERO, move || settings.apply_zoom());
    }

    fn make(self: &Rc<Self>) -> Option<Icon> {
        let icon = match Icon::new() {
            Ok(icon) => icon,
            Err(error) => {
                tracing::info!(%error, "there is no icon beside the clock");
                return None;
            }
        };
        let tray = Rc::downgrade(self);
        icon.on_open(move || {
            if let Some(tray) = tray.upgrade() {
                tray.come_forward();
            }
        });
        let settings = self.settings.clone();
        icon.on_silence(move |silent| settings.set_silent(silent));
        icon.on_quit(|| {
            if let Err(error) = slint::quit_event_loop() {
                tracing::warn!(%error, "the program does not end");
            }
        });
        Some(icon)
    }
}

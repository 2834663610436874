//! What the rail and the window itself ask for.

use std::path::PathBuf;

use slint::{CloseRequestResponse, ComponentHandle};

use super::{Ui, page_of, show_page};
use crate::{
    bridge::command::FileSource,
    view::{Page, PaneKind, RailAdapter, caret::Caret, head, input},
};

impl Ui {
    pub(super) fn bind_rail(&self) {
        let rail = self.window.global::<RailAdapter>();
        let (window, spaces) = (self.window.as_weak(), self.rail.clone());
        rail.on_home(move || {
            show_page(&window, Page::Chats);
            spaces.choose_id("");
        });
        let (window, spaces) = (self.window.as_weak(), self.rail.clone());
        rail.on_space_chosen(move |id| {
            show_page(&window, Page::Chats);
            spaces.choose_id(&id);
        });
        let (window, settings) = (self.window.as_weak(), self.settings.clone());
        rail.on_settings(move || {
            settings.open(0);
            show_page(&window, Page::Settings);
        });
        let toggle = {
            let (room, help, settings) =
                (self.room.clone(), self.help.clone(), self.settings.clone());
            move || {
                help.prepare(&settings.memory());
                let open = room.pane.kind() == PaneKind::Help;
                room.pane
                    .open(if open { PaneKind::None } else { PaneKind::Help });
            }
        };
        rail.on_help(toggle.clone());
        self.adapter().on_help(toggle);
        head::bind(&self.window, &self.room);
    }

    pub(super) fn bind_window(&self) {
        let (room, onboarding, window) = (
            self.room.clone(),
            self.onboarding.clone(),
            self.window.as_weak(),
        );
        let files = move |paths: Vec<PathBuf>| {
            if page_of(&window) == Some(Page::Onboarding) {
                if let Some(file) = paths.into_iter().next() {
                    onboarding.open_join_file(file);
                }
                return;
            }
            room.attach
                .offer(paths.into_iter().map(FileSource::Path).collect());
        };
        let room = self.room.clone();
        let (presence, animations) = (self.presence.clone(), self.animations.clone());
        let midnight = self.midnight.clone();
        let caret = Caret::new(&self.window);
        let blinking = caret.clone();
        let away = move |away| {
            caret.set_away(away);
            presence.set_silent(away);
            room.timeline.set_away(away);
            midnight.look();
            animations.set_away(away);
        };
        let timeline = self.room.timeline.clone();
        self.adapter()
            .on_page_shown(move || timeline.read_if_seen());
        let timeline = self.room.timeline.clone();
        self.window.window().on_close_requested(move || {
            // The window may be gone before it tells that nobody looks at it.
            timeline.set_away(true);
            CloseRequestResponse::HideWindow
        });
        let (settings, window) = (self.settings.clone(), self.window.as_weak());
        let shown = move || {
            if let Some(window) = window.upgrade() {
                input::fit_to_screen(&window);
            }
            settings.apply_zoom();
        };
        input::listen(
            &self.window,
            input::Handlers {
                shown: Box::new(shown),
                files: Box::new(files),
                away: Box::new(away),
                stirred: Box::new(move || blinking.stir()),
            },
        );
    }
}

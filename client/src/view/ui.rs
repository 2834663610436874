//! The window with all its views.

use std::{rc::Rc, time::Duration};

use slint::{ComponentHandle, PlatformError, Timer};

use super::{
    AppAdapter, AppWindow, HeaderAdapter, Page, RailAdapter, RoomListAdapter, context::Context,
    onboarding::Onboarding, people::People, prompts::Prompts, room::Room, room_list::RoomList,
    settings::Settings, viewer::Viewer,
};
use crate::{
    bridge::{
        command::{AccountCommand, Command, Commands},
        update::{Connection, KeyStorage, SessionState, Update},
    },
    rows::MediaKey,
    settings,
};

/// Short interruptions are not worth a banner.
const OFFLINE_GRACE: Duration = Duration::from_secs(2);

/// The views' side of the bridge.
pub struct Ui {
    window: AppWindow,
    context: Rc<Context>,
    list: Rc<RoomList>,
    room: Rc<Room>,
    people: Rc<People>,
    viewer: Rc<Viewer>,
    onboarding: Rc<Onboarding>,
    settings: Rc<Settings>,
    offline: Rc<Timer>,
}

impl Ui {
    /// Builds the window and binds every callback to a command.
    ///
    /// # Errors
    /// When no window can be made, e.g. without a display.
    pub fn new(commands: Commands, settings: settings::Settings) -> Result<Self, PlatformError> {
        let window = AppWindow::new()?;
        let size = settings.get().window;
        window
            .window()
            .set_size(slint::LogicalSize::new(size.width, size.height));
        window.window().set_maximized(size.maximized);

        let context = Context::new(&window, commands, settings);
        let list = RoomList::new(&context);
        let room = Room::new(&context, &list);
        Prompts::new(&context, &list, &room);
        let redraw = (list.clone(), room.clone());
        let ui = Self {
            people: People::new(&context, &room),
            viewer: Viewer::new(&context, &room.timeline),
            onboarding: Onboarding::new(&context),
            settings: Settings::new(&context, move || {
                redraw.0.refresh_all();
                redraw.1.refresh_all();
            }),
            offline: Rc::default(),
            window,
            context,
            list,
            room,
        };
        ui.bind();
        Ok(ui)
    }

    /// The window, for tests and pictures of it.
    #[must_use]
    pub fn window(&self) -> &AppWindow {
        &self.window
    }

    /// Puts an update into the models.
    pub fn apply(&self, update: Update) {
        match update {
            Update::Answered { request, result } => self.context.answered(request, result),
            Update::Session(state) => self.show_session(state),
            Update::Connection(connection) => self.show_connection(connection),
            Update::KeyStorage(state) => {
                self.adapter().set_keys_locked(state == KeyStorage::Locked);
            }
            Update::Rooms(diffs) => self.list.apply(diffs),
            Update::RoomsComplete => self.list.complete(),
            Update::Timeline(room, update) => self.room.apply(&room, update),
            Update::Picture {
                media,
                size,
                pixels,
            } => {
                self.context.pictures.put(media.clone(), size, pixels);
                self.refresh_picture(&media);
            }
        }
    }

    /// Runs the event loop until the window is closed.
    ///
    /// # Errors
    /// When the window cannot be shown.
    pub fn run(&self) -> Result<(), PlatformError> {
        self.window.show()?;
        let settings = self.settings.clone();
        // The screen's scale factor is known once the window is on it.
        Timer::single_shot(Duration::ZERO, move || settings.apply_zoom());
        slint::run_event_loop()?;
        self.keep_window_size();
        self.window.hide()
    }

    fn bind(&self) {
        let adapter = self.adapter();
        adapter.set_page(Page::Starting);
        let context = self.context.clone();
        adapter.on_reconnect(move || {
            context.send(Command::Account(AccountCommand::Reconnect));
        });
        let window = self.window.as_weak();
        let show = move |page| {
            if let Some(window) = window.upgrade() {
                show_page(&window, page);
            }
        };
        let closing = show.clone();
        let window = self.window.as_weak();
        adapter.on_page_closed(move || {
            // Escape leaves the settings and nothing else.
            let page = window
                .upgrade()
                .map(|window| window.global::<AppAdapter>().get_page());
            if page == Some(Page::Settings) {
                closing(Page::Chats);
            }
        });
        let window = self.window.as_weak();
        adapter.on_failure_closed(move || {
            if let Some(window) = window.upgrade() {
                window.global::<AppAdapter>().set_failure("".into());
            }
        });

        let rail = self.window.global::<RailAdapter>();
        let home = show.clone();
        let window = self.window.as_weak();
        rail.on_home(move || {
            home(Page::Chats);
            if let Some(window) = window.upgrade() {
                let list = window.global::<RoomListAdapter>();
                list.set_search_epoch(list.get_search_epoch().wrapping_add(1));
            }
        });
        let (settings, opening) = (self.settings.clone(), show.clone());
        rail.on_settings(move || {
            settings.show_facts();
            opening(Page::Settings);
        });
        self.window
            .global::<super::SettingsAdapter>()
            .on_close(move || show(Page::Chats));
    }

    fn show_session(&self, state: SessionState) {
        match state {
            SessionState::SignedIn(account) => {
                self.settings.show_account(&account);
                if self.adapter().get_page() != Page::Settings {
                    show_page(&self.window, Page::Chats);
                }
            }
            SessionState::SignedOut {
                server,
                user,
                reason,
            } => {
                self.room.open(None);
                self.context.pictures.clear();
                self.adapter().set_failure("".into());
                self.adapter().set_keys_locked(false);
                self.onboarding.start(server, user, reason);
                self.adapter().set_page(Page::Onboarding);
            }
        }
    }

    fn show_connection(&self, connection: Connection) {
        let window = self.window.as_weak();
        let show = move |offline| {
            if let Some(window) = window.upgrade() {
                window.global::<AppAdapter>().set_offline(offline);
                window.global::<RailAdapter>().set_online(!offline);
            }
        };
        match connection {
            Connection::Offline => {
                self.offline
                    .start(slint::TimerMode::SingleShot, OFFLINE_GRACE, move || {
                        show(true);
                    });
            }
            Connection::Connecting | Connection::Online => {
                self.offline.stop();
                show(false);
            }
        }
    }

    fn refresh_picture(&self, media: &MediaKey) {
        self.list.refresh_picture(media);
        self.room.refresh_picture(media);
        self.people.refresh_picture(media);
        self.viewer.refresh_picture(media);
    }

    fn keep_window_size(&self) {
        let window = self.window.window();
        let size = window.size().to_logical(window.scale_factor());
        let maximized = window.is_maximized();
        self.context.settings.change(|choices| {
            choices.window.maximized = maximized;
            // The size of a maximized window is the screen's.
            if !maximized && size.width > 0.0 {
                choices.window.width = size.width;
                choices.window.height = size.height;
            }
        });
    }

    fn adapter(&self) -> AppAdapter<'_> {
        self.window.global::<AppAdapter>()
    }
}

fn show_page(window: &AppWindow, page: Page) {
    let adapter = window.global::<AppAdapter>();
    adapter.set_page(page);
    window
        .global::<RailAdapter>()
        .set_settings_open(page == Page::Settings);
    if page == Page::Settings {
        window.global::<HeaderAdapter>().set_members_open(false);
    }
}

//! The window with all its views.

mod bindings;
mod leaving;

use std::{cell::Cell, path::PathBuf, rc::Rc};

use slint::{ComponentHandle, ModelRc, PlatformError, RenderingState, VecModel};

use super::{
    AppAdapter, AppWindow, HelpAdapter, LineTexts, Page, PaneKind, RailAdapter, SettingsAdapter,
    account::Account,
    animations::Animations,
    context::Context,
    directory::Directory,
    emoji,
    feedback::Feedback,
    fonts,
    games::Games,
    help::Help,
    input, links,
    midnight::Midnight,
    notices::{Notices, changed},
    offline::Offline,
    onboarding::Onboarding,
    people::People,
    presence::{self, Presence},
    prompts::Prompts,
    rail::Rail,
    room::Room,
    room_list::RoomList,
    settings::Settings,
    state::State,
    switcher::Switcher,
    tray::{self, Tray},
    verification::Verification,
    viewer::Viewer,
    welcome::Welcome,
};
use crate::{
    bridge::{
        command::{AccountCommand, Command, Commands, FileSource, RequestId},
        trouble::Trouble,
        update::{
            Answer, Connection, KeyStorage, PictureSize, SessionState, TimelineUpdate, Update,
        },
    },
    render::{names, words},
    rows::MediaKey,
    settings,
};

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
    account: Rc<Account>,
    switcher: Rc<Switcher>,
    directory: Rc<Directory>,
    rail: Rc<Rail>,
    help: Rc<Help>,
    notices: Rc<Notices>,
    presence: Rc<Presence>,
    /// The list of rooms was shown once.
    listed: Cell<bool>,
    verification: Rc<Verification>,
    feedback: Rc<Feedback>,
    welcome: Rc<Welcome>,
    games: Rc<Games>,
    offline: Offline,
    state: Rc<State>,
    animations: Rc<Animations>,
    midnight: Rc<Midnight>,
    tray: Rc<Tray>,
}

impl Ui {
    /// Builds the window and binds every callback to a command.
    ///
    /// # Errors
    /// When no window can be made, e.g. without a display.
    pub fn new(commands: Commands, settings: settings::Settings) -> Result<Self, PlatformError> {
        let window = AppWindow::new()?;
        fonts::register(&window);
        let size = settings.get().window;
        window
            .window()
            .set_size(slint::LogicalSize::new(size.width, size.height));
        window.window().set_maximized(size.maximized);

        let context = Context::new(&window, commands, settings);
        let list = RoomList::new(&context);
        let room = Room::new(&context, &list);
        let account = Account::new(&context);
        let animations = Animations::new(&context);
        links::bind(&context, &list);
        Prompts::new(&context, &list, &room, &account);
        let settings = Settings::new(&context, &account);
        let (days, open) = (list.clone(), room.clone());
        let midnight = Midnight::new(move || {
            days.refresh_all();
            open.timeline.refresh_all();
        });
        let tray = tray::of(&context, &settings);
        let ui = Self {
            people: People::new(&context, &room),
            viewer: Viewer::new(&context, &room.timeline, &animations),
            onboarding: Onboarding::new(&context),
            switcher: Switcher::new(&context, &list, &room),
            directory: Directory::new(&context, &room),
            rail: Rail::new(&context, &list),
            help: Help::new(&context),
            notices: Notices::new(&context),
            presence: presence::of(&context, &list, &room),
            listed: Cell::default(),
            verification: Verification::new(&context, &room.person),
            feedback: Feedback::new(&context),
            welcome: Welcome::new(&context),
            games: Games::new(&context, &room),
            offline: Offline::new(&window),
            state: State::new(&context),
            animations,
            midnight,
            tray,
            settings,
            account,
            window,
            context,
            list,
            room,
        };
        let welcome = ui.welcome.clone();
        ui.onboarding
            .on_arrived(move |is_new| welcome.arrived(is_new));
        ui.bind();
        ui.bind_rail();
        ui.bind_window();
        Ok(ui)
    }

    /// The window, for tests and pictures of it.
    #[must_use]
    pub fn window(&self) -> &AppWindow {
        &self.window
    }

    /// Asks before these files are sent, as if they were let go over the window.
    pub fn offer_files(&self, files: Vec<FileSource>) {
        self.room.attach.offer(files);
    }

    /// Goes to the server that a join file names, now or once nobody is signed in.
    pub fn open_join_file(&self, file: PathBuf) {
        match self.adapter().get_page() {
            Page::Onboarding => self.onboarding.open_join_file(file),
            _ => self.onboarding.keep_join_file(file),
        }
    }

    /// What comes before a key from the window system is handled: somebody has the keyboard.
    pub fn keep_keys(&self) {
        input::keep_keys(&self.window);
    }

    /// Shows the window, whatever was done with it, as somebody asks for it.
    pub fn come_forward(&self) {
        self.tray.come_forward();
    }

    /// Says that the window is drawn without the graphics card from now on.
    pub fn say_renderer_failed(&self) {
        let sentence = words::renderer_failed(self.context.language());
        self.context.show_banner(sentence, true);
    }

    /// Does something when the graphics card has drawn the window; never without one.
    pub fn on_first_frame(&self, act: impl Fn() + 'static) {
        let window = self.window.window();
        let watch = window.set_rendering_notifier(move |state, _| {
            if matches!(state, RenderingState::AfterRendering) {
                act();
            }
        });
        if let Err(error) = watch {
            tracing::debug!(%error, "the first frame is not awaited");
        }
    }

    /// Puts an update into the models.
    pub fn apply(&self, update: Update) {
        self.take(update);
        self.tray.refresh();
    }

    fn take(&self, update: Update) {
        match update {
            Update::Answered { request, result } => self.answered(request, result),
            Update::Session(state) => self.show_session(state),
            Update::Connection(connection) => {
                self.offline.show(connection);
                if connection == Connection::Online {
                    let again = self.context.pictures.forgive();
                    again.iter().for_each(|media| self.refresh_picture(media));
                }
            }
            Update::KeyStorage(state) => {
                let wants = matches!(state, KeyStorage::Locked | KeyStorage::Off);
                self.adapter().set_keys_locked(wants);
                self.verification.show_keys(state);
            }
            Update::Verification(row) => self.verification.show(row),
            Update::Server(facts) => {
                self.games.set_bot(facts.bot.clone());
                self.state.set_server(facts);
            }
            Update::DiskFull(full) => self.state.set_disk_full(full),
            Update::Frame { media, pixels } => self.animations.show(&media, &pixels),
            Update::Rooms(diffs) => {
                let changed = changed(&diffs);
                self.list.apply(diffs);
                if !self.listed.get() && !changed.is_empty() {
                    self.listed.set(true);
                    tracing::info!("the list of rooms is shown");
                }
                self.rail.refresh();
                let in_sight = self.room.timeline.room_in_sight();
                self.notices.rooms_changed(&changed, in_sight.as_ref());
            }
            Update::Spaces(spaces) => {
                self.rail.show(spaces);
                self.room.classes_changed();
            }
            Update::RoomsComplete => {
                self.list.complete();
                self.presence.set_silent(false);
                self.notices.start();
            }
            Update::RoomsComing { here, all } => self.list.coming(here, all),
            Update::Timeline(room, update) => {
                let shows_others = matches!(
                    update,
                    TimelineUpdate::Members(_) | TimelineUpdate::Header(_)
                );
                self.room.apply(&room, update);
                let timeline = &self.room.timeline;
                self.animations.retain(|media| timeline.has_picture(media));
                if shows_others {
                    self.presence.people_changed();
                }
            }
            Update::Picture {
                media,
                size,
                pixels,
            } => {
                self.context.pictures.put(&media, size, &pixels);
                self.refresh_picture(&media);
            }
        }
    }

    fn answered(&self, request: RequestId, result: Result<Answer, Trouble>) {
        let Some((media, size)) = self.context.pictures.take_own(request) else {
            return self.context.answered(request, result);
        };
        // What has arrived came before the answer.
        if let Err(trouble) = result {
            self.context.pictures.fail(&media, size);
            if size == PictureSize::Full {
                self.viewer.picture_failed(&media, &trouble);
            }
        }
    }

    /// Runs the event loop until the window is closed.
    ///
    /// # Errors
    /// When the window cannot be shown.
    pub fn run(&self) -> Result<(), PlatformError> {
        self.window.show()?;
        self.tray.begin();
        slint::run_event_loop()?;
        self.tray.end();
        self.context.keep_window_size();
        self.window.hide()
    }

    fn bind(&self) {
        let lines = self.window.global::<LineTexts>();
        lines.on_runs(|text| ModelRc::from(Rc::new(VecModel::from(emoji::runs(&text)))));
        lines.on_ending(|text| emoji::ending(&text).into());
        lines.on_shortened_file(|name, share| names::shortened_file(&name, share).into());
        let adapter = self.adapter();
        adapter.set_page(Page::Starting);
        let context = self.context.clone();
        adapter.on_reconnect(move || {
            context.send(Command::Account(AccountCommand::Reconnect));
        });
        let (window, room) = (self.window.as_weak(), self.room.clone());
        adapter.on_escaped(move || match page_of(&window) {
            Some(Page::Settings) => show_page(&window, Page::Chats),
            _ => room.pane.open(PaneKind::None),
        });
        let window = self.window.as_weak();
        adapter.on_failure_closed(move || {
            if let Some(window) = window.upgrade() {
                window.global::<AppAdapter>().set_failure("".into());
            }
        });
        let window = self.window.as_weak();
        self.window
            .global::<SettingsAdapter>()
            .on_close(move || show_page(&window, Page::Chats));
        let redraw = (
            self.list.clone(),
            self.room.clone(),
            self.help.clone(),
            self.account.clone(),
            self.verification.clone(),
            self.games.clone(),
            self.state.clone(),
            self.feedback.clone(),
            self.onboarding.clone(),
        );
        self.settings.on_redraw(move || {
            redraw.0.refresh_all();
            redraw.1.refresh_all();
            redraw.2.refresh_all();
            redraw.3.refresh_all();
            redraw.4.refresh_all();
            redraw.5.refresh_all();
            redraw.6.draw();
            redraw.7.refresh_all();
            redraw.8.refresh_all();
        });
    }

    fn show_session(&self, state: SessionState) {
        match state {
            SessionState::SignedIn(account) => {
                self.account.show(&account);
                self.welcome.name_known();
                self.games.signed_in(&account);
                self.window.global::<HelpAdapter>().set_signed_in(true);
                if self.adapter().get_page() != Page::Settings {
                    show_page(&self.window.as_weak(), Page::Chats);
                }
            }
            SessionState::SignedOut {
                server,
                user,
                reason,
            } => self.show_signed_out(server, user, reason),
        }
    }

    fn refresh_picture(&self, media: &MediaKey) {
        self.list.refresh_picture(media);
        self.room.refresh_picture(media);
        self.people.refresh_picture(media);
        self.viewer.refresh_picture(media);
        self.account.refresh_picture(media);
        self.switcher.refresh_picture(media);
        self.directory.refresh_picture(media);
        self.rail.refresh_picture(media);
    }

    fn adapter(&self) -> AppAdapter<'_> {
        self.window.global::<AppAdapter>()
    }
}

fn page_of(window: &slint::Weak<AppWindow>) -> Option<Page> {
    Some(window.upgrade()?.global::<AppAdapter>().get_page())
}

fn show_page(window: &slint::Weak<AppWindow>, page: Page) {
    if let Some(window) = window.upgrade() {
        window.global::<AppAdapter>().set_page(page);
        window
            .global::<RailAdapter>()
            .set_settings_open(page == Page::Settings);
    }
}

//! Somebody at a computer: a session of the client and everything its window would show.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use client::{
    bridge::{
        command::{
            AccountCommand, Command, Commands, KeptText, Registration, RequestId, RoomsCommand,
            TimelineCommand,
        },
        pixels::Pixels,
        runtime::Backend,
        secret::Secret,
        trouble::Trouble,
        update::{
            Answer, Connection, KeyStorage, ServerFacts, SessionState, TimelineUpdate, Update,
        },
    },
    render::plain,
    rows::{
        AccountRow, Body, Delivery, MemberRow, MessageRow, Notice, RoomHeader, RoomRow, RowId,
        RowKind, TimelineRow, VerificationRow,
    },
    session::Config,
};
use imbl::Vector;
use matrix_sdk::ruma::{OwnedRoomId, RoomId};
use tokio::sync::mpsc;

/// A test fails when something takes longer than this.
const PATIENCE: Duration = Duration::from_secs(120);
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// What the window would show.
#[derive(Default)]
pub(crate) struct Screen {
    pub(crate) account: Option<AccountRow>,
    pub(crate) connection: Option<Connection>,
    pub(crate) keys: Option<KeyStorage>,
    pub(crate) rooms: Vector<Arc<RoomRow>>,
    pub(crate) headers: HashMap<OwnedRoomId, RoomHeader>,
    pub(crate) timelines: HashMap<OwnedRoomId, Vector<Arc<TimelineRow>>>,
    pub(crate) members: Vec<MemberRow>,
    pub(crate) typing: Vec<String>,
    pub(crate) picture: Option<Pixels>,
    pub(crate) verification: Option<VerificationRow>,
    pub(crate) draft: KeptText,
    pub(crate) server: Option<ServerFacts>,
    pub(crate) disk_full: bool,
    /// How many rooms were there, of how many, while they came.
    pub(crate) coming: Vec<(usize, usize)>,
    /// How many frames of moving pictures have come.
    pub(crate) frames: usize,
    /// Why nobody is signed in any more.
    pub(crate) signed_out: Option<Trouble>,
    answers: HashMap<RequestId, Result<Answer, Trouble>>,
}

pub(crate) struct Person {
    name: &'static str,
    data_dir: PathBuf,
    backend: Backend,
    updates: mpsc::Receiver<Update>,
    pub(crate) screen: Screen,
}

impl Person {
    pub(crate) fn sit_down(name: &'static str, data_dir: PathBuf) -> Self {
        let config = Config {
            data_dir: data_dir.clone(),
            use_keyring: false,
            extra_ca: Vec::new(),
            device_name: format!("{name}'s computer"),
        };
        let (backend, updates) = Backend::start(config).unwrap();
        Self {
            name,
            data_dir,
            backend,
            updates,
            screen: Screen::default(),
        }
    }

    /// Closes the program and opens it again.
    pub(crate) fn restart(self) -> Self {
        let Self {
            name,
            data_dir,
            backend,
            ..
        } = self;
        backend.shut_down();
        Self::sit_down(name, data_dir)
    }

    /// Closes the program.
    pub(crate) fn leave(self) {
        self.backend.shut_down();
    }

    pub(crate) fn register(&mut self, address: &str) {
        let server = self.find_server(address);
        let registration = Registration {
            server,
            user: self.name.to_lowercase(),
            display_name: self.name.to_owned(),
            password: Secret::new(PASSWORD),
            token: None,
            shared_computer: false,
        };
        self.ask(Command::Account(AccountCommand::Register(registration)));
        self.arrive();
    }

    pub(crate) fn sign_in(&mut self, address: &str) {
        self.sign_in_with(address, PASSWORD);
    }

    pub(crate) fn sign_in_with(&mut self, address: &str, password: &str) {
        self.begin_with(address, password);
        self.arrive();
    }

    /// Signs in, whatever becomes of the message keys.
    pub(crate) fn begin_with(&mut self, address: &str, password: &str) {
        let server = self.find_server(address);
        let (user, password) = (self.name.to_lowercase(), Secret::new(password));
        self.ask(Command::Account(AccountCommand::SignIn {
            server,
            user,
            password,
            shared_computer: false,
        }));
    }

    pub(crate) fn find_server(&mut self, address: &str) -> String {
        let check = AccountCommand::CheckServer {
            address: address.to_owned(),
        };
        match self.ask(Command::Account(check)) {
            Answer::Server(server) => server.base_url,
            other => panic!("{} found no server but {other:?}", self.name),
        }
    }

    pub(crate) fn arrive(&mut self) {
        self.until("be signed in", |screen| screen.account.is_some());
        self.until("be online", |screen| {
            screen.connection == Some(Connection::Online)
        });
        self.until("have message keys", |screen| {
            screen.keys == Some(KeyStorage::Ready)
        });
    }

    pub(crate) fn commands(&self) -> Commands {
        self.backend.commands()
    }

    /// Does something and waits for the answer, which must be good.
    pub(crate) fn ask(&mut self, command: Command) -> Answer {
        let what = format!("get an answer to {command:?}");
        self.try_ask(command)
            .unwrap_or_else(|trouble| panic!("{} did not {what}: {trouble:?}", self.name))
    }

    pub(crate) fn try_ask(&mut self, command: Command) -> Result<Answer, Trouble> {
        let what = format!("get an answer to {command:?}");
        let request = self.commands().send(command);
        self.until(&what, |screen| screen.answers.contains_key(&request));
        self.screen.answers.remove(&request).unwrap()
    }

    pub(crate) fn in_room(&mut self, room: &RoomId, command: TimelineCommand) -> Answer {
        self.ask(Command::Timeline(room.to_owned(), command))
    }

    pub(crate) fn say(&mut self, room: &RoomId, markdown: &str) {
        self.in_room(
            room,
            TimelineCommand::SendText {
                markdown: markdown.to_owned(),
                mentions: Vec::new(),
                reply_to: None,
            },
        );
    }

    /// Makes a group with somebody, who accepts; both have it open.
    pub(crate) fn make_group(&mut self, name: &str, other: &mut Self) -> OwnedRoomId {
        let invite = vec![other.screen.account.as_ref().unwrap().user_id.clone()];
        let group = RoomsCommand::CreateGroup {
            name: name.to_owned(),
            topic: String::new(),
            invite,
            encrypted: false,
        };
        let room = match self.ask(Command::Rooms(group)) {
            Answer::Room(room) => room,
            other => panic!("no room but {other:?}"),
        };
        self.in_room(&room, TimelineCommand::Open);
        assert_eq!(other.accept_invitation(), room);
        other.until("see the header", |screen| {
            screen.headers.contains_key(&room)
        });
        room
    }

    /// Accepts the one invitation there is, and opens the room.
    pub(crate) fn accept_invitation(&mut self) -> OwnedRoomId {
        self.until("see an invitation", |screen| screen.invitation().is_some());
        let room = self.screen.invitation().unwrap();
        self.ask(Command::Rooms(RoomsCommand::AcceptInvite {
            room: room.clone(),
        }));
        self.until("have left the lobby", |screen| {
            screen.invitation().is_none()
        });
        self.in_room(&room, TimelineCommand::Open);
        room
    }

    /// Waits until the screen shows something.
    pub(crate) fn until(&mut self, what: &str, is_shown: impl Fn(&Screen) -> bool) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !is_shown(&self.screen) {
            let left = deadline.saturating_duration_since(Instant::now());
            let update =
                runtime.block_on(async { tokio::time::timeout(left, self.updates.recv()).await });
            match update {
                Ok(Some(update)) => self.screen.apply(update),
                Ok(None) => panic!("{}'s session ended while waiting to {what}", self.name),
                Err(_) => panic!(
                    "{} did not {what}; the screen shows\n{}",
                    self.name,
                    self.screen.describe()
                ),
            }
        }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data_dir.clone()
    }
}

impl Screen {
    fn apply(&mut self, update: Update) {
        match update {
            Update::Answered { request, result } => drop(self.answers.insert(request, result)),
            Update::Session(SessionState::SignedIn(account)) => self.account = Some(account),
            Update::Session(SessionState::SignedOut { reason, .. }) => {
                *self = Self {
                    answers: self.answers.clone(),
                    signed_out: reason,
                    ..Self::default()
                }
            }
            Update::Connection(connection) => self.connection = Some(connection),
            Update::KeyStorage(keys) => self.keys = Some(keys),
            Update::Rooms(diffs) => diffs
                .into_iter()
                .for_each(|diff| diff.apply(&mut self.rooms)),
            Update::Verification(row) => self.verification = row,
            Update::Server(facts) => self.server = Some(facts),
            Update::DiskFull(full) => self.disk_full = full,
            Update::Frame { .. } => self.frames += 1,
            Update::RoomsComing { here, all } => self.coming.push((here, all)),
            Update::RoomsComplete | Update::Spaces(_) => {}
            Update::Picture { pixels, .. } => self.picture = Some(pixels),
            Update::Timeline(room, update) => self.apply_to_timeline(room, update),
        }
    }

    fn apply_to_timeline(&mut self, room: OwnedRoomId, update: TimelineUpdate) {
        match update {
            TimelineUpdate::Header(header) => drop(self.headers.insert(room, header)),
            TimelineUpdate::Rows(diffs) => {
                let rows = self.timelines.entry(room).or_default();
                diffs.into_iter().for_each(|diff| diff.apply(rows));
            }
            TimelineUpdate::Members(members) => self.members = members,
            TimelineUpdate::Typing(names) => self.typing = names,
            TimelineUpdate::Draft(text) => self.draft = text,
            TimelineUpdate::Pagination(_) => {}
        }
    }

    pub(crate) fn room(&self, room: &RoomId) -> Option<&RoomRow> {
        self.rooms
            .iter()
            .find(|row| row.id == room)
            .map(AsRef::as_ref)
    }

    pub(crate) fn invitation(&self) -> Option<OwnedRoomId> {
        self.rooms
            .iter()
            .find(|row| row.invitation.is_some())
            .map(|row| row.id.clone())
    }

    pub(crate) fn messages(&self, room: &RoomId) -> Vec<(&RowId, &MessageRow)> {
        let rows = self.timelines.get(room).into_iter().flatten();
        let messages = rows.filter_map(|row| match &row.kind {
            RowKind::Message(message) => Some((&row.id, message.as_ref())),
            _ => None,
        });
        messages.collect()
    }

    /// The texts of all messages, as somebody reads them.
    pub(crate) fn texts(&self, room: &RoomId) -> Vec<String> {
        let bodies =
            self.messages(room)
                .into_iter()
                .filter_map(|(_, message)| match &message.body {
                    Body::Text(text) => Some(plain::text_of(&text.blocks)),
                    _ => None,
                });
        bodies.collect()
    }

    pub(crate) fn message(&self, room: &RoomId, text: &str) -> Option<(RowId, MessageRow)> {
        let found = self
            .messages(room)
            .into_iter()
            .find(|(_, message)| match &message.body {
                Body::Text(body) => plain::text_of(&body.blocks) == text,
                _ => false,
            });
        found.map(|(id, message)| (id.clone(), message.clone()))
    }

    pub(crate) fn delivery(&self, room: &RoomId, text: &str) -> Option<Delivery> {
        self.message(room, text)
            .map(|(_, message)| message.delivery)
    }

    pub(crate) fn has_notice(&self, room: &RoomId, wanted: &Notice) -> bool {
        let mut rows = self.timelines.get(room).into_iter().flatten();
        rows.any(|row| matches!(&row.kind, RowKind::Notice(notice) if notice.notice == *wanted))
    }

    fn describe(&self) -> String {
        let rooms: Vec<_> = self
            .rooms
            .iter()
            .map(|row| (&row.name, &row.section, row.unread, &row.preview))
            .collect();
        let timelines: Vec<_> = self
            .timelines
            .values()
            .map(|rows| {
                rows.iter()
                    .map(|row| format!("{:?}", row.kind))
                    .collect::<Vec<_>>()
                    .join("\n    ")
            })
            .collect();
        format!(
            "connection {:?}, keys {:?}, comparison {:?}, rooms {rooms:#?}\n  timelines\n    {}",
            self.connection,
            self.keys,
            self.verification,
            timelines.join("\n  and\n    ")
        )
    }
}

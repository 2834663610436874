//! Short questions before something that cannot be undone, or for one line of text.

use std::{cell::RefCell, rc::Rc};

use matrix_sdk::ruma::{OwnedRoomId, RoomId, UserId};
use slint::ComponentHandle;

use super::{
    AccountAdapter, AppAdapter, AppWindow, DirectoryAdapter, HeaderAdapter, MembersAdapter,
    PersonAdapter, PromptAdapter, PromptKind, RoomHead, RoomListAdapter, RoomPaneAdapter,
    SettingsAdapter, TimelineAdapter, account::Account, context::Context, messages, room::Room,
    room_list::RoomList, verification::KEYS_OFF,
};
use crate::{
    bridge::{
        command::{AccountCommand, Command, RoomsCommand, TimelineCommand},
        secret::Secret,
        update::Answer,
    },
    render::{text, words},
    rows::RowId,
};

/// The question that is asked.
pub(super) struct Prompts {
    context: Rc<Context>,
    room: Rc<Room>,
    account: Rc<Account>,
    subject: RefCell<Subject>,
}

/// What a question is about.
#[derive(Debug, Clone, Default)]
struct Subject {
    /// The room, person or message.
    id: String,
    /// The room that was open when it was asked.
    room: Option<OwnedRoomId>,
}

impl Prompts {
    pub(super) fn new(
        context: &Rc<Context>,
        list: &Rc<RoomList>,
        room: &Rc<Room>,
        account: &Rc<Account>,
    ) -> Rc<Self> {
        let prompts = Rc::new(Self {
            context: context.clone(),
            room: room.clone(),
            account: account.clone(),
            subject: RefCell::default(),
        });
        prompts.bind(list);
        prompts
    }

    fn bind(self: &Rc<Self>, list: &Rc<RoomList>) {
        self.context.with_window(|window| {
            let prompts = self.clone();
            window
                .global::<SettingsAdapter>()
                .on_sign_out(move || prompts.ask_sign_out());
            let (prompts, list) = (self.clone(), list.clone());
            window
                .global::<RoomListAdapter>()
                .on_leave_requested(move |id| {
                    if let Some(room) = list.find(&id) {
                        prompts.ask(leaving(room.direct_with.is_some()), &id, &room.name);
                    }
                });
            let prompts = self.clone();
            window
                .global::<TimelineAdapter>()
                .on_delete_requested(move |row| prompts.ask_to_delete(&row));
            self.bind_rooms(window);
            self.bind_people(window);
            let prompts = self.clone();
            window
                .global::<AccountAdapter>()
                .on_end_devices(move || prompts.ask(PromptKind::EndDevices, "", ""));
            let prompts = self.clone();
            window
                .global::<TimelineAdapter>()
                .on_report_requested(move |row| prompts.ask(PromptKind::Report, &row, ""));
            let prompts = self.clone();
            window
                .global::<AccountAdapter>()
                .on_unlock_keys(move || prompts.ask_about_keys());
            let prompts = self.clone();
            window
                .global::<AppAdapter>()
                .on_unlock_keys(move || prompts.ask_about_keys());

            let adapter = window.global::<PromptAdapter>();
            let prompts = self.clone();
            adapter.on_closed(move || prompts.close());
            let prompts = self.clone();
            adapter.on_confirmed(move || prompts.confirm());
        });
    }

    fn bind_rooms(self: &Rc<Self>, window: &AppWindow) {
        let prompts = self.clone();
        window
            .global::<DirectoryAdapter>()
            .on_by_address(move || prompts.ask(PromptKind::JoinRoom, "", ""));
        let prompts = self.clone();
        window
            .global::<HeaderAdapter>()
            .on_leave(move || prompts.ask_leave());
        let prompts = self.clone();
        window
            .global::<RoomPaneAdapter>()
            .on_leave(move || prompts.ask_leave());
    }

    fn bind_people(self: &Rc<Self>, window: &AppWindow) {
        let members = window.global::<MembersAdapter>();
        let prompts = self.clone();
        members.on_kick_requested(move |id| prompts.ask_about(PromptKind::Kick, &id));
        let prompts = self.clone();
        members.on_ban_requested(move |id| prompts.ask_about(PromptKind::Ban, &id));
        let card = window.global::<PersonAdapter>();
        for kind in [PromptKind::Kick, PromptKind::Ban] {
            let prompts = self.clone();
            let ask = move || {
                if let Some(id) = prompts.room.person.id() {
                    prompts.room.person.close();
                    prompts.ask_about(kind, id.as_str());
                }
            };
            match kind {
                PromptKind::Kick => card.on_kick(ask),
                _ => card.on_ban(ask),
            }
        }
    }

    /// What waits to be sent does not survive it, nor do keys that are nowhere else.
    fn ask_sign_out(&self) {
        self.ask(PromptKind::SignOut, "", "");
        if self.keys_are_only_here() {
            let sentence = words::keys_lost(self.context.language());
            self.context
                .with_window(|window| window.global::<PromptAdapter>().set_error(sentence.into()));
        }
        let context = self.context.clone();
        let command = Command::Rooms(RoomsCommand::CountUnsent);
        self.context.ask(command, move |result| {
            let Ok(Answer::Unsent(count @ 1..)) = result else {
                return;
            };
            let sentence = words::unsent(context.language(), count);
            context.with_window(|window| {
                let adapter = window.global::<PromptAdapter>();
                if adapter.get_kind() == PromptKind::SignOut {
                    let known = adapter.get_error();
                    adapter.set_error(format!("{sentence} {known}").trim_end().into());
                }
            });
        });
    }

    /// The password opens the keys kept on the server, or lets them be kept there.
    fn ask_about_keys(&self) {
        let kind = match self.keys_are_only_here() {
            true => PromptKind::StoreKeys,
            false => PromptKind::UnlockKeys,
        };
        self.ask(kind, "", "");
    }

    fn keys_are_only_here(&self) -> bool {
        let mut keys = 0;
        self.context
            .with_window(|window| keys = window.global::<AccountAdapter>().get_keys());
        keys == KEYS_OFF
    }

    /// Says which message it is: the one that was meant may be another.
    fn ask_to_delete(&self, row: &str) {
        let message = self.room.timeline.message(row);
        if let Some(message) = message.filter(|message| message.can_redact) {
            let line = messages::one_line(self.context.language(), &message);
            let quoted = format!("{}: {line}", message.sender_name);
            self.ask(PromptKind::DeleteMessage, row, &quoted);
        }
    }

    fn ask_leave(&self) {
        let mut head = RoomHead::default();
        self.context
            .with_window(|window| head = window.global::<HeaderAdapter>().get_room());
        if let Some(room) = self.room.timeline.room() {
            self.ask(leaving(head.direct), room.as_str(), &head.name);
        }
    }

    fn ask_about(&self, kind: PromptKind, person: &str) {
        let name = self.room.members.find(person).map(|row| row.name);
        self.ask(kind, person, name.as_deref().unwrap_or(person));
    }

    fn ask(&self, kind: PromptKind, subject: &str, name: &str) {
        self.subject.replace(Subject {
            id: subject.to_owned(),
            room: self.room.timeline.room(),
        });
        self.context.with_window(|window| {
            let adapter = window.global::<PromptAdapter>();
            // The sentence about leaving puts the name between quotation marks.
            let name = match kind {
                PromptKind::LeaveRoom | PromptKind::DeleteChat => {
                    text::inside_quotes(self.context.language(), name)
                }
                _ => name.to_owned(),
            };
            adapter.set_subject(name.as_str().into());
            adapter.set_text("".into());
            adapter.set_error("".into());
            adapter.set_busy(false);
            adapter.set_kind(kind);
        });
    }

    fn close(&self) {
        self.context.with_window(|window| {
            let adapter = window.global::<PromptAdapter>();
            adapter.set_kind(PromptKind::None);
            // It may have been a password.
            adapter.set_text("".into());
        });
    }

    fn confirm(self: &Rc<Self>) {
        let Subject { id, room } = self.subject.borrow().clone();
        self.context.with_window(|window| {
            let adapter = window.global::<PromptAdapter>();
            let text = adapter.get_text();
            match adapter.get_kind() {
                PromptKind::None => {}
                PromptKind::SignOut => self.send(Command::Account(AccountCommand::SignOut)),
                PromptKind::LeaveRoom | PromptKind::DeleteChat => self.leave(&id),
                PromptKind::DeleteMessage => {
                    let row = RowId::new(&id);
                    if let Some(room) = room {
                        let command = TimelineCommand::Redact { row };
                        self.send(Command::Timeline(room, command));
                    }
                }
                PromptKind::JoinRoom => self.submit(Command::Rooms(RoomsCommand::Join {
                    address: text.trim().to_owned(),
                })),
                PromptKind::Kick | PromptKind::Ban => {
                    self.exclude(adapter.get_kind() == PromptKind::Ban, room, &id);
                }
                PromptKind::EndDevices => self.submit(self.account.end_devices(&text)),
                PromptKind::Report => {
                    let command = TimelineCommand::Report {
                        row: RowId::new(&id),
                        reason: text.trim().to_owned(),
                    };
                    if let Some(room) = room {
                        self.submit(Command::Timeline(room, command));
                    }
                }
                PromptKind::UnlockKeys | PromptKind::StoreKeys => {
                    let secret = Secret::new(text.as_str());
                    self.submit(Command::Account(AccountCommand::UnlockKeys { secret }));
                }
            }
        });
    }

    fn exclude(&self, ban: bool, room: Option<OwnedRoomId>, person: &str) {
        if let (Some(room), Ok(user)) = (room, UserId::parse(person)) {
            self.send(Command::Rooms(match ban {
                true => RoomsCommand::Ban { room, user },
                false => RoomsCommand::Kick { room, user },
            }));
        }
    }

    fn leave(&self, id: &str) {
        if let Ok(room) = RoomId::parse(id) {
            if self.room.timeline.room().as_ref() == Some(&room) {
                self.room.open(None);
            }
            self.send(Command::Rooms(RoomsCommand::Leave { room }));
        }
    }

    fn send(&self, command: Command) {
        self.context.act(command);
        self.close();
    }

    /// Sends a command whose failure is shown in the dialog.
    fn submit(self: &Rc<Self>, command: Command) {
        self.context
            .with_window(|window| window.global::<PromptAdapter>().set_busy(true));
        let (prompts, place) = (self.clone(), self.room.place());
        self.context.ask(command, move |result| match result {
            Ok(answer) => {
                prompts.close();
                match answer {
                    Answer::Room(room) => {
                        prompts.context.with_window(|window| {
                            window.global::<DirectoryAdapter>().set_open(false);
                        });
                        prompts.room.open_from(&place, room);
                    }
                    devices @ Answer::Devices(_) => prompts.account.show_devices(Ok(devices)),
                    _ => {}
                }
            }
            Err(trouble) => {
                let sentence = words::trouble(prompts.context.language(), &trouble);
                prompts.context.with_window(|window| {
                    let adapter = window.global::<PromptAdapter>();
                    adapter.set_busy(false);
                    adapter.set_error(sentence.as_str().into());
                });
            }
        });
    }
}

/// A chat of two is deleted from the own list; only larger ones are left.
fn leaving(direct: bool) -> PromptKind {
    match direct {
        true => PromptKind::DeleteChat,
        false => PromptKind::LeaveRoom,
    }
}

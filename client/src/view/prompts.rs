//! Short questions before something that cannot be undone, or for one line of text.

use std::{cell::RefCell, rc::Rc};

use matrix_sdk::ruma::RoomId;
use slint::ComponentHandle;

use super::{
    AppAdapter, EmptyAdapter, PromptAdapter, PromptKind, RoomListAdapter, SettingsAdapter,
    TimelineAdapter, context::Context, room::Room, room_list::RoomList,
};
use crate::{
    bridge::{
        command::{AccountCommand, Command, RoomsCommand, TimelineCommand},
        secret::Secret,
        update::Answer,
    },
    render::words,
    rows::RowId,
};

/// The question that is asked.
pub(super) struct Prompts {
    context: Rc<Context>,
    room: Rc<Room>,
    /// The room or message it is about.
    subject: RefCell<String>,
}

impl Prompts {
    pub(super) fn new(context: &Rc<Context>, list: &Rc<RoomList>, room: &Rc<Room>) -> Rc<Self> {
        let prompts = Rc::new(Self {
            context: context.clone(),
            room: room.clone(),
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
                .on_sign_out(move || prompts.ask(PromptKind::SignOut, "", ""));
            let (prompts, list) = (self.clone(), list.clone());
            window
                .global::<RoomListAdapter>()
                .on_leave_requested(move |id| {
                    let name = list.find(&id).map(|room| room.name.clone());
                    prompts.ask(PromptKind::LeaveRoom, &id, &name.unwrap_or_default());
                });
            let prompts = self.clone();
            window
                .global::<TimelineAdapter>()
                .on_delete_requested(move |row| prompts.ask(PromptKind::DeleteMessage, &row, ""));
            let prompts = self.clone();
            window
                .global::<EmptyAdapter>()
                .on_join(move || prompts.ask(PromptKind::JoinRoom, "", ""));
            let prompts = self.clone();
            window
                .global::<AppAdapter>()
                .on_unlock_keys(move || prompts.ask(PromptKind::UnlockKeys, "", ""));

            let adapter = window.global::<PromptAdapter>();
            let prompts = self.clone();
            adapter.on_closed(move || prompts.close());
            let prompts = self.clone();
            adapter.on_confirmed(move || prompts.confirm());
        });
    }

    fn ask(&self, kind: PromptKind, subject: &str, name: &str) {
        subject.clone_into(&mut self.subject.borrow_mut());
        self.context.with_window(|window| {
            let adapter = window.global::<PromptAdapter>();
            adapter.set_subject(name.into());
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
        let subject = self.subject.borrow().clone();
        self.context.with_window(|window| {
            let adapter = window.global::<PromptAdapter>();
            let text = adapter.get_text();
            match adapter.get_kind() {
                PromptKind::None => {}
                PromptKind::SignOut => self.send(Command::Account(AccountCommand::SignOut)),
                PromptKind::LeaveRoom => self.leave(&subject),
                PromptKind::DeleteMessage => {
                    let row = RowId::new(&subject);
                    self.room.timeline.send(TimelineCommand::Redact { row });
                    self.close();
                }
                PromptKind::JoinRoom => self.submit(Command::Rooms(RoomsCommand::Join {
                    address: text.trim().to_owned(),
                })),
                PromptKind::UnlockKeys => {
                    let secret = Secret::new(text.as_str());
                    self.submit(Command::Account(AccountCommand::UnlockKeys { secret }));
                }
            }
        });
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
        self.context.send(command);
        self.close();
    }

    /// Sends a command whose failure is shown in the dialog.
    fn submit(self: &Rc<Self>, command: Command) {
        self.context
            .with_window(|window| window.global::<PromptAdapter>().set_busy(true));
        let prompts = self.clone();
        self.context.ask(command, move |result| match result {
            Ok(answer) => {
                prompts.close();
                if let Answer::Room(room) = answer {
                    prompts.room.open(Some(room));
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

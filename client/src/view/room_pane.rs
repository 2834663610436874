//! The page about the open room.

use std::{cell::RefCell, rc::Rc};

use slint::ComponentHandle;

use super::{RoomPaneAdapter, avatars::avatar, clipboard, context::Context, timeline::Timeline};
use crate::{
    bridge::{
        command::{Command, RoomsCommand},
        update::Answer,
    },
    render::words,
    rows::RoomHeader,
};
use matrix_sdk::ruma::OwnedRoomId;

/// What the page shows, to know what has been changed.
pub(super) struct RoomPane {
    context: Rc<Context>,
    timeline: Rc<Timeline>,
    header: RefCell<Option<RoomHeader>>,
}

impl RoomPane {
    pub(super) fn new(context: &Rc<Context>, timeline: &Rc<Timeline>) -> Rc<Self> {
        let page = Rc::new(Self {
            context: context.clone(),
            timeline: timeline.clone(),
            header: RefCell::default(),
        });
        page.bind();
        page
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<RoomPaneAdapter>();
            let page = self.clone();
            adapter.on_save(move || page.save());
            let page = self.clone();
            adapter.on_choose_avatar(move || page.choose_avatar());
            let page = self.clone();
            adapter.on_remove_avatar(move || {
                page.send(|room| RoomsCommand::SetAvatar { room, file: None });
            });
            let page = self.clone();
            adapter.on_copy_address(move || {
                if let Some(address) = page.address() {
                    clipboard::copy(&address);
                    page.context.show_done(
                        page.context
                            .say("Адрес скопирован.", "The address is copied."),
                    );
                }
            });
            self.bind_switches(&adapter);
            self.bind_entry(&adapter);
        });
    }

    /// A switch shows at once what was chosen, before the server has it.
    fn bind_switches(self: &Rc<Self>, adapter: &RoomPaneAdapter<'_>) {
        let page = self.clone();
        adapter.on_set_muted(move |muted| {
            page.draw(|adapter| adapter.set_muted(muted));
            page.send(|room| RoomsCommand::SetMuted { room, muted });
        });
        let page = self.clone();
        adapter.on_set_favourite(move |favourite| {
            page.draw(|adapter| adapter.set_favourite(favourite));
            page.send(|room| RoomsCommand::SetFavourite { room, favourite });
        });
        let page = self.clone();
        adapter.on_set_read_only(move |read_only| {
            page.draw(|adapter| adapter.set_read_only(read_only));
            page.send(|room| RoomsCommand::SetReadOnly { room, read_only });
        });
    }

    fn bind_entry(self: &Rc<Self>, adapter: &RoomPaneAdapter<'_>) {
        let page = self.clone();
        adapter.on_opened(move || page.load_listed());
        let page = self.clone();
        adapter.on_set_open(move |open| page.set_open(open));
        let page = self.clone();
        adapter.on_set_listed(move |listed| {
            page.draw(|adapter| adapter.set_listed(listed));
            let (Some(room), again) = (page.timeline.room(), page.clone()) else {
                return;
            };
            page.ask_then(RoomsCommand::SetListed { room, listed }, move |done| {
                if !done {
                    again.load_listed();
                }
            });
        });
    }

    /// Nothing happens where it is so already: that choice stands for other rules too.
    fn set_open(self: &Rc<Self>, open: bool) {
        let before = self.header.borrow().as_ref().map(|header| header.open);
        let (Some(room), again) = (self.timeline.room(), self.clone()) else {
            return;
        };
        if before == Some(open) {
            return;
        }
        self.draw(|adapter| adapter.set_open(open));
        self.ask_then(RoomsCommand::SetOpen { room, open }, move |_| {
            again.load_listed();
        });
    }

    /// Asks whether the directory shows the room, if that is for somebody here to say.
    fn load_listed(self: &Rc<Self>) {
        self.draw(|adapter| adapter.set_listed(false));
        let header = self.header.borrow();
        let may = header.as_ref().is_some_and(|header| header.can_open);
        let Some(room) = self.timeline.room().filter(|_| may) else {
            return;
        };
        let (page, asked) = (self.clone(), room.clone());
        let command = Command::Rooms(RoomsCommand::IsListed { room });
        self.context.ask(command, move |result| {
            if let Ok(Answer::Listed(listed)) = result
                && page.timeline.room() == Some(asked)
            {
                page.draw(|adapter| adapter.set_listed(listed));
            }
        });
    }

    fn draw(&self, draw: impl FnOnce(&RoomPaneAdapter<'_>)) {
        self.context
            .with_window(|window| draw(&window.global::<RoomPaneAdapter>()));
    }

    /// Shows what the header says. Fields somebody is changing keep what was typed.
    pub(super) fn show(&self, header: &RoomHeader, facts: &str) {
        let before = self.header.replace(Some(header.clone()));
        let direct = header.direct_with.is_some();
        let address = self.address().unwrap_or_default();
        let id = header
            .direct_with
            .as_ref()
            .map(ToString::to_string)
            .or_else(|| self.timeline.room().map(|room| room.to_string()))
            .unwrap_or_default();
        let picture = avatar(&self.context, &id, &header.name, header.avatar.as_ref());
        let topic = header.topic.clone().unwrap_or_default();
        let name_changed = before.as_ref().is_none_or(|old| old.name != header.name);
        let topic_changed = before.as_ref().is_none_or(|old| old.topic != header.topic);
        self.draw(|adapter| {
            adapter.set_known(true);
            adapter.set_avatar(picture);
            adapter.set_direct(direct);
            adapter.set_saved_name(header.name.as_str().into());
            adapter.set_saved_topic(topic.as_str().into());
            if name_changed {
                adapter.set_name(header.name.as_str().into());
            }
            if topic_changed {
                adapter.set_topic(topic.as_str().into());
            }
            adapter.set_facts(facts.into());
            adapter.set_address(address.as_str().into());
            adapter.set_encrypted(header.encrypted);
            adapter.set_can_rename(header.can_rename);
            adapter.set_can_change_topic(header.can_change_topic);
            adapter.set_can_change_avatar(header.can_change_avatar);
            adapter.set_can_change_rights(header.can_change_rights);
            adapter.set_muted(header.muted);
            adapter.set_favourite(header.favourite);
            adapter.set_read_only(header.read_only);
            adapter.set_open(header.open);
            adapter.set_can_open(header.can_open);
        });
    }

    /// Another room is open, of which nothing is known yet.
    pub(super) fn clear(&self) {
        *self.header.borrow_mut() = None;
        self.draw(|adapter| adapter.set_known(false));
    }

    fn address(&self) -> Option<String> {
        let header = self.header.borrow();
        let header = header.as_ref()?;
        match &header.direct_with {
            Some(user) => Some(user.to_string()),
            None => header.address.clone(),
        }
    }

    fn save(self: &Rc<Self>) {
        let (mut name, mut topic) = (String::new(), String::new());
        self.draw(|adapter| {
            name = adapter.get_name().trim().to_owned();
            topic = adapter.get_topic().trim().to_owned();
        });
        let Some(header) = self.header.borrow().clone() else {
            return;
        };
        if !name.is_empty() && name != header.name {
            self.send(|room| RoomsCommand::Rename { room, name });
        }
        if topic != header.topic.unwrap_or_default() {
            self.send(|room| RoomsCommand::SetTopic { room, topic });
        }
    }

    fn choose_avatar(self: &Rc<Self>) {
        let (page, room) = (self.clone(), self.timeline.room());
        let choose = async move {
            let dialog = rfd::AsyncFileDialog::new().add_filter(
                "PNG, JPEG, WebP, GIF",
                &["png", "jpg", "jpeg", "webp", "gif"],
            );
            if let (Some(file), Some(room)) = (dialog.pick_file().await, room) {
                let file = Some(file.path().to_owned());
                page.ask(RoomsCommand::SetAvatar { room, file });
            }
        };
        if let Err(error) = slint::spawn_local(choose) {
            tracing::warn!(%error, "no picture can be chosen");
        }
    }

    fn send(self: &Rc<Self>, command: impl FnOnce(OwnedRoomId) -> RoomsCommand) {
        if let Some(room) = self.timeline.room() {
            self.ask(command(room));
        }
    }

    fn ask(self: &Rc<Self>, command: RoomsCommand) {
        self.ask_then(command, |_| {});
    }

    /// When it fails, the page shows again what is true.
    fn ask_then(self: &Rc<Self>, command: RoomsCommand, then: impl FnOnce(bool) + 'static) {
        let page = self.clone();
        self.context.ask(Command::Rooms(command), move |result| {
            let done = result.is_ok();
            if let Err(trouble) = result {
                page.context.show_failure(&trouble);
                let header = page.header.borrow().clone();
                if let Some(header) = header {
                    let facts = words::members(page.context.language(), header.members);
                    page.show(&header, &facts);
                }
            }
            then(done);
        });
    }
}

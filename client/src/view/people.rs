//! Dialogs that find people: a new chat, a new group, an invitation.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId, UserId};
use slint::{ComponentHandle, ModelRc, VecModel};

use super::{
    EmptyAdapter, HeaderAdapter, MembersAdapter, PeopleAdapter, PeopleMode, PersonAdapter,
    PersonItem, RoomListAdapter, avatars::avatar, context::Context, room::Room,
};
use crate::{
    bridge::{
        command::{Command, PeopleCommand, RoomsCommand},
        trouble::Trouble,
        update::Answer,
    },
    render::words,
    rows::{MediaKey, PersonRow},
};

/// So many people are offered before anything is typed.
const ACQUAINTANCES: usize = 30;

/// The dialog and whom it has found.
pub(super) struct People {
    context: Rc<Context>,
    room: Rc<Room>,
    mode: Cell<PeopleMode>,
    /// The room that was open when the dialog opened.
    asked_in: RefCell<Option<OwnedRoomId>>,
    found: RefCell<Vec<PersonRow>>,
    chosen: RefCell<Vec<PersonRow>>,
    /// Counts the searches, so that a late answer does not replace a newer one.
    search: Cell<u64>,
    /// Enter was pressed before the answer came.
    hurried: Cell<bool>,
    model: Rc<VecModel<PersonItem>>,
}

impl People {
    pub(super) fn new(context: &Rc<Context>, room: &Rc<Room>) -> Rc<Self> {
        let people = Rc::new(Self {
            context: context.clone(),
            room: room.clone(),
            mode: Cell::new(PeopleMode::None),
            asked_in: RefCell::default(),
            found: RefCell::default(),
            chosen: RefCell::default(),
            search: Cell::default(),
            hurried: Cell::default(),
            model: Rc::default(),
        });
        people.bind_openers();
        people.bind_dialog();
        people
    }

    fn bind_openers(self: &Rc<Self>) {
        let opener = |mode| {
            let people = self.clone();
            move || people.open(mode)
        };
        self.context.with_window(|window| {
            let list = window.global::<RoomListAdapter>();
            list.on_new_chat(opener(PeopleMode::Chat));
            list.on_new_group(opener(PeopleMode::Group));
            let empty = window.global::<EmptyAdapter>();
            empty.on_new_chat(opener(PeopleMode::Chat));
            empty.on_new_group(opener(PeopleMode::Group));
            let members = window.global::<MembersAdapter>();
            members.on_invite(opener(PeopleMode::Invite));
            window
                .global::<HeaderAdapter>()
                .on_invite(opener(PeopleMode::Invite));
            let people = self.clone();
            members.on_write(move |id| people.start_direct(&id));
            let people = self.clone();
            window.global::<PersonAdapter>().on_write(move || {
                if let Some(id) = people.room.person.id() {
                    people.room.person.close();
                    people.start_direct(id.as_str());
                }
            });
        });
    }

    fn bind_dialog(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<PeopleAdapter>();
            adapter.set_found(ModelRc::from(self.model.clone()));
            let people = self.clone();
            adapter.on_term_edited(move |term| people.search(&term));
            let people = self.clone();
            adapter.on_term_accepted(move || people.accept());
            let people = self.clone();
            adapter.on_person_chosen(move |id| people.toggle(&id));
            let people = self.clone();
            adapter.on_confirmed(move || people.confirm());
            let people = self.clone();
            adapter.on_closed(move || people.close());
        });
    }

    /// Draws the list again if it shows a picture that has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        let shown = |row: &PersonRow| row.avatar.as_ref() == Some(media);
        if self.found.borrow().iter().any(shown) {
            self.show();
        }
    }

    fn open(&self, mode: PeopleMode) {
        self.mode.set(mode);
        self.asked_in.replace(self.room.timeline.room());
        self.chosen.borrow_mut().clear();
        *self.found.borrow_mut() = self.acquaintances();
        self.context.with_window(|window| {
            let adapter = window.global::<PeopleAdapter>();
            adapter.set_term("".into());
            adapter.set_group_name("".into());
            adapter.set_encrypted(false);
            adapter.set_error("".into());
            adapter.set_busy(false);
            adapter.set_searching(false);
            adapter.set_mode(mode);
        });
        self.show();
    }

    fn close(&self) {
        self.mode.set(PeopleMode::None);
        self.context
            .with_window(|window| window.global::<PeopleAdapter>().set_mode(PeopleMode::None));
    }

    fn search(self: &Rc<Self>, term: &str) {
        let number = self.search.get() + 1;
        self.search.set(number);
        self.hurried.set(false);
        let term = term.trim().to_owned();
        if term.is_empty() {
            self.show_found(self.acquaintances());
            return;
        }
        self.context
            .with_window(|window| window.global::<PeopleAdapter>().set_searching(true));
        let people = self.clone();
        let command = Command::People(PeopleCommand::Search { term });
        self.context.ask(command, move |result| {
            if people.search.get() == number {
                match result {
                    Ok(Answer::People(found)) => {
                        people.show_found(found);
                        if people.hurried.take() {
                            people.accept();
                        }
                    }
                    Ok(_) => {}
                    // Those shown belong to what was typed before: none of them is meant.
                    Err(trouble) => people.fail(&trouble),
                }
            }
        });
    }

    /// Enter: the first of those found is meant; with nothing typed, the dialog is done.
    fn accept(self: &Rc<Self>) {
        let (mut typed, mut searching) = (false, false);
        self.context.with_window(|window| {
            let adapter = window.global::<PeopleAdapter>();
            typed = !adapter.get_term().trim().is_empty();
            searching = adapter.get_searching();
        });
        if searching {
            self.hurried.set(true);
            return;
        }
        if !typed {
            self.confirm();
            return;
        }
        let direct = self.mode.get() == PeopleMode::Chat;
        let first = self.found.borrow().first().map(|row| row.user_id.clone());
        let Some(first) = first else { return };
        let is_chosen = |user: &UserId| self.chosen.borrow().iter().any(|row| row.user_id == user);
        let settled = if direct {
            !self.chosen.borrow().is_empty()
        } else {
            is_chosen(&first)
        };
        if !settled {
            self.toggle(first.as_str());
        }
        if direct {
            self.confirm();
        } else {
            self.context
                .with_window(|window| window.global::<PeopleAdapter>().set_term("".into()));
            self.search("");
        }
    }

    /// The people one writes to, who are probably meant again. In a room, those who are not there.
    fn acquaintances(&self) -> Vec<PersonRow> {
        let rooms = self.room.list.all();
        let mut people: Vec<PersonRow> = Vec::new();
        for room in &rooms {
            let Some(user_id) = &room.direct_with else {
                continue;
            };
            let known = people.iter().any(|other| other.user_id == *user_id);
            let here = self.mode.get() == PeopleMode::Invite
                && self.room.members.find(user_id.as_str()).is_some();
            if !known && !here && people.len() < ACQUAINTANCES {
                people.push(PersonRow {
                    user_id: user_id.clone(),
                    name: room.name.clone(),
                    avatar: room.avatar.clone(),
                });
            }
        }
        people
    }

    fn show_found(&self, found: Vec<PersonRow>) {
        *self.found.borrow_mut() = found;
        self.context.with_window(|window| {
            let adapter = window.global::<PeopleAdapter>();
            adapter.set_searching(false);
            adapter.set_error("".into());
        });
        self.show();
    }

    fn toggle(&self, id: &str) {
        {
            let mut chosen = self.chosen.borrow_mut();
            if let Some(index) = chosen.iter().position(|row| row.user_id == id) {
                chosen.remove(index);
            } else if let Some(row) = self.found.borrow().iter().find(|row| row.user_id == id) {
                if self.mode.get() == PeopleMode::Chat {
                    chosen.clear();
                }
                chosen.push(row.clone());
            }
        }
        self.show();
    }

    /// Whoever is chosen stays in the list, above what the search has found.
    fn show(&self) {
        let chosen = self.chosen.borrow();
        let found = self.found.borrow();
        let is_chosen = |row: &&PersonRow| chosen.iter().any(|other| other.user_id == row.user_id);
        let mut items: Vec<_> = chosen.iter().map(|row| self.item(row, true)).collect();
        items.extend(
            found
                .iter()
                .filter(|row| !is_chosen(row))
                .map(|row| self.item(row, false)),
        );
        self.model.set_vec(items);
        self.context.with_window(|window| {
            let count = i32::try_from(chosen.len()).unwrap_or(i32::MAX);
            window.global::<PeopleAdapter>().set_chosen_count(count);
        });
    }

    fn item(&self, row: &PersonRow, chosen: bool) -> PersonItem {
        let id = row.user_id.as_str();
        PersonItem {
            id: id.into(),
            name: row.name.as_str().into(),
            detail: id.into(),
            avatar: avatar(&self.context, id, &row.name, row.avatar.as_ref()),
            chosen,
            ..PersonItem::default()
        }
    }

    fn confirm(self: &Rc<Self>) {
        let mut busy = false;
        self.context
            .with_window(|window| busy = window.global::<PeopleAdapter>().get_busy());
        if busy {
            return;
        }
        let users: Vec<OwnedUserId> = self
            .chosen
            .borrow()
            .iter()
            .map(|row| row.user_id.clone())
            .collect();
        match (self.mode.get(), users.first()) {
            (PeopleMode::Chat, Some(user)) => {
                self.ask(RoomsCommand::StartDirect { user: user.clone() });
            }
            (PeopleMode::Group, _) => self.create_group(users),
            (PeopleMode::Invite, Some(_)) => self.invite(users),
            _ => {}
        }
    }

    fn create_group(self: &Rc<Self>, invite: Vec<OwnedUserId>) {
        self.context.with_window(|window| {
            let adapter = window.global::<PeopleAdapter>();
            let name = adapter.get_group_name().trim().to_owned();
            if !name.is_empty() {
                self.ask(RoomsCommand::CreateGroup {
                    name,
                    topic: String::new(),
                    invite,
                    encrypted: adapter.get_encrypted(),
                });
            }
        });
    }

    fn invite(&self, users: Vec<OwnedUserId>) {
        if let Some(room) = self.asked_in.take() {
            for user in users {
                let room = room.clone();
                self.context
                    .act(Command::Rooms(RoomsCommand::Invite { room, user }));
            }
        }
        self.close();
    }

    fn start_direct(self: &Rc<Self>, id: &str) {
        if let Ok(user) = UserId::parse(id) {
            self.ask(RoomsCommand::StartDirect { user });
        }
    }

    /// Sends a command that brings a room, and opens it.
    fn ask(self: &Rc<Self>, command: RoomsCommand) {
        self.context
            .with_window(|window| window.global::<PeopleAdapter>().set_busy(true));
        let (people, place) = (self.clone(), self.room.place());
        self.context.ask(Command::Rooms(command), move |result| {
            people
                .context
                .with_window(|window| window.global::<PeopleAdapter>().set_busy(false));
            match result {
                Ok(Answer::Room(room)) => {
                    people.close();
                    people.room.open_from(&place, room);
                }
                Ok(_) => people.close(),
                Err(trouble) if people.mode.get() == PeopleMode::None => {
                    people.context.show_failure(&trouble);
                }
                Err(trouble) => people.fail(&trouble),
            }
        });
    }

    fn fail(&self, trouble: &Trouble) {
        let sentence = words::trouble(self.context.language(), trouble);
        self.context.with_window(|window| {
            let adapter = window.global::<PeopleAdapter>();
            adapter.set_searching(false);
            adapter.set_error(sentence.as_str().into());
        });
    }
}

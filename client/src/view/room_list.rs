//! The list of rooms.

use std::{cell::RefCell, collections::HashSet, rc::Rc, sync::Arc};

use eyeball_im::VectorDiff;
use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId, RoomId};
use slint::{ComponentHandle, ModelExt, ModelRc};

use super::{
    AppAdapter, EmptyAdapter, HeaderAdapter, RoomListAdapter,
    context::Context,
    room_item::{SECTIONS, item},
};
use crate::{
    bridge::command::{Command, RoomsCommand},
    model::sections::{ListEntry, RoomFilter, RoomSections},
    rows::{MediaKey, RoomRow, Section},
};

/// The chips, in the order of the view.
const FILTERS: [RoomFilter; 3] = [RoomFilter::All, RoomFilter::Unread, RoomFilter::Mentions];

/// Rooms in sections, and which one is selected.
pub(super) struct RoomList {
    context: Rc<Context>,
    sections: RefCell<RoomSections>,
}

impl RoomList {
    pub(super) fn new(context: &Rc<Context>) -> Rc<Self> {
        let list = Rc::new(Self {
            context: context.clone(),
            sections: RefCell::default(),
        });
        list.bind();
        list
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<RoomListAdapter>();
            let model = self.sections.borrow().model();
            let context = self.context.clone();
            adapter.set_rows(ModelRc::new(model.map(move |entry| item(&context, &entry))));
            adapter.set_complete(false);
            self.bind_finding(&adapter);
            self.bind_rooms(&adapter);
            let empty = window.global::<EmptyAdapter>();
            let list = window.as_weak();
            empty.on_class_chosen(move |room| {
                if let Some(window) = list.upgrade() {
                    window.global::<RoomListAdapter>().invoke_room_chosen(room);
                }
            });
        });
        self.show_counts();
    }

    fn bind_finding(self: &Rc<Self>, adapter: &RoomListAdapter<'_>) {
        let list = self.clone();
        adapter.on_search_edited(move |text| list.sections.borrow_mut().set_search(&text));
        let list = self.clone();
        adapter.on_filter_chosen(move |index| {
            let filter = usize::try_from(index)
                .ok()
                .and_then(|index| FILTERS.get(index));
            list.sections
                .borrow_mut()
                .set_filter(filter.copied().unwrap_or_default());
            list.context
                .with_window(|window| window.global::<RoomListAdapter>().set_filter(index));
        });
        let list = self.clone();
        adapter.on_section_toggled(move |id| {
            if let Some((section, _)) = SECTIONS.iter().find(|(_, name)| *name == id.as_str()) {
                list.sections.borrow_mut().toggle(*section);
            }
        });
    }

    fn bind_rooms(self: &Rc<Self>, adapter: &RoomListAdapter<'_>) {
        let list = self.clone();
        adapter.on_invitation_declined(move |id| {
            list.send(&id, |room| RoomsCommand::DeclineInvite { room });
        });
        let list = self.clone();
        adapter.on_favourite_toggled(move |id| {
            let favourite = list
                .find(&id)
                .is_some_and(|room| room.section != Section::Favourites);
            list.send(&id, |room| RoomsCommand::SetFavourite { room, favourite });
        });
        let list = self.clone();
        adapter.on_mute_toggled(move |id| {
            let muted = list.find(&id).is_some_and(|room| !room.muted);
            list.send(&id, |room| RoomsCommand::SetMuted { room, muted });
        });
    }

    /// Applies changes of the list.
    pub(super) fn apply(&self, diffs: Vec<VectorDiff<Arc<RoomRow>>>) {
        self.sections.borrow_mut().apply_all(diffs);
        self.show_counts();
    }

    /// Nobody is signed in any more: there is nothing to show, and nothing is searched for.
    pub(super) fn clear(&self) {
        self.sections.borrow_mut().clear();
        self.select(None);
        self.coming(0, 0);
        self.context.with_window(|window| {
            let adapter = window.global::<RoomListAdapter>();
            adapter.set_search("".into());
            adapter.set_filter(0);
            adapter.set_complete(false);
        });
        self.show_counts();
    }

    /// Everything has arrived from the server.
    pub(super) fn complete(&self) {
        self.context
            .with_window(|window| window.global::<RoomListAdapter>().set_complete(true));
    }

    /// More rooms are on their way, until all are here.
    pub(super) fn coming(&self, here: usize, all: usize) {
        let count = |rooms| i32::try_from(rooms).unwrap_or(i32::MAX);
        self.context.with_window(|window| {
            let adapter = window.global::<RoomListAdapter>();
            adapter.set_here(count(here));
            adapter.set_all(count(all));
        });
    }

    /// Marks the room that is open.
    pub(super) fn select(&self, room: Option<&RoomId>) {
        self.context.with_window(|window| {
            let id = room.map(RoomId::as_str).unwrap_or_default();
            window.global::<RoomListAdapter>().set_selected(id.into());
        });
    }

    /// The room `step` lines away from the open one.
    pub(super) fn neighbour(
        &self,
        from: Option<&str>,
        step: i32,
        unread: bool,
    ) -> Option<OwnedRoomId> {
        let room = self.sections.borrow().neighbour(from, step, unread)?;
        Some(room.id.clone())
    }

    /// The first room shown, for Enter in the search field.
    pub(super) fn first(&self) -> Option<OwnedRoomId> {
        self.neighbour(None, 1, false)
    }

    /// Every room, the latest first.
    pub(super) fn all(&self) -> Vec<Arc<RoomRow>> {
        self.sections.borrow().rooms().iter().cloned().collect()
    }

    /// Tells which rooms belong to a space.
    pub(super) fn set_classes(&self, rooms: HashSet<OwnedRoomId>) {
        let changed = self.context.set_classes(&rooms);
        self.sections.borrow_mut().set_classes(rooms);
        if changed {
            self.refresh_all();
            self.show_counts();
        }
    }

    /// Shows only these rooms, or all.
    pub(super) fn set_space(&self, rooms: Option<HashSet<OwnedRoomId>>) {
        self.sections.borrow_mut().set_space(rooms);
        self.show_counts();
    }

    /// The rooms among these with something new.
    pub(super) fn unread_among(&self, rooms: &[OwnedRoomId]) -> usize {
        self.sections.borrow().unread_among(rooms)
    }

    /// The people of the direct chats used last.
    pub(super) fn people(&self, limit: usize) -> Vec<OwnedUserId> {
        let sections = self.sections.borrow();
        let direct = sections.rooms().iter();
        let people = direct.filter_map(|room| room.direct_with.clone());
        people.take(limit).collect()
    }

    /// How many messages of a room are new.
    pub(super) fn unread(&self, room: Option<&RoomId>) -> u64 {
        let row = room.and_then(|room| self.find(room.as_str()));
        row.map_or(0, |row| row.unread)
    }

    /// A room of the list.
    pub(super) fn find(&self, id: &str) -> Option<Arc<RoomRow>> {
        let sections = self.sections.borrow();
        sections.rooms().iter().find(|room| room.id == id).cloned()
    }

    /// Draws the rooms again whose picture has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        self.refresh(
            |entry| matches!(entry, ListEntry::Room(room) if room.avatar.as_ref() == Some(media)),
        );
    }

    /// Draws again who is online.
    pub(super) fn refresh_presence(&self) {
        self.refresh(|entry| matches!(entry, ListEntry::Room(room) if room.direct_with.is_some()));
    }

    /// Draws everything again, in another language.
    pub(super) fn refresh_all(&self) {
        self.refresh(|_| true);
    }

    fn refresh(&self, wanted: impl Fn(&ListEntry) -> bool) {
        let model = self.sections.borrow().model();
        for (index, value) in model.to_vec().into_iter().enumerate() {
            if wanted(&value) {
                model.apply(VectorDiff::Set { index, value });
            }
        }
    }

    fn send(&self, id: &str, command: impl FnOnce(OwnedRoomId) -> RoomsCommand) {
        if let Ok(room) = RoomId::parse(id) {
            self.context.act(Command::Rooms(command(room)));
        }
    }

    fn show_counts(&self) {
        let counts = self.sections.borrow().counts();
        let shown = |count| i32::try_from(count).unwrap_or(i32::MAX);
        let everywhere = shown(counts.unread_everywhere);
        self.context.with_window(|window| {
            let adapter = window.global::<RoomListAdapter>();
            adapter.set_unread_rooms(shown(counts.unread));
            adapter.set_mentioned_rooms(shown(counts.mentions));
            window
                .global::<HeaderAdapter>()
                .set_unread_elsewhere(everywhere);
            window.global::<AppAdapter>().set_unread(everywhere);
            self.show_class(&window.global::<EmptyAdapter>());
        });
    }

    /// Offers the class where something was said last.
    fn show_class(&self, adapter: &EmptyAdapter<'_>) {
        let sections = self.sections.borrow();
        let mut rooms = sections.rooms().iter();
        let class = rooms.find(|room| {
            room.invitation.is_none()
                && room.direct_with.is_none()
                && self.context.is_class(room.id.as_str())
        });
        let id = class.map(|room| room.id.as_str()).unwrap_or_default();
        let name = class.map(|room| room.name.as_str()).unwrap_or_default();
        adapter.set_class_room(id.into());
        adapter.set_class_name(name.into());
    }
}

//! The spaces in the rail: each shows only its own rooms.

use std::{cell::RefCell, rc::Rc};

use matrix_sdk::ruma::OwnedRoomId;
use slint::{ComponentHandle, ModelRc, VecModel};

use super::{RailAdapter, SpaceItem, avatars::avatar, context::Context, room_list::RoomList};
use crate::rows::{MediaKey, SpaceRow};

/// The spaces, and which one is chosen.
pub(super) struct Rail {
    context: Rc<Context>,
    list: Rc<RoomList>,
    spaces: RefCell<Vec<SpaceRow>>,
    chosen: RefCell<Option<OwnedRoomId>>,
    model: Rc<VecModel<SpaceItem>>,
}

impl Rail {
    pub(super) fn new(context: &Rc<Context>, list: &Rc<RoomList>) -> Rc<Self> {
        let rail = Rc::new(Self {
            context: context.clone(),
            list: list.clone(),
            spaces: RefCell::default(),
            chosen: RefCell::default(),
            model: Rc::default(),
        });
        context.with_window(|window| {
            window
                .global::<RailAdapter>()
                .set_spaces(ModelRc::from(rail.model.clone()));
        });
        rail
    }

    /// Shows these spaces.
    pub(super) fn show(&self, spaces: Vec<SpaceRow>) {
        let chosen = self.chosen.borrow().clone();
        let rooms = spaces.iter().flat_map(|space| space.rooms.iter().cloned());
        self.list.set_classes(rooms.collect());
        *self.spaces.borrow_mut() = spaces;
        let still_there = chosen.filter(|id| self.spaces.borrow().iter().any(|row| row.id == *id));
        self.choose(still_there);
    }

    /// Shows only the rooms of this space; all rooms when there is none with this id.
    pub(super) fn choose_id(&self, id: &str) {
        let found = self
            .spaces
            .borrow()
            .iter()
            .find(|row| row.id == id)
            .map(|row| row.id.clone());
        self.choose(found);
    }

    /// Draws the badges again.
    pub(super) fn refresh(&self) {
        let chosen = self.chosen.borrow();
        let spaces = self.spaces.borrow();
        let items = spaces.iter().map(|space| SpaceItem {
            id: space.id.as_str().into(),
            name: space.name.as_str().into(),
            avatar: avatar(
                &self.context,
                space.id.as_str(),
                &space.name,
                space.avatar.as_ref(),
            ),
            unread: i32::try_from(self.list.unread_among(&space.rooms)).unwrap_or(i32::MAX),
            checked: Some(&space.id) == chosen.as_ref(),
        });
        self.model.set_vec(items.collect::<Vec<_>>());
        self.context.with_window(|window| {
            window.global::<RailAdapter>().set_all(chosen.is_none());
        });
    }

    /// Draws the spaces again that show a picture which has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        let shown = |row: &SpaceRow| row.avatar.as_ref() == Some(media);
        if self.spaces.borrow().iter().any(shown) {
            self.refresh();
        }
    }

    fn choose(&self, id: Option<OwnedRoomId>) {
        *self.chosen.borrow_mut() = id;
        let chosen = self.chosen.borrow().clone();
        let rooms = chosen.and_then(|id| {
            let spaces = self.spaces.borrow();
            let space = spaces.iter().find(|row| row.id == id)?;
            Some(space.rooms.iter().cloned().collect())
        });
        self.list.set_space(rooms);
        self.refresh();
    }
}

//! Where somebody is: what is asked about a room ends when another opens, and an answer that comes late leads nobody
//! away.

use std::rc::Rc;

use matrix_sdk::ruma::{OwnedRoomId, RoomId};
use slint::ComponentHandle;

use super::{
    AttachAdapter, PeopleAdapter, PeopleMode, PromptAdapter, PromptKind, TextAdapter,
    ViewerAdapter, room::Room,
};
use crate::bridge::{
    command::{Command, RoomsCommand},
    update::Answer,
};

/// Where somebody is, and how much they have written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    room: Option<OwnedRoomId>,
    written: u64,
}

impl Room {
    /// Where somebody is now.
    pub(super) fn place(&self) -> Place {
        Place {
            room: self.timeline.room(),
            written: self.composer.written(),
        }
    }

    /// Opens a room that was asked for at this place, unless somebody has gone elsewhere since, or has begun to write.
    pub(super) fn open_from(self: &Rc<Self>, place: &Place, room: OwnedRoomId) {
        if self.place() == *place {
            self.open(Some(room));
        }
    }

    /// Accepts an invitation and opens the room.
    pub(super) fn accept(self: &Rc<Self>, id: &str) {
        if let Ok(room) = RoomId::parse(id) {
            self.ask_for(RoomsCommand::AcceptInvite { room });
        }
    }

    /// Sends a command that brings a room, and opens it.
    pub(super) fn ask_for(self: &Rc<Self>, command: RoomsCommand) {
        let (opener, place) = (self.clone(), self.place());
        self.context
            .ask(Command::Rooms(command), move |result| match result {
                Ok(Answer::Room(room)) => opener.open_from(&place, room),
                Ok(_) => {}
                Err(trouble) => opener.context.show_failure(&trouble),
            });
    }

    /// Closes the dialogs about the room that is left.
    pub(super) fn end_questions(&self) {
        self.context.with_window(|window| {
            let prompt = window.global::<PromptAdapter>();
            if is_about_a_room(prompt.get_kind()) {
                prompt.invoke_closed();
            }
            let attach = window.global::<AttachAdapter>();
            if attach.get_open() {
                attach.invoke_closed();
            }
            let people = window.global::<PeopleAdapter>();
            if people.get_mode() == PeopleMode::Invite {
                people.invoke_closed();
            }
            let viewer = window.global::<ViewerAdapter>();
            if viewer.get_open() {
                viewer.invoke_close();
            }
            window.global::<TextAdapter>().set_open(false);
        });
    }
}

fn is_about_a_room(kind: PromptKind) -> bool {
    matches!(
        kind,
        PromptKind::DeleteMessage | PromptKind::Report | PromptKind::Kick | PromptKind::Ban
    )
}

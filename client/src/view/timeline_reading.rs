//! What of the open room counts as read: what comes to its end while somebody looks at it.

use matrix_sdk::ruma::OwnedRoomId;
use slint::ComponentHandle;

use super::{AppAdapter, Page, TimelineAdapter, timeline::Timeline};
use crate::bridge::command::TimelineCommand;

impl Timeline {
    /// Somebody looks at the window again, or does not.
    pub(super) fn set_away(&self, away: bool) {
        self.away.set(away);
        self.read_if_seen();
    }

    /// The open room, if somebody has it before their eyes: the settings would cover it.
    pub(super) fn room_in_sight(&self) -> Option<OwnedRoomId> {
        self.room().filter(|_| self.is_in_sight())
    }

    /// Somebody sees new messages as they come.
    pub(super) fn is_read_live(&self) -> bool {
        let mut following = false;
        self.context
            .with_window(|window| following = window.global::<TimelineAdapter>().get_following());
        following && !self.on_the_way.get() && self.is_in_sight()
    }

    /// Tells that all is read, if its end is before somebody's eyes.
    pub(super) fn read_if_seen(&self) {
        if self.is_read_live() {
            self.mark_read();
        }
    }

    /// The view has come to the end, or left it, or arrived at a message that was looked for.
    pub(super) fn follow(&self, following: bool) {
        self.on_the_way.set(false);
        self.window.borrow_mut().set_following(following);
        if following {
            self.mark_read();
        }
    }

    pub(super) fn mark_read(&self) {
        if self.is_in_sight() && !self.window.borrow().all().is_empty() {
            self.send(TimelineCommand::MarkRead);
        }
    }

    fn is_in_sight(&self) -> bool {
        let mut page = Page::Starting;
        self.context
            .with_window(|window| page = window.global::<AppAdapter>().get_page());
        page == Page::Chats && !self.away.get()
    }
}

//! What of the open room counts as read: what comes to its end while somebody looks at it.

use matrix_sdk::ruma::OwnedRoomId;
use slint::ComponentHandle;

use super::{AppAdapter, Page, TimelineAdapter, read_line, timeline::Timeline};
use crate::{bridge::command::TimelineCommand, rows::RowKind};

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
        if following && self.held.borrow().is_some() {
            self.jump_to_end();
        } else if following {
            self.mark_read();
        }
    }

    pub(super) fn mark_read(&self) {
        if self.is_in_sight() && !self.window.borrow().all().is_empty() {
            self.send(TimelineCommand::MarkRead);
            let last = read_line::last_known(self.window.borrow().all());
            self.seen.replace(last);
            self.show_unseen();
        }
    }

    /// How many messages of others have come since the end was last before somebody's eyes.
    fn unseen(&self) -> usize {
        let (window, seen) = (self.window.borrow(), self.seen.borrow());
        let mut others = 0;
        for row in window.all().iter().rev() {
            let is_mark = matches!(row.kind, RowKind::ReadMarker);
            if is_mark || seen.as_deref() == Some(read_line::key(row)) {
                return others;
            }
            others += usize::from(read_line::is_of_another(row));
        }
        // Nothing tells what has been seen: then it was all of it, or nothing that is known.
        if seen.is_some() { others } else { 0 }
    }

    /// Says at the button that leads to the end how much waits there.
    pub(super) fn show_unseen(&self) {
        let unseen = i32::try_from(self.unseen()).unwrap_or(i32::MAX);
        self.context
            .with_window(|view| view.global::<TimelineAdapter>().set_newer(unseen));
    }

    fn is_in_sight(&self) -> bool {
        let mut page = Page::Starting;
        self.context
            .with_window(|window| page = window.global::<AppAdapter>().get_page());
        page == Page::Chats && !self.away.get()
    }
}

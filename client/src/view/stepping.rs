//! By keyboard from one part of the window to another.

use slint::ComponentHandle;

use super::{AppAdapter, ComposerAdapter, RoomListAdapter, TimelineAdapter, room::Room};

impl Room {
    /// F6: from the text to the messages, to the list, to the text, but for what is not there.
    pub(super) fn step_pane(&self) {
        self.context.with_window(|window| {
            let composer = window.global::<ComposerAdapter>();
            let list = window.global::<RoomListAdapter>();
            let timeline = window.global::<TimelineAdapter>();
            let is_open = window.global::<AppAdapter>().get_room_open();
            if !is_open || timeline.get_focused() {
                list.set_search_epoch(list.get_search_epoch().wrapping_add(1));
                timeline.invoke_current_left();
            } else if composer.get_focused() || !composer.get_can_send() {
                timeline.set_focus_epoch(timeline.get_focus_epoch().wrapping_add(1));
                if timeline.get_current() == "" {
                    timeline.invoke_current_moved(-1);
                }
            } else {
                self.composer.focus();
            }
        });
    }

    /// Escape among the messages: to the text, or to the window where nobody may write.
    pub(super) fn leave_messages(&self) {
        self.context.with_window(|window| {
            window.global::<TimelineAdapter>().invoke_current_left();
            match window.global::<ComposerAdapter>().get_can_send() {
                true => self.composer.focus(),
                false => window.invoke_take_keys(),
            }
        });
    }
}

//! What is known of the open room, handed to the views that show it.

use std::rc::Rc;

use slint::ComponentHandle;

use super::{
    AppWindow, ComposerAdapter, HeaderAdapter, MembersAdapter, RoomHead, RoomListAdapter,
    TimelineAdapter, room::Room,
};

/// Shows the head of a room.
pub(super) fn show(window: &AppWindow, head: RoomHead) {
    window.global::<TimelineAdapter>().set_direct(head.direct);
    window
        .global::<ComposerAdapter>()
        .set_can_send(head.can_send);
    window
        .global::<MembersAdapter>()
        .set_can_invite(head.can_invite);
    window.global::<HeaderAdapter>().set_room(head);
}

/// Binds what the header does with the open room as the list does with any.
pub(super) fn bind(window: &AppWindow, room: &Rc<Room>) {
    let header = window.global::<HeaderAdapter>();
    let in_list = |act: fn(&RoomListAdapter<'_>, slint::SharedString)| {
        let (window, room) = (window.as_weak(), room.clone());
        move || {
            if let (Some(id), Some(window)) = (room.timeline.room(), window.upgrade()) {
                act(&window.global::<RoomListAdapter>(), id.as_str().into());
            }
        }
    };
    header.on_favourite(in_list(|list, id| list.invoke_favourite_toggled(id)));
    header.on_mute(in_list(|list, id| list.invoke_mute_toggled(id)));
}

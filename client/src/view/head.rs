//! What is known of the open room, handed to the views that show it.

use slint::ComponentHandle;

use super::{AppWindow, ComposerAdapter, HeaderAdapter, MembersAdapter, RoomHead, TimelineAdapter};

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

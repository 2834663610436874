//! Links in messages: people and rooms are shown here, pages by the system.

use std::rc::Rc;

use matrix_sdk::ruma::{MatrixToUri, matrix_uri::MatrixId};
use slint::ComponentHandle;

use super::{
    AppWindow, DirectoryAdapter, PromptAdapter, RoomListAdapter, TimelineAdapter, context::Context,
    room_list::RoomList,
};

/// Binds what happens with a link that is clicked. The view hands it to the system when this answers with `false`.
pub(super) fn bind(context: &Rc<Context>, list: &Rc<RoomList>) {
    let (shown, list) = (context.clone(), list.clone());
    context.with_window(|window| {
        window
            .global::<TimelineAdapter>()
            .on_link_opened(move |target| {
                let Ok(uri) = MatrixToUri::parse(&target) else {
                    return false;
                };
                shown.with_window(|window| open(window, &list, uri.id()));
                true
            });
    });
}

fn open(window: &AppWindow, list: &RoomList, id: &MatrixId) {
    let address = match id {
        MatrixId::User(user) => {
            let timeline = window.global::<TimelineAdapter>();
            return timeline.invoke_person_opened(user.as_str().into());
        }
        MatrixId::RoomAlias(alias) => alias.to_string(),
        MatrixId::Room(room) => room.to_string(),
        MatrixId::Event(room, _) => room.to_string(),
        _ => return,
    };
    if list.find(&address).is_some() {
        window
            .global::<RoomListAdapter>()
            .invoke_room_chosen(address.as_str().into());
    } else {
        window.global::<DirectoryAdapter>().invoke_by_address();
        window
            .global::<PromptAdapter>()
            .set_text(address.as_str().into());
    }
}

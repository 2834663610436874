//! Dialogs and panes: they show what is true now, and offer what may be done.

use std::sync::Arc;

use client::{
    bridge::{
        command::{AccountCommand, Command, RoomsCommand},
        trouble::Trouble,
        update::{TimelineUpdate, Update},
    },
    rows::{RoomHeader, RowKind, TimelineRow},
    view::{
        AccountAdapter, AppAdapter, EmojiAdapter, HeaderAdapter, PaneAdapter, PaneKind,
        PeopleAdapter, PromptAdapter, PromptKind, RoomListAdapter, Theme, TimelineAdapter,
    },
};
use eyeball_im::VectorDiff;
use matrix_sdk::ruma::OwnedRoomId;
use slint::{
    ComponentHandle, LogicalPosition, LogicalSize,
    platform::{Key, PointerEventButton, WindowEvent},
};

use super::{Bench, text, window::message};

/// Delete, and E for a reaction, on a message of somebody else in a room that one only reads.
pub(super) fn keys_offer_what_the_menu_offers(bench: &Bench) {
    let window = bench.window.ui.window();
    let timeline = window.global::<TimelineAdapter>();
    let prompt = window.global::<PromptAdapter>();
    let picker = window.global::<EmojiAdapter>();
    for may in [false, true] {
        let mut row = TimelineRow::clone(&message("0", true, true, text("words")));
        if let RowKind::Message(message) = &mut row.kind {
            message.can_redact = may;
            message.can_reply = may;
        }
        let values = [Arc::new(row)].into_iter().collect();
        bench.change(VectorDiff::Reset { values });
        timeline.invoke_delete_requested("0".into());
        assert_eq!(prompt.get_kind() == PromptKind::DeleteMessage, may);
        prompt.invoke_closed();
        timeline.invoke_react_requested("0".into());
        assert_eq!(picker.get_open(), may);
        picker.invoke_closed();
    }
    bench.settle();
}

pub(super) fn the_list_is_made_wider_by_its_edge(bench: &Bench) {
    let theme = bench.window.ui.window().global::<Theme>();
    let before = theme.get_list_width();
    let drag = |by: f32| {
        let edge = LogicalPosition::new(64.0 + theme.get_list_width() + 1.0, 300.0);
        let button = PointerEventButton::Left;
        bench.send(WindowEvent::PointerMoved { position: edge });
        bench.send(WindowEvent::PointerPressed {
            position: edge,
            button,
        });
        let position = LogicalPosition::new(edge.x + by, edge.y);
        bench.send(WindowEvent::PointerMoved { position });
        bench.send(WindowEvent::PointerReleased { position, button });
        bench.settle();
        theme.get_list_width()
    };
    assert_eq!(drag(40.0), before + 40.0);
    assert_eq!(drag(300.0), theme.get_list_widest());
    assert_eq!(drag(-300.0), theme.get_list_narrowest());
    theme.set_list_width(before);
    bench.settle();
}

/// By Enter; the button cannot be pressed then.
pub(super) fn an_emptied_name_is_not_kept(bench: &mut Bench) {
    bench.window.sent();
    let account = bench.window.ui.window().global::<AccountAdapter>();
    account.invoke_name_saved(" ".into());
    account.invoke_name_saved("Anna".into());
    let kept = bench.window.sent().into_iter().filter_map(|command| {
        let Command::Account(AccountCommand::SetDisplayName { name }) = command else {
            return None;
        };
        Some(name)
    });
    assert_eq!(kept.collect::<Vec<_>>(), ["Anna"]);
}

pub(super) fn a_new_group_can_be_made_in_a_low_window(bench: &Bench) {
    let window = bench.window.ui.window();
    let (width, height) = (900.0, 560.0);
    window.window().set_size(LogicalSize::new(width, height));
    window.global::<RoomListAdapter>().invoke_new_group();
    bench.settle();
    let (at, size) = bench.place("Отмена");
    assert!(at.y + size.height < height, "the button is at {at:?}");
    window.global::<PeopleAdapter>().invoke_closed();
    window.window().set_size(LogicalSize::new(1180.0, 740.0));
    bench.settle();
}

/// The page about a room stays open while one goes from room to room.
pub(super) fn a_switch_shows_the_room_that_is_open(bench: &mut Bench) {
    let rooms = bench.rooms.clone();
    let tell = |bench: &Bench, room: &OwnedRoomId| {
        let update = TimelineUpdate::Header(header());
        bench
            .window
            .ui
            .apply(Update::Timeline(room.clone(), update));
        bench.settle();
    };
    let mute = |bench: &mut Bench| {
        bench.window.sent();
        bench.click_on(PointerEventButton::Left, "Без звука");
        let asked = bench.window.asked().into_iter();
        let found = asked.filter_map(|(request, command)| match command {
            Command::Rooms(RoomsCommand::SetMuted { room, muted }) => Some((request, room, muted)),
            _ => None,
        });
        found.last().unwrap()
    };
    tell(bench, &rooms[0]);
    let pane = bench.window.ui.window().global::<HeaderAdapter>();
    pane.invoke_pane(PaneKind::Room);
    bench.settle();
    // What fails is shown as it is, and can be tried again.
    for _ in 0..2 {
        let (request, room, muted) = mute(bench);
        assert_eq!((room, muted), (rooms[0].clone(), true));
        let result = Err(Trouble::NotAllowed);
        bench.window.ui.apply(Update::Answered { request, result });
        bench.settle();
    }
    mute(bench);
    bench.press(&[Key::Alt, Key::DownArrow]);
    assert!(bench.find("Без звука").is_none(), "this is the room before");
    tell(bench, &rooms[1]);
    let (_, room, muted) = mute(bench);
    assert_eq!((room, muted), (rooms[1].clone(), true));
    let window = bench.window.ui.window();
    window.global::<AppAdapter>().invoke_failure_closed();
    window.global::<PaneAdapter>().invoke_close();
    bench.press(&[Key::Alt, Key::UpArrow]);
    bench.window.sent();
}

/// What is told of a room to whoever leads it.
fn header() -> RoomHeader {
    RoomHeader {
        name: "Room".to_owned(),
        avatar: None,
        topic: None,
        direct_with: None,
        encrypted: false,
        members: 2,
        muted: false,
        favourite: false,
        low_priority: false,
        can_send: true,
        can_invite: true,
        can_rename: true,
        can_change_topic: true,
        can_change_avatar: true,
        can_pin: true,
        can_change_rights: true,
        read_only: false,
        pinned: Vec::new(),
        has_bot: false,
        open: false,
        can_open: true,
        address: None,
    }
}

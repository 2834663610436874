//! Whoever signs in next finds nothing of the person before, and nothing in their way.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

#[expect(dead_code, reason = "nobody says anything here")]
mod window;

use std::{path::PathBuf, sync::Arc, time::Duration};

use client::{
    bridge::{
        command::{AccountCommand, Command, FileSource},
        trouble::Trouble,
        update::{Answer, SessionState, Update},
    },
    rows::{Registrations, ServerRow, SpaceRow},
    view::{
        AccountAdapter, AppAdapter, AttachAdapter, ComposerAdapter, KeysAdapter, OnboardingAdapter,
        PeopleAdapter, PeopleMode, PromptAdapter, PromptKind, RailAdapter, RoomListAdapter,
        SearchAdapter, ServerState, SettingsAdapter, SwitcherAdapter, TextAdapter, ViewerAdapter,
    },
};
use eyeball_im::VectorDiff;
use i_slint_backend_testing::mock_elapsed_time;
use matrix_sdk::ruma::OwnedRoomId;
use slint::{ComponentHandle, Model};
use window::{Window, room_row};

#[test]
fn whoever_signs_out_leaves_nothing_behind() {
    let room: OwnedRoomId = "!a:campus.example".try_into().unwrap();
    let mut bench = Window::open(std::slice::from_ref(&room));
    bench.frame();
    use_the_window(&bench, &room);
    bench.ui.apply(Update::Session(SessionState::SignedOut {
        server: None,
        user: None,
        reason: None,
    }));
    bench.frame();
    no_chats_are_left(&bench);
    no_password_or_name_is_left(&bench);
    no_dialog_is_left(&bench);
    no_late_answer_is_in_the_way(&mut bench);
    a_silent_server_is_asked_again(&mut bench);
}

fn use_the_window(bench: &Window, room: &OwnedRoomId) {
    let window = bench.ui.window();
    let mut unread = room_row(room, 0);
    unread.unread = 3;
    bench.ui.apply(Update::Rooms(vec![VectorDiff::Set {
        index: 0,
        value: Arc::new(unread),
    }]));
    bench.ui.apply(Update::Spaces(vec![SpaceRow {
        id: "!s:campus.example".try_into().unwrap(),
        name: "Class".to_owned(),
        avatar: None,
        rooms: vec![room.clone()],
    }]));
    bench.ui.apply(Update::RoomsComplete);
    let rail = window.global::<RailAdapter>();
    rail.invoke_space_chosen("!s:campus.example".into());
    let list = window.global::<RoomListAdapter>();
    list.set_search("ro".into());
    list.invoke_search_edited("ro".into());
    list.invoke_filter_chosen(1);
    assert_eq!(
        (list.get_rows().row_count(), list.get_unread_rooms()),
        (2, 1)
    );
    window.global::<SearchAdapter>().set_term("secret".into());

    let account = window.global::<AccountAdapter>();
    account.set_old_password("old secret".into());
    account.set_new_password("new".into());
    account.invoke_change_password();
    assert_ne!(account.get_new_password_error(), "");
    window.global::<OnboardingAdapter>().set_user("anna".into());

    window.global::<ComposerAdapter>().set_can_send(true);
    bench
        .ui
        .offer_files(vec![FileSource::Path(PathBuf::from("diary.txt"))]);
    assert!(window.global::<AttachAdapter>().get_open());
    list.invoke_new_group();
    window.global::<AppAdapter>().invoke_switch();
    window.global::<SettingsAdapter>().invoke_sign_out();
    window.global::<PromptAdapter>().set_text("a secret".into());
    window.global::<KeysAdapter>().set_open(true);
    window.global::<TextAdapter>().set_open(true);
    window.global::<ViewerAdapter>().set_open(true);
}

fn no_chats_are_left(bench: &Window) {
    let window = bench.ui.window();
    let list = window.global::<RoomListAdapter>();
    assert_eq!(
        (list.get_rows().row_count(), list.get_complete()),
        (0, false)
    );
    assert_eq!((&*list.get_search(), list.get_filter()), ("", 0));
    assert_eq!((&*list.get_selected(), list.get_unread_rooms()), ("", 0));
    assert_eq!(window.global::<AppAdapter>().get_unread(), 0);
    assert_eq!(window.global::<SearchAdapter>().get_term(), "");
    let rail = window.global::<RailAdapter>();
    assert_eq!((rail.get_spaces().row_count(), rail.get_all()), (0, true));

    // What comes next is chosen by nothing that was asked before.
    let value = Arc::new(room_row(&"!b:campus.example".try_into().unwrap(), 0));
    let update = Update::Rooms(vec![VectorDiff::PushBack { value }]);
    bench.ui.apply(update);
    assert_eq!(list.get_rows().row_count(), 2, "a section and a room");
}

fn no_password_or_name_is_left(bench: &Window) {
    let window = bench.ui.window();
    let account = window.global::<AccountAdapter>();
    assert_eq!(
        (&*account.get_old_password(), &*account.get_new_password()),
        ("", "")
    );
    assert_eq!(account.get_new_password_error(), "");
    assert_eq!(window.global::<OnboardingAdapter>().get_user(), "");
    assert_eq!(window.global::<PromptAdapter>().get_text(), "");
}

fn no_dialog_is_left(bench: &Window) {
    let window = bench.ui.window();
    assert!(!window.global::<AttachAdapter>().get_open());
    assert_eq!(
        window.global::<PeopleAdapter>().get_mode(),
        PeopleMode::None
    );
    assert_eq!(
        window.global::<PromptAdapter>().get_kind(),
        PromptKind::None
    );
    assert!(!window.global::<SwitcherAdapter>().get_open());
    assert!(!window.global::<KeysAdapter>().get_open());
    assert!(!window.global::<TextAdapter>().get_open());
    assert!(!window.global::<ViewerAdapter>().get_open());
    // The next person sends nothing of it.
    let attach = window.global::<AttachAdapter>();
    bench
        .ui
        .offer_files(vec![FileSource::Path(PathBuf::from("own.txt"))]);
    assert_eq!(attach.get_more(), 0);
}

/// The server used last is out of reach, which takes a while to notice; meanwhile somebody has chosen another.
fn no_late_answer_is_in_the_way(bench: &mut Window) {
    let ui = bench.ui.window().as_weak();
    let state = || ui.unwrap().global::<OnboardingAdapter>().get_server_state();
    bench.asked();
    for address in ["last.example", "near.example"] {
        let window = bench.ui.window();
        let adapter = window.global::<OnboardingAdapter>();
        adapter.invoke_check_server(address.into());
    }
    let asked = bench.asked();
    let [(last, _), (near, _)] = asked.as_slice() else {
        panic!("two servers were asked for, but {asked:?}");
    };
    bench.ui.apply(Update::Answered {
        request: *near,
        result: Ok(Answer::Server(found("near.example"))),
    });
    assert_eq!(state(), ServerState::Found);
    bench.ui.apply(Update::Answered {
        request: *last,
        result: Err(Trouble::NoConnection),
    });
    assert_eq!(state(), ServerState::Found);
}

/// Unless somebody has begun to type another address.
fn a_silent_server_is_asked_again(bench: &mut Window) {
    let ui = bench.ui.window().as_weak();
    let say_nothing = |bench: &Window, request| {
        bench.ui.apply(Update::Answered {
            request,
            result: Err(Trouble::NoConnection),
        });
        mock_elapsed_time(Duration::from_secs(6));
        bench.frame();
    };
    ui.unwrap()
        .global::<OnboardingAdapter>()
        .set_address("late.example".into());
    ui.unwrap()
        .global::<OnboardingAdapter>()
        .invoke_check_server("late.example".into());
    let request = bench.asked()[0].0;
    say_nothing(bench, request);
    let asked = bench.asked();
    let [(again, Command::Account(AccountCommand::CheckServer { address }))] = asked.as_slice()
    else {
        panic!("the server was not asked again, but {asked:?}");
    };
    assert_eq!(address, "late.example");
    ui.unwrap()
        .global::<OnboardingAdapter>()
        .set_address("oth".into());
    say_nothing(bench, *again);
    assert!(bench.asked().is_empty());
}

fn found(name: &str) -> ServerRow {
    ServerRow {
        name: name.to_owned(),
        base_url: format!("https://{name}"),
        registrations: Registrations::Closed,
        password_sign_in: true,
    }
}

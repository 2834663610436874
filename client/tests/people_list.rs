//! The list of people while they come and go: whoever looks at it, or walks it by keyboard, stays where they are.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

#[path = "window/focus.rs"]
mod focus;
#[expect(dead_code, reason = "nobody says anything here")]
mod window;

use std::{ops::ControlFlow, time::Duration};

use client::{
    bridge::{
        command::{Command, PeopleCommand},
        update::{Answer, Connection, TimelineUpdate, Update},
    },
    rows::{MemberRights, MemberRow, PresenceRow, Role},
    view::{HeaderAdapter, PaneKind},
};
use focus::{focused, label};
use i_slint_backend_testing::mock_elapsed_time;
use i_slint_core::{item_tree::ItemRc, window::WindowInner};
use matrix_sdk::ruma::OwnedRoomId;
use slint::{
    ComponentHandle, LogicalPosition, SharedString,
    platform::{Key, WindowEvent},
};
use window::Window;

/// More than fit the window, and few enough for their presence to be asked for.
const PEOPLE: usize = 22;

/// Presses of Tab that lead from anywhere to the list.
const STOPS: usize = 60;

#[test]
fn people_who_come_online_move_neither_the_list_nor_the_keyboard() {
    let room: OwnedRoomId = "!a:campus.example".try_into().unwrap();
    let mut window = Window::open(std::slice::from_ref(&room));
    window.ui.apply(Update::RoomsComplete);
    window.ui.apply(Update::Connection(Connection::Online));
    let header = window.ui.window().global::<HeaderAdapter>();
    header.invoke_pane(PaneKind::People);
    let members = (1..=PEOPLE).map(member).collect();
    window
        .ui
        .apply(Update::Timeline(room, TimelineUpdate::Members(members)));
    settle(&window);
    say_who_is_online(&mut window, &[]);

    // To the middle of the list, and there to a person.
    let (x, y) = place(&window, "Person 03,").unwrap();
    window
        .ui
        .window()
        .window()
        .dispatch_event(WindowEvent::PointerScrolled {
            position: LogicalPosition::new(x + 8.0, y + 8.0),
            delta_x: 0.0,
            delta_y: -200.0,
        });
    settle(&window);
    let tab = SharedString::from(Key::Tab);
    for _ in 0..STOPS {
        if focused(&window.ui).is_some_and(|said| said.starts_with("Person 09,")) {
            break;
        }
        let window = window.ui.window().window();
        window.dispatch_event(WindowEvent::KeyPressed { text: tab.clone() });
        window.dispatch_event(WindowEvent::KeyReleased { text: tab.clone() });
    }
    settle(&window);
    assert!(focused(&window.ui).unwrap().starts_with("Person 09,"));
    let before = place(&window, "Person 09,").unwrap();
    assert_ne!(
        place(&window, "Person 03,").map(|(_, y)| y),
        Some(y),
        "it was scrolled"
    );

    say_who_is_online(&mut window, &[2, 8, 9, 10]);
    let said = focused(&window.ui).unwrap();
    assert!(said.starts_with("Person 09,"), "the keyboard is at {said}");
    assert!(!said.contains("@person"), "{said} is online now");
    assert_eq!(place(&window, "Person 09,"), Some(before));

    say_who_is_online(&mut window, &[]);
    let said = focused(&window.ui).unwrap();
    assert!(said.starts_with("Person 09,"), "the keyboard is at {said}");
    assert_eq!(place(&window, "Person 09,"), Some(before));
}

fn member(number: usize) -> MemberRow {
    MemberRow {
        user_id: format!("@person{number}:campus.example")
            .try_into()
            .unwrap(),
        name: format!("Person {number:02}"),
        avatar: None,
        role: Role::Member,
        invited: false,
        banned: false,
        silenced: false,
        own: false,
        rights: MemberRights::default(),
    }
}

/// Lets a minute pass, after which the window asks, and answers that these are online and the others away.
fn say_who_is_online(window: &mut Window, online: &[usize]) {
    window.sent();
    mock_elapsed_time(Duration::from_secs(61));
    settle(window);
    let mut asked = false;
    for (request, command) in window.asked() {
        let Command::People(PeopleCommand::Presence { users }) = command else {
            continue;
        };
        let is_online = |user: &str| online.iter().any(|number| user == member(*number).user_id);
        let rows = users.into_iter().map(|user| PresenceRow {
            online: is_online(user.as_str()),
            user,
            active_ago: None,
        });
        let result = Ok(Answer::Presence(rows.collect()));
        window.ui.apply(Update::Answered { request, result });
        asked = true;
    }
    assert!(asked, "the window asks who is online");
    settle(window);
}

fn settle(window: &Window) {
    for _ in 0..3 {
        mock_elapsed_time(Duration::from_millis(250));
        window.frame();
    }
}

/// Where what begins so stands.
fn place(window: &Window, begin: &str) -> Option<(f32, f32)> {
    let inner = WindowInner::from_pub(window.ui.window().window());
    let found = ItemRc::new_root(inner.component()).visit_descendants(|item| {
        match label(item).is_some_and(|said| said.starts_with(begin)) {
            true => ControlFlow::Break(item.clone()),
            false => ControlFlow::Continue(()),
        }
    });
    let at = found.map(|item| item.map_to_window(item.geometry().origin))?;
    Some((at.x, at.y))
}

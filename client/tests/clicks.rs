//! What the mouse and the keys do to messages: a voice message plays, a link leads where it says, a moving picture moves
//! while it is on the screen, the arrows go from room to room, a pane that closes gives the keyboard back, and a group is
//! made without the mouse.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

#[path = "window/focus.rs"]
mod focus;
#[path = "clicks/keys.rs"]
mod keys;
#[path = "clicks/pages.rs"]
mod pages;
mod window;

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use client::{
    bridge::{
        command::{Command, MediaCommand, RoomsCommand, TimelineCommand},
        pixels::Pixels,
        update::{Pagination, TimelineUpdate, Update},
    },
    render::{html, plain},
    rows::{
        Body, FileBody, MediaBody, MediaKey, ReactionRow, RoomRow, RowKind, TextBody, TimelineRow,
    },
    view::{
        AnimationAdapter, AppAdapter, HeaderAdapter, HelpAdapter, Menus, PaneAdapter, PaneKind,
        PeopleAdapter, PeopleMode, PersonAdapter, PromptAdapter, PromptKind, RoomListAdapter,
    },
};
use eyeball_im::VectorDiff;
use focus::{focused, label};
use i_slint_backend_testing::mock_elapsed_time;
use i_slint_core::{item_tree::ItemRc, window::WindowInner};
use matrix_sdk::ruma::OwnedRoomId;
use slint::{
    ComponentHandle, LogicalPosition, LogicalSize, Model, SharedString,
    platform::{Key, PointerEventButton, WindowEvent},
};
use window::{Window, message, room_row};

const VOICE: &str = "mxc://campus.example/voice";
const CAT: &str = "mxc://campus.example/cat";

struct Bench {
    window: Window,
    rooms: [OwnedRoomId; 2],
}

impl Bench {
    fn new() -> Self {
        let rooms = ["!a:campus.example", "!b:campus.example"].map(|id| id.try_into().unwrap());
        let window = Window::open(&rooms);
        let bench = Self { window, rooms };
        bench.settle();
        bench
    }

    fn show(&self, bodies: Vec<Body>) {
        let rows = bodies.into_iter().enumerate();
        let rows = rows.map(|(number, body)| message(&number.to_string(), number == 0, true, body));
        let values = rows.collect();
        self.change(VectorDiff::Reset { values });
    }

    fn change(&self, diff: VectorDiff<Arc<TimelineRow>>) {
        let update = TimelineUpdate::Rows(vec![diff]);
        self.window
            .ui
            .apply(Update::Timeline(self.rooms[0].clone(), update));
        self.settle();
    }

    fn settle(&self) {
        self.window.settle();
    }

    fn send(&self, event: WindowEvent) {
        self.window.ui.window().window().dispatch_event(event);
    }

    fn click(&self, position: LogicalPosition) {
        self.click_with(PointerEventButton::Left, position);
    }

    fn click_with(&self, button: PointerEventButton, position: LogicalPosition) {
        self.send(WindowEvent::PointerMoved { position });
        self.send(WindowEvent::PointerPressed { position, button });
        self.send(WindowEvent::PointerReleased { position, button });
    }

    fn click_on(&self, button: PointerEventButton, words: &str) {
        let (at, size) = self.place(words);
        let middle = LogicalPosition::new(at.x + size.width / 2.0, at.y + size.height / 2.0);
        self.click_with(button, middle);
        self.settle();
    }

    /// What says this of itself.
    fn find(&self, words: &str) -> Option<ItemRc> {
        let window = WindowInner::from_pub(self.window.ui.window().window());
        let root = ItemRc::new_root(window.component());
        root.visit_descendants(|item| {
            match item.is_visible() && label(item).is_some_and(|said| said.contains(words)) {
                true => ControlFlow::Break(item.clone()),
                false => ControlFlow::Continue(()),
            }
        })
    }

    /// Its left upper corner, and its size.
    fn place(&self, words: &str) -> (LogicalPosition, LogicalSize) {
        let found = self.find(words);
        let item = found.unwrap_or_else(|| panic!("nothing says {words}"));
        let (origin, size) = (item.geometry().origin, item.geometry().size);
        let at = item.map_to_window(origin);
        (
            LogicalPosition::new(at.x, at.y),
            LogicalSize::new(size.width, size.height),
        )
    }

    fn press(&self, keys: &[Key]) {
        let text = |key: &Key| SharedString::from(*key);
        self.window.ui.keep_keys();
        for key in keys {
            self.send(WindowEvent::KeyPressed { text: text(key) });
        }
        for key in keys.iter().rev() {
            self.send(WindowEvent::KeyReleased { text: text(key) });
        }
        self.settle();
    }

    fn opened(&mut self) -> Vec<OwnedRoomId> {
        let opened = self
            .window
            .sent()
            .into_iter()
            .filter_map(|command| match command {
                Command::Timeline(room, TimelineCommand::Open) => Some(room),
                _ => None,
            });
        opened.collect()
    }
}

#[test]
fn messages_do_what_they_are_clicked_for() {
    let mut bench = Bench::new();
    a_voice_message_is_played(&mut bench);
    a_link_to_a_person_shows_the_person(&bench);
    the_keyboard_stays_on_a_reaction_that_changes(&mut bench);
    a_moving_picture_moves_while_it_is_seen(&mut bench);
    the_menu_of_a_picture_lets_one_report_it(&bench);
    a_file_is_pressed_anywhere_on_its_card(&mut bench);
    an_empty_room_says_so(&bench);
    the_plus_of_the_rail_begins_a_chat(&bench);
    a_direct_chat_is_deleted_and_not_left(&bench);
    the_walk_is_for_those_who_are_signed_in(&bench);
    pages::keys_offer_what_the_menu_offers(&bench);
    pages::the_list_is_made_wider_by_its_edge(&bench);
    pages::an_emptied_name_is_not_kept(&mut bench);
    pages::a_new_group_can_be_made_in_a_low_window(&bench);
    the_arrows_go_from_room_to_room(&mut bench);
    pages::a_switch_shows_the_room_that_is_open(&mut bench);
    whoever_goes_back_to_the_list_goes_on_by_keyboard(&mut bench);
    whoever_closes_the_search_goes_on_by_keyboard(&mut bench);
    keys::run(&bench);
    a_group_is_made_by_keyboard(&mut bench);
}

fn a_voice_message_is_played(bench: &mut Bench) {
    bench.show(vec![voice()]);
    bench.window.sent();
    // "0:24" is in both languages.
    let (at, size) = bench.place("0:24");
    bench.click(LogicalPosition::new(
        at.x + size.width / 2.0,
        at.y + size.height / 2.0,
    ));
    let played = bench.window.sent().into_iter().any(|command| {
        matches!(command, Command::Media(MediaCommand::Play { media, .. }) if media.as_str() == VOICE)
    });
    assert!(played);
}

fn a_link_to_a_person_shows_the_person(bench: &Bench) {
    let link = "<a href=\"https://matrix.to/#/@anna:campus.example\">Анна</a>";
    bench.show(vec![Body::Text(TextBody {
        blocks: html::parse(link),
        plain: "Анна".to_owned(),
        ..TextBody::default()
    })]);
    let person = bench.window.ui.window().global::<PersonAdapter>();
    assert!(!person.get_open());
    // Somewhere in the message is the link; nothing else there opens a person.
    let (at, size) = bench.place("Анна");
    let steps = |length: f32| {
        (0..)
            .map(|step| step as f32 * 6.0)
            .take_while(move |at| *at < length)
    };
    let hit = steps(size.height.max(60.0))
        .flat_map(|y| steps(size.width.max(120.0)).map(move |x| (x, y)))
        .any(|(x, y)| {
            bench.click(LogicalPosition::new(at.x + x, at.y + y));
            person.get_open()
        });
    assert!(hit, "no click opened the person");
    person.invoke_closed();
    bench.settle();
}

/// As on the board of a game, where every move changes the reactions.
fn the_keyboard_stays_on_a_reaction_that_changes(bench: &mut Bench) {
    bench.show(vec![text("move")]);
    let value = with_reactions(&[("👍", false), ("7", false)]);
    bench.change(VectorDiff::Set { index: 0, value });
    let has_it = |bench: &Bench| focused(&bench.window.ui).is_some_and(|said| said.contains(" 7,"));
    let reached = (0..80).any(|_| {
        bench.press(&[Key::Tab]);
        has_it(bench)
    });
    assert!(reached, "the reaction is not reached by Tab");
    let value = with_reactions(&[("👍", false), ("7", true), ("8", false)]);
    bench.change(VectorDiff::Set { index: 0, value });
    assert!(has_it(bench), "{:?}", focused(&bench.window.ui));
    bench.window.sent();
    bench.press(&[Key::Return]);
    let pressed = bench.window.sent().into_iter().find_map(|command| {
        let Command::Timeline(_, TimelineCommand::ToggleReaction { key, .. }) = command else {
            return None;
        };
        Some(key)
    });
    assert_eq!(pressed.as_deref(), Some("7"));
}

fn a_moving_picture_moves_while_it_is_seen(bench: &mut Bench) {
    let is = |command: &Command, moves: bool| match command {
        Command::Media(MediaCommand::Animate { media, .. }) => moves && media.as_str() == CAT,
        Command::Media(MediaCommand::Still { media }) => !moves && media.as_str() == CAT,
        _ => false,
    };
    bench.window.sent();
    bench.show(vec![cat()]);
    assert!(bench.window.sent().iter().any(|command| is(command, true)));
    let media = MediaKey::new(CAT);
    bench.window.ui.apply(Update::Frame {
        media,
        pixels: Pixels::new(30, 20),
    });
    let frame = |bench: &Bench| {
        let frames = bench.window.ui.window().global::<AnimationAdapter>();
        (frames.get_first(), frames.get_first_frame().size().width)
    };
    assert_eq!(frame(bench), (CAT.into(), 30));

    // It is deleted, and comes back; then two pages of words push it out of sight.
    bench.show(vec![text("gone")]);
    assert!(bench.window.sent().iter().any(|command| is(command, false)));
    assert_eq!(frame(bench), ("".into(), 0));
    bench.show(vec![cat()]);
    assert!(bench.window.sent().iter().any(|command| is(command, true)));
    let mut bodies = vec![cat()];
    bodies.extend((0..60).map(|number| text(&format!("№ {number}"))));
    bench.show(bodies);
    assert!(bench.window.sent().iter().any(|command| is(command, false)));
}

/// By a right click on the picture itself.
fn the_menu_of_a_picture_lets_one_report_it(bench: &Bench) {
    let mut row = TimelineRow::clone(&message("0", true, true, cat()));
    if let RowKind::Message(message) = &mut row.kind {
        message.event_id = Some("$cat".try_into().unwrap());
    }
    let values = [Arc::new(row)].into_iter().collect();
    bench.change(VectorDiff::Reset { values });
    bench.click_on(PointerEventButton::Right, "Картинка cat.gif");
    let menus = bench.window.ui.window().global::<Menus>();
    assert!(menus.get_open());
    let offers = |action: &str| {
        let entries = menus.get_entries();
        entries
            .iter()
            .any(|entry| entry.action == action && !entry.hidden)
    };
    assert!(offers("report") && offers("save"));
    assert!(!offers("copy"), "it says nothing");
    menus.invoke_close();
    bench.settle();
}

fn a_file_is_pressed_anywhere_on_its_card(bench: &mut Bench) {
    let mut sound = voice();
    if let Body::Audio(file) = &mut sound {
        file.name = "lecture.ogg".to_owned();
        file.voice = false;
    }
    bench.show(vec![sound]);
    bench.window.sent();
    let (at, size) = bench.place("Воспроизвести lecture.ogg");
    bench.click(LogicalPosition::new(at.x + size.width - 8.0, at.y + 8.0));
    let mut sent = bench.window.sent().into_iter();
    assert!(sent.any(|command| matches!(command, Command::Media(MediaCommand::Play { .. }))));
}

fn an_empty_room_says_so(bench: &Bench) {
    let values = std::iter::empty().collect();
    bench.change(VectorDiff::Reset { values });
    let wait = || {
        mock_elapsed_time(Duration::from_millis(400));
        bench.settle();
    };
    wait();
    assert!(bench.find("Загружаем сообщения").is_some());
    let update = TimelineUpdate::Pagination(Pagination::AtStart);
    let update = Update::Timeline(bench.rooms[0].clone(), update);
    bench.window.ui.apply(update);
    wait();
    assert!(bench.find("Здесь пока пусто").is_some());
    bench.show(vec![text("first")]);
    wait();
    assert!(bench.find("Здесь пока пусто").is_none());
}

fn the_plus_of_the_rail_begins_a_chat(bench: &Bench) {
    // The rail comes before the list, whose pencil opens the same menu.
    bench.click_on(PointerEventButton::Left, "Новый чат или группа");
    let window = bench.window.ui.window();
    let menus = window.global::<Menus>();
    assert_eq!((menus.get_open(), &*menus.get_owner()), (true, "new"));
    menus.invoke_choose("group".into(), "".into());
    bench.settle();
    let people = window.global::<PeopleAdapter>();
    assert_eq!(people.get_mode(), PeopleMode::Group);
    people.invoke_closed();
    bench.settle();
}

fn a_direct_chat_is_deleted_and_not_left(bench: &Bench) {
    let direct: OwnedRoomId = "!d:campus.example".try_into().unwrap();
    let value = Arc::new(RoomRow {
        direct_with: Some("@anna:campus.example".try_into().unwrap()),
        ..room_row(&direct, 5)
    });
    let update = Update::Rooms(vec![VectorDiff::PushBack { value }]);
    bench.window.ui.apply(update);
    let window = bench.window.ui.window();
    let prompt = window.global::<PromptAdapter>();
    let list = window.global::<RoomListAdapter>();
    for (room, kind) in [
        (&direct, PromptKind::DeleteChat),
        (&bench.rooms[0], PromptKind::LeaveRoom),
    ] {
        list.invoke_leave_requested(room.as_str().into());
        assert_eq!(prompt.get_kind(), kind);
        prompt.invoke_closed();
    }
    let update = Update::Rooms(vec![VectorDiff::PopBack]);
    bench.window.ui.apply(update);
    bench.settle();
}

/// Nobody else has anything to walk around.
fn the_walk_is_for_those_who_are_signed_in(bench: &Bench) {
    let window = bench.window.ui.window();
    let help = window.global::<HelpAdapter>();
    window.global::<AppAdapter>().invoke_help();
    for signed_in in [true, false] {
        help.set_signed_in(signed_in);
        bench.settle();
        assert_eq!(bench.find("Пройти знакомство").is_some(), signed_in);
    }
    help.set_signed_in(true);
    window.global::<PaneAdapter>().invoke_close();
    bench.settle();
}

fn the_arrows_go_from_room_to_room(bench: &mut Bench) {
    bench.window.sent();
    bench.press(&[Key::Alt, Key::DownArrow]);
    assert_eq!(bench.opened(), [bench.rooms[1].clone()]);
    bench.press(&[Key::Alt, Key::UpArrow]);
    assert_eq!(bench.opened(), [bench.rooms[0].clone()]);
}

/// The composer that had the keyboard is gone with its room.
fn whoever_goes_back_to_the_list_goes_on_by_keyboard(bench: &mut Bench) {
    let window = bench.window.ui.window();
    window.global::<HeaderAdapter>().invoke_back();
    bench.settle();
    bench.window.sent();
    bench.press(&[Key::Alt, Key::DownArrow]);
    assert_eq!(bench.opened(), [bench.rooms[0].clone()]);
}

/// The field that had the keyboard is gone with its pane.
fn whoever_closes_the_search_goes_on_by_keyboard(bench: &mut Bench) {
    let window = bench.window.ui.window();
    window.global::<AppAdapter>().invoke_search(false);
    bench.settle();
    bench.press(&[Key::Escape]);
    bench.settle();
    assert_eq!(window.global::<PaneAdapter>().get_kind(), PaneKind::None);
    bench.press(&[Key::Alt, Key::DownArrow]);
    assert_eq!(bench.opened(), [bench.rooms[1].clone()]);
}

/// Enter goes from the name to the people, takes the first of those found, and with nothing typed it ends the dialog.
fn a_group_is_made_by_keyboard(bench: &mut Bench) {
    let boris = "@boris:campus.example";
    let value = Arc::new(RoomRow {
        name: "Boris".to_owned(),
        direct_with: Some(boris.try_into().unwrap()),
        ..room_row(&"!c:campus.example".try_into().unwrap(), 9)
    });
    let update = Update::Rooms(vec![VectorDiff::PushBack { value }]);
    bench.window.ui.apply(update);
    let window = bench.window.ui.window();
    window.global::<RoomListAdapter>().invoke_new_group();
    bench.settle();
    bench.window.sent();
    let window = bench.window.ui.window();
    let people = window.global::<PeopleAdapter>();
    people.set_group_name("Chess".into());
    // One writes to him, so he is offered already.
    people.set_term("bor".into());
    bench.press(&[Key::Return]);
    assert_eq!(focused(&bench.window.ui).as_deref(), Some("Имя или @адрес"));
    bench.press(&[Key::Return]);
    assert_eq!((people.get_chosen_count(), &*people.get_term()), (1, ""));
    bench.press(&[Key::Return]);
    let made = bench.window.sent().into_iter().find_map(|command| {
        let Command::Rooms(RoomsCommand::CreateGroup { name, invite, .. }) = command else {
            return None;
        };
        Some((name, invite))
    });
    assert_eq!(
        made,
        Some(("Chess".to_owned(), vec![boris.try_into().unwrap()]))
    );
}

fn text(words: &str) -> Body {
    Body::Text(TextBody {
        blocks: plain::parse(words),
        plain: words.to_owned(),
        ..TextBody::default()
    })
}

fn with_reactions(reactions: &[(&str, bool)]) -> Arc<TimelineRow> {
    let mut row = TimelineRow::clone(&message("0", true, true, text("move")));
    let reactions = reactions.iter().map(|(key, own)| ReactionRow {
        key: (*key).to_owned(),
        count: 1 + usize::from(*own),
        own: *own,
        senders: vec!["@anna:campus.example".try_into().unwrap()],
    });
    if let RowKind::Message(message) = &mut row.kind {
        message.reactions = reactions.collect();
    }
    Arc::new(row)
}

fn voice() -> Body {
    Body::Audio(FileBody {
        media: MediaKey::new(VOICE),
        name: "voice.ogg".to_owned(),
        mime_type: Some("audio/ogg".to_owned()),
        bytes: Some(40_000),
        seconds: Some(24),
        waveform: vec![0.5; 30],
        voice: true,
        caption: Vec::new(),
    })
}

fn cat() -> Body {
    Body::Picture(MediaBody {
        media: MediaKey::new(CAT),
        thumbnail: None,
        name: "cat.gif".to_owned(),
        dimensions: Some((300, 200)),
        bytes: Some(40_000),
        seconds: None,
        may_move: true,
        caption: Vec::new(),
    })
}

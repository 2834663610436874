//! Where the keyboard is: in a room that opens, among its messages, in the list of keys.

use std::sync::Arc;

use client::{
    rows::{Body, RowKind, TimelineRow},
    view::{
        AppAdapter, ComposerAdapter, HeaderAdapter, KeysAdapter, PromptAdapter, PromptKind,
        RoomListAdapter, TimelineAdapter,
    },
};
use eyeball_im::VectorDiff;
use slint::{
    ComponentHandle, SharedString,
    platform::{Key, WindowEvent},
};

use crate::{Bench, cat, focus::focused, text, window::message};

const FIELD: &str = "Сообщение";
const SEARCH: &str = "Поиск";

impl Bench {
    fn type_letter(&self, letter: &str) {
        let text = SharedString::from(letter);
        self.send(WindowEvent::KeyPressed { text: text.clone() });
        self.send(WindowEvent::KeyReleased { text });
        self.settle();
    }

    fn timeline(&self) -> TimelineAdapter<'_> {
        self.window.ui.window().global::<TimelineAdapter>()
    }

    fn composer(&self) -> ComposerAdapter<'_> {
        self.window.ui.window().global::<ComposerAdapter>()
    }

    fn has_keyboard(&self) -> Option<String> {
        focused(&self.window.ui).map(String::from)
    }

    fn choose_room(&self) {
        let list = self.window.ui.window().global::<RoomListAdapter>();
        list.invoke_room_chosen(self.rooms[0].as_str().into());
        self.settle();
    }

    /// A picture, many words, and a last word: all may be deleted.
    fn show_much(&self) {
        let mut bodies = vec![cat()];
        bodies.extend((0..40).map(|number| text(&format!("№ {number}"))));
        bodies.push(text("the last word"));
        let rows = bodies.into_iter().enumerate();
        let values = rows.map(|(number, body)| own(number, body)).collect();
        self.change(VectorDiff::Reset { values });
        self.timeline().invoke_jump_to_end();
        self.settle();
    }
}

pub(crate) fn run(bench: &Bench) {
    bench.choose_room();
    a_room_that_opens_has_the_keyboard(bench);
    the_list_of_keys_has_the_keyboard(bench);
    the_chosen_message_is_the_one_on_the_screen(bench);
    the_parts_of_a_room_to_read_are_reached_by_key(bench);
}

/// There was no field to write in when it was asked for.
fn a_room_that_opens_has_the_keyboard(bench: &Bench) {
    let window = bench.window.ui.window();
    window.global::<HeaderAdapter>().invoke_back();
    bench.settle();
    bench.choose_room();
    assert_eq!(bench.has_keyboard().as_deref(), Some(FIELD));
    bench.type_letter("a");
    assert_eq!(bench.composer().get_text(), "a");
    bench.composer().set_text("".into());

    window.invoke_take_keys();
    bench.settle();
    assert_ne!(bench.has_keyboard().as_deref(), Some(FIELD));
    bench.choose_room();
    let open = bench.has_keyboard();
    assert_eq!(open.as_deref(), Some(FIELD), "it was open already");

    // What covers the window keeps the keyboard.
    window.global::<HeaderAdapter>().invoke_back();
    bench.settle();
    window.global::<KeysAdapter>().set_open(true);
    bench.settle();
    bench.choose_room();
    bench.type_letter("b");
    assert_eq!(bench.composer().get_text(), "");
    bench.press(&[Key::Escape]);
    assert_eq!(bench.has_keyboard().as_deref(), Some(FIELD));
}

fn the_list_of_keys_has_the_keyboard(bench: &Bench) {
    let window = bench.window.ui.window();
    let keys = window.global::<KeysAdapter>();
    let control = SharedString::from(Key::Control);
    bench.send(WindowEvent::KeyPressed {
        text: control.clone(),
    });
    bench.type_letter("/");
    bench.send(WindowEvent::KeyReleased { text: control });
    bench.settle();
    assert!(keys.get_open());
    bench.type_letter("a");
    assert_eq!(bench.composer().get_text(), "", "the field lies behind it");
    bench.press(&[Key::Escape]);
    assert!(!keys.get_open());
    assert_eq!(bench.has_keyboard().as_deref(), Some(FIELD));
}

fn the_chosen_message_is_the_one_on_the_screen(bench: &Bench) {
    bench.show_much();
    let chosen = || bench.timeline().get_current();
    bench.press(&[Key::F6]);
    assert_eq!(chosen(), "41");
    bench.press(&[Key::Home]);
    assert_eq!(chosen(), "0");
    // To the list, to the field, and back: the choice is made anew.
    bench.press(&[Key::F6]);
    assert_eq!(bench.has_keyboard().as_deref(), Some(SEARCH));
    assert_eq!(chosen(), "");
    bench.press(&[Key::F6]);
    assert_eq!(bench.has_keyboard().as_deref(), Some(FIELD));
    bench.press(&[Key::F6]);
    bench.press(&[Key::Home]);
    bench.press(&[Key::End]);
    assert_eq!(chosen(), "41");
    bench.press(&[Key::Delete]);
    let prompt = bench.window.ui.window().global::<PromptAdapter>();
    assert_eq!(prompt.get_kind(), PromptKind::DeleteMessage);
    assert_eq!(prompt.get_subject(), "Анна: the last word");
    prompt.invoke_closed();
    bench.settle();

    // A message that was scrolled away comes into sight when something is done with it.
    bench.press(&[Key::F6]);
    bench.press(&[Key::Home]);
    for _ in 0..3 {
        bench.press(&[Key::PageDown]);
    }
    let is_in_sight = || bench.find("cat.gif").is_some();
    assert!(!is_in_sight() && chosen() == "0");
    bench.press(&[Key::Delete]);
    assert!(prompt.get_subject().contains("cat.gif"));
    assert!(is_in_sight());
    prompt.invoke_closed();
    bench.settle();
}

fn the_parts_of_a_room_to_read_are_reached_by_key(bench: &Bench) {
    bench.composer().set_can_send(false);
    bench.window.ui.window().invoke_take_keys();
    bench.settle();
    bench.press(&[Key::F6]);
    assert!(bench.timeline().get_focused());
    bench.press(&[Key::F6]);
    assert_eq!(bench.has_keyboard().as_deref(), Some(SEARCH));
    bench.press(&[Key::F6]);
    assert!(bench.timeline().get_focused());
    bench.press(&[Key::Escape]);
    assert!(!bench.timeline().get_focused());
    bench.composer().set_can_send(true);
    let is_open = bench.window.ui.window().global::<AppAdapter>();
    assert!(is_open.get_room_open());
}

fn own(number: usize, body: Body) -> Arc<TimelineRow> {
    let mut row = TimelineRow::clone(&message(&number.to_string(), number == 0, true, body));
    if let RowKind::Message(message) = &mut row.kind {
        message.event_id = Some(format!("$own-{number}").try_into().unwrap());
        message.can_redact = true;
    }
    Arc::new(row)
}

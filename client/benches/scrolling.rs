//! How long a frame takes while somebody turns the wheel through a thousand messages, with the software renderer:
//! `cargo bench -p client --bench scrolling`, or with `-- 200` through two hundred.
//!
//! It does what the program does between a turn of the wheel and the picture: the event and what it sets off, rows that
//! come and are laid out, timers, and painting what has changed into the picture of the frame before. Copying the
//! picture to the screen is left out. A notch moves the text at once, and each frame has a notch, which is four times as
//! fast as the program scrolls.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that measures, for a terminal"
)]
#![allow(dead_code, reason = "the window is also that of the tests")]

mod screen;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use client::{
    bridge::update::{TimelineUpdate, Update},
    render::plain,
    rows::{Body, TextBody, TimelineRow},
    view::TimelineAdapter,
};
use eyeball_im::VectorDiff;
use matrix_sdk::ruma::OwnedRoomId;
use screen::{Screen, window};
use slint::{ComponentHandle, LogicalPosition, platform::WindowEvent};

const MESSAGES: u32 = 1_000;
/// What a notch of the wheel moves, in logical pixels.
const NOTCH: f32 = 60.0;
/// Where the pointer is: over the messages.
const POINTER: LogicalPosition = LogicalPosition::new(700.0, 350.0);

fn main() {
    let room: OwnedRoomId = "!room:campus.example".try_into().unwrap();
    let mut screen = Screen::open(&room);
    let number = std::env::args().find_map(|argument| argument.parse().ok());
    let values = (0..number.unwrap_or(MESSAGES)).map(message).collect();
    let rows = TimelineUpdate::Rows(vec![VectorDiff::Reset { values }]);
    screen.window.ui.apply(Update::Timeline(room, rows));
    while screen.paint() {}
    println!("{}", screen::summary(turn(&mut screen)));
}

/// Turns the wheel until the oldest message is reached.
fn turn(screen: &mut Screen) -> Vec<Duration> {
    let mut frames = Vec::new();
    let mut still = 0;
    // The list holds a part of the messages and takes in more as one comes near its end.
    while still < 5 {
        let before = place(screen);
        let mut begun = Instant::now();
        screen.pane.dispatch_event(WindowEvent::PointerScrolled {
            position: POINTER,
            delta_x: 0.0,
            delta_y: NOTCH,
        });
        // What a frame has set off is painted in the next, before the wheel turns on.
        while screen.paint() {
            frames.push(begun.elapsed());
            begun = Instant::now();
        }
        still = if before == place(screen) {
            still + 1
        } else {
            0
        };
    }
    frames
}

fn place(screen: &Screen) -> (f32, f32) {
    let timeline = screen.window.ui.window().global::<TimelineAdapter>();
    (timeline.get_content_y(), timeline.get_content_height())
}

/// Messages of one to six lines, some with emoji among the words.
fn message(number: u32) -> Arc<TimelineRow> {
    let words = "Слово за слово, и строка переносится. ".repeat((number % 7) as usize * 2);
    let emoji = if number.is_multiple_of(5) { "🎉" } else { "" };
    let plain = format!("№{number}, {emoji} {words}");
    let body = Body::Text(TextBody {
        blocks: plain::parse(&plain),
        plain,
        ..TextBody::default()
    });
    let (starts_group, ends_group) = (number.is_multiple_of(3), number % 3 == 2);
    window::message(&number.to_string(), starts_group, ends_group, body)
}

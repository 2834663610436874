//! How long a frame takes while somebody turns the wheel through a thousand messages, with the software renderer:
//! `cargo bench -p client --bench scrolling`. Every frame is painted whole, which is more than the program does.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that measures, for a terminal"
)]
#![allow(dead_code, reason = "the window is also that of the tests")]

#[path = "../tests/window/mod.rs"]
mod window;

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
use slint::{ComponentHandle, LogicalPosition, platform::WindowEvent};
use window::Window;

const MESSAGES: u32 = 1_000;
/// What a notch of the wheel moves, in logical pixels.
const NOTCH: f32 = 60.0;
/// Where the pointer is: over the messages.
const POINTER: LogicalPosition = LogicalPosition::new(700.0, 350.0);

fn main() {
    let room: OwnedRoomId = "!room:campus.example".try_into().unwrap();
    let window = Window::open(std::slice::from_ref(&room));
    let values = (0..MESSAGES).map(message).collect();
    let rows = TimelineUpdate::Rows(vec![VectorDiff::Reset { values }]);
    window.ui.apply(Update::Timeline(room, rows));
    for _ in 0..3 {
        window.frame();
    }
    let mut frames = turn(&window);
    frames.sort();
    let of = |share: usize| milliseconds(frames[(frames.len() - 1) * share / 100]);
    println!(
        "{} frames: half of them within {}, 99 of 100 within {}, the slowest {}",
        frames.len(),
        of(50),
        of(99),
        of(100)
    );
}

/// Turns the wheel until the oldest message is reached.
fn turn(window: &Window) -> Vec<Duration> {
    let timeline = window.ui.window().global::<TimelineAdapter>();
    let mut frames = Vec::new();
    let mut still = 0;
    // The list holds a part of the messages and takes in more as one comes near its end.
    while still < 5 {
        let before = (timeline.get_content_y(), timeline.get_content_height());
        let begun = Instant::now();
        let pane = window.ui.window();
        pane.window().dispatch_event(WindowEvent::PointerScrolled {
            position: POINTER,
            delta_x: 0.0,
            delta_y: NOTCH,
        });
        window.frame();
        frames.push(begun.elapsed());
        let after = (timeline.get_content_y(), timeline.get_content_height());
        still = if before == after { still + 1 } else { 0 };
    }
    frames
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
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

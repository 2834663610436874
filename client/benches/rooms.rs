//! How long it takes until a change of one room is seen, in lists of five hundred and of five thousand rooms, with the
//! software renderer: `cargo bench -p client --bench rooms`.
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

use client::{bridge::update::Update, rows::RoomRow};
use eyeball_im::VectorDiff;
use matrix_sdk::ruma::OwnedRoomId;
use screen::{Screen, window};

const CHANGES: usize = 200;

fn main() {
    let mut screen = Screen::open(&room(0));
    for rooms in [500, 5_000] {
        let values = (0..rooms).map(|number| row(number, 0)).collect();
        screen
            .window
            .ui
            .apply(Update::Rooms(vec![VectorDiff::Reset { values }]));
        while screen.paint() {}
        println!("{rooms} rooms");
        let news = (0..CHANGES)
            .map(|unread| set(unread % 10, unread))
            .collect();
        println!(
            "  one that is seen has news: {}",
            measure(&mut screen, news)
        );
        let moves = (0..CHANGES).map(|count| to_the_top(rooms, count)).collect();
        println!(
            "  the last comes to the top: {}",
            measure(&mut screen, moves)
        );
    }
}

/// Applies the changes one by one and paints what is to be seen of each.
fn measure(screen: &mut Screen, changes: Vec<Vec<VectorDiff<Arc<RoomRow>>>>) -> String {
    let mut times: Vec<Duration> = Vec::new();
    for change in changes {
        let begun = Instant::now();
        screen.window.ui.apply(Update::Rooms(change));
        while screen.paint() {}
        times.push(begun.elapsed());
    }
    screen::summary(times)
}

fn set(index: usize, unread: usize) -> Vec<VectorDiff<Arc<RoomRow>>> {
    let value = row(index, unread as u64 + 1);
    vec![VectorDiff::Set { index, value }]
}

fn to_the_top(rooms: usize, count: usize) -> Vec<VectorDiff<Arc<RoomRow>>> {
    let value = row(rooms - 1 - count, 1);
    vec![VectorDiff::PopBack, VectorDiff::PushFront { value }]
}

fn row(number: usize, unread: u64) -> Arc<RoomRow> {
    let mut row = window::room_row(&room(number), number as u64);
    row.name = format!("Группа {number}");
    row.unread = unread;
    Arc::new(row)
}

fn room(number: usize) -> OwnedRoomId {
    format!("!room{number}:campus.example").try_into().unwrap()
}

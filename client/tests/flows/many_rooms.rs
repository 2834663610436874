//! Somebody who is in many rooms sits down at another computer.

use std::env;

use client::bridge::command::{Command, RoomsCommand};
use futures_util::{StreamExt, stream};

use super::{
    person::Person,
    server::Mode,
    start,
    writer::{self, Writer},
};

/// How many, unless `CLIENT_TEST_ROOMS` says so. The SDK forgets what it knows when it is 32 answers of a hundred rooms
/// behind, so more than 3,000 show whether it can be.
const ROOMS: usize = 250;
#[test]
fn every_one_of_many_rooms_shows_what_was_said_last() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let rooms = env::var("CLIENT_TEST_ROOMS").map_or(ROOMS, |rooms| rooms.parse().unwrap());
    let quiet = writer::run(async {
        let anna = Writer::register(&writer::http(), &server.address(), "anna").await;
        let made = (0..rooms).map(|number| anna.make_room(number, false));
        let made = stream::iter(made)
            .buffer_unordered(writer::AT_ONCE)
            .collect::<Vec<_>>();
        assert_eq!(made.await.len(), rooms);
        anna.make_room(rooms, true).await
    });

    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.sign_in(&server.address());
    anna.until("see what was said in every room", |screen| {
        let with_preview = screen.rooms.iter().filter(|room| room.preview.is_some());
        screen.rooms.len() == rooms + 1 && with_preview.count() >= rooms
    });
    anna.until("see no word of more to come", |screen| {
        let last = screen.coming.last();
        last.is_none_or(|(here, all)| here == all)
    });
    assert!(anna.screen.coming.is_sorted());
    anna.ask(Command::Rooms(RoomsCommand::FetchPreview {
        room: quiet.clone(),
    }));
    anna.until(
        "see what was said before something else was done",
        |screen| {
            screen
                .room(&quiet)
                .is_some_and(|room| room.preview.is_some())
        },
    );
}

//! What was read has no number any more: here at once, and on another computer too.

use client::bridge::command::{Command, TimelineCommand};
use matrix_sdk::ruma::OwnedRoomId;

use super::{
    person::{Person, Screen},
    proxy::Proxy,
    server::Mode,
    start,
};

fn unread(room: &OwnedRoomId, count: u64) -> impl Fn(&Screen) -> bool {
    move |screen| screen.room(room).is_some_and(|row| row.unread == count)
}

#[test]
fn a_room_that_is_read_has_no_number_although_the_server_has_not_heard_of_it() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let proxy = Proxy::start(server.address());
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    let mut boris = Person::sit_down("Boris", folder.path().join("boris"));
    anna.register(&server.address());
    boris.register(&proxy.address());
    let room = anna.make_group("Talk", &mut boris);
    let mut elsewhere = Person::sit_down("Boris", folder.path().join("elsewhere"));
    elsewhere.sign_in(&server.address());

    anna.say(&room, "One");
    anna.say(&room, "Two");
    boris.until("see two new messages", unread(&room, 2));

    proxy.keep_receipts(true);
    let read = || Command::Timeline(room.clone(), TimelineCommand::MarkRead);
    boris.commands().send(read());
    boris.until("see nothing new", unread(&room, 0));
    anna.say(&room, "Three");
    boris.until("see one new message", unread(&room, 1));
    elsewhere.until("see them all on the other computer", unread(&room, 3));

    proxy.keep_receipts(false);
    elsewhere.in_room(&room, TimelineCommand::Open);
    elsewhere.until("have the message", |screen| {
        screen.message(&room, "Three").is_some()
    });
    elsewhere.ask(read());
    boris.until("see that the last one was read elsewhere", unread(&room, 0));
    anna.say(&room, "Four");
    boris.until("see what came after that", unread(&room, 1));
}

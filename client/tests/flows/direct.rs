//! One chat per person, whoever presses what how often.

use client::{
    bridge::{
        command::{Command, RoomsCommand},
        update::Answer,
    },
    rows::Section,
};
use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId};

use super::{person::Person, server::Mode, start};

fn write_to(user: &OwnedUserId) -> Command {
    Command::Rooms(RoomsCommand::StartDirect { user: user.clone() })
}

fn chat_with(person: &mut Person, user: &OwnedUserId) -> OwnedRoomId {
    match person.ask(write_to(user)) {
        Answer::Room(room) => room,
        other => panic!("no room but {other:?}"),
    }
}

#[test]
fn who_presses_write_twice_has_one_chat() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    let mut boris = Person::sit_down("Boris", folder.path().join("boris"));
    boris.register(&server.address());
    let id = |person: &Person| person.screen.account.as_ref().unwrap().user_id.clone();

    // The first press is not waited for.
    anna.commands().send(write_to(&id(&boris)));
    let room = chat_with(&mut anna, &id(&boris));
    assert_eq!(boris.accept_invitation(), room);
    assert_eq!(chat_with(&mut boris, &id(&anna)), room);
    for person in [&mut anna, &mut boris] {
        person.until("see the chat among those with one person", |screen| {
            let row = screen.room(&room);
            row.is_some_and(|row| row.section == Section::Direct)
        });
        assert_eq!(person.screen.rooms.len(), 1, "{:?}", person.screen.rooms);
    }
}

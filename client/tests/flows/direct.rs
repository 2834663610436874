//! One chat per person, whoever presses what how often.

use client::{
    bridge::{
        command::{Command, RoomsCommand, SearchScope, TimelineCommand},
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

fn id(person: &Person) -> OwnedUserId {
    person.screen.account.as_ref().unwrap().user_id.clone()
}

fn hear(person: &mut Person, room: &OwnedRoomId, text: &str) {
    person.until("read what was said", |screen| {
        screen.texts(room).contains(&text.to_owned())
    });
}

#[test]
fn what_was_read_in_an_encrypted_chat_is_found_everywhere() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    let mut boris = Person::sit_down("Boris", folder.path().join("boris"));
    boris.register(&server.address());
    let chat = chat_with(&mut anna, &id(&boris));
    anna.in_room(&chat, TimelineCommand::Open);
    boris.accept_invitation();
    anna.say(&chat, "Турнир в пятницу");
    hear(&mut boris, &chat, "Турнир в пятницу");
    let group = anna.make_group("Chess", &mut boris);
    anna.say(&group, "Турнир перенесён");
    hear(&mut boris, &group, "Турнир перенесён");

    let search = Command::Rooms(RoomsCommand::Search {
        scope: SearchScope::Everywhere,
        term: "турнир".to_owned(),
    });
    let found: Vec<_> = match boris.ask(search) {
        Answer::Hits(hits) => hits.into_iter().map(|hit| hit.room).collect(),
        other => panic!("nothing found but {other:?}"),
    };
    assert_eq!(found, [group, chat], "the newest comes first");
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

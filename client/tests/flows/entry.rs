//! A room that everybody may enter: by its address, and from the directory.

use client::{
    bridge::{
        command::{Command, RoomsCommand, TimelineCommand},
        trouble::Trouble,
        update::Answer,
    },
    rows::DirectoryRow,
};
use matrix_sdk::ruma::OwnedRoomId;

use super::{person::Person, server::Mode, start};

#[test]
fn a_club_is_entered_by_its_address_and_found_in_the_directory() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    let mut boris = Person::sit_down("Boris", folder.path().join("boris"));
    anna.register(&server.address());
    boris.register(&server.address());

    let room = make(&mut anna);
    let header = anna.screen.headers[&room].clone();
    assert_eq!((header.open, header.can_open), (false, true));
    assert_eq!(header.address, None, "nobody could enter by it");
    let address = open(&mut anna, &room);
    assert!(address.starts_with("#fotoklub:"), "{address}");

    let join = |address: &str| {
        Command::Rooms(RoomsCommand::Join {
            address: address.to_owned(),
        })
    };
    assert_eq!(boris.ask(join(&address)), Answer::Room(room.clone()));
    assert!(find(&mut boris).is_empty());
    let listed = |listed| {
        Command::Rooms(RoomsCommand::SetListed {
            room: room.clone(),
            listed,
        })
    };
    anna.ask(listed(true));
    assert_eq!(find(&mut boris)[0].room, room);
    let asked = Command::Rooms(RoomsCommand::IsListed { room: room.clone() });
    assert_eq!(anna.ask(asked), Answer::Listed(true));

    // Another of this name gets an address of its own.
    let second = make(&mut anna);
    let other = open(&mut anna, &second);
    assert!(other.starts_with("#fotoklub-2:"), "{other}");

    boris.ask(Command::Rooms(RoomsCommand::Leave { room: room.clone() }));
    anna.ask(Command::Rooms(RoomsCommand::SetOpen {
        room: room.clone(),
        open: false,
    }));
    anna.until("see that there is no address to give", |screen| {
        screen.headers[&room].address.is_none()
    });
    assert!(find(&mut boris).is_empty());
    assert_eq!(boris.try_ask(join(&address)), Err(Trouble::NotAllowed));
}

fn make(person: &mut Person) -> OwnedRoomId {
    let group = RoomsCommand::CreateGroup {
        name: "Фотоклуб".to_owned(),
        topic: String::new(),
        invite: Vec::new(),
        encrypted: false,
    };
    let Answer::Room(room) = person.ask(Command::Rooms(group)) else {
        panic!("no room was made");
    };
    person.in_room(&room, TimelineCommand::Open);
    person.until("see the header", |screen| {
        let header = screen.headers.get(&room);
        header.is_some_and(|header| header.can_open)
    });
    room
}

fn open(person: &mut Person, room: &OwnedRoomId) -> String {
    person.ask(Command::Rooms(RoomsCommand::SetOpen {
        room: room.clone(),
        open: true,
    }));
    person.until("see the address", |screen| {
        let header = &screen.headers[room];
        header.open && header.address.is_some()
    });
    person.screen.headers[room].address.clone().unwrap()
}

fn find(person: &mut Person) -> Vec<DirectoryRow> {
    let term = "фотоклуб".to_owned();
    match person.ask(Command::Rooms(RoomsCommand::Directory { term })) {
        Answer::Directory(rows) => rows,
        other => panic!("no directory but {other:?}"),
    }
}

//! Leading a chat: names, pins, who may write, who may stay; and finding what was said.

use client::{
    bridge::{
        command::{Command, Mention, RoomsCommand, SearchScope, TimelineCommand},
        trouble::Trouble,
        update::Answer,
    },
    rows::{Delivery, MemberRow, Role},
};
use matrix_sdk::ruma::OwnedRoomId;

use super::{person::Person, server::Mode, start};

#[test]
fn those_in_charge_keep_order() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    let mut boris = Person::sit_down("Boris", folder.path().join("boris"));
    anna.register(&server.address());
    boris.register(&server.address());
    let room = anna.make_group("Кружок", &mut boris);

    rename(&mut anna, &mut boris, &room);
    mention_pin_and_search(&mut anna, &mut boris, &room);
    announce(&mut anna, &mut boris, &room);
    silence(&mut anna, &mut boris, &room);
    ban_and_let_back(&mut anna, &mut boris, &room);
    appoint_and_exclude(&mut anna, &mut boris, &room);
}

fn rename(anna: &mut Person, boris: &mut Person, room: &OwnedRoomId) {
    let (id, name) = (room.clone(), "Шахматный кружок".to_owned());
    anna.ask(Command::Rooms(RoomsCommand::Rename { room: id, name }));
    let (id, topic) = (room.clone(), "Среда, 16:00".to_owned());
    anna.ask(Command::Rooms(RoomsCommand::SetTopic { room: id, topic }));
    boris.until("see the new name and topic", |screen| {
        screen.headers.get(room).is_some_and(|header| {
            header.name == "Шахматный кружок" && header.topic.as_deref() == Some("Среда, 16:00")
        })
    });
    assert!(!boris.screen.headers[room].can_rename);
    let refused = boris.try_ask(Command::Rooms(RoomsCommand::Rename {
        room: room.clone(),
        name: "Мой кружок".to_owned(),
    }));
    assert_eq!(refused, Err(Trouble::NotAllowed));
}

fn mention_pin_and_search(anna: &mut Person, boris: &mut Person, room: &OwnedRoomId) {
    let mention = Mention {
        text: "@Boris".to_owned(),
        user: boris.screen.account.as_ref().unwrap().user_id.clone(),
    };
    anna.in_room(
        room,
        TimelineCommand::SendText {
            markdown: "Турнир в пятницу, @Boris!".to_owned(),
            mentions: vec![mention],
            reply_to: None,
        },
    );
    boris.until("see that the message names him", |screen| {
        screen
            .message(room, "Турнир в пятницу, @Boris!")
            .is_some_and(|(_, message)| message.mentions_me)
    });
    boris.until("see the mention counted", |screen| {
        screen.room(room).is_some_and(|row| row.mentions == 1)
    });
    let (_, message) = boris
        .screen
        .message(room, "Турнир в пятницу, @Boris!")
        .unwrap();
    let event = message.event_id.unwrap();
    anna.in_room(
        room,
        TimelineCommand::SetPinned {
            event: event.clone(),
            pinned: true,
        },
    );
    boris.until("see the pin", |screen| {
        screen.headers[room].pinned == [event.clone()]
    });
    let pinned = match boris.in_room(room, TimelineCommand::LoadPinned) {
        Answer::Hits(hits) => hits,
        other => panic!("no pins but {other:?}"),
    };
    assert_eq!((pinned.len(), pinned[0].sender_name.as_str()), (1, "Anna"));
    boris.in_room(room, TimelineCommand::Seek { event });

    let search = |scope| {
        Command::Rooms(RoomsCommand::Search {
            scope,
            term: "турнир".to_owned(),
        })
    };
    for scope in [SearchScope::Everywhere, SearchScope::Room(room.clone())] {
        match boris.try_ask(search(scope)) {
            Ok(Answer::Hits(hits)) => assert_eq!(hits.len(), 1),
            other => panic!("nothing found but {other:?}"),
        }
    }
}

fn announce(anna: &mut Person, boris: &mut Person, room: &OwnedRoomId) {
    let set = |read_only| {
        Command::Rooms(RoomsCommand::SetReadOnly {
            room: room.clone(),
            read_only,
        })
    };
    anna.ask(set(true));
    boris.until("be unable to write", |screen| {
        !screen.headers[room].can_send
    });
    anna.ask(set(false));
    boris.until("be able to write again", |screen| {
        screen.headers[room].can_send
    });
}

/// Whoever is silenced is told so, and their message is refused by the server.
fn silence(anna: &mut Person, boris: &mut Person, room: &OwnedRoomId) {
    anna.in_room(room, TimelineCommand::LoadMembers);
    anna.until("see both people", |screen| screen.members.len() == 2);
    let other = member(anna, "Boris");
    assert!(other.rights.silence && !other.silenced);
    let set = |may_write| {
        Command::Rooms(RoomsCommand::SetMayWrite {
            room: room.clone(),
            user: other.user_id.clone(),
            may_write,
        })
    };
    anna.ask(set(false));
    anna.until("see who is silenced", |screen| {
        screen.members.iter().any(|row| row.silenced)
    });
    boris.until("be unable to write", |screen| {
        !screen.headers[room].can_send
    });
    boris.say(room, "А я всё равно");
    boris.until("see the message refused", |screen| {
        matches!(
            screen.delivery(room, "А я всё равно"),
            Some(Delivery::Failed { .. })
        )
    });
    anna.ask(set(true));
    boris.until("be able to write again", |screen| {
        screen.headers[room].can_send
    });
    boris.say(room, "Больше не буду");
    anna.until("read it", |screen| {
        screen.message(room, "Больше не буду").is_some()
    });
    anna.until("see that nobody is silenced", |screen| {
        screen.members.iter().all(|row| !row.silenced)
    });
}

fn ban_and_let_back(anna: &mut Person, boris: &mut Person, room: &OwnedRoomId) {
    let user = member(anna, "Boris").user_id;
    let (id, banned) = (room.clone(), user.clone());
    anna.ask(Command::Rooms(RoomsCommand::Ban {
        room: id,
        user: banned,
    }));
    boris.until("be out of the room", |screen| screen.room(room).is_none());
    anna.until("see who is banned", |screen| {
        let row = screen.members.iter().find(|row| row.user_id == user);
        row.is_some_and(|row| row.banned && row.rights.unban && !row.rights.ban)
    });
    let (id, freed) = (room.clone(), user.clone());
    anna.ask(Command::Rooms(RoomsCommand::Unban {
        room: id,
        user: freed,
    }));
    anna.in_room(room, TimelineCommand::LoadMembers);
    anna.until("see that nobody is banned", |screen| {
        screen.members.iter().all(|row| row.user_id != user)
    });
    anna.ask(Command::Rooms(RoomsCommand::Invite {
        room: room.clone(),
        user: user.clone(),
    }));
    assert_eq!(boris.accept_invitation(), *room);
    anna.until("see him back", |screen| {
        let row = screen.members.iter().find(|row| row.user_id == user);
        row.is_some_and(|row| !row.banned && !row.invited)
    });
}

fn appoint_and_exclude(anna: &mut Person, boris: &mut Person, room: &OwnedRoomId) {
    anna.in_room(room, TimelineCommand::LoadMembers);
    anna.until("see both people", |screen| screen.members.len() == 2);
    let other = member(anna, "Boris");
    assert!(other.rights.kick && other.rights.ban && other.rights.level_up_to.is_some());
    let user = other.user_id;
    anna.ask(Command::Rooms(RoomsCommand::SetLevel {
        room: room.clone(),
        user: user.clone(),
        level: 50,
    }));
    anna.until("see the moderator", |screen| {
        screen
            .members
            .iter()
            .any(|row| row.user_id == user && row.role == Role::Moderator)
    });
    boris.until("may pin now", |screen| screen.headers[room].can_pin);
    anna.ask(Command::Rooms(RoomsCommand::Kick {
        room: room.clone(),
        user,
    }));
    boris.until("be out of the room", |screen| screen.room(room).is_none());
}

fn member(person: &Person, name: &str) -> MemberRow {
    let mut members = person.screen.members.iter();
    members.find(|row| row.name == name).unwrap().clone()
}

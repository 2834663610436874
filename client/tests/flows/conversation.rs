//! Two people talk; the server is killed in between; nothing is lost.

use std::{fs, io::Cursor};

use client::{
    bridge::{
        command::{
            AccountCommand, Command, FileSource, MediaCommand, PeopleCommand, RoomsCommand,
            TimelineCommand,
        },
        trouble::Trouble,
        update::{Answer, Connection},
    },
    rows::{Body, Delivery, MediaBody, Notice, PreviewKind, Section},
};
use image::{ImageFormat, Rgb, RgbImage};
use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId, RoomId};

use super::{
    person::{Person, Screen},
    server::Mode,
    start,
};

#[test]
fn two_people_talk_and_a_killed_server_loses_nothing() {
    let Some(mut server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    let mut boris = Person::sit_down("Boris", folder.path().join("boris"));
    anna.register(&server.address());
    boris.register(&server.address());

    let direct = talk_in_private(&mut anna, &mut boris);
    answer_react_and_edit(&mut anna, &mut boris, &direct);
    let group = share_a_picture(&mut anna, &mut boris);

    anna.say(&group, "перед сбоем");
    anna.until("see the message sent", |screen| {
        is_sent(screen, &group, "перед сбоем")
    });
    server.kill();
    anna.say(&group, "без сервера");
    anna.until("see the message wait", |screen| {
        matches!(
            screen.delivery(&group, "без сервера"),
            Some(Delivery::Queued(_))
        )
    });
    anna.until("be offline", |screen| {
        screen.connection == Some(Connection::Offline)
    });

    let waiting = anna.ask(Command::Rooms(RoomsCommand::CountUnsent));
    assert!(matches!(waiting, Answer::Unsent(1..)), "{waiting:?}");

    let mut anna = anna.restart();
    anna.ask(Command::Account(AccountCommand::Restore));
    anna.until("see the rooms without a server", |screen| {
        screen.room(&group).is_some()
    });
    anna.in_room(&group, TimelineCommand::Open);
    let expected = ["перед сбоем", "без сервера"];
    // The first may stand there twice for now: on the server, and in the queue because the answer to it was lost.
    anna.until("see both messages without a server", |screen| {
        let texts = screen.texts(&group);
        expected
            .iter()
            .all(|text| texts.iter().any(|shown| shown == text))
    });
    server.start_again();
    anna.until("see the waiting message sent", |screen| {
        is_sent(screen, &group, "без сервера")
    });
    anna.arrive();
    boris.until("read both messages", |screen| {
        screen.texts(&group) == expected
    });
    anna.until("see each message once", |screen| {
        screen.texts(&group) == expected
    });

    come_back_on_another_computer(boris, &server.address(), &direct);
}

fn talk_in_private(anna: &mut Person, boris: &mut Person) -> OwnedRoomId {
    let user = find(anna, "Boris");
    let room = match anna.ask(Command::Rooms(RoomsCommand::StartDirect { user })) {
        Answer::Room(room) => room,
        other => panic!("no room but {other:?}"),
    };
    anna.until("see the chat", |screen| {
        screen
            .room(&room)
            .is_some_and(|row| row.section == Section::Direct)
    });
    anna.in_room(&room, TimelineCommand::Open);
    anna.until("see the lock", |screen| {
        screen.room(&room).is_some_and(|row| row.encrypted)
    });
    anna.say(&room, "Привет, **Борис**");

    assert_eq!(boris.accept_invitation(), room);
    boris.until("read the first message", |screen| {
        screen.message(&room, "Привет, Борис").is_some()
    });
    let (_, message) = boris.screen.message(&room, "Привет, Борис").unwrap();
    assert_eq!(message.sender_name, "Anna");
    assert_eq!(message.delivery, Delivery::Received);
    boris.until("see the preview", |screen| {
        let preview = screen.room(&room).and_then(|row| row.preview.clone());
        preview.is_some_and(|preview| preview.kind == PreviewKind::Text("Привет, Борис".to_owned()))
    });
    boris.until("see it counted", |screen| {
        screen.room(&room).is_some_and(|row| row.unread > 0)
    });
    boris.in_room(&room, TimelineCommand::MarkRead);
    boris.until("see it no longer counted", |screen| {
        screen.room(&room).is_some_and(|row| row.unread == 0)
    });
    anna.until("see it read", |screen| {
        screen.delivery(&room, "Привет, Борис") == Some(Delivery::Read)
    });
    room
}

fn find(person: &mut Person, name: &str) -> OwnedUserId {
    match person.ask(Command::People(PeopleCommand::Search {
        term: name.to_owned(),
    })) {
        Answer::People(people) => people.first().expect("somebody is found").user_id.clone(),
        other => panic!("no people but {other:?}"),
    }
}

fn answer_react_and_edit(anna: &mut Person, boris: &mut Person, room: &RoomId) {
    let (_, question) = boris.screen.message(room, "Привет, Борис").unwrap();
    let answer = TimelineCommand::SendText {
        markdown: "Здравствуй".to_owned(),
        mentions: Vec::new(),
        reply_to: question.event_id,
    };
    boris.in_room(room, answer);
    anna.until("read the answer", |screen| {
        let answer = screen.message(room, "Здравствуй");
        answer
            .and_then(|(_, message)| message.reply)
            .is_some_and(|reply| reply.sender_name == "Anna")
    });

    let (answer, _) = anna.screen.message(room, "Здравствуй").unwrap();
    anna.in_room(
        room,
        TimelineCommand::ToggleReaction {
            row: answer,
            key: "👍".to_owned(),
        },
    );
    boris.until("see the reaction", |screen| {
        screen
            .message(room, "Здравствуй")
            .is_some_and(|(_, message)| message.reactions.len() == 1)
    });

    boris.until("have the answer on the server", |screen| {
        screen
            .message(room, "Здравствуй")
            .is_some_and(|(_, message)| message.can_edit && message.event_id.is_some())
    });
    let (row, answer) = boris.screen.message(room, "Здравствуй").unwrap();
    boris.in_room(
        room,
        TimelineCommand::Edit {
            row,
            event: answer.event_id,
            caption: false,
            markdown: "Здравствуйте".to_owned(),
            mentions: Vec::new(),
        },
    );
    anna.until("see the edit", |screen| {
        screen
            .message(room, "Здравствуйте")
            .is_some_and(|(_, message)| message.edited)
    });
}

fn share_a_picture(anna: &mut Person, boris: &mut Person) -> OwnedRoomId {
    let invite = vec![find(anna, "Boris")];
    let (name, topic) = ("Курсовая «Склад»".to_owned(), String::new());
    let group = RoomsCommand::CreateGroup {
        name: name.clone(),
        topic,
        invite,
        encrypted: false,
    };
    let room = match anna.ask(Command::Rooms(group)) {
        Answer::Room(room) => room,
        other => panic!("no room but {other:?}"),
    };
    anna.in_room(&room, TimelineCommand::Open);
    assert_eq!(boris.accept_invitation(), room);
    boris.until("see the group", |screen| {
        screen
            .room(&room)
            .is_some_and(|row| row.name == name && row.section == Section::Groups)
    });
    anna.until("see Boris come in", |screen| {
        screen.has_notice(&room, &Notice::Joined)
    });

    let file = FileSource::Bytes {
        name: "схема.png".to_owned(),
        bytes: png(120, 80).into(),
    };
    anna.in_room(
        &room,
        TimelineCommand::SendFile {
            file,
            caption: String::new(),
            reply_to: None,
        },
    );
    boris.until("see the picture's frame", |screen| {
        picture(screen, &room).is_some()
    });
    let frame = picture(&boris.screen, &room).unwrap();
    assert_eq!(
        (frame.name.as_str(), frame.dimensions),
        ("схема.png", Some((120, 80)))
    );
    let media = frame.thumbnail.unwrap();
    boris.ask(Command::Media(MediaCommand::Thumbnail {
        media,
        max_width: 60,
        max_height: 60,
    }));
    let pixels = boris
        .screen
        .picture
        .take()
        .expect("the picture comes before the answer");
    assert_eq!((pixels.width(), pixels.height()), (60, 40));
    room
}

fn come_back_on_another_computer(mut boris: Person, address: &str, direct: &RoomId) {
    boris.ask(Command::Account(AccountCommand::SignOut));
    let left = fs::read_dir(boris.data_dir().join("accounts"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "signing out leaves nothing of the account");
    let refused = boris.try_ask(Command::People(PeopleCommand::Search {
        term: "Anna".to_owned(),
    }));
    assert_eq!(refused, Err(Trouble::SessionEnded));

    boris.sign_in(address);
    boris.until("see the private chat again", |screen| {
        screen.room(direct).is_some()
    });
    boris.in_room(direct, TimelineCommand::Open);
    boris.until(
        "read the old messages with the keys from the server",
        |screen| screen.texts(direct) == ["Привет, Борис", "Здравствуйте"],
    );
}

fn is_sent(screen: &Screen, room: &RoomId, text: &str) -> bool {
    matches!(
        screen.delivery(room, text),
        Some(Delivery::Sent | Delivery::Read)
    )
}

fn picture(screen: &Screen, room: &RoomId) -> Option<MediaBody> {
    screen
        .messages(room)
        .into_iter()
        .find_map(|(_, message)| match &message.body {
            Body::Picture(picture) => Some(picture.clone()),
            _ => None,
        })
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_pixel(width, height, Rgb([107, 63, 212]))
        .write_to(&mut bytes, ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

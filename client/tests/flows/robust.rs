//! What goes wrong on real computers: the program is killed, its files are damaged, a message is far too long.

use std::{
    env, fs,
    io::{BufRead, BufReader, Seek, SeekFrom, Write},
    iter,
    path::Path,
    process::{Command as Process, Stdio},
    sync::Arc,
};

use client::{
    bridge::{
        command::{AccountCommand, Command, FileSource, RoomsCommand, TimelineCommand},
        trouble::Trouble,
        update::Answer,
    },
    rows::{Body, Delivery, MessageRow},
};
use matrix_sdk::ruma::{OwnedRoomId, RoomId};

use super::{person::Person, proxy::Proxy, server::Mode, start};

/// Names the folder of the program that is to be killed, and the room it writes into.
const SENDER: &str = "CLIENT_TEST_SENDER";
const ROOM: &str = "CLIENT_TEST_ROOM";
/// The number of the first message it writes.
const FIRST: &str = "CLIENT_TEST_FIRST";
/// How often it is killed, unless `CLIENT_TEST_KILLS` says so.
const KILLS: usize = 2;

fn make_room(anna: &mut Person) -> OwnedRoomId {
    let group = RoomsCommand::CreateGroup {
        name: "Notes".to_owned(),
        topic: String::new(),
        invite: Vec::new(),
        encrypted: true,
    };
    match anna.ask(Command::Rooms(group)) {
        Answer::Room(room) => room,
        other => panic!("no room but {other:?}"),
    }
}

fn come_back(anna: &mut Person) {
    anna.ask(Command::Account(AccountCommand::Restore));
    anna.arrive();
}

/// Runs in a process of its own, which does not live to see the end of it.
fn write_until_killed(folder: &Path) {
    let room = RoomId::parse(env::var(ROOM).unwrap()).unwrap();
    let mut anna = Person::sit_down("Anna", folder.to_owned());
    come_back(&mut anna);
    anna.in_room(&room, TimelineCommand::Open);
    let first: usize = env::var(FIRST).unwrap().parse().unwrap();
    for number in first.. {
        anna.say(&room, &format!("message {number}"));
        println!("taken {number}");
    }
}

#[test]
fn a_program_killed_while_it_sends_loses_nothing_and_says_nothing_twice() {
    if let Some(folder) = env::var_os(SENDER) {
        return write_until_killed(folder.as_ref());
    }
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    let room = make_room(&mut anna);
    anna.until("see the room", |screen| screen.room(&room).is_some());
    let data = anna.data_dir();
    anna.leave();

    let kills = env::var("CLIENT_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let mut expected = Vec::new();
    for kill in 0..kills {
        // Sooner or later: while the first is on its way, or after some.
        let (first, patience) = (kill * 1000, 1 + kill * 7 % 12);
        let taken = kill_a_writer(&data, &room, first, patience);
        let mut anna = Person::sit_down("Anna", data.clone());
        come_back(&mut anna);
        anna.in_room(&room, TimelineCommand::Open);
        expected.extend((first..first + taken).map(|number| format!("message {number}")));
        let next = format!("message {}", first + taken);
        // The next one may have been taken too, just before the end.
        anna.until("see every message once and on the server", |screen| {
            let mut texts = screen.texts(&room);
            let sent = |text: &String| {
                matches!(
                    screen.delivery(&room, text),
                    Some(Delivery::Sent | Delivery::Read)
                )
            };
            let all_sent = texts.iter().all(sent);
            texts.pop_if(|last| *last == next);
            all_sent
                && texts == expected[expected.len().saturating_sub(texts.len())..]
                && texts.len() >= taken
        });
        if anna.screen.message(&room, &next).is_some() {
            expected.push(next);
        }
        anna.leave();
    }
}

/// Kills a program after it has taken so many messages, and tells how many it has taken in the end.
fn kill_a_writer(data: &Path, room: &RoomId, first: usize, patience: usize) -> usize {
    let test = "robust::a_program_killed_while_it_sends_loses_nothing_and_says_nothing_twice";
    let mut sender = Process::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(SENDER, data)
        .env(ROOM, room.as_str())
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(sender.stdout.take().unwrap()).lines();
    let mut taken = 0;
    for line in lines.map_while(Result::ok) {
        if line.starts_with("taken ") {
            taken += 1;
        }
        if taken == patience {
            sender.kill().unwrap();
        }
    }
    sender.wait().unwrap();
    assert!(taken >= patience);
    taken
}

/// Also behind a file, of which the server has not yet said whether it may be so large.
#[test]
fn what_is_sent_just_before_the_program_is_closed_is_not_lost() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let proxy = Proxy::start(server.address());
    proxy.keep_limit(true);
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&proxy.address());
    let room = make_room(&mut anna);
    anna.in_room(&room, TimelineCommand::Open);

    let file = TimelineCommand::SendFile {
        file: FileSource::Bytes {
            name: "notes.txt".to_owned(),
            bytes: Arc::from(*b"notes"),
        },
        caption: String::new(),
        reply_to: None,
    };
    let texts: Vec<_> = (0..20).map(|number| format!("message {number}")).collect();
    let said = texts.iter().map(|text| TimelineCommand::SendText {
        markdown: text.clone(),
        mentions: Vec::new(),
        reply_to: None,
    });
    for command in iter::once(file).chain(said) {
        let command = Command::Timeline(room.clone(), command);
        anna.commands().send(command);
    }
    let mut anna = anna.restart();
    proxy.keep_limit(false);
    come_back(&mut anna);
    anna.in_room(&room, TimelineCommand::Open);
    anna.until("see the file and every message sent", |screen| {
        let messages = screen.messages(&room);
        let has_file = messages
            .iter()
            .any(|(_, message)| matches!(message.body, Body::File(_)));
        let is_sent = |message: &MessageRow| matches!(message.delivery, Delivery::Sent);
        has_file
            && messages.iter().all(|(_, message)| is_sent(message))
            && screen.texts(&room) == texts
    });
}

#[test]
fn damaged_caches_are_made_anew_and_other_damage_ends_at_the_sign_in() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    let room = make_room(&mut anna);
    anna.in_room(&room, TimelineCommand::Open);
    anna.say(&room, "Kept by the server");
    anna.until("see it sent", |screen| {
        screen.delivery(&room, "Kept by the server") == Some(Delivery::Sent)
    });
    let data = anna.data_dir();
    // The beginning of the file, and then only what is behind it.
    let places =
        |names: [&'static str; 2]| names.into_iter().flat_map(|name| [(name, 0), (name, 8192)]);
    for (name, offset) in places(["event-cache", "media"]) {
        anna.leave();
        damage(&data, name, offset);
        anna = Person::sit_down("Anna", data.clone());
        come_back(&mut anna);
        anna.in_room(&room, TimelineCommand::Open);
        anna.until("read the message again", |screen| {
            screen.message(&room, "Kept by the server").is_some()
        });
    }

    let restore = || Command::Account(AccountCommand::Restore);
    for (name, offset) in places(["crypto", "state"]) {
        anna.leave();
        damage(&data, name, offset);
        for _ in 0..2 {
            let mut anna = Person::sit_down("Anna", data.clone());
            assert_eq!(anna.try_ask(restore()), Err(Trouble::LocalData), "{name}");
            assert_eq!(anna.screen.signed_out, Some(Trouble::LocalData));
            anna.leave();
        }
        anna = Person::sit_down("Anna", data.clone());
        anna.sign_in(&server.address());
        anna.in_room(&room, TimelineCommand::Open);
        anna.until("read the message with the keys of the server", |screen| {
            screen.message(&room, "Kept by the server").is_some()
        });
    }
}

/// Writes nonsense into a database of the one account that is kept.
fn damage(data: &Path, name: &str, offset: u64) {
    let account = fs::read_dir(data.join("accounts")).unwrap().next().unwrap();
    let account = account.unwrap().path();
    let name = format!("matrix-sdk-{name}.sqlite3");
    for ending in ["-wal", "-shm"] {
        let beside = account.join(format!("{name}{ending}"));
        if beside.exists() {
            fs::remove_file(beside).unwrap();
        }
    }
    let path = account.join(&name);
    let length = usize::try_from(path.metadata().unwrap().len() - offset).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(&b"nonsense".repeat(length.div_ceil(8))[..length])
        .unwrap();
}

#[test]
fn a_message_of_a_megabyte_fails_and_holds_up_nothing() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    let room = make_room(&mut anna);
    anna.in_room(&room, TimelineCommand::Open);
    let long = "Слово ".repeat(100_000);
    anna.say(&room, &long);
    anna.say(&room, "Afterwards");
    anna.until("see the next one sent", |screen| {
        screen.delivery(&room, "Afterwards") == Some(Delivery::Sent)
    });
    anna.until("see that the long one failed", |screen| {
        let messages = screen.messages(&room);
        messages
            .iter()
            .any(|(_, message)| matches!(message.delivery, Delivery::Failed { .. }))
    });
}

/// A small file system of its own is nothing a test can make: `CLIENT_TEST_SMALL_DISK` names a folder on one.
#[test]
fn a_full_disk_is_told_and_everything_goes_on_when_there_is_room_again() {
    let Some(disk) = env::var_os("CLIENT_TEST_SMALL_DISK") else {
        println!("SKIPPED: CLIENT_TEST_SMALL_DISK names no folder on a small disk");
        return;
    };
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir_in(disk).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    let mut boris = Person::sit_down("Boris", elsewhere.path().join("boris"));
    boris.register(&server.address());
    let room = anna.make_group("Notes", &mut boris);

    let ballast = folder.path().join("ballast");
    fill(&ballast);
    for number in 0..40 {
        boris.say(&room, &format!("{number} {}", "long ".repeat(1000)));
    }
    anna.until("be told", |screen| screen.disk_full);
    fs::remove_file(ballast).unwrap();
    anna.until("be told that there is room", |screen| !screen.disk_full);
    boris.say(&room, "Are you there?");
    anna.until("read on", |screen| {
        screen.message(&room, "Are you there?").is_some()
    });
    anna.say(&room, "I am");
    boris.until("read the answer", |screen| {
        screen.message(&room, "I am").is_some()
    });
    let mut anna = anna.restart();
    come_back(&mut anna);
}

/// Takes all the room there is.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    for size in [1 << 20, 4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

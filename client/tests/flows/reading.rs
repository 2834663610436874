//! What the list tells of a room: what was said last, and how much is new; what was read has no number any more, here at
//! once, and on another computer too.

use client::{
    bridge::command::{Command, RoomsCommand, TimelineCommand},
    rows::PreviewKind,
};
use matrix_sdk::ruma::{OwnedRoomId, RoomId};
use reqwest::Method;
use serde_json::json;

use super::{
    person::{Person, Screen},
    proxy::Proxy,
    server::Mode,
    start,
    writer::{self, Writer},
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

/// A room of Anna's in which Boris is too, with something that was said before he came.
async fn joined(http: &reqwest::Client, address: &str) -> (Writer, Writer, OwnedRoomId) {
    let anna = Writer::register(http, address, "anna").await;
    let boris = Writer::register(http, address, "boris").await;
    let form = json!({ "name": "Talk", "preset": "public_chat" });
    let made = anna.call(Method::POST, "/createRoom", &form).await;
    let room = RoomId::parse(made["room_id"].as_str().unwrap()).unwrap();
    say(&anna, &room, "Before").await;
    let path = format!("/join/{room}");
    boris.call(Method::POST, &path, &json!({})).await;
    (anna, boris, room)
}

async fn say(writer: &Writer, room: &RoomId, words: &str) -> String {
    let path = format!("/rooms/{room}/send/m.room.message/{words}");
    let message = json!({ "msgtype": "m.text", "body": words });
    let sent = writer.call(Method::PUT, &path, &message).await;
    sent["event_id"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_read_in_part_on_another_computer_counts_for_the_rest() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let address = server.address();
    let (anna, boris, room) = writer::run(joined(&writer::http(), &address));
    let folder = tempfile::tempdir().unwrap();
    let mut here = Person::sit_down("Boris", folder.path().join("boris"));
    here.sign_in(&address);
    here.until("see nothing new", unread(&room, 0));

    let (boris, second) = writer::run(async {
        let http = writer::http();
        let (anna, boris) = (anna.with(http.clone()), boris.with(http));
        say(&anna, &room, "One").await;
        let second = say(&anna, &room, "Two").await;
        say(&anna, &room, "Three").await;
        (boris, second)
    });
    here.until("see three new messages", unread(&room, 3));
    writer::run(async {
        let boris = boris.with(writer::http());
        let path = format!("/rooms/{room}/receipt/m.read/{second}");
        boris.call(Method::POST, &path, &json!({})).await;
    });
    here.until("see that one is left", unread(&room, 1));
}

#[test]
fn a_room_just_entered_shows_what_was_said_before() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let address = server.address();
    let (_, _, room) = writer::run(joined(&writer::http(), &address));
    let folder = tempfile::tempdir().unwrap();
    let mut boris = Person::sit_down("Boris", folder.path().join("boris"));
    boris.sign_in(&address);
    let shows = |kind: PreviewKind| {
        let room = &room;
        move |screen: &Screen| {
            let preview = screen.room(room).and_then(|row| row.preview.as_ref());
            preview.is_some_and(|preview| preview.kind == kind)
        }
    };
    boris.until("see that he has come", shows(PreviewKind::Entered));
    let room = room.clone();
    boris.ask(Command::Rooms(RoomsCommand::FetchPreview { room }));
    let said = PreviewKind::Text("Before".to_owned());
    boris.until("see what was said", shows(said));
}

//! A room of so many people that their list is made in another way, also of those who are banned.

use std::{env, time::Instant};

use client::bridge::command::{Command, RoomsCommand, TimelineCommand};
use futures_util::{StreamExt, stream};
use matrix_sdk::ruma::RoomId;
use reqwest::Method;
use serde_json::json;

use super::{
    person::Person,
    server::Mode,
    start,
    writer::{self, Writer},
};

/// How many besides the reader, unless `CLIENT_TEST_PEOPLE` says so. More than 300 are many.
const PEOPLE: usize = 303;

/// So many messages do not come with the sync.
const SINCE: usize = 60;

#[test]
fn everybody_in_a_large_room_is_listed_and_called_by_their_new_name() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let people = env::var("CLIENT_TEST_PEOPLE").map_or(PEOPLE, |people| people.parse().unwrap());
    let address = server.address();
    let (first, room) = writer::run(async {
        let http = writer::http();
        let first = Writer::appear(&http, &address, "member0").await;
        let form = json!({ "name": "Academy", "preset": "public_chat" });
        let made = first.call(Method::POST, "/createRoom", &form).await;
        let room = RoomId::parse(made["room_id"].as_str().unwrap()).unwrap();
        let joining = (1..people).map(async |number| {
            let person = Writer::appear(&http, &address, &format!("member{number}")).await;
            let path = format!("/join/{room}");
            person.call(Method::POST, &path, &json!({})).await;
        });
        let joining = stream::iter(joining).buffer_unordered(writer::AT_ONCE);
        joining.collect::<Vec<_>>().await;
        // What she says long ago is all that tells of her.
        let vera = Writer::appear(&http, &address, "member-vera").await;
        let path = "/profile/@member-vera:flows.test/displayname";
        let name = json!({ "displayname": "Vera Pavlovna" });
        vera.call(Method::PUT, path, &name).await;
        let path = format!("/join/{room}");
        vera.call(Method::POST, &path, &json!({})).await;
        let say = async |person: &Writer, number: usize, text: &str| {
            let path = format!("/rooms/{room}/send/m.room.message/{number}");
            let message = json!({ "msgtype": "m.text", "body": text });
            person.call(Method::PUT, &path, &message).await;
        };
        say(&vera, 0, "Long ago").await;
        for number in 1..=SINCE {
            say(&first, number, &format!("Since then {number}")).await;
        }
        (first, room)
    });

    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&address);
    let join = RoomsCommand::Join {
        address: room.to_string(),
    };
    anna.ask(Command::Rooms(join));
    anna.in_room(&room, TimelineCommand::Open);
    anna.until("see the header", |screen| {
        let header = screen.headers.get(&room);
        header.is_some_and(|header| header.members == people as u64 + 2)
    });
    for _ in 0..SINCE {
        if anna.screen.message(&room, "Long ago").is_none() {
            anna.in_room(&room, TimelineCommand::Paginate);
        }
    }
    anna.until("read who said something long ago", |screen| {
        let message = screen.message(&room, "Long ago");
        message.is_some_and(|(_, message)| message.sender_name == "Vera Pavlovna")
    });

    let people = people + 1;
    let start = Instant::now();
    anna.in_room(&room, TimelineCommand::LoadMembers);
    anna.until("see everybody", |screen| screen.members.len() == people + 1);
    println!("{people} people and the reader after {:?}", start.elapsed());
    assert_eq!(anna.screen.members.iter().filter(|row| row.own).count(), 1);

    let first = writer::run(async {
        let path = "/profile/@member0:flows.test/displayname";
        let name = json!({ "displayname": "Zoya" });
        let first = first.with(writer::http());
        first.call(Method::PUT, path, &name).await;
        first
    });
    anna.until("see the new name", |screen| {
        screen.members.iter().any(|row| row.name == "Zoya")
    });

    let user = anna.screen.account.as_ref().unwrap().user_id.clone();
    writer::run(async {
        let first = first.with(writer::http());
        let path = format!("/rooms/{room}/state/m.room.power_levels");
        let mut levels = first.call(Method::GET, &path, &json!({})).await;
        levels["users"][user.as_str()] = 100.into();
        first.call(Method::PUT, &path, &levels).await;
        let path = format!("/rooms/{room}/ban");
        let ban = json!({ "user_id": "@member1:flows.test" });
        first.call(Method::POST, &path, &ban).await;
    });
    anna.until("see who is banned, and that she may lift it", |screen| {
        let mut banned = screen.members.iter().filter(|row| row.banned);
        banned.any(|row| row.user_id == "@member1:flows.test" && row.rights.unban)
    });
}

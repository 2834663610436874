//! What makes a bot a good guest: it moves along, leaves empty rooms, bears floods, passes words on.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    server::{Person, Program, Server, binary, is_bots},
    talking::loop_until_bot_exists,
};

/// A room that everybody may enter, with the bot in it.
async fn open_room(host: &Person) -> String {
    let body = json!({"name": "ИС-21", "preset": "public_chat", "invite": ["@bot:games.test"]});
    let made = host.post("/_matrix/client/v3/createRoom", body).await;
    made["room_id"]
        .as_str()
        .unwrap_or_else(|| panic!("{made}"))
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_replaced_is_followed_and_an_empty_one_left() {
    let Some(binary) = binary() else {
        return;
    };
    let server = Server::start(&binary).await;
    let bot = server.start_bot();
    let anna = server.person("anna").await;
    let _hall = loop_until_bot_exists(&anna, Some("Холл"), &[]).await;
    let room = open_room(&anna).await;
    anna.wait_for_bot(&room, "Я провожу игры").await;
    anna.say(&room, "!lang en").await;
    anna.wait_for_bot(&room, "We speak English").await;
    let path = format!("/_matrix/client/v3/rooms/{room}/upgrade");
    let upgraded = anna.post(&path, json!({"new_version": "11"})).await;
    let next = upgraded["replacement_room"]
        .as_str()
        .unwrap_or_else(|| panic!("{upgraded}"))
        .to_owned();
    // In the language that was chosen in the room before.
    anna.wait_for_bot(&next, "I run games").await;
    for left in [&room, &next] {
        anna.post(&format!("/_matrix/client/v3/rooms/{left}/leave"), json!({}))
            .await;
    }
    wait_until_left(&server, &[&room, &next]).await;
    drop(bot);
}

/// The rooms that the bot is in, as its own session sees them.
async fn rooms_of_bot(server: &Server) -> Vec<Value> {
    let file = server.folder().join("bot/session.json");
    let session: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let token = session["access_token"].as_str().unwrap();
    let url = format!("{}/_matrix/client/v3/joined_rooms", server.url());
    let request = reqwest::Client::new().get(url).bearer_auth(token);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["joined_rooms"].as_array().unwrap().clone()
}

async fn wait_until_left(server: &Server, rooms: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        let joined = rooms_of_bot(server).await;
        if !rooms.iter().any(|room| joined.contains(&json!(room))) {
            assert_eq!(joined.len(), 1, "the bot stays where people are");
            return;
        }
        assert!(Instant::now() < deadline, "the bot stays alone: {joined:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Somebody who floods a room with commands, and somebody who wants an answer in another one.
struct Flood {
    noisy: Person,
    calm: Person,
    room: String,
    other: String,
    _programs: (Server, Program),
}

impl Flood {
    async fn prepare(binary: &Path, limits: bool) -> Self {
        let server = Server::start_with(binary, limits).await;
        let bot = server.start_bot();
        let noisy = server.person("noisy").await;
        let calm = server.person("calm").await;
        let room = loop_until_bot_exists(&noisy, Some("Шум"), &[]).await;
        let other = calm.make_room(None, &["@bot:games.test"]).await;
        noisy.wait_for_bot(&room, "Я провожу игры").await;
        calm.wait_for_bot(&other, "Здравствуйте").await;
        Self {
            noisy,
            calm,
            room,
            other,
            _programs: (server, bot),
        }
    }

    /// A thousand commands, fifty at once: as fast as one person's scripts get. Returns how many the server refused.
    async fn pour(&self) -> usize {
        let send = |number: usize| {
            let room = &self.room;
            let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/flood{number}");
            let content = json!({"msgtype": "m.text", "body": "!игры"});
            async move {
                let put = reqwest::Method::PUT;
                self.noisy.call(put, &path, Some(content)).await
            }
        };
        let mut refused = 0;
        for fifty in 0..20 {
            let sends = (0..50).map(|number| send(fifty * 50 + number));
            let answers = futures_util::future::join_all(sends).await;
            let too_many = |answer: &&Value| answer["errcode"] == "M_LIMIT_EXCEEDED";
            refused += answers.iter().filter(too_many).count();
        }
        refused
    }

    /// The other one gets their answer, the flood only a few.
    async fn disturbs_nobody(&self) {
        self.calm.say(&self.other, "как отправить файл?").await;
        self.calm
            .wait_for(&self.other, "an answer about files", |event| {
                is_bots(event)
                    && event["content"]["body"]
                        .as_str()
                        .is_some_and(|body| body.contains("айл"))
            })
            .await;
        self.noisy.wait_for_bot(&self.room, "Игры").await;
        let events = self.noisy.events(&self.room).await;
        let answers = events.iter().filter(|event| is_bots(event)).count();
        assert!((2..=40).contains(&answers), "{answers} answers");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_commands_gets_few_answers_and_nobody_else_waits() {
    let Some(binary) = binary() else {
        return;
    };
    let flood = Flood::prepare(&binary, false).await;
    assert_eq!(flood.pour().await, 0);
    flood.disturbs_nobody().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_servers_limits_a_flood_is_refused_and_nobody_else_waits() {
    let Some(binary) = binary() else {
        return;
    };
    let flood = Flood::prepare(&binary, true).await;
    let refused = flood.pour().await;
    assert!(refused > 500, "the server lets it in: {refused} refused");
    flood.disturbs_nobody().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_for_support_reach_those_who_look_after_the_server() {
    let Some(binary) = binary() else {
        return;
    };
    let server = Server::start(&binary).await;
    let _bot = server.start_bot();
    let anna = server.person("anna").await;
    let room = loop_until_bot_exists(&anna, None, &[]).await;
    anna.wait_for_bot(&room, "Здравствуйте").await;
    anna.say(&room, "!поддержка в аудитории 214 не открываются файлы PDF")
        .await;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let listed = Command::new(&binary)
            .args(["feedback", "--config"])
            .arg(server.folder().join("server.toml"))
            .arg("list")
            .output()
            .unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        if listed.contains("аудитории 214") {
            break;
        }
        assert!(Instant::now() < deadline, "not in the list:\n{listed}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

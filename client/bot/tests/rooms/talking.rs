//! What one sees in a room: a game by text, reply and reaction; help; a flood.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::server::{Server, binary, id, is_bots};

#[tokio::test(flavor = "multi_thread")]
async fn a_game_is_played_by_text_reply_and_reaction_and_survives_a_kill() {
    let Some(binary) = binary() else {
        return;
    };
    // The server's limits are those of every day: a game is no flood.
    let server = Server::start_with(&binary, true).await;
    let mut bot = server.start_bot();
    let anna = server.person("anna").await;
    let boris = server.person("boris").await;
    let room = loop_until_bot_exists(&anna, Some("ИС-21"), &[&boris.id]).await;
    boris.join(&room).await;
    anna.wait_for_bot(&room, "Я провожу игры").await;
    anna.say(&room, "!игры").await;
    anna.wait_for_bot(&room, "Крестики-нолики").await;
    anna.say(&room, "!старт крестики").await;
    let invitation = anna.wait_for_bot(&room, "ищет соперника").await;
    boris.press(&room, id(&invitation), "➕").await;
    let board = anna.wait_for_bot(&room, "Ход: anna").await;
    assert_eq!(board["content"]["m.mentions"]["user_ids"], json!([anna.id]));
    // By text, by reply and by reaction.
    anna.say(&room, "!ход 5").await;
    anna.wait_for_bot(&room, "Ход: boris").await;
    let recovery = wait_for_file(&server.folder().join("bot/recovery.key")).await;
    bot.kill();
    boris.reply(&room, id(&board), "1").await;
    let mut bot = server.start_bot();
    anna.wait_for_bot(&room, "⭕2️⃣3️⃣").await;
    anna.press(&room, id(&board), "3️⃣").await;
    boris.say(&room, "2").await;
    anna.wait_for_bot(&room, "⭕⭕❌").await;
    bot.kill();
    anna.press(&room, id(&board), "7️⃣").await;
    let _bot = server.start_bot();
    anna.wait_for_bot(&room, "победа — anna").await;
    let events = anna.events(&room).await;
    let ends = events.iter().filter(|event| {
        is_bots(event)
            && event["content"]["body"]
                .as_str()
                .is_some_and(|body| body.contains("победа"))
    });
    assert_eq!(ends.count(), 1, "the end is told once");
    anna.say(&room, "!рейтинг крестики").await;
    anna.wait_for_bot(&room, "1. anna — 1016").await;
    let path = server.folder().join("bot/recovery.key");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let folder = std::fs::metadata(server.folder().join("bot")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        recovery,
        "the key outlives the bot"
    );
}

async fn wait_for_file(path: &std::path::Path) -> String {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(180);
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) if !text.is_empty() => return text,
            _ => assert!(
                std::time::Instant::now() < deadline,
                "{} was not written",
                path.display()
            ),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Invites the bot as soon as it has registered itself.
pub(crate) async fn loop_until_bot_exists(
    host: &crate::server::Person,
    name: Option<&str>,
    invited: &[&str],
) -> String {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(180);
    let path = "/_matrix/client/v3/profile/@bot:games.test/displayname";
    loop {
        let profile: Value = host.call(reqwest::Method::GET, path, None).await;
        if profile["displayname"].is_string() {
            break;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "the bot did not register: {profile}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let all = [invited, &["@bot:games.test"]].concat();
    host.make_room(name, &all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_away_gets_every_answer_once() {
    let Some(binary) = binary() else {
        return;
    };
    let mut server = Server::start(&binary).await;
    let _bot = server.start_bot();
    let anna = server.person("anna").await;
    let room = loop_until_bot_exists(&anna, Some("ИС-21"), &[]).await;
    anna.wait_for_bot(&room, "Я провожу игры").await;
    anna.say(&room, "!старт быки").await;
    server.restart().await;
    let board = anna.wait_for_bot(&room, "Быки и коровы").await;
    anna.reply(&room, id(&board), "1234").await;
    server.restart().await;
    anna.wait_for_bot(&room, "1234").await;
    let events = anna.events(&room).await;
    let boards = events.iter().filter(|event| {
        is_bots(event)
            && event["content"]["body"]
                .as_str()
                .is_some_and(|body| body.contains("Быки и коровы"))
            && event["content"]["m.relates_to"].is_null()
    });
    assert_eq!(boards.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teacher_brings_questions_as_a_file_and_gets_the_results() {
    let Some(binary) = binary() else {
        return;
    };
    let server = Server::start(&binary).await;
    let _bot = server.start_bot();
    let teacher = server.person("teacher").await;
    let room = loop_until_bot_exists(&teacher, None, &[]).await;
    teacher.wait_for_bot(&room, "Здравствуйте").await;
    teacher.say(&room, "!квиз импорт").await;
    teacher.wait_for_bot(&room, "Жду файл").await;
    send_file(
        &teacher,
        &server,
        &room,
        "# Столицы\n? Столица Франции\n- Лион\n",
    )
    .await;
    teacher
        .wait_for_bot(&room, "строка 2: нет верного ответа")
        .await;
    teacher.say(&room, "!квиз импорт").await;
    send_file(
        &teacher,
        &server,
        &room,
        "# Столицы\n? Столица Франции\n+ Париж\n- Лион\n! С 987 года.\n",
    )
    .await;
    teacher.wait_for_bot(&room, "Загружено, версия 1").await;
    teacher.say(&room, "!викторина столицы").await;
    teacher.wait_for_bot(&room, "1 из 1").await;
    teacher.say(&room, "париж").await;
    teacher.wait_for_bot(&room, "С 987 года.").await;
    teacher.wait_for_bot(&room, "верно 1 из 1").await;
    teacher.say(&room, "!квиз результаты столицы").await;
    let file = teacher
        .wait_for(&room, "the results", |event| {
            event["content"]["msgtype"] == "m.file" && event["sender"] == "@bot:games.test"
        })
        .await;
    assert_eq!(file["content"]["info"]["mimetype"], "text/csv");
}

async fn send_file(person: &crate::server::Person, server: &Server, room: &str, text: &str) {
    let url = format!("{}/_matrix/media/v3/upload?filename=q.txt", server.url());
    let uploaded = person.upload(&url, text).await;
    let content = json!({
        "msgtype": "m.file",
        "body": "q.txt",
        "url": uploaded["content_uri"],
        "info": {"size": text.len(), "mimetype": "text/plain"},
    });
    person.send(room, "m.room.message", content).await;
}

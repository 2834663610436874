//! Thirty players, and a bot that is killed again and again: no move is lost, none is made twice.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::Value;

use crate::{
    server::{Person, Server, binary, id, is_bots},
    talking::loop_until_bot_exists,
};

const ROOMS: usize = 15;
/// The cells that end a game with the fifth move: the first player takes the upper row.
const MOVES: [&str; 5] = ["1", "4", "2", "5", "3"];
/// Long runs are for people: `BOT_TEST_ROUNDS=20 cargo test -p bot --test rooms thirty`.
const ROUNDS: &str = "BOT_TEST_ROUNDS";

#[tokio::test(flavor = "multi_thread")]
async fn thirty_players_lose_nothing_while_the_bot_is_killed() {
    let Some(binary) = binary() else {
        return;
    };
    let rounds: usize = std::env::var(ROUNDS)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let server = Arc::new(Server::start(&binary).await);
    let mut bot = server.start_bot();
    let mut tables = Vec::new();
    for number in 0..ROOMS {
        let first = server.person(&format!("x{number}")).await;
        let second = server.person(&format!("o{number}")).await;
        let room =
            loop_until_bot_exists(&first, Some(&format!("Стол {number}")), &[&second.id]).await;
        second.join(&room).await;
        tables.push((first, second, room));
    }
    let over = Arc::new(AtomicBool::new(false));
    let players: Vec<_> = tables
        .into_iter()
        .map(|(first, second, room)| {
            tokio::spawn(async move { play(&first, &second, &room, rounds).await })
        })
        .collect();
    let killer = {
        let (server, over) = (server.clone(), over.clone());
        tokio::spawn(async move {
            let mut kills = 0;
            while !over.load(Ordering::Relaxed) {
                // A bot that is killed before it has started tells nothing, and on a busy machine starts take time.
                if starts(&server) > kills {
                    tokio::time::sleep(Duration::from_millis(2_000)).await;
                    bot.kill();
                    kills += 1;
                    bot = server.start_bot();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            (bot, kills)
        })
    };
    for player in players {
        player.await.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    let (_bot, kills) = killer.await.unwrap();
    println!("{} games, killed {kills} times", ROOMS * rounds);
}

/// How often the bot has come to work.
fn starts(server: &Server) -> usize {
    let log = std::fs::read_to_string(server.folder().join("bot.log")).unwrap_or_default();
    log.matches("signed in").count()
}

/// Plays a number of games, waiting for each board; then looks whether everything was there once.
async fn play(first: &Person, second: &Person, room: &str, rounds: usize) {
    first.wait_for_bot(room, "Я провожу игры").await;
    for round in 1..=rounds {
        let board = start(first, second, room, round).await;
        for (number, cell) in MOVES.iter().enumerate() {
            let mover = if number % 2 == 0 { first } else { second };
            mover.reply(room, &board, cell).await;
            let signs = number + 1;
            first
                .wait_for(room, &format!("move {signs} of round {round}"), |event| {
                    shows(event, &board, signs)
                })
                .await;
        }
        wait_for_ends(first, room, round).await;
    }
    let events = first.events(room).await;
    let mut sent: BTreeMap<String, usize> = BTreeMap::new();
    for event in events.iter().filter(|event| is_bots(event)) {
        let body = event["content"]["body"].as_str().unwrap_or_default();
        let of = event["content"]["m.relates_to"]["event_id"]
            .as_str()
            .unwrap_or_default();
        if event["content"]["m.relates_to"]["rel_type"] == "m.replace" {
            *sent.entry(format!("{of} {body}")).or_default() += 1;
        }
    }
    let twice: Vec<_> = sent.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "sent twice: {twice:#?}");
    assert_eq!(ends(&events), rounds, "each game ends once");
}

/// Starts a game, sits down, and returns its board. Starts are at most every twenty seconds, so a refused one is
/// tried again.
async fn start(first: &Person, second: &Person, room: &str, round: usize) -> String {
    let before = first.events(room).await.len();
    let says = |event: &Value, text: &str| {
        is_bots(event)
            && event["content"]["body"]
                .as_str()
                .is_some_and(|body| body.contains(text))
    };
    first.say(room, "!старт крестики").await;
    let invitation = loop {
        let events = first.events(room).await;
        let news = &events[before..];
        if let Some(found) = news.iter().find(|event| says(event, "ищет соперника")) {
            break id(found).to_owned();
        }
        let refusals = news.iter().filter(|event| says(event, "Подождите")).count();
        let asked = news
            .iter()
            .filter(|event| event["content"]["body"] == "!старт крестики")
            .count();
        assert!(asked < 10, "round {round} does not start");
        if refusals == asked {
            tokio::time::sleep(Duration::from_secs(3)).await;
            first.say(room, "!старт крестики").await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    second.press(room, &invitation, "➕").await;
    let is_new_board =
        |event: &Value| says(event, "1️⃣2️⃣3️⃣") && event["content"]["m.relates_to"].is_null();
    loop {
        let events = first.events(room).await;
        if let Some(board) = events[before..].iter().find(|event| is_new_board(event)) {
            return id(board).to_owned();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Whether an event is this board with so many signs.
fn shows(event: &Value, board: &str, signs: usize) -> bool {
    let body = event["content"]["body"].as_str().unwrap_or_default();
    let rows = body.lines().skip(1).take(3).collect::<String>();
    is_bots(event)
        && event["content"]["m.relates_to"]["event_id"] == board
        && rows.matches(['❌', '⭕']).count() == signs
}

fn ends(events: &[Value]) -> usize {
    events
        .iter()
        .filter(|event| {
            is_bots(event)
                && event["content"]["body"]
                    .as_str()
                    .is_some_and(|body| body.contains("победа"))
        })
        .count()
}

async fn wait_for_ends(person: &Person, room: &str, count: usize) {
    let deadline = std::time::Instant::now() + Duration::from_secs(180);
    while ends(&person.events(room).await) < count {
        assert!(
            std::time::Instant::now() < deadline,
            "the end of game {count} was not told"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

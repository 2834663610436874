//! Every game and command once, in both languages, word for word.

use bot_engine::{Lang, Place, Sender, What};

use crate::{room::Room, snapshot};

fn each_language(name: &str, talk: impl Fn(&mut Room, Lang)) {
    for lang in Lang::ALL {
        let mut room = Room::new(lang);
        talk(&mut room, lang);
        snapshot::check(&format!("{name}.{}", lang.code()), &room.transcript);
    }
}

#[test]
fn help_and_rules() {
    each_language("help", |room, lang| {
        for text in lang.pick(
            [
                "!игры",
                "!помощь",
                "!сттарт",
                "!счёт",
                "!топ",
                "!бот выкл",
                "!язык",
            ],
            [
                "!games", "!help", "!sttart", "!score", "!top", "!bot off", "!lang",
            ],
        ) {
            room.say("anna", text);
            room.now += 6_000;
        }
        for game in [
            "tictactoe",
            "five",
            "connect4",
            "hangman",
            "cities",
            "word",
            "bulls",
            "chess",
            "dice",
            "quiz",
        ] {
            room.say(
                "anna",
                &format!("{} {game}", lang.pick("!правила", "!rules")),
            );
            room.now += 6_000;
        }
    });
}

#[test]
fn greetings() {
    each_language("greetings", |room, lang| {
        let inviter = Sender {
            id: "@anna:x".to_owned(),
            name: "anna".to_owned(),
            power: 100,
        };
        for direct in [false, true, true] {
            let place = Place {
                id: format!("!greeted{direct}:x"),
                direct,
                ..Place::default()
            };
            room.happen(What::Joined {
                room: place,
                inviter: Some(inviter.clone()),
            });
        }
        let _ = lang;
    });
}

#[test]
fn tic_tac_toe_between_two() {
    each_language("tic-tac-toe", |room, lang| {
        room.say("anna", lang.pick("!старт крестики", "!start tictactoe"));
        room.say("boris", lang.pick("!вступить", "!join"));
        let board = room.board();
        for (name, text) in [("anna", "5"), ("boris", "5"), ("anna", "1"), ("boris", "1")] {
            room.reply(name, Some(board.clone()), text);
        }
        room.press("anna", board.clone(), "9️⃣");
        room.press("clara", board.clone(), "3️⃣");
        room.press("boris", board.clone(), "3️⃣");
        room.press("anna", board, "7️⃣");
        room.press("boris", room.board(), "8️⃣");
        room.say("boris", lang.pick("!топ крестики", "!top tictactoe"));
    });
}

#[test]
fn the_computer_plays() {
    each_language("computer", |room, lang| {
        let (start, bot) = lang.pick(("!старт", "бот"), ("!start", "bot"));
        for game in ["tictactoe", "connect4", "five", "chess", "dice"] {
            room.say("anna", &format!("{start} {game} {bot} hard"));
            let first = match game {
                "five" => "e5",
                "chess" => "e4",
                "dice" => "🎲",
                _ => "4",
            };
            room.reply("anna", Some(room.board()), first);
            room.say("anna", lang.pick("!сдаюсь", "!resign"));
            room.now += 60_000;
        }
    });
}

#[test]
fn riddles_for_all() {
    each_language("riddles", |room, lang| {
        let start = lang.pick("!старт", "!start");
        for (game, moves) in [
            (
                "hangman",
                lang.pick(["о", "а", "я", "о"], ["e", "a", "q", "e"]),
            ),
            (
                "word",
                lang.pick(
                    ["весна", "слово", "ыыыыы", "кот"],
                    ["crane", "plant", "zzzzz", "cat"],
                ),
            ),
            ("bulls", ["1234", "5678", "1123", "123"]),
            (
                "cities",
                lang.pick(
                    ["Москва", "Анапа", "Атлантида", "Казань"],
                    ["Moscow", "Tokyo", "Atlantis", "Oslo"],
                ),
            ),
        ] {
            room.say("teacher", &format!("{start} {game}"));
            let board = room.board();
            for (index, text) in moves.into_iter().enumerate() {
                let name = ["anna", "boris"][index % 2];
                room.reply(name, Some(board.clone()), text);
            }
            room.say("teacher", lang.pick("!стоп", "!stop"));
            room.now += 60_000;
        }
    });
}

#[test]
fn draws_nudges_and_silence() {
    each_language("time", |room, lang| {
        room.say(
            "anna",
            lang.pick("!старт шахматы @boris:x", "!start chess @boris:x"),
        );
        room.press("clara", room.board(), "➕");
        room.press("boris", room.board(), "➕");
        room.say("anna", lang.pick("!ничья", "!draw"));
        room.wait(8 * 24 * 60 * 60 * 1000);
        room.say("anna", lang.pick("!старт кости", "!start dice"));
        room.wait(25 * 60 * 60 * 1000);
    });
}

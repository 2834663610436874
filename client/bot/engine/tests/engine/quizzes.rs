//! Quizzes: open and in secret, with what is learnt from them.

use bot_engine::{Lang, Output, To};

use crate::{
    room::{Room, person, said},
    snapshot,
};

const PACK: &str = "# Столицы\n? Столица Франции\n+ Париж\n- Лион\n- Ницца\n! С 987 года.\n? Столица Италии\n+ Рим\n- Милан\n- Турин\n! С 1871 года.\n";
const DAY: i64 = 24 * 60 * 60 * 1000;

/// A teacher's direct chat with a pack in it, then their class's room.
fn with_pack(lang: Lang) -> Room {
    let mut room = Room::direct(lang);
    room.say("teacher", "!квиз импорт");
    assert!(said(&room.send_file("teacher", "столицы.txt", PACK)).contains("Столицы"));
    room.place.direct = false;
    room.place.id = "!room:x".to_owned();
    room.say("teacher", "!квиз открыть столицы");
    room.now += 60_000;
    room
}

/// The number of the answer with these words in the newest question.
fn number(room: &Room, words: &str) -> String {
    let question = room.outputs.iter().rev().find_map(|output| match output {
        Output::Send { text, .. } if text.contains('❓') => Some(text.clone()),
        _ => None,
    });
    let question = question.unwrap();
    let line = question.lines().find(|line| line.ends_with(words)).unwrap();
    line[..1].to_owned()
}

/// The right answer of whichever question is asked.
fn right(room: &Room) -> String {
    let last = said(&room.outputs);
    let asked = last.rfind("Столица").unwrap();
    number(
        room,
        if last[asked..].starts_with("Столица Франции") {
            "Париж"
        } else {
            "Рим"
        },
    )
}

#[test]
fn an_open_quiz_from_question_to_table() {
    let mut room = with_pack(Lang::Ru);
    room.transcript.clear();
    room.say("teacher", "!викторина столицы 2 20");
    for _ in 0..2 {
        let answer = right(&room);
        let board = room.board();
        let wrong = if answer == "1" { "2" } else { "1" };
        room.now += 5_000;
        room.press("anna", board.clone(), &format!("{answer}\u{fe0f}\u{20e3}"));
        room.press("anna", board.clone(), &format!("{wrong}\u{fe0f}\u{20e3}"));
        room.reply("boris", Some(board), wrong);
        room.wait(30_000 - 5_000);
    }
    snapshot::check("quiz.ru", &room.transcript);
    assert!(room.transcript.contains("1. anna — 135 (верно 2 из 2)"));
}

#[test]
fn packs_are_explained_checked_and_listed_in_both_languages() {
    for lang in Lang::ALL {
        let mut room = Room::direct(lang);
        let words = lang.pick(
            ["!квиз", "!квиз создать", "!квиз проверить"],
            ["!pack", "!pack create", "!pack check"],
        );
        for text in words {
            room.say("anna", text);
            room.now += 10_000;
        }
        room.send_file("anna", "bad.txt", "# T\n? 2 + 2\n- 5\nwhat\n");
        room.send_file("anna", "bad.csv", "a;b\n1;2\n");
        room.send_file("anna", "good.txt", PACK);
        room.say("anna", lang.pick("!викторина", "!quiz"));
        room.now += 10_000;
        room.say(
            "anna",
            lang.pick("кто выиграл чемпионат мира", "who won the world cup"),
        );
        room.say("anna", lang.pick("!поддержка", "!support"));
        snapshot::check(&format!("packs.{}", lang.code()), &room.transcript);
    }
}

#[test]
fn in_secret_mode_nothing_is_seen_in_the_room_and_answers_come_alone() {
    let mut room = with_pack(Lang::Ru);
    room.say("teacher", "!викторина столицы 1 20 тайно");
    let invitation = room.board();
    room.press("anna", invitation.clone(), "➕");
    room.press("boris", invitation, "➕");
    room.outputs.clear();
    room.wait(30_000);
    let asked: Vec<_> = room
        .outputs
        .iter()
        .filter_map(|output| match output {
            Output::Send {
                to: To::Person(person),
                slot,
                ..
            } => Some((person.clone(), slot.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(asked.len(), 2);
    let in_room = room.outputs.iter().any(|output| {
        matches!(
            output,
            Output::React {
                to: To::Room(_),
                ..
            }
        )
    });
    assert!(!in_room, "no buttons in the room");
    let answer = right(&room);
    room.place.direct = true;
    room.place.id = "!anna:x".to_owned();
    let slot = asked
        .iter()
        .find(|(to, _)| *to == person("anna"))
        .unwrap()
        .1
        .clone();
    room.press("anna", slot, &format!("{answer}\u{fe0f}\u{20e3}"));
    room.place.id = "!boris:x".to_owned();
    let outputs = room.say("boris", if answer == "1" { "2" } else { "1" });
    let told: Vec<_> = outputs
        .iter()
        .filter(|output| {
            matches!(
                output,
                Output::Send {
                    to: To::Person(_),
                    ..
                }
            )
        })
        .collect();
    assert!(
        told.len() >= 4,
        "the answer and their mistakes, to each alone: {told:#?}"
    );
    assert!(said(&outputs).contains("1. anna"));
}

#[test]
fn missed_questions_come_back_the_next_day() {
    let mut room = with_pack(Lang::Ru);
    room.place.direct = true;
    room.place.id = "!anna:x".to_owned();
    room.say("anna", "!квиз");
    room.place.direct = false;
    room.place.id = "!room:x".to_owned();
    room.say("teacher", "!викторина столицы 1 20");
    let answer = right(&room);
    room.reply(
        "anna",
        Some(room.board()),
        if answer == "1" { "2" } else { "1" },
    );
    room.wait(30_000);
    room.outputs.clear();
    room.wait(DAY);
    assert!(said(&room.outputs).contains("Пора повторить 1 вопрос"));
    room.place.direct = true;
    room.place.id = "!anna:x".to_owned();
    assert!(said(&room.say("anna", "!ошибки")).contains("Столица"));
    room.say("anna", "!повтор");
    let answer = right(&room);
    assert!(said(&room.say("anna", &answer)).contains("верно 1 из 1"));
    assert!(said(&room.say("anna", "!повтор")).contains("повторять нечего"));
}

#[test]
fn results_go_to_the_author_only() {
    let mut room = with_pack(Lang::Ru);
    room.say("anna", "!викторина столицы 1 20");
    let answer = right(&room);
    room.reply("anna", Some(room.board()), &answer);
    room.wait(30_000);
    assert!(said(&room.say("anna", "!квиз результаты столицы")).contains("нет такого пака"));
    assert!(said(&room.say("teacher", "!квиз результаты столицы")).contains("в личном чате"));
    room.place.direct = true;
    room.place.id = "!direct:x".to_owned();
    let outputs = room.say("teacher", "!квиз результаты столицы");
    let Output::File { text, name, .. } = &outputs[0] else {
        panic!("no file: {outputs:?}");
    };
    assert_eq!(name, "Столицы.csv");
    assert!(
        text.contains("@anna:x,anna,") && text.contains(",1,1"),
        "{text}"
    );
    let outputs = room.say("teacher", "!квиз экспорт столицы");
    assert!(matches!(&outputs[0], Output::File { name, .. } if name == "Столицы.yaml"));
}

#[test]
fn a_pack_that_nobody_shared_is_its_authors_own() {
    let mut room = Room::direct(Lang::Ru);
    room.say("anna", "!квиз импорт");
    room.send_file("anna", "столицы.txt", PACK);
    assert!(said(&room.say("anna", "!квиз открыть столицы")).contains("Открыть пак может"));
    room.place.id = "!boris:x".to_owned();
    let list = said(&room.say("boris", "!викторина столицы"));
    assert!(
        list.contains("Викторины") && !list.contains("Столицы"),
        "{list}"
    );
}

#[test]
fn the_packs_of_the_program_are_there() {
    let mut room = Room::new(Lang::En);
    let list = said(&room.say("anna", "!quiz"));
    assert!(list.lines().count() >= 14, "{list}");
    room.now += 60_000;
    let question = said(&room.say("anna", "!quiz python 1 20"));
    assert!(question.contains("1 of 1"), "{question}");
}

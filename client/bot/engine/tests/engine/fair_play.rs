//! Ratings that cannot be had for nothing.

use bot_engine::{Lang, Question, What};

use crate::room::{Room, said};

const MINUTE: i64 = 60_000;

/// Anna resigns a game against Boris.
fn lose(room: &mut Room) -> String {
    room.say("anna", "!старт крестики");
    room.say("boris", "!вступить");
    room.now += MINUTE;
    said(&room.say("anna", "!сдаюсь"))
}

#[test]
fn the_same_two_count_once_an_hour() {
    let mut room = Room::new(Lang::Ru);
    assert!(!lose(&mut room).contains("не идёт"));
    assert!(lose(&mut room).contains("В рейтинг не идёт"));
    room.now += 60 * MINUTE;
    assert!(!lose(&mut room).contains("не идёт"));
    let top = said(&room.say("anna", "!рейтинг неделя крестики"));
    assert!(top.contains("1. boris — 1031"), "{top}");
}

#[test]
fn games_against_the_computer_are_not_rated() {
    let mut room = Room::new(Lang::Ru);
    room.say("anna", "!старт крестики бот");
    room.say("anna", "!сдаюсь");
    assert!(said(&room.say("anna", "!рейтинг всё")).contains("Пока никто не играл"));
}

#[test]
fn a_game_of_two_cannot_be_stopped_by_the_one_who_loses() {
    let mut room = Room::new(Lang::Ru);
    room.say("anna", "!старт крестики");
    room.say("boris", "!вступить");
    assert!(said(&room.say("anna", "!стоп")).contains("!сдаюсь"));
    assert!(said(&room.say("teacher", "!стоп")).contains("остановлена"));
}

#[test]
fn nobody_plays_alone_on_both_sides_or_for_others() {
    let mut room = Room::new(Lang::Ru);
    room.say("anna", "!старт крестики");
    assert!(said(&room.say("anna", "!вступить")).contains("никто не ждёт"));
    room.say("boris", "!вступить");
    let board = room.board();
    assert!(
        room.press("boris", board.clone(), "1️⃣").is_empty(),
        "not his turn"
    );
    assert!(
        room.press("clara", board.clone(), "1️⃣").is_empty(),
        "not her game"
    );
    assert!(!room.press("anna", board, "1️⃣").is_empty());
}

#[test]
fn the_table_ends_with_ones_own_place_and_never_shows_the_last() {
    let mut room = Room::new(Lang::Ru);
    for number in 0..12 {
        room.say("anna", "!старт крестики");
        room.say(&format!("p{number:02}"), "!вступить");
        room.now += MINUTE;
        room.say("anna", "!сдаюсь");
    }
    let top = said(&room.say("p11", "!рейтинг крестики"));
    assert_eq!(
        top.lines().filter(|line| line.contains(". p")).count(),
        10,
        "{top}"
    );
    assert!(!top.contains("anna"), "{top}");
    let own = said(&room.say("anna", "!рейтинг крестики"));
    assert!(own.contains("Ваше место: 13"), "{own}");
}

#[test]
fn a_room_that_is_replaced_takes_its_tables_and_its_language_along() {
    let mut room = Room::new(Lang::Ru);
    room.say("anna", "!lang en");
    lose(&mut room);
    let next = "!next:x".to_owned();
    room.happen(What::Moved {
        from: room.place.id.clone(),
        to: next.clone(),
    });
    let before = said(&room.say("anna", "!top tictactoe"));
    assert!(before.contains("Nobody has played yet"), "{before}");
    room.place.id = next;
    room.now += MINUTE;
    let top = said(&room.say("anna", "!top tictactoe"));
    assert!(top.contains("1. boris — 1016"), "{top}");
}

#[test]
fn a_program_gets_the_table_that_people_see() {
    let mut room = Room::new(Lang::Ru);
    lose(&mut room);
    let question = Question {
        room: Some("!room:x"),
        game: Some("tictactoe"),
        span: "week",
    };
    let ask = |question| {
        room.world
            .standings(&room.settings, question, "@anna:x", room.now)
    };
    let table = ask(question).unwrap();
    let best: Vec<_> = table
        .best
        .iter()
        .map(|standing| (standing.place, standing.name.as_str(), standing.score))
        .collect();
    assert_eq!(best, [(1, "boris", 1016), (2, "anna", 984)]);
    assert_eq!(table.own, None, "who is among the best is not told twice");
    let elsewhere = Question {
        room: Some("!other:x"),
        ..question
    };
    assert_eq!(ask(elsewhere).unwrap().best, []);
    let unknown = Question {
        game: Some("poker"),
        ..question
    };
    assert_eq!(ask(unknown), None);
}

//! Etiquette: what the bot does not do.

use bot_engine::{Lang, Output};

use crate::room::{Room, reactions, said};

const MINUTE: i64 = 60_000;

#[test]
fn a_thousand_commands_in_ten_seconds_get_few_answers() {
    let mut room = Room::new(Lang::Ru);
    let mut answers = 0;
    for _ in 0..1000 {
        answers += room.say("noisy", "!игры").len();
        room.now += 10;
    }
    assert!(answers <= 12, "{answers}");
    assert!(!room.say("calm", "!игры").is_empty(), "others are answered");
}

#[test]
fn forgetting_is_no_way_around_the_limit() {
    let mut room = Room::new(Lang::Ru);
    let answers: usize = (0..100)
        .map(|_| room.say("noisy", "!забудь меня").len())
        .sum();
    assert!(answers <= 12, "{answers}");
}

#[test]
fn three_games_a_room_two_a_person_and_twenty_seconds_between() {
    let mut room = Room::new(Lang::Ru);
    room.say("anna", "!старт виселица");
    assert!(said(&room.say("anna", "!старт быки")).contains("Подождите 20 с"));
    room.now += MINUTE;
    room.say("anna", "!старт быки");
    room.now += MINUTE;
    assert!(said(&room.say("anna", "!старт слово")).contains("уже начали две"));
    room.say("boris", "!старт слово");
    room.now += MINUTE;
    assert!(said(&room.say("clara", "!старт города")).contains("уже идут три"));
}

#[test]
fn refused_moves_get_a_cross_and_words_after_the_third() {
    let mut room = Room::new(Lang::Ru);
    room.say("anna", "!старт быки");
    let board = room.board();
    for _ in 0..2 {
        assert_eq!(
            reactions(&room.reply("anna", Some(board.clone()), "1123")),
            ["❌"]
        );
    }
    assert!(said(&room.reply("anna", Some(board.clone()), "1123")).contains("разные"));
    assert!(
        room.reply("anna", Some(board), "ну и число").is_empty(),
        "talk is no move"
    );
}

#[test]
fn lessons_announcements_and_the_switch_keep_games_away() {
    let mut room = Room::new(Lang::Ru);
    room.place.lesson = true;
    assert!(said(&room.say("anna", "!старт быки")).contains("Идёт занятие"));
    assert!(said(&room.say("teacher", "!старт быки")).contains("Быки и коровы"));
    room.say("teacher", "!стоп");
    room.place.lesson = false;
    room.now += MINUTE;
    room.place.announcements = true;
    assert!(said(&room.say("anna", "!старт быки")).contains("объявлений"));
    room.place.announcements = false;
    assert!(said(&room.say("anna", "!бот выкл")).contains("может ведущий"));
    room.place.class_games = Some(false);
    assert!(
        said(&room.say("anna", "!старт быки")).contains("выключены"),
        "for the whole class"
    );
    room.say("teacher", "!бот вкл");
    room.now += MINUTE;
    assert!(
        said(&room.say("anna", "!старт быки")).contains("Быки"),
        "but the room decides"
    );
    room.say("teacher", "!бот выкл");
    assert!(said(&room.say("anna", "!старт быки")).contains("выключены"));
}

#[test]
fn a_buried_board_is_sent_again() {
    let mut room = Room::new(Lang::Ru);
    room.say("anna", "!старт быки");
    let board = room.board();
    for _ in 0..49 {
        assert!(room.say("boris", "болтаем о своём").is_empty());
    }
    let outputs = room.reply("anna", Some(board.clone()), "1234");
    assert!(matches!(&outputs[0], Output::Send { edit_of: None, .. }));
    let outputs = room.reply("anna", Some(board), "5678");
    assert!(
        matches!(
            &outputs[0],
            Output::Send {
                edit_of: Some(_),
                ..
            }
        ),
        "the old board still takes moves"
    );
}

#[test]
fn whoever_only_talks_leaves_no_trace() {
    let mut room = Room::new(Lang::Ru);
    room.say("anna", "!старт быки");
    room.say("boris", "привет");
    let rows = room.world.clone().take_all();
    assert!(rows.iter().all(|row| !format!("{row:?}").contains("boris")));
}

#[test]
fn a_person_is_forgotten_on_demand() {
    let mut room = Room::new(Lang::Ru);
    room.say("anna", "!старт крестики");
    room.say("boris", "!вступить");
    room.say("anna", "!сдаюсь");
    let outputs = room.say("boris", "!забудь меня");
    assert!(
        outputs
            .iter()
            .any(|output| matches!(output, Output::Forget { .. }))
    );
    let rows = room.world.clone().take_all();
    let traces: Vec<_> = rows
        .iter()
        .filter(|row| row.key != "!room:x" && row.key.contains("boris"))
        .collect();
    assert!(traces.iter().all(|row| row.value.is_none()), "{traces:?}");
    let seasons = rows.iter().filter(|row| row.table == "seasons");
    assert!(
        seasons
            .into_iter()
            .all(|row| !row.value.as_deref().unwrap_or_default().contains("boris"))
    );
}

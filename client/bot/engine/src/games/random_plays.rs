//! Every game over a thousand random plays: what holds whatever people type.

use proptest::{prelude::*, test_runner::Config};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::*;

const KINDS: [Kind; 9] = [
    Kind::TicTacToe,
    Kind::Five,
    Kind::ConnectFour,
    Kind::Hangman,
    Kind::Cities,
    Kind::FiveLetters,
    Kind::Bulls,
    Kind::Chess,
    Kind::Dice,
];

/// What somebody may type: a likely move, or nonsense.
fn typed(game: &Game, lang: Lang, chance: &mut ChaCha8Rng) -> String {
    if chance.random_ratio(1, 5) {
        let nonsense = [
            "",
            " ",
            "0",
            "99",
            "e2e9",
            "Щщ",
            "привет",
            "!!",
            "🎲🎲",
            "-1",
            "а б в",
            "x".repeat(300).as_str(),
        ]
        .map(str::to_owned);
        return nonsense.choose(chance).cloned().unwrap_or_default();
    }
    match game.kind() {
        Kind::TicTacToe | Kind::ConnectFour => chance.random_range(0..10).to_string(),
        Kind::Five => {
            let column = "abcdefghijкл"
                .chars()
                .nth(chance.random_range(0..12))
                .unwrap();
            format!("{column}{}", chance.random_range(0..12))
        }
        Kind::Hangman => {
            let letters: Vec<char> = lang
                .pick(
                    "абвгдежзийклмнопрстуфхцчшщъыьэюя",
                    "abcdefghijklmnopqrstuvwxyz",
                )
                .chars()
                .collect();
            letters.choose(chance).unwrap().to_string()
        }
        Kind::Cities => {
            let known = game.rules().bot_move(Level::Hard, chance);
            known.unwrap_or_else(|| "Москва".to_owned())
        }
        Kind::FiveLetters => crate::words::five_secrets(lang)
            .choose(chance)
            .unwrap()
            .to_string(),
        Kind::Bulls => {
            let length = chance.random_range(2..6);
            (0..length)
                .map(|_| char::from(b'0' + chance.random_range(0..10)))
                .collect()
        }
        // The easiest computer moves nearly at random, and fast.
        Kind::Chess => game
            .rules()
            .bot_move(Level::Easy, chance)
            .unwrap_or_default(),
        Kind::Dice => ["бросок", "хватит", "🎲", "✋"]
            .choose(chance)
            .unwrap()
            .to_string(),
        Kind::Quiz => String::new(),
    }
}

fn play(kind: Kind, seed: u64) {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let lang = if seed.is_multiple_of(2) {
        Lang::Ru
    } else {
        Lang::En
    };
    let setup = Setup {
        lang,
        level: Level::ALL[(seed % 3) as usize],
        with_bot: kind == Kind::Cities && seed.is_multiple_of(5),
    };
    let mut game = Game::new(kind, &setup, &mut chance).unwrap();
    let names = ["Аня".to_owned(), "Bob".to_owned()];
    let most = match kind {
        Kind::Chess => 40,
        Kind::Cities => 30,
        _ => 250,
    };
    for step in 0..most {
        let turn = game.rules().turn();
        let seat = match turn {
            Turn::Over(Outcome::Won(seat)) => {
                assert!(seat < 2);
                break;
            }
            Turn::Over(_) => break,
            Turn::Seat(seat) => seat,
            Turn::Anyone => step % 2,
        };
        let board = game.rules().board(lang, &names);
        assert!(!board.trim().is_empty() && board.len() < 4_000, "{board}");
        assert_eq!(board.matches("```").count() % 2, 0);
        let text = typed(&game, lang, &mut chance);
        let before = game.clone();
        let attempt = Move {
            seat,
            text: &text,
            lang,
            chance: &mut chance,
        };
        match game.rules_mut().play(attempt) {
            Ok(played) => {
                assert_ne!(game, before, "a move changes the game: {text}");
                assert!(played.points >= 0);
            }
            Err(refused) => {
                assert_eq!(game, before, "a refused move changes nothing: {text}");
                assert_ne!(refused, Refused::Against(String::new()));
            }
        }
    }
    // What is written down is what is read again.
    let written = serde_json::to_string(&game).unwrap();
    assert_eq!(serde_json::from_str::<Game>(&written).unwrap(), game);
}

proptest! {
    #![proptest_config(Config { cases: 1_000, max_shrink_iters: 20, ..Config::default() })]

    #[test]
    fn a_thousand_plays_keep_the_rules(seed in any::<u64>()) {
        for kind in KINDS.iter().filter(|kind| **kind != Kind::Chess) {
            play(*kind, seed);
        }
    }

    #[test]
    fn a_thousand_plays_of_chess_keep_the_rules(seed in any::<u64>()) {
        play(Kind::Chess, seed);
    }
}

/// Two computers end every game that has one, so the computer's moves are always moves.
#[test]
fn computers_finish_their_games() {
    for kind in [Kind::TicTacToe, Kind::Five, Kind::ConnectFour, Kind::Dice] {
        for seed in 0..30 {
            let mut chance = ChaCha8Rng::seed_from_u64(seed);
            let setup = Setup {
                lang: Lang::Ru,
                level: Level::Medium,
                with_bot: true,
            };
            let mut game = Game::new(kind, &setup, &mut chance).unwrap();
            let mut moves = 0;
            while let Turn::Seat(seat) = game.rules().turn() {
                let level = Level::ALL[(seed as usize + seat) % 3];
                let text = game.rules().bot_move(level, &mut chance).unwrap();
                let attempt = Move {
                    seat,
                    text: &text,
                    lang: Lang::En,
                    chance: &mut chance,
                };
                assert!(game.rules_mut().play(attempt).is_ok(), "{kind:?}: {text}");
                moves += 1;
                assert!(moves < 2_000, "{kind:?} goes on for ever");
            }
        }
    }
}

/// How many of some games the strongest computer wins and loses against the weakest, taking turns to begin.
fn contest(kind: Kind, games: u64, most: usize) -> (u64, u64) {
    let (mut won, mut lost) = (0, 0);
    for seed in 0..games {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let setup = Setup {
            lang: Lang::Ru,
            level: Level::Hard,
            with_bot: true,
        };
        let mut game = Game::new(kind, &setup, &mut chance).unwrap();
        let strong = usize::from(seed % 2 == 1);
        for _ in 0..most {
            let Turn::Seat(seat) = game.rules().turn() else {
                break;
            };
            let level = if seat == strong {
                Level::Hard
            } else {
                Level::Easy
            };
            let text = game.rules().bot_move(level, &mut chance).unwrap();
            let attempt = Move {
                seat,
                text: &text,
                lang: Lang::Ru,
                chance: &mut chance,
            };
            assert!(game.rules_mut().play(attempt).is_ok());
        }
        match game.rules().turn() {
            Turn::Over(Outcome::Won(seat)) if seat == strong => won += 1,
            Turn::Over(Outcome::Won(_)) => lost += 1,
            _ => {}
        }
    }
    (won, lost)
}

#[test]
fn the_strongest_computer_beats_the_weakest() {
    for (kind, games, most) in [
        (Kind::ConnectFour, 20, 42),
        (Kind::Five, 20, 100),
        (Kind::Chess, 4, 160),
    ] {
        let (won, lost) = contest(kind, games, most);
        // The weakest plays well most of the time, so luck is left to it.
        assert!(
            won * 10 >= games * 7 && lost * 10 <= games,
            "{kind:?}: {won} won, {lost} lost of {games}"
        );
    }
}

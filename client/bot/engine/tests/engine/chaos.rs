//! Whatever people do in whatever order: the limits hold, and what is written is what is read.

use bot_engine::{Lang, Slot};
use proptest::{prelude::*, test_runner::Config};

use crate::room::Room;

const WORDS: [&str; 40] = [
    "!старт крестики",
    "!старт крестики бот",
    "!старт пять",
    "!start connect4 bot easy",
    "!старт виселица",
    "!старт города",
    "!старт города бот легко",
    "!старт слово",
    "!старт быки сложно",
    "!start chess bot",
    "!старт кости",
    "!старт кости бот",
    "!викторина python 2 5",
    "!quiz sql 1 5 secret",
    "!вступить",
    "!join",
    "!сдаюсь",
    "!ничья",
    "!стоп",
    "!дальше",
    "!счёт",
    "!top",
    "!забудь меня",
    "!язык en",
    "!язык ru",
    "!бот выкл",
    "!бот вкл",
    "!квиз",
    "!повтор",
    "!ошибки",
    "!ход 1",
    "!ход e4",
    "!move а",
    "1",
    "4",
    "e4",
    "🎲",
    "Москва",
    "1234",
    "привет всем",
];
const KEYS: [&str; 9] = ["➕", "🤖", "1️⃣", "2️⃣", "3️⃣", "5️⃣", "🎲", "✋", "❤️"];
const PEOPLE: [&str; 4] = ["anna", "boris", "clara", "teacher"];

#[derive(Debug, Clone)]
enum Act {
    Say(usize, usize),
    Reply(usize, usize, u64),
    Press(usize, usize, u64),
    Wait(i64),
    Direct(bool),
}

fn act() -> impl Strategy<Value = Act> {
    let person = 0..PEOPLE.len();
    prop_oneof![
        4 => (person.clone(), 0..WORDS.len()).prop_map(|(who, what)| Act::Say(who, what)),
        2 => (person.clone(), 0..WORDS.len(), 0u64..30).prop_map(|(who, what, on)| Act::Reply(who, what, on)),
        3 => (person, 0..KEYS.len(), 0u64..30).prop_map(|(who, what, on)| Act::Press(who, what, on)),
        2 => (0i64..120_000).prop_map(Act::Wait),
        1 => (0i64..200_000_000).prop_map(Act::Wait),
        1 => any::<bool>().prop_map(Act::Direct),
    ]
}

fn live(acts: &[Act]) -> String {
    let mut room = Room::new(Lang::Ru);
    for act in acts {
        // Slots are counted from one; most of these are boards of some game or other.
        let slot = |on: &u64| Some(Slot(format!("s{on}")));
        match act {
            Act::Say(who, what) => drop(room.say(PEOPLE[*who], WORDS[*what])),
            Act::Reply(who, what, on) => drop(room.reply(PEOPLE[*who], slot(on), WORDS[*what])),
            Act::Press(who, what, on) => {
                drop(room.press(PEOPLE[*who], Slot(format!("s{on}")), KEYS[*what]));
            }
            Act::Wait(time) => room.wait(*time),
            Act::Direct(direct) => {
                room.place.direct = *direct;
                room.place.id = if *direct { "!direct:x" } else { "!room:x" }.to_owned();
            }
        }
        assert!(room.world.open_games() <= 6, "three in each room");
        let late = room
            .world
            .next_deadline()
            .is_some_and(|at| at < room.now - 1);
        assert!(!late || !matches!(act, Act::Wait(_)), "nothing stays due");
    }
    room.transcript
}

proptest! {
    #![proptest_config(Config { cases: 300, max_shrink_iters: 200, ..Config::default() })]

    #[test]
    fn anything_goes_and_the_same_events_have_the_same_outcome(acts in prop::collection::vec(act(), 1..60)) {
        prop_assert_eq!(live(&acts), live(&acts));
    }
}

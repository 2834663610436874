//! The academy's bot as a player meets it in this client: a game by reactions, a quiz written in the form, the table.

use std::{
    env, fs,
    path::PathBuf,
    process::{Child, Command as Program, Stdio},
    sync::Arc,
};

use client::{
    bridge::{
        command::{
            Command, FileSource, GamesCommand, PeopleCommand, RoomsCommand, TimelineCommand,
        },
        update::Answer,
    },
    model::quiz_pack::{Question, QuizPack},
    render::{
        Language,
        games::{GAMES, import},
    },
    rows::{RowId, Span, StandingsRow},
};
use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId, RoomId, user_id};
use tempfile::TempDir;

use super::{
    person::{Person, Screen},
    server::{Mode, Server},
    start,
};

/// The bot's program, which is ended with the test.
struct Bot {
    child: Child,
    folder: TempDir,
}

impl Bot {
    /// It registers itself. `None` where it is not built.
    fn start(server: &Server) -> Option<Self> {
        let binary = PathBuf::from(env::var_os("CLIENT_TEST_SERVER_BIN")?)
            .with_file_name(format!("fialka-bot{}", env::consts::EXE_SUFFIX));
        if !binary.exists() {
            assert!(
                env::var_os("CI").is_none(),
                "{} has to be built",
                binary.display()
            );
            println!("SKIPPED: there is no {}", binary.display());
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("bot.toml");
        let text = format!(
            "homeserver = \"http://{}\"\ndata_dir = \"{}\"\n",
            server.address(),
            folder.path().join("data").display()
        );
        fs::write(&config, text).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Program::new(binary)
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Some(Self { child, folder })
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("the bot was not ended: {error}");
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            eprintln!("--- the bot's log ---\n{log}");
        }
    }
}

#[test]
fn a_game_a_quiz_of_ones_own_and_the_table() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let Some(_bot) = Bot::start(&server) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    let mut boris = Person::sit_down("Boris", folder.path().join("boris"));
    boris.register(&server.address());
    let bot = find_bot(&mut anna);

    let room = invite(&mut anna, &mut boris, &bot);
    let nobody = standings(&mut anna, &bot, &room);
    assert_eq!(nobody, StandingsRow::default(), "nobody has played yet");
    play(&mut anna, &mut boris, &room);
    let best = standings(&mut boris, &bot, &room).best;
    let lines: Vec<_> = best
        .iter()
        .map(|row| (row.place, row.name.as_str(), row.score))
        .collect();
    assert_eq!(lines, [(1, "Anna", 1016), (2, "Boris", 984)]);
    answer_own_quiz(&mut anna, &bot);
}

/// The bot needs a moment to register.
fn find_bot(anna: &mut Person) -> OwnedUserId {
    let bot = user_id!("@bot:flows.test").to_owned();
    let term = bot.to_string();
    let found = (0..600).find_map(|_| {
        let search = Command::People(PeopleCommand::Search { term: term.clone() });
        let Ok(Answer::People(people)) = anna.try_ask(search) else {
            return None;
        };
        if people.is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        people.into_iter().find(|person| person.user_id == bot)
    });
    found.expect("the bot registers itself").user_id
}

/// A room with both and the bot.
fn invite(anna: &mut Person, boris: &mut Person, bot: &OwnedUserId) -> OwnedRoomId {
    let other = boris.screen.account.as_ref().unwrap().user_id.clone();
    let group = RoomsCommand::CreateGroup {
        name: "ИС-21".to_owned(),
        topic: String::new(),
        invite: vec![bot.clone(), other],
        encrypted: false,
    };
    let Answer::Room(room) = anna.ask(Command::Rooms(group)) else {
        panic!("no room was made");
    };
    anna.in_room(&room, TimelineCommand::Open);
    assert_eq!(boris.accept_invitation(), room);
    anna.until("be greeted", |screen| says(screen, &room, "Я провожу игры"));
    anna.until("be offered the games", |screen| {
        screen
            .headers
            .get(&room)
            .is_some_and(|header| header.has_bot)
    });
    room
}

/// Tic-tac-toe: one presses what the bot offers under its board, the other gives in.
fn play(anna: &mut Person, boris: &mut Person, room: &RoomId) {
    anna.say(room, &GAMES[0].start(Language::Russian, false));
    boris.until("be asked to play", |screen| {
        says(screen, room, "ищет соперника")
    });
    boris.say(room, "!вступить");
    anna.until("have the middle offered", |screen| {
        board(screen, room).is_some()
    });
    let row = board(&anna.screen, room).unwrap();
    let key = "5️⃣".to_owned();
    anna.in_room(room, TimelineCommand::ToggleReaction { row, key });
    boris.until("see the move on the board", |screen| {
        screen
            .texts(room)
            .iter()
            .any(|text| text.contains("❌6️⃣") && text.contains("Ход: Boris"))
    });
    boris.say(room, "!сдаюсь");
    anna.until("see the end of the game", |screen| {
        says(screen, room, "победа")
    });
}

/// The message under which the bot offers the cell in the middle.
fn board(screen: &Screen, room: &RoomId) -> Option<RowId> {
    screen.messages(room).into_iter().find_map(|(id, message)| {
        let mut offered = message.reactions.iter();
        offered
            .any(|reaction| reaction.key == "5️⃣")
            .then(|| id.clone())
    })
}

/// A quiz as the form makes it, given to the bot in an encrypted chat.
fn answer_own_quiz(anna: &mut Person, bot: &OwnedUserId) {
    let chat = RoomsCommand::StartDirect { user: bot.clone() };
    let Answer::Room(chat) = anna.ask(Command::Rooms(chat)) else {
        panic!("no chat with the bot");
    };
    anna.in_room(&chat, TimelineCommand::Open);
    anna.until("be greeted in private", |screen| {
        says(screen, &chat, "Здравствуйте")
    });
    let pack = QuizPack {
        title: "Байты".to_owned(),
        questions: vec![Question {
            text: "Сколько бит в байте?".to_owned(),
            answers: [
                "8".to_owned(),
                "10".to_owned(),
                "16".to_owned(),
                String::new(),
            ],
            why: "Так договорились.".to_owned(),
        }],
    };
    assert_eq!(pack.flaw(), None);
    anna.say(&chat, import(Language::Russian));
    let file = FileSource::Bytes {
        name: pack.file_name(),
        bytes: Arc::from(pack.yaml(Language::Russian).into_bytes()),
    };
    anna.in_room(
        &chat,
        TimelineCommand::SendFile {
            file,
            caption: String::new(),
            reply_to: None,
        },
    );
    anna.until("hear that the quiz is taken", |screen| {
        says(screen, &chat, "версия 1")
    });
    anna.say(&chat, "!викторина байты");
    anna.until("be asked", |screen| says(screen, &chat, "1 из 1"));
    anna.say(&chat, "8");
    anna.until("hear why", |screen| {
        says(screen, &chat, "Так договорились.") && says(screen, &chat, "верно 1 из 1")
    });
}

fn says(screen: &Screen, room: &RoomId, words: &str) -> bool {
    screen.texts(room).iter().any(|text| text.contains(words))
}

fn standings(person: &mut Person, bot: &OwnedUserId, room: &RoomId) -> StandingsRow {
    let question = GamesCommand::Standings {
        bot: bot.clone(),
        room: Some(room.to_owned()),
        game: Some("tictactoe"),
        span: Span::Week,
    };
    match person.ask(Command::Games(question)) {
        Answer::Standings(standings) => standings,
        other => panic!("no table but {other:?}"),
    }
}

//! The program itself on a screen nobody sees, with a mouse and a keyboard, against a real homeserver: what is done
//! there has to arrive on the server.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

#[path = "../flows/server.rs"]
#[expect(dead_code, reason = "other tests also kill it and make codes")]
mod server;

mod account;
mod screen;

use std::{
    env, fs,
    path::Path,
    time::{Duration, Instant},
};

use account::Account;
use screen::{Area, Screen};
use serde_json::{Value, json};
use server::{Mode, Server};

/// The test fails when something takes longer than this.
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn a_mouse_and_a_keyboard_do_what_people_do() {
    let Some(binary) = env::var_os("CLIENT_TEST_SERVER_BIN") else {
        assert!(
            env::var_os("CI").is_none(),
            "CLIENT_TEST_SERVER_BIN must name the homeserver's binary"
        );
        return println!("SKIPPED: CLIENT_TEST_SERVER_BIN does not name a homeserver's binary");
    };
    if let Some(missing) = Screen::missing_tool() {
        assert!(env::var_os("CI").is_none(), "{missing} is not installed");
        return println!("SKIPPED: {missing} is not installed");
    }
    let server = Server::start(binary.into(), Mode::Open);
    let anna = Account::register(&server.address(), "anna");
    let boris = Account::register(&server.address(), "boris");
    let room = boris.create_room("Storehouse");
    anna.join(&room);
    let first = boris.say(&room, "Who draws the diagram?");

    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("settings.toml"),
        "language = \"english\"\nuse_keyring = false\ntour_seen = true\n",
    )
    .unwrap();
    prepare(folder.path(), &server.address());
    let screen = Screen::open(folder.path());
    sign_in(&screen, &anna);
    open_room(&screen, &anna, &room, &first);
    send(&screen, &boris, &room);
    paste_a_picture(&screen, &boris, &room, folder.path());
    let third = boris.say(&room, "And who checks it?");
    react(&screen, &boris, &anna, &room, &third);
    reply(&screen, &boris, &room, &third);
    search(&screen);
    choose_the_dark_theme(&screen, folder.path());
}

/// Names the server as whoever prepares the computers of a classroom does.
fn prepare(folder: &Path, address: &str) {
    let file = json!({
        "version": 1,
        "server_name": "flows.test",
        "address": format!("http://{address}"),
    });
    fs::write(folder.join("academy.fialka"), file.to_string()).unwrap();
}

fn until<T>(what: &str, screen: &Screen, mut find: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = find() {
            return found;
        }
        if Instant::now() > deadline {
            panic!("{what} did not happen; see {}", screen.keep().display());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The places are those of the sign-in screen at its first size, where nothing moves.
fn sign_in(screen: &Screen, anna: &Account) {
    // The form is there once the server has been found.
    until("the sign-in form", screen, || {
        screen.click(830, 320);
        screen.type_text("anna");
        let typed = screen.selected_text()?;
        (typed == "anna").then_some(())
    });
    screen.click(830, 420);
    screen.type_text(account::PASSWORD);
    screen.key("Return");
    until("signing in", screen, || (anna.devices() == 2).then_some(()));
}

fn open_room(screen: &Screen, anna: &Account, room: &str, event: &str) {
    until("opening the room", screen, || {
        screen.key("ctrl+k");
        screen.type_text("Storehouse");
        screen.key("Return");
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if anna.has_read(room, event) {
                return Some(());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        screen.key("Escape");
        None
    });
}

fn send(screen: &Screen, boris: &Account, room: &str) {
    screen.type_text("I do, until Friday");
    screen.key("Return");
    until("sending", screen, || {
        boris.find(room, |event| {
            event["content"]["body"] == "I do, until Friday"
        })
    });
}

fn paste_a_picture(screen: &Screen, boris: &Account, room: &str, folder: &Path) {
    let file = folder.join("picture.png");
    let colour = image::Rgb([122, 82, 224]);
    image::RgbImage::from_pixel(320, 200, colour)
        .save(&file)
        .unwrap();
    let _clipboard = screen.put_into_clipboard(&file);
    screen.key("ctrl+v");
    let sent = until("sending a picture", screen, || {
        screen.key("Return");
        boris.find(room, |event| event["content"]["msgtype"] == "m.image")
    });
    assert_eq!(sent["content"]["info"]["w"], 320);
}

/// F6 goes to the messages, and E to the emoji for the one that is chosen: the newest.
fn react(screen: &Screen, boris: &Account, anna: &Account, room: &str, event: &str) {
    until("reading", screen, || {
        anna.has_read(room, event).then_some(())
    });
    screen.key("F6");
    screen.key("e");
    screen.type_text("thumbs up");
    screen.key("Return");
    until("reacting", screen, || {
        boris.find(room, |event| event["type"] == "m.reaction")
    });
}

fn reply(screen: &Screen, boris: &Account, room: &str, answered: &str) {
    screen.key("F6");
    screen.key("r");
    screen.type_text("The teacher");
    screen.key("Return");
    let sent = until("replying", screen, || {
        boris.find(room, |event| event["content"]["body"] == "The teacher")
    });
    let to = &sent["content"]["m.relates_to"]["m.in_reply_to"]["event_id"];
    assert_eq!(*to, Value::from(answered), "{sent}");
}

/// Whoever wrote what is found stands beside it with their round picture.
fn search(screen: &Screen) {
    // The pane at the right, below its field.
    let pane = Area {
        x: 870,
        y: 150,
        width: 300,
        height: 200,
    };
    assert_eq!(
        screen.round_pictures(pane),
        0,
        "{}",
        screen.keep().display()
    );
    screen.key("ctrl+f");
    screen.type_text("diagram");
    screen.key("Return");
    until("finding", screen, || {
        (screen.round_pictures(pane) > 400).then_some(())
    });
    screen.key("Escape");
}

/// The nut of the rail, the third page, the third theme. A choice is on the disk at once.
fn choose_the_dark_theme(screen: &Screen, folder: &Path) {
    let settings = folder.join("settings.toml");
    until("choosing the dark theme", screen, || {
        screen.click(32, 660);
        screen.click(163, 168);
        screen.click(923, 123);
        let text = fs::read_to_string(&settings).ok()?;
        text.contains("theme = \"dark\"").then_some(())
    });
}

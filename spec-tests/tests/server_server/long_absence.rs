//! A server that was away for so long that what it missed is not kept for it any more.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#transactions)

use serde_json::json;
use spec_tests::{Homeserver, Settings, User, target::Target};

fn server(federation: &str, loopback: u8) -> Option<Homeserver> {
    let settings = Settings {
        named_after_address: true,
        federation: federation.to_owned(),
        loopback: Some(loopback),
        ..Settings::default()
    };
    Homeserver::own(&settings)
}

fn say_many(user: &User, room: &str, words: &str, count: usize) -> Vec<String> {
    let all: Vec<String> = (0..count)
        .map(|number| format!("{words} {number}"))
        .collect();
    user.say_all(room, &all.iter().map(String::as_str).collect::<Vec<_>>());
    all
}

fn must_have_all(user: &User, room: &str, expected: &[String]) {
    let last = expected.last().expect("something was said");
    user.must_read_once(room, last);
    assert_eq!(user.all_bodies(room), expected, "{}", user.id);
}

#[test]
fn a_server_that_was_away_for_long_has_everything_once() {
    if !matches!(Target::from_environment(), Target::Fialka(_)) {
        return;
    }
    let (Some(here), Some(away)) = (server("kept_events = 5", 2), server("", 3)) else {
        return;
    };
    let (alice, bob) = (here.register("alice"), away.register("bob"));
    let rooms = [
        alice.public_room(),
        alice.public_room(),
        alice.public_room(),
    ];
    for room in &rooms {
        bob.join_via(room, &here);
        alice.must_see_member(room, &bob, "join");
    }
    let mut said = [Vec::new(), Vec::new(), Vec::new()];
    away.kill();
    // More than is asked for at once to close a gap, a few, and none at all.
    said[0] = say_many(&alice, &rooms[0], "much", 120);
    alice.set_state(
        &rooms[0],
        "m.room.topic",
        "",
        &json!({ "topic": "changed" }),
    );
    said[1] = say_many(&alice, &rooms[1], "little", 3);
    // What is not kept is forgotten once an hour, and at the start.
    here.kill_and_restart();
    say_many(&alice, &rooms[0], "and on", 2)
        .into_iter()
        .for_each(|words| said[0].push(words));
    away.start_again();
    // A server that speaks is not left alone any more.
    bob.say(&rooms[2], "here I am");
    said[2].push("here I am".to_owned());
    for (room, said) in rooms.iter().zip(&said) {
        must_have_all(&bob, room, said);
    }
    bob.must_see_state(
        &rooms[0],
        "m.room.topic",
        "",
        &json!({ "topic": "changed" }),
    );
    // And both go on from there.
    for (room, said) in rooms.iter().zip(&mut said) {
        bob.say(room, "back again");
        said.push("back again".to_owned());
        must_have_all(&alice, room, said);
    }
}

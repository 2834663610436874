//! `cargo xtask bench federation`: what it costs to share rooms between servers.
//!
//! All servers and this program share one machine. `SYNAPSE_VENV` names a Synapse to compare joining with.

use std::{
    env,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Peer, Settings, User,
    matchers::timeline_has,
    peer::{Dag, Draft, now},
    server::unique,
    target::Target,
};

/// Members of the room that is joined.
const MEMBERS: usize = 1_000;
/// How often it is joined.
const JOINS: usize = 3;
/// Messages whose way is timed.
const MESSAGES: usize = 300;
/// Messages sent as fast as possible, in this many rooms at once.
const FLOOD: usize = 5_000;
const ROOMS: usize = 8;
/// Transactions of fifty events.
const TRANSACTIONS: usize = 100;

fn main() {
    // `cargo test --benches` starts it, too.
    if env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("| what | figure | value |\n| --- | --- | --: |");
    joining();
    messages();
    transactions();
    attack();
}

fn start(target: &Target) -> Homeserver {
    let settings = Settings {
        named_after_address: true,
        ..Settings::default()
    };
    Homeserver::own_of(target, &settings)
}

fn fialka() -> Homeserver {
    start(&Target::from_environment())
}

fn row(what: &str, figure: &str, value: &str) {
    println!("| {what} | {figure} | {value} |");
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
}

/// The duration that this part of them does not exceed.
fn percentile(durations: &mut [Duration], percent: usize) -> Duration {
    durations.sort_unstable();
    durations[(durations.len() * percent / 100).min(durations.len() - 1)]
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}

fn joining() {
    let resident = fialka();
    let owner = resident.register("owner");
    let members: Vec<User> = (1..MEMBERS).map(|_| resident.register("member")).collect();
    let rooms: Vec<String> = (0..JOINS)
        .map(|_| {
            let room = owner.create_room(&json!({ "preset": "public_chat", "room_version": "11" }));
            thread::scope(|scope| {
                for some in members.chunks(MEMBERS.div_ceil(4)) {
                    let room = &room;
                    scope.spawn(move || some.iter().for_each(|member| member.join(room)));
                }
            });
            room
        })
        .collect();
    let mut targets = vec![("Fialka", Target::from_environment())];
    if let Some(folder) = env::var_os("SYNAPSE_VENV") {
        targets.push(("Synapse", Target::Synapse(folder.into())));
    }
    for (name, target) in targets {
        let server = start(&target);
        let joiner = server.register("joiner");
        let mut took: Vec<Duration> = rooms
            .iter()
            .map(|room| timed(|| joiner.join_via(room, &resident)))
            .collect();
        let what = format!("{name} joins a room of {MEMBERS} members on Fialka");
        row(&what, "median", &milliseconds(percentile(&mut took, 50)));
    }
}

fn messages() {
    let (here, there) = (fialka(), fialka());
    let (alice, bob) = (here.register("alice"), there.register("bob"));
    let rooms: Vec<String> = (0..ROOMS)
        .map(|_| {
            let room = alice.public_room();
            bob.join_via(&room, &here);
            alice.must_see_member(&room, &bob, "join");
            room
        })
        .collect();
    let mut last = bob.initial_sync();
    let mut took: Vec<Duration> = (0..MESSAGES)
        .map(|number| {
            let words = format!("message {number}");
            let waiting = {
                let (bob, room, last, words) =
                    (bob.clone(), rooms[0].clone(), last.clone(), words.clone());
                thread::spawn(move || {
                    let seen = bob.must_see_after(
                        &last,
                        timeline_has(&room, json!({ "content": { "body": words } })),
                    );
                    (seen, Instant::now())
                })
            };
            // The other waits by then.
            thread::sleep(Duration::from_millis(20));
            let begin = Instant::now();
            alice.say(&rooms[0], &words);
            let (seen, end) = waiting.join().expect("the message to be seen");
            last = seen;
            end - begin
        })
        .collect();
    let what = "a message from one server to a waiting client of another";
    row(what, "median", &milliseconds(percentile(&mut took, 50)));
    row(what, "p99", &milliseconds(percentile(&mut took, 99)));

    let begin = Instant::now();
    thread::scope(|scope| {
        for room in &rooms {
            let alice = &alice;
            scope.spawn(move || {
                for number in 0..FLOOD / ROOMS {
                    alice.say(room, &format!("flood {number}"));
                }
            });
        }
    });
    let sent = begin.elapsed();
    for room in &rooms {
        bob.must_read_once(room, &format!("flood {}", FLOOD / ROOMS - 1));
    }
    let rate = |took: Duration| format!("{:.0}", FLOOD as f64 / took.as_secs_f64());
    row(
        "messages in eight rooms, as fast as they go",
        "sent a second",
        &rate(sent),
    );
    row(
        "the same, until the other server has them",
        "a second",
        &rate(begin.elapsed()),
    );
}

/// A room of Alice's with one user of a peer.
fn peer_in_room(server: &Homeserver) -> (User, Peer, Dag, String) {
    let (alice, peer) = (server.register("alice"), Peer::start());
    let room = alice.public_room();
    let dag = Dag::join(&peer, server, &room, &peer.user("bob"));
    let tip = alice.say(&room, "welcome");
    dag.learn(server, &tip);
    (alice, peer, dag, tip)
}

fn transactions() {
    let server = fialka();
    let (alice, peer, dag, mut tip) = peer_in_room(&server);
    let transactions: Vec<Vec<Value>> = (0..TRANSACTIONS)
        .map(|number| {
            let made = (0..50).map(|event| {
                let words = format!("event {event} of {number}");
                tip = dag.make(
                    std::slice::from_ref(&tip),
                    &Draft::message(&peer.user("bob"), &words),
                );
                dag.event(&tip)
            });
            made.collect()
        })
        .collect();
    let begin = Instant::now();
    let mut took: Vec<Duration> = transactions
        .iter()
        .map(|events| timed(|| dag.send_events(&server, events).ok()))
        .collect();
    alice.must_read_once(&dag.room(), &format!("event 49 of {}", TRANSACTIONS - 1));
    let rate = (TRANSACTIONS * 50) as f64 / begin.elapsed().as_secs_f64();
    let what = "a transaction of 50 events comes in";
    row(what, "median", &milliseconds(percentile(&mut took, 50)));
    row(what, "p99", &milliseconds(percentile(&mut took, 99)));
    row(
        "events of such transactions, until they can be read",
        "a second",
        &format!("{rate:.0}"),
    );
}

/// What people of a server notice while a peer sends events with forged signatures as fast as it can.
fn attack() {
    let server = fialka();
    let (alice, peer, dag, tip) = peer_in_room(&server);
    let room = dag.room();
    let send = || {
        let mut took: Vec<Duration> = (0..MESSAGES)
            .map(|number| timed(|| alice.say(&room, &format!("message {number}"))))
            .collect();
        [percentile(&mut took, 50), percentile(&mut took, 99)]
    };
    let quiet = send();
    let mut forged = dag.unfinished(&[tip], &Draft::message(&peer.user("bob"), "forged"));
    dag.finish(&mut forged);
    forged["signatures"][peer.name()]["ed25519:peer1"] = json!("A".repeat(86));
    let events: Vec<Value> = vec![forged; 50];
    let until = Instant::now() + Duration::from_secs(60);
    let is_done = AtomicBool::new(false);
    let attacked = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) && Instant::now() < until {
                let body = json!({ "origin": peer.name(), "origin_server_ts": now(), "pdus": events, "edus": [] });
                let path = format!("/_matrix/federation/v1/send/{}", unique("attack"));
                drop(peer.request(&server, "PUT", &path, Some(&body)).try_send());
            }
        });
        let attacked = send();
        is_done.store(true, Ordering::Relaxed);
        attacked
    });
    for (figure, quiet, attacked) in [
        ("median", quiet[0], attacked[0]),
        ("p99", quiet[1], attacked[1]),
    ] {
        row(
            "a message, nothing else going on",
            figure,
            &milliseconds(quiet),
        );
        row(
            "the same while a peer sends forged events without a pause",
            figure,
            &milliseconds(attacked),
        );
    }
}

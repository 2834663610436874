//! A peer that answers questions with what never ends: this costs a bounded number of questions and bounded memory, and
//! nobody else waits for it.

use std::{
    io::Write as _,
    net::TcpStream,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Peer, Settings, User,
    peer::{Answer, Dag, Draft, now},
    server::unique,
    target::Target,
};

/// The most memory a server under attack may have had at once, in a build for development. The largest answer that is
/// read as a whole has 128 MiB.
const MEMORY_BOUND: u64 = 300 * 1024 * 1024;
/// The most questions that one event may lead to.
const MOST_QUESTIONS: usize = 100;

/// A server with a room of Alice's in which the peer's Mallory is; nothing where the server is not ours to start.
fn scene() -> Option<(User, Peer, Dag)> {
    if !matches!(Target::from_environment(), Target::Fialka(_)) {
        return None;
    }
    let server = Homeserver::own(&Settings::default())?;
    let (alice, peer) = (server.register("alice"), Peer::start());
    let dag = enter_room(&alice, &peer);
    Some((alice, peer, dag))
}

fn enter_room(alice: &User, peer: &Peer) -> Dag {
    let room = alice.public_room();
    let dag = Dag::join(peer, &alice.server, &room, &peer.user("mallory"));
    let tip = alice.say(&room, "welcome");
    dag.learn(&alice.server, &tip);
    dag
}

/// Mallory's newest message, after events that nobody has.
fn after_nothing(dag: &Dag, peer: &Peer, tip: &str, words: &str) -> Value {
    let draft = Draft::message(&peer.user("mallory"), words);
    let mut event = dag.unfinished(&[tip.to_owned()], &draft);
    event["prev_events"] = json!([unknown()]);
    event["depth"] = 1_000_000.into();
    event
}

/// The id of an event that does not exist.
fn unknown() -> String {
    let name = unique("unknown").replace('-', "_");
    format!("${name:A<43}")
}

fn tip(alice: &User, dag: &Dag) -> String {
    let tip = alice.say(&dag.room(), "before the attack");
    dag.learn(&alice.server, &tip);
    tip
}

/// The room goes on for its people, and a peer that behaves is heard.
fn must_go_on(alice: &User, peer: &Peer, dag: &Dag) {
    let tip = tip(alice, dag);
    let words = unique("in order");
    let event = dag.make(&[tip], &Draft::message(&peer.user("mallory"), &words));
    dag.send(&alice.server, &[event]);
    alice.must_read_once(&dag.room(), &words);
}

fn must_be_within_memory(server: &Homeserver) {
    if let Some(peak) = server.peak_memory() {
        let mebibytes = peak / 1024 / 1024;
        assert!(peak < MEMORY_BOUND, "the server has had {mebibytes} MiB");
        eprintln!("the server has had {mebibytes} MiB at most");
    }
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1get_missing_eventsroomid)
#[test]
fn a_past_without_a_beginning_is_not_followed_forever() {
    let Some((alice, peer, dag)) = scene() else {
        return;
    };
    let at = tip(&alice, &dag);
    let (past, begins) = (dag.clone(), at.clone());
    let mallory = peer.clone();
    // Each answer has fifty events before those that were asked for, which follow something else that is unknown.
    peer.on(move |received| {
        let is_asked = received.path().contains("/get_missing_events/");
        is_asked.then(|| {
            let mut events = Vec::new();
            let mut follows = unknown();
            for number in 0..50 {
                let mut event = after_nothing(&past, &mallory, &begins, &format!("past {number}"));
                event["prev_events"] = json!([follows]);
                follows = past.finish(&mut event);
                events.push(event);
            }
            Answer::json(200, &json!({ "events": events }))
        })
    });
    let mut event = after_nothing(&dag, &peer, &at, "the newest");
    dag.finish(&mut event);
    dag.send_events(&alice.server, &[event]).ok();
    must_go_on(&alice, &peer, &dag);
    let questions = peer.received("/_matrix/federation/v1/").len();
    assert!(questions < MOST_QUESTIONS, "{questions} questions");
    must_be_within_memory(&alice.server);
}

/// Whoever asks what allows an event gets another one that is allowed by ten more, and so on.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1event_authroomideventid)
#[test]
fn a_chain_of_auth_events_without_an_end_is_not_followed_forever() {
    let Some((alice, peer, dag)) = scene() else {
        return;
    };
    let at = tip(&alice, &dag);
    let draft = Draft::member(&peer.user("mallory"), &peer.user("mallory"), "join");
    let bomb = {
        let (dag, at) = (dag.clone(), at.clone());
        move || {
            let mut event = dag.unfinished(std::slice::from_ref(&at), &draft);
            event["auth_events"] = (0..10).map(|_| unknown()).collect();
            dag.finish(&mut event);
            event
        }
    };
    let answered = Arc::new(Mutex::new(0_usize));
    let counting = Arc::clone(&answered);
    peer.on(move |received| {
        let chain = || (0..100).map(|_| bomb()).collect::<Vec<_>>();
        let answer = if received.path().contains("/event_auth/") {
            json!({ "auth_chain": chain() })
        } else if received.path().contains("/v1/event/") {
            json!({ "origin": "x", "origin_server_ts": now(), "pdus": [bomb()] })
        } else {
            return None;
        };
        *counting.lock().expect("no test died here") += 1;
        Some(Answer::json(200, &answer))
    });
    let mut event = dag.unfinished(
        &[at],
        &Draft::message(&peer.user("mallory"), "allowed by nothing"),
    );
    event["auth_events"] = (0..10).map(|_| unknown()).collect();
    dag.finish(&mut event);
    dag.send_events(&alice.server, &[event]).ok();
    must_go_on(&alice, &peer, &dag);
    let questions = *answered.lock().expect("no test died here");
    assert!(
        (1..MOST_QUESTIONS).contains(&questions),
        "{questions} questions"
    );
    let found = alice.all_bodies(&dag.room());
    assert!(
        !found.contains(&"allowed by nothing".to_owned()),
        "{found:?}"
    );
    must_be_within_memory(&alice.server);
}

/// Questions are answered with bytes that never stop.
#[test]
fn answers_that_never_end_are_cut_off() {
    let filler = format!("\"{}\",", "x".repeat(64 * 1024));
    for endless in ["get_missing_events", "state_ids", "state", "event_auth"] {
        let Some((alice, peer, dag)) = scene() else {
            return;
        };
        let at = tip(&alice, &dag);
        let again = filler.clone();
        peer.on(move |received| {
            let asked = received.path().strip_prefix("/_matrix/federation/v1/")?;
            let asked = asked.split('/').next().unwrap_or_default();
            let many: Vec<String> = (0..50).map(|_| unknown()).collect();
            let answer = match asked {
                _ if asked == endless => {
                    return Some(Answer::endless("{\"x\":[", &again, Duration::ZERO));
                }
                // A server that does not tell what an event follows is asked for the state there.
                "get_missing_events" => return Some(Answer::error(404, "M_NOT_FOUND")),
                // So many unknown events that the whole state is asked for.
                "state_ids" => json!({ "pdu_ids": many, "auth_chain_ids": [] }),
                _ => return None,
            };
            Some(Answer::json(200, &answer))
        });
        let mut event = after_nothing(&dag, &peer, &at, "after a flood");
        if endless == "event_auth" {
            event["prev_events"] = json!([at]);
            event["auth_events"] = json!([unknown()]);
        }
        dag.finish(&mut event);
        dag.send_events(&alice.server, &[event]).ok();
        // Alice does not wait for it.
        alice.say(&dag.room(), "meanwhile");
        must_go_on(&alice, &peer, &dag);
        assert!(
            !peer
                .received(&format!("/_matrix/federation/v1/{endless}/"))
                .is_empty(),
            "{endless} was not asked"
        );
        let found = alice.all_bodies(&dag.room());
        assert!(!found.contains(&"after a flood".to_owned()), "{found:?}");
        must_be_within_memory(&alice.server);
    }
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#joining-rooms)
#[test]
fn a_room_whose_state_never_ends_is_not_joined() {
    let Some((alice, peer, dag)) = scene() else {
        return;
    };
    let room = format!("!endless:{}", peer.name());
    let mallory = peer.user("mallory");
    peer.on(move |received| {
        if received.path().contains("/make_join/") {
            let event = json!({ "type": "m.room.member", "sender": mallory, "content": {}, "prev_events": [], "auth_events": [] });
            return Some(Answer::json(200, &json!({ "room_version": "11", "event": event })));
        }
        let filler = format!("{{\"type\":\"{}\"}},", "x".repeat(64 * 1024));
        let is_sent = received.path().contains("/send_join/");
        is_sent.then(|| Answer::endless("{\"auth_chain\":[],\"state\":[", &filler, Duration::ZERO))
    });
    let path = spec_tests::path!("/v3/join/{}?via={}", room, peer.name());
    let reply = alice
        .request("POST", &path)
        .json(&json!({}))
        .try_send()
        .expect("an answer");
    assert!(reply.status >= 400, "{reply}");
    must_go_on(&alice, &peer, &dag);
    must_be_within_memory(&alice.server);
}

/// The peer answers a question about one room with one byte now and then. Its other room is served meanwhile.
#[test]
fn a_peer_that_dawdles_in_one_room_does_not_delay_another() {
    let Some((alice, peer, dag)) = scene() else {
        return;
    };
    let other = enter_room(&alice, &peer);
    let at = tip(&alice, &dag);
    let slow = dag.room();
    peer.on(move |received| {
        let is_asked = received.path().contains("/get_missing_events/")
            && received.path().contains(&spec_tests::http::encode(&slow));
        is_asked.then(|| Answer::endless("{", " ", Duration::from_millis(500)))
    });
    let mut event = after_nothing(&dag, &peer, &at, "after a long wait");
    dag.finish(&mut event);
    dag.send_events(&alice.server, &[event]).ok();
    spec_tests::sync_until::eventually(|| {
        match peer
            .received("/_matrix/federation/v1/get_missing_events/")
            .len()
        {
            0 => Err("not asked yet".to_owned()),
            _ => Ok(()),
        }
    });
    must_go_on(&alice, &peer, &other);
    alice.say(&dag.room(), "and here one can still write");
}

/// Hundreds of connections that send a request at one byte in a while do not keep others from being served.
#[test]
fn requests_that_drip_do_not_keep_others_waiting() {
    let Some((alice, peer, dag)) = scene() else {
        return;
    };
    let address = alice.server.url().trim_start_matches("http://").to_owned();
    let mut dripping = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(&address).expect("a connection");
        let head = format!(
            "PUT /_matrix/federation/v1/send/{number} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).expect("a request begins");
        dripping.push(stream);
    }
    must_go_on(&alice, &peer, &dag);
    for stream in &mut dripping {
        // The server may have had enough of it.
        drop(stream.write_all(b" "));
    }
    must_go_on(&alice, &peer, &dag);
    must_be_within_memory(&alice.server);
}

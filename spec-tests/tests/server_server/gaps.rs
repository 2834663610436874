//! What is missing before an event whose sender's server went away.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#retrieving-missing-events)

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;
use spec_tests::{
    Peer, User, homeserver,
    peer::{Answer, Dag, Draft},
    sync_until::eventually,
};

/// A room of Alice's in which the peer's Mallory is, who has said two things. The server has not been sent the first.
struct Scene {
    alice: User,
    dag: Dag,
    second: String,
    is_away: Arc<AtomicBool>,
}

impl Scene {
    fn new(others: &[&Peer]) -> Self {
        let (alice, peer) = (homeserver().register("alice"), Peer::start());
        let room = alice.public_room();
        let mallory = peer.user("mallory");
        let dag = Dag::join(&peer, &alice.server, &room, &mallory);
        for other in others {
            Dag::join(other, &alice.server, &room, &other.user("eve"));
            dag.answer_at(other);
        }
        let tip = alice.say(&room, "welcome");
        dag.learn(&alice.server, &tip);
        let first = dag.make(&[tip], &Draft::message(&mallory, "first"));
        let second = dag.make(&[first], &Draft::message(&mallory, "second"));
        let is_away = Arc::new(AtomicBool::new(true));
        let away = Arc::clone(&is_away);
        peer.on(move |received| {
            let is_asked = received.path().starts_with("/_matrix/federation/");
            (is_asked && away.load(Ordering::Relaxed)).then(|| Answer::error(502, "M_UNKNOWN"))
        });
        Self {
            alice,
            dag,
            second,
            is_away,
        }
    }

    fn send(&self) {
        let answer = self
            .dag
            .send(&self.alice.server, std::slice::from_ref(&self.second));
        assert_eq!(answer["pdus"][&self.second], json!({}), "{answer}");
    }

    fn must_be_whole(&self) {
        for words in ["first", "second"] {
            self.alice.must_read_once(&self.dag.room(), words);
        }
    }
}

#[test]
fn another_server_in_the_room_is_asked_when_the_sender_does_not_answer() {
    let other = Peer::start();
    let scene = Scene::new(&[&other]);
    scene.send();
    scene.must_be_whole();
}

#[test]
fn an_event_waits_for_a_server_that_comes_back_and_delays_no_other() {
    let scene = Scene::new(&[]);
    scene.send();
    let other = Peer::start();
    let room = scene.dag.room();
    let eve = other.user("eve");
    let dag = Dag::join(&other, &scene.alice.server, &room, &eve);
    let tip = scene.alice.say(&room, "meanwhile");
    dag.learn(&scene.alice.server, &tip);
    let id = dag.make(&[tip], &Draft::message(&eve, "hello from elsewhere"));
    dag.send(&scene.alice.server, &[id]);
    scene.alice.must_read_once(&room, "hello from elsewhere");
    let seen = scene.alice.all_bodies(&room);
    assert!(!seen.contains(&"second".to_owned()), "{seen:?}");
    scene.is_away.store(false, Ordering::Relaxed);
    scene.must_be_whole();
}

/// What a peer tells of the state behind a hole does not replace what is known of the other events before its own.
#[test]
fn a_peer_that_leaves_out_what_is_known_here_does_not_undo_it() {
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let room = alice.public_room();
    let mallory = peer.user("mallory");
    let dag = Dag::join(&peer, &alice.server, &room, &mallory);
    peer.on(|received| {
        let is_asked = received.path().contains("/get_missing_events/");
        is_asked.then(|| Answer::error(404, "M_NOT_FOUND"))
    });
    let tip = alice.say(&room, "welcome");
    dag.learn(&alice.server, &tip);
    let topic = alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "Tea" }));
    dag.learn(&alice.server, &topic);
    let first = dag.make(&[tip], &Draft::message(&mallory, "first"));
    let second = dag.make(&[first.clone(), topic], &Draft::message(&mallory, "second"));
    dag.set_state_before(&second, dag.state_after(&first));
    dag.send(&alice.server, &[second]);
    alice.must_read_once(&room, "second");
    let topic = alice.state(&room, "m.room.topic", "").ok();
    assert_eq!(topic["topic"], "Tea");
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1get_missing_eventsroomid)
#[test]
fn an_event_without_those_it_follows_is_dropped_and_the_next_one_asked_about() {
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let room = alice.public_room();
    let mallory = peer.user("mallory");
    let dag = Dag::join(&peer, &alice.server, &room, &mallory);
    let gives = Arc::new(AtomicBool::new(false));
    let may_give = Arc::clone(&gives);
    peer.on(move |received| {
        let is_asked = received.path().contains("/get_missing_events/");
        let keeps = is_asked && !may_give.load(Ordering::Relaxed);
        keeps.then(|| Answer::json(200, &json!({ "events": [] })))
    });
    let tip = alice.say(&room, "welcome");
    dag.learn(&alice.server, &tip);
    let mut ids = vec![tip];
    for words in ["first", "second", "third"] {
        let after = ids.last().cloned();
        ids.push(dag.make(after.as_slice(), &Draft::message(&mallory, words)));
    }
    dag.send(&alice.server, &ids[2..3]);
    eventually(|| {
        let asked = peer.received("/_matrix/federation/v1/get_missing_events/");
        match asked.is_empty() {
            true => Err("not asked yet".to_owned()),
            false => Ok(()),
        }
    });
    gives.store(true, Ordering::Relaxed);
    dag.send(&alice.server, &ids[3..]);
    for words in ["first", "second", "third"] {
        alice.must_read_once(&room, words);
    }
    let states = peer.received("/_matrix/federation/v1/state_ids/");
    assert!(
        states.is_empty(),
        "the state was asked for {} times",
        states.len()
    );
}

//! Policy servers, one of which the test plays.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#policy-servers)

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use spec_tests::{
    Peer, Reply, User,
    crypto::Key,
    homeserver, path,
    peer::{Answer, Dag, Draft, Received},
    server::unique,
    sync_until::eventually,
    user::rooms::message,
};

const SIGN: &str = "/_matrix/policy/v1/sign";

/// A room of Alice's that a policy server looks after. It signs everything that is not spam.
struct Scene {
    alice: User,
    room: String,
    policy: Peer,
    dag: Dag,
    key: Arc<Key>,
}

impl Scene {
    fn new() -> Self {
        let (alice, policy) = (homeserver().register("alice"), Peer::start());
        let room = alice.public_room();
        let dag = Dag::join(&policy, &alice.server, &room, &policy.user("guard"));
        let key = Arc::new(Key::new());
        let (signs, with) = (dag.clone(), Arc::clone(&key));
        policy.on(move |received| {
            if received.path() != SIGN {
                return None;
            }
            if received.body.to_string().contains("spam") {
                let refusal = json!({ "errcode": "M_FORBIDDEN", "error": "This looks like spam." });
                return Some(Answer::json(400, &refusal));
            }
            Some(Answer::json(
                200,
                &signs.policy_signature(&with, &received.body),
            ))
        });
        Self {
            alice,
            room,
            policy,
            dag,
            key,
        }
    }

    fn enabled() -> Self {
        let scene = Self::new();
        scene.enable(&scene.key.public());
        scene
    }

    fn enable(&self, key: &str) {
        let content = json!({ "via": self.policy.name(), "public_keys": { "ed25519": key } });
        self.alice
            .set_state(&self.room, "m.room.policy", "", &content);
    }

    fn asked(&self, words: &str) -> usize {
        let asked = self.policy.received(SIGN);
        let about = asked
            .iter()
            .filter(|request| request.body["content"]["body"] == words);
        about.count()
    }

    /// The event with these words, as the policy server was sent it with the room's other events.
    fn sent(&self, words: &str) -> Value {
        eventually(|| {
            let transactions = self.policy.received("/_matrix/federation/v1/send/");
            let pdus = transactions
                .iter()
                .filter_map(|request| request.body["pdus"].as_array())
                .flatten();
            let mut found = pdus.filter(|pdu| pdu["content"]["body"] == words);
            found.next().cloned().ok_or("not sent yet".to_owned())
        })
    }
}

#[test]
fn what_the_policy_server_signs_is_sent_with_its_signature() {
    let scene = Scene::enabled();
    scene.alice.say(&scene.room, "welcome");
    let sent = scene.sent("welcome");
    let name = scene.policy.name();
    let expected = scene.dag.policy_signature(&scene.key, &sent);
    assert_eq!(
        sent["signatures"][name]["ed25519:policy_server"],
        expected[name]["ed25519:policy_server"]
    );
    assert_eq!(scene.asked("welcome"), 1);
}

#[test]
fn what_the_policy_server_refuses_is_not_sent_and_the_client_learns_why() {
    let scene = Scene::enabled();
    let refused = scene
        .alice
        .try_send(&scene.room, "m.room.message", &message("spam"))
        .must_fail(400, "M_FORBIDDEN");
    assert_eq!(refused["error"], "This looks like spam.");
    let topic = json!({ "topic": "spam" });
    scene
        .alice
        .try_set_state(&scene.room, "m.room.topic", "", &topic)
        .must_fail(400, "M_FORBIDDEN");
    scene.alice.say(&scene.room, "welcome");
    assert!(
        !scene
            .alice
            .all_bodies(&scene.room)
            .contains(&"spam".to_owned())
    );
}

#[test]
fn a_signature_of_another_key_than_the_rooms_is_none() {
    let scene = Scene::new();
    scene.enable(&Key::new().public());
    scene
        .alice
        .try_send(&scene.room, "m.room.message", &message("hello"))
        .must_fail(403, "M_FORBIDDEN");
    // The state that says so is not subject to it, or nobody could mend that.
    scene.enable(&scene.key.public());
    scene.alice.say(&scene.room, "hello again");
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#validating-policy-server-signatures)
#[test]
fn events_of_others_need_the_signature_to_be_seen() {
    let scene = Scene::enabled();
    let other = Peer::start();
    let eve = other.user("eve");
    let dag = Dag::join(&other, &scene.alice.server, &scene.room, &eve);
    let tip = scene.alice.say(&scene.room, "welcome");
    dag.learn(&scene.alice.server, &tip);
    let mut ids = Vec::new();
    for words in ["spam", "hello", "signed before"] {
        ids.push(dag.make(std::slice::from_ref(&tip), &Draft::message(&eve, words)));
    }
    let mut events: Vec<Value> = ids.iter().map(|id| dag.event(id)).collect();
    let name = scene.policy.name();
    let signature = scene.dag.policy_signature(&scene.key, &events[2]);
    events[2]["signatures"][name] = signature[name].clone();
    dag.send_events(&scene.alice.server, &events).ok();
    scene.alice.must_read_once(&scene.room, "signed before");
    scene.alice.must_read_once(&scene.room, "hello");
    assert!(
        !scene
            .alice
            .all_bodies(&scene.room)
            .contains(&"spam".to_owned())
    );
    assert_eq!(scene.asked("signed before"), 0);
    assert_eq!(scene.asked("hello"), 1);
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#determining-if-a-policy-server-is-enabled-in-a-room)
#[test]
fn a_policy_server_is_not_asked_once_the_room_does_without_or_nobody_of_it_is_there() {
    let scene = Scene::enabled();
    scene
        .alice
        .set_state(&scene.room, "m.room.policy", "", &json!({}));
    scene.alice.say(&scene.room, "no spam");
    assert_eq!(scene.asked("no spam"), 0);
    scene.enable(&scene.key.public());
    let guard = scene.policy.user("guard");
    let body = json!({ "user_id": guard });
    let path = path!("/v3/rooms/{}/kick", scene.room);
    scene.alice.post(&path, &body).ok();
    scene.alice.say(&scene.room, "still no spam");
    assert_eq!(scene.asked("still no spam"), 0);
}

/// What is sent while the policy server cannot make up its mind about something hard, which a thread does.
fn must_not_hold_up(scene: &Scene, hard: impl FnOnce() -> Reply + Send + 'static) {
    scene.policy.on(|received| {
        let is_hard =
            received.path() == SIGN && received.body["content"].to_string().contains("hard");
        is_hard.then(|| Answer::endless("{", " ", Duration::from_millis(100)))
    });
    let waiting = std::thread::spawn(hard);
    eventually(|| {
        let asked = scene.policy.received(SIGN);
        let is_asked = |request: &Received| request.body["content"].to_string().contains("hard");
        match asked.iter().any(is_asked) {
            false => Err("not asked yet".to_owned()),
            true => Ok(()),
        }
    });
    scene.alice.say(&scene.room, "easy");
    let topic = json!({ "topic": "easy" });
    scene
        .alice
        .set_state(&scene.room, "m.room.topic", "", &topic);
    assert!(!waiting.is_finished(), "nothing was thought about");
    let refused = waiting.join().expect("the request to end");
    refused.must_fail(502, "M_UNKNOWN");
}

fn put(user: &User, path: &str, body: &Value) -> Reply {
    user.request("PUT", path)
        .json(body)
        .try_send()
        .expect("an answer")
}

#[test]
fn a_message_that_the_policy_server_thinks_about_does_not_hold_up_others() {
    let scene = Scene::enabled();
    let (alice, room) = (scene.alice.clone(), scene.room.clone());
    must_not_hold_up(&scene, move || {
        let path = path!("/v3/rooms/{}/send/m.room.message/{}", room, unique("txn"));
        put(&alice, &path, &message("hard"))
    });
}

#[test]
fn nor_does_a_change_of_state() {
    let scene = Scene::enabled();
    let (alice, room) = (scene.alice.clone(), scene.room.clone());
    must_not_hold_up(&scene, move || {
        let path = path!("/v3/rooms/{}/state/m.room.name", room);
        put(&alice, &path, &json!({ "name": "hard" }))
    });
}

#[test]
fn nor_does_a_redaction() {
    let scene = Scene::enabled();
    let event = scene.alice.say(&scene.room, "a mistake");
    let (alice, room) = (scene.alice.clone(), scene.room.clone());
    must_not_hold_up(&scene, move || {
        let path = path!("/v3/rooms/{}/redact/{}/{}", room, event, unique("txn"));
        put(&alice, &path, &json!({ "reason": "hard" }))
    });
}

#[test]
fn nor_does_an_invitation() {
    let scene = Scene::enabled();
    let bob = scene.alice.server.register("bob");
    let (alice, room) = (scene.alice.clone(), scene.room.clone());
    must_not_hold_up(&scene, move || {
        let path = path!("/v3/rooms/{}/invite", room);
        let body = json!({ "user_id": bob.id, "reason": "hard" });
        let request = alice.request("POST", &path).json(&body);
        request.try_send().expect("an answer")
    });
}

#[test]
fn changes_of_state_that_were_approved_at_the_same_time_are_all_made() {
    let scene = Scene::enabled();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let scene = &scene;
            scope.spawn(move || {
                let key = format!("key {number}");
                let content = json!({ "number": number });
                scene
                    .alice
                    .set_state(&scene.room, "org.example.state", &key, &content);
                let event = scene.alice.say(&scene.room, &format!("mistake {number}"));
                scene.alice.redact(&scene.room, &event);
            });
        }
    });
    scene.alice.say(&scene.room, "the last");
    for number in 0..8 {
        let key = format!("key {number}");
        let state = scene
            .alice
            .state(&scene.room, "org.example.state", &key)
            .ok();
        assert_eq!(state["number"], number);
    }
    assert_eq!(scene.alice.all_bodies(&scene.room), ["the last"]);
}

#[test]
fn messages_that_were_approved_at_the_same_time_are_all_sent() {
    let scene = Scene::enabled();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let scene = &scene;
            scope.spawn(move || scene.alice.say(&scene.room, &format!("message {number}")));
        }
    });
    scene.alice.say(&scene.room, "the last");
    let sent = scene.alice.all_bodies(&scene.room);
    assert_eq!(sent.len(), 9, "{sent:?}");
}

#[test]
fn a_policy_server_that_is_away_is_told_of_as_such() {
    let scene = Scene::enabled();
    scene
        .policy
        .on(|received| (received.path() == SIGN).then(|| Answer::error(502, "M_UNKNOWN")));
    let path = path!(
        "/v3/rooms/{}/send/m.room.message/{}",
        scene.room,
        unique("txn")
    );
    let message = scene.alice.request("PUT", &path).json(&message("hello"));
    message
        .try_send()
        .expect("an answer")
        .must_fail(502, "M_UNKNOWN");
}

/// Else a policy server would get the signature of the member's server for whatever somebody sends in their name.
#[test]
fn an_event_that_somebody_else_may_not_send_is_not_shown_to_the_policy_server() {
    let (scene, other) = (Scene::enabled(), Peer::start());
    let room = scene.alice.public_room();
    let eve = other.user("eve");
    Dag::join(&other, &scene.alice.server, &scene.room, &eve);
    let dag = Dag::join(&other, &scene.alice.server, &room, &eve);
    let tip = scene.alice.say(&room, "welcome");
    dag.learn(&scene.alice.server, &tip);
    let levels = json!({ "users": { &scene.alice.id: 100, &eve: 100 } });
    let drafts = [
        Draft::state(&scene.alice.id, "m.room.power_levels", "", levels),
        Draft::member(&scene.alice.id, &scene.alice.id, "leave"),
        Draft::member(&eve, &eve, "leave"),
    ];
    let asked = scene.policy.received(SIGN).len();
    for draft in drafts {
        let mut event = dag.unfinished(std::slice::from_ref(&tip), &draft);
        let id = dag.finish(&mut event);
        let path = path!("/_matrix/federation/v2/send_leave/{}/{}", scene.room, id);
        let sent = other.request(&scene.alice.server, "PUT", &path, Some(&event));
        let reply = sent.send();
        assert!((400..500).contains(&reply.status), "{reply}");
    }
    assert_eq!(scene.policy.received(SIGN).len(), asked);
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixpolicyv1sign)
#[test]
fn a_server_that_is_no_policy_server_says_so() {
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let room = alice.public_room();
    let dag = Dag::join(&peer, &alice.server, &room, &peer.user("eve"));
    let tip = alice.say(&room, "welcome");
    dag.learn(&alice.server, &tip);
    let id = dag.make(&[tip], &Draft::message(&peer.user("eve"), "hello"));
    peer.request(&alice.server, "POST", SIGN, Some(&dag.event(&id)))
        .send()
        .must_fail(404, "M_UNRECOGNIZED");
}

//! Events that are sent later.
//! [MSC4140](https://github.com/matrix-org/matrix-spec-proposals/pull/4140)

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Settings, User, homeserver,
    http::Reply,
    matchers::{items, timeline_has},
    must::{must_contain, must_find, text},
    path,
    server::unique,
};

const BASE: &str = "/_matrix/client/unstable/org.matrix.msc4140";
/// Long enough for nothing to be sent while a test goes on.
const LONG: u64 = 60 * 60 * 1000;

fn try_message(user: &User, room: &str, delay: &str, body: &str) -> Reply {
    let kind = "m.room.message";
    let path = path!("/v3/rooms/{}/send/{}/{}", room, kind, unique("txn"));
    let content = json!({ "msgtype": "m.text", "body": body });
    user.put(
        &format!("{path}?org.matrix.msc4140.delay={delay}"),
        &content,
    )
}

fn message(user: &User, room: &str, delay: u64, body: &str) -> String {
    let answer = try_message(user, room, &delay.to_string(), body).ok();
    assert!(answer.get("event_id").is_none(), "{answer}");
    text(&answer["delay_id"])
}

fn state(user: &User, room: &str, delay: u64, content: &Value) -> String {
    let path = path!("/v3/rooms/{}/state/test.state/key", room);
    let path = format!("{path}?org.matrix.msc4140.delay={delay}");
    text(&user.put(&path, content).ok()["delay_id"])
}

fn waiting(user: &User) -> Vec<Value> {
    let answer = user.get(&format!("{BASE}/delayed_events")).ok();
    items(&answer["delayed_events"]).to_vec()
}

fn update(server: &Homeserver, id: &str, action: &str) -> Reply {
    let path = format!("{BASE}/delayed_events/{}", spec_tests::http::encode(id));
    server.post(&path, &json!({ "action": action }))
}

#[test]
fn a_message_is_sent_after_its_delay() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    message(&alice, &room, 300, "later");
    let later = json!({ "type": "m.room.message", "content": { "body": "later" } });
    let seen = alice.must_see(timeline_has(&room, later.clone()));
    let events = &seen["rooms"]["join"][&room]["timeline"]["events"];
    must_find(events, &later);
    assert!(waiting(&alice).is_empty());
}

#[test]
fn what_waits_is_listed_for_its_sender_only() {
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let content = json!({ "gone": true });
    let (first, second) = (
        message(&alice, &room, LONG, "one"),
        state(&alice, &room, LONG + 1, &content),
    );
    let listed = waiting(&alice);
    assert_eq!(listed.len(), 2, "{listed:?}");
    must_contain(
        &listed[0],
        &json!({
            "delay_id": first, "room_id": room, "type": "m.room.message", "delay": LONG,
            "content": { "msgtype": "m.text", "body": "one" },
        }),
    );
    assert!(listed[0].get("state_key").is_none(), "{listed:?}");
    assert!(listed[0]["running_since"].is_u64(), "{listed:?}");
    must_contain(
        &listed[1],
        &json!({ "delay_id": second, "state_key": "key", "content": content }),
    );
    assert!(waiting(&bob).is_empty());
}

#[test]
fn a_cancelled_event_is_never_sent() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let id = message(&alice, &room, 700, "cancelled");
    // Whoever knows the id may do this.
    update(&homeserver(), &id, "cancel").ok();
    assert!(waiting(&alice).is_empty());
    message(&alice, &room, 700, "marker");
    let marker = json!({ "content": { "body": "marker" } });
    let seen = alice.must_see(timeline_has(&room, marker));
    let events = &seen["rooms"]["join"][&room]["timeline"]["events"];
    spec_tests::must::must_not_find(events, &json!({ "content": { "body": "cancelled" } }));
}

#[test]
fn an_event_can_be_sent_before_its_time() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let content = json!({ "by": "hand" });
    let id = state(&alice, &room, LONG, &content);
    let path = path!("/v3/rooms/{}/state/test.state/key", room);
    alice.get(&path).must_fail(404, "M_NOT_FOUND");
    update(&homeserver(), &id, "send").ok();
    assert_eq!(alice.get(&path).ok(), content);
    assert!(waiting(&alice).is_empty());
}

#[test]
fn a_restarted_event_waits_from_then_on() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let id = message(&alice, &room, LONG, "x");
    let since = |user: &User| waiting(user)[0]["running_since"].as_u64().unwrap();
    let before = since(&alice);
    spec_tests::sync_until::eventually(|| {
        update(&homeserver(), &id, "restart").ok();
        match since(&alice) > before {
            true => Ok(()),
            false => Err("not restarted".to_owned()),
        }
    });
}

/// The action in the path, as the accepted proposal has it.
#[test]
fn actions_may_stand_in_the_path() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let id = message(&alice, &room, LONG, "x");
    for action in ["restart", "cancel"] {
        let path = format!("{BASE}/delayed_events/{id}/{action}");
        homeserver().post(&path, &json!({})).ok();
    }
    assert!(waiting(&alice).is_empty());
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    for delay in ["-1", "soon", "1.5"] {
        let answer = try_message(&alice, &room, delay, "x");
        assert_eq!(answer.status, 400, "{delay}: {answer}");
    }
    let id = message(&alice, &room, LONG, "x");
    for (id, action, status) in [
        (&*id, "explode", 400),
        ("nonsense", "cancel", 404),
        ("nonsense", "send", 404),
        ("nonsense", "restart", 404),
    ] {
        let answer = update(&homeserver(), id, action);
        assert_eq!(answer.status, status, "{action}: {answer}");
    }
    homeserver()
        .get(&format!("{BASE}/delayed_events"))
        .must_fail(401, "M_MISSING_TOKEN");
}

#[test]
fn a_delay_that_is_too_long_names_the_longest() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let answer = try_message(&alice, &room, "99999999999", "x").must_be(400);
    assert_eq!(answer["org.matrix.msc4140.errcode"], "M_MAX_DELAY_EXCEEDED");
    assert!(answer["org.matrix.msc4140.max_delay"].is_u64(), "{answer}");
}

#[test]
fn sending_what_is_not_allowed_is_refused_when_it_is_sent() {
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let id = message(&bob, &room, LONG, "x");
    alice.membership("kick", &room, &bob).ok();
    update(&homeserver(), &id, "send").must_fail(403, "M_FORBIDDEN");
}

#[test]
fn the_same_transaction_schedules_once() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let path = path!("/v3/rooms/{}/send/test.event/txn1", room);
    let path = format!("{path}?org.matrix.msc4140.delay={LONG}");
    let ids = [(); 2].map(|()| text(&alice.put(&path, &json!({})).ok()["delay_id"]));
    assert_eq!(ids[0], ids[1]);
    assert_eq!(waiting(&alice).len(), 1);
}

/// The endpoint of the accepted proposal.
#[test]
fn events_are_scheduled_with_their_delay_in_the_body() {
    let alice = homeserver().register("alice");
    if alice.server.is_synapse() {
        return;
    }
    let room = alice.private_room();
    for base in [BASE, "/v3"] {
        let path = path!("/rooms/{}/delayed_event/test.state/{}", room, unique("txn"));
        let body = json!({ "delay": LONG, "state_key": "key", "content": { "n": 1 } });
        let id = text(&alice.put(&format!("{base}{path}"), &body).ok()["delay_id"]);
        let found = alice.get(&format!("/v1/delayed_events/{id}")).ok();
        must_contain(
            &found,
            &json!({ "state_key": "key", "content": { "n": 1 } }),
        );
        let answer = alice.post(&format!("/v1/delayed_events/{id}/cancel"), &json!({}));
        answer.ok();
        for delay in [json!(0), json!("1"), json!(null)] {
            let body = json!({ "delay": delay, "content": {} });
            let answer = alice.put(&format!("{base}{path}x"), &body);
            assert_eq!(answer.status, 400, "{delay}: {answer}");
        }
    }
    let body = json!({ "delay": 99_999_999_999_u64, "content": {} });
    let path = path!(
        "/v3/rooms/{}/delayed_event/test.event/{}",
        room,
        unique("txn")
    );
    let answer = alice
        .put(&path, &body)
        .must_fail(400, "M_MAX_DELAY_EXCEEDED");
    assert!(answer["max_delay"].is_u64(), "{answer}");
}

#[test]
fn events_are_sent_by_a_server_that_started_anew() {
    let Some(server) = Homeserver::own(&Settings::default()) else {
        return;
    };
    let alice = server.register("alice");
    let room = alice.private_room();
    let id = message(&alice, &room, LONG, "much later");
    message(&alice, &room, 1_500, "soon");
    server.kill_and_restart();
    alice.must_see(timeline_has(
        &room,
        json!({ "content": { "body": "soon" } }),
    ));
    assert_eq!(waiting(&alice)[0]["delay_id"], json!(id));
    update(&server, &id, "send").ok();
    alice.must_see(timeline_has(
        &room,
        json!({ "content": { "body": "much later" } }),
    ));
}

//! Rate limits.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#rate-limiting)

use std::thread;

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Reply, Settings, User, covers, path, server::unique, user::rooms::message,
};

/// More requests than any limit lets pass at once.
const MANY: usize = 8_000;

fn limited() -> Option<Homeserver> {
    let server = Homeserver::own(&Settings {
        limits: true,
        ..Settings::default()
    })?;
    // Where Synapse's limits lie differs, and they are so low in its test configuration that nothing can be set up.
    (!server.is_synapse()).then_some(server)
}

/// Repeats a request until it is refused for coming too often.
#[track_caller]
fn until_limited(mut ask: impl FnMut() -> Reply) {
    for _ in 0..MANY {
        let reply = ask();
        if reply.status != 429 {
            continue;
        }
        let after = reply.header("retry-after").parse::<u64>();
        let body = reply.must_fail(429, "M_LIMIT_EXCEEDED");
        let wait = body["retry_after_ms"].as_u64().expect("how long to wait");
        assert!(wait > 0);
        assert_eq!(after, Ok(wait.div_ceil(1_000)), "{body}");
        return;
    }
    panic!("{MANY} requests were let through");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login)
#[test]
fn guessing_passwords_and_registering_are_limited() {
    covers!(POST "/_matrix/client/v3/login", POST "/_matrix/client/v3/register");
    let Some(server) = limited() else { return };
    let alice = server.register("alice");
    let mut body = alice.login_body();
    body["password"] = json!("wrong");
    until_limited(|| server.post("/v3/login", &body));
    // Somebody else at the same address can sign in all the same.
    let bob = server.register("bob");
    bob.new_device();
    until_limited(|| server.post("/v3/register", &json!({})));
    until_limited(|| server.get("/v3/register/available?username=somebody"));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid)
#[test]
fn sending_joining_and_changing_a_profile_are_limited() {
    covers!(
        PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}",
        POST "/_matrix/client/v3/rooms/{roomId}/join",
        POST "/_matrix/client/v3/createRoom",
        PUT "/_matrix/client/v3/profile/{userId}/{keyName}",
    );
    let Some(server) = limited() else { return };
    let alice = server.register("alice");
    let room = alice.public_room();
    until_limited(|| alice.try_send(&room, "m.room.message", &message("x")));
    until_limited(|| {
        alice.try_set_state(&room, "m.room.topic", "", &json!({ "topic": unique("t") }))
    });
    until_limited(|| alice.try_join(&room));
    until_limited(|| alice.post("/v3/createRoom", &json!({ "preset": "no such preset" })));
    let path = path!("/v3/profile/{}/m.tz", alice.id);
    until_limited(|| alice.put(&path, &json!({ "m.tz": 5 })));
    // Nobody else is held up by that.
    let bob = server.register("bob");
    bob.join(&room);
    bob.say(&room, "hello");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#content-repository)
#[test]
fn uploading_and_reporting_are_limited() {
    covers!(POST "/_matrix/media/v3/upload", POST "/_matrix/client/v3/users/{userId}/report");
    let Some(server) = limited() else { return };
    let alice = server.register("alice");
    until_limited(|| {
        alice
            .request("POST", "/_matrix/media/v3/upload")
            .bytes("text/plain", "x")
            .send()
    });
    let path = path!("/v3/users/{}/report", alice.id);
    until_limited(|| alice.post(&path, &json!({ "reason": "x" })));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#rate-limiting)
#[test]
fn any_other_request_is_limited_too() {
    covers!(GET "/_matrix/client/v3/account/whoami");
    let Some(server) = limited() else { return };
    let alice = server.register("alice");
    // Many at once, or the allowance would fill up as fast as it is used.
    let refused = thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| (0..400).any(|_| alice.get("/v3/account/whoami").status == 429))
            })
            .collect();
        workers.into_iter().any(|worker| worker.join().unwrap())
    });
    assert!(refused, "3200 requests of one account within seconds");
}

/// A whole class sits behind one router and starts at the same minute.
#[test]
fn thirty_people_at_one_address_sign_in_at_once() {
    covers!(POST "/_matrix/client/v3/register", POST "/_matrix/client/v3/login", GET "/_matrix/client/v3/sync");
    let Some(server) = limited() else { return };
    let people: Vec<User> = (0..30).map(|_| server.register("student")).collect();
    let room = people[0].public_room();
    let wrong: Vec<Value> = thread::scope(|scope| {
        let workers: Vec<_> = people
            .iter()
            .map(|person| {
                let room = &room;
                scope.spawn(move || {
                    let device = person.new_device();
                    device.initial_sync();
                    device.join(room);
                    device.say(room, "good morning");
                    device.get("/v3/account/whoami").ok()
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect()
    });
    assert_eq!(wrong.len(), 30);
}

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

/// Bots speak more than people do.
#[test]
fn an_administrator_frees_an_account_from_its_limits() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let Some(server) = limited() else { return };
    let Some(admin) = server.register_admin() else {
        return;
    };
    let bot = server.register("bot");
    let room = bot.public_room();
    let path = path!("/_synapse/admin/v1/users/{}/override_ratelimit", bot.id);
    assert_eq!(admin.get(&path).ok(), json!({}));
    until_limited(|| bot.try_send(&room, "m.room.message", &message("x")));
    let none = json!({ "messages_per_second": 0, "burst_count": 0 });
    assert_eq!(admin.post(&path, &none).ok(), none);
    assert_eq!(admin.get(&path).ok(), none);
    for _ in 0..150 {
        bot.say(&room, "x");
    }
    let few = json!({ "messages_per_second": 1, "burst_count": 5 });
    admin.post(&path, &few).ok();
    until_limited(|| bot.try_send(&room, "m.room.message", &message("x")));
    admin.delete(&path).ok();
    assert_eq!(admin.get(&path).ok(), json!({}));
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
                scope.spawn(|| (0..1_000).any(|_| alice.get("/v3/account/whoami").status == 429))
            })
            .collect();
        workers.into_iter().any(|worker| worker.join().unwrap())
    });
    assert!(refused, "8000 requests of one account within seconds");
}

/// What a client asks in a row when somebody opens a large space, types names or sets up many rooms.
#[test]
fn what_clients_ask_in_a_row_is_let_through() {
    covers!(
        GET "/_matrix/client/v3/rooms/{roomId}/members",
        PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}",
        POST "/_matrix/client/v3/user_directory/search",
        GET "/_matrix/client/v1/rooms/{roomId}/hierarchy",
        POST "/_matrix/client/v3/publicRooms",
    );
    let Some(server) = limited() else { return };
    let alice = server.register("alice");
    let room = alice.public_room();
    for number in 0..60 {
        alice.get(&path!("/v3/rooms/{}/members", room)).ok();
        alice.get(&path!("/v1/rooms/{}/hierarchy", room)).ok();
        let rule = path!(
            "/v3/pushrules/global/room/{}",
            format!("!{number}:localhost")
        );
        alice.put(&rule, &json!({ "actions": ["notify"] })).ok();
        let words = json!({ "search_term": format!("name {number}") });
        alice.post("/v3/user_directory/search", &words).ok();
        alice.post("/v3/publicRooms", &json!({})).ok();
    }
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

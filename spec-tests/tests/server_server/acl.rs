//! Access control lists of rooms.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#server-access-control-lists-acls-for-rooms)

use serde_json::{Value, json};
use spec_tests::{
    Peer, User, homeserver, path,
    peer::{Dag, Draft, now},
};

fn set(user: &User, room: &str, deny: &[&str]) {
    let content = json!({ "allow": ["*"], "deny": deny, "allow_ip_literals": true });
    user.set_state(room, "m.room.server_acl", "", &content);
}

/// An address, as lists name it: without the port.
fn host(peer: &Peer) -> &str {
    peer.name().split(':').next().unwrap_or_default()
}

fn typing(room: &str, user: &str) -> Value {
    json!({ "edu_type": "m.typing", "content": { "room_id": room, "user_id": user, "typing": true } })
}

fn read(room: &str, user: &str, event: &str) -> Value {
    let receipt = json!({ "data": { "ts": now() }, "event_ids": [event] });
    json!({ "edu_type": "m.receipt", "content": { room: { "m.read": { user: receipt } } } })
}

#[test]
fn a_server_that_is_denied_neither_speaks_nor_reads_in_the_room() {
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let (room, open) = (alice.public_room(), alice.public_room());
    let mallory = peer.user("mallory");
    let dag = Dag::join(&peer, &alice.server, &room, &mallory);
    let other = Dag::join(&peer, &alice.server, &open, &mallory);
    let (tip, elsewhere) = (alice.say(&room, "welcome"), alice.say(&open, "welcome"));
    dag.learn(&alice.server, &tip);
    other.learn(&alice.server, &elsewhere);
    set(&alice, &room, &[host(&peer)]);
    let before = alice.initial_sync();

    // What is sent: the event is refused with a reason, what passes is dropped; the other room goes on.
    let denied = dag.make(
        std::slice::from_ref(&tip),
        &Draft::message(&mallory, "denied"),
    );
    let answer = dag.send_events(&alice.server, &[dag.event(&denied)]).ok();
    assert!(answer["pdus"][&denied]["error"].is_string(), "{answer}");
    let edus = [
        typing(&room, &mallory),
        read(&room, &mallory, &tip),
        typing(&open, &mallory),
        read(&open, &mallory, &elsewhere),
    ];
    peer.send_transaction(&alice.server, &[], &edus).ok();
    let heard = other.make(&[elsewhere], &Draft::message(&mallory, "heard"));
    other.send(&alice.server, &[heard]);
    alice.must_read_once(&open, "heard");
    let after = alice.sync_after(&before);
    let told = after["rooms"]["join"][&room].to_string();
    assert!(!told.contains(&mallory), "{told}");
    assert!(
        after["rooms"]["join"][&open]
            .to_string()
            .contains("m.typing")
    );

    // What is asked for.
    let ask = |method: &str, path: &str, body: Option<&Value>| {
        peer.request(&alice.server, method, path, body)
            .send()
            .must_fail(403, "M_FORBIDDEN");
    };
    for path in [
        path!("/_matrix/federation/v1/make_join/{}/{}", room, mallory) + "?ver=12",
        path!("/_matrix/federation/v1/make_leave/{}/{}", room, mallory),
        path!("/_matrix/federation/v1/make_knock/{}/{}", room, mallory) + "?ver=12",
        path!("/_matrix/federation/v1/state/{}?event_id={}", room, tip),
        path!("/_matrix/federation/v1/state_ids/{}?event_id={}", room, tip),
        path!("/_matrix/federation/v1/backfill/{}?limit=5&v={}", room, tip),
        path!("/_matrix/federation/v1/event_auth/{}/{}", room, tip),
    ] {
        ask("GET", &path, None);
    }
    let missing = json!({ "earliest_events": [], "latest_events": [tip], "limit": 5 });
    let path = path!("/_matrix/federation/v1/get_missing_events/{}", room);
    ask("POST", &path, Some(&missing));

    // Once it is allowed again, it is heard.
    set(&alice, &room, &[]);
    let again = dag.make(&[tip], &Draft::message(&mallory, "allowed again"));
    dag.send(&alice.server, &[again]);
    alice.must_read_once(&room, "allowed again");
    assert!(!alice.all_bodies(&room).contains(&"denied".to_owned()));
}

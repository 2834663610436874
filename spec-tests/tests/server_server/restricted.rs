//! Rooms that are open to the members of others, where not every server can let people in.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#restricted-rooms)

use serde_json::{Value, json};
use spec_tests::{
    Peer, User, covers, homeserver,
    http::encode,
    path,
    peer::{Answer, Dag, Draft},
    server::homeserver2,
    sync_until::eventually,
};

/// A room that the members of another one may join.
fn room_open_to(user: &User, allowed: &str) -> String {
    user.create_room(&json!({
        "power_level_content_override": { "invite": 50 },
        "initial_state": [{
            "type": "m.room.join_rules", "state_key": "",
            "content": {
                "join_rule": "restricted",
                "allow": [{ "type": "m.room_membership", "room_id": allowed }],
            },
        }],
    }))
}

fn try_join_via(user: &User, room: &str, via: &User) -> spec_tests::http::Reply {
    let via = encode(via.server.server_name());
    let path = format!("{}?via={via}", path!("/v3/join/{}", room));
    user.post(&path, &json!({}))
}

#[test]
fn a_member_of_another_server_lets_somebody_in() {
    covers!(POST "/_matrix/client/v3/join/{roomIdOrAlias}");
    let Some(second) = homeserver2() else { return };
    let alice = homeserver().register("alice");
    let (bob, carl, eve) = (
        second.register("bob"),
        second.register("carl"),
        second.register("eve"),
    );
    let open = alice.public_room();
    let room = room_open_to(&alice, &open);
    for user in [&bob, &carl] {
        try_join_via(user, &open, &alice).ok();
        eventually(|| {
            match alice.state(&open, "m.room.member", &user.id).json["membership"].as_str() {
                Some("join") => Ok(()),
                other => Err(format!("the membership is {other:?}")),
            }
        });
        // Bob's server is in the room when Carl comes, but nobody there may invite.
        try_join_via(user, &room, &alice).ok();
    }
    try_join_via(&eve, &room, &alice).must_fail(403, "M_FORBIDDEN");
}

/// What a server remembers of a room that it has left is old: who names a server is led by that one only.
#[test]
fn who_comes_back_is_led_by_the_servers_they_name() {
    let Some(second) = homeserver2() else { return };
    let alice = homeserver().register("alice");
    let (bob, peer) = (second.register("bob"), Peer::start());
    let room = alice.public_room();
    try_join_via(&bob, &room, &alice).ok();
    bob.leave(&room);
    let path = format!("{}?via={}", path!("/v3/join/{}", room), encode(peer.name()));
    let reply = bob.post(&path, &json!({}));
    assert!(reply.status >= 400, "{reply}");
    try_join_via(&bob, &room, &alice).ok();
}

/// Whoever sends a join in the name of a member has to be entitled to it, whether or not they asked for a template.
#[test]
fn a_join_in_the_name_of_a_member_is_refused_to_those_who_may_not_join() {
    covers!(PUT "/_matrix/federation/v2/send_join/{roomId}/{eventId}");
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let open = alice.public_room();
    let room = room_open_to(&alice, &open);
    let (guest, mallory) = (peer.user("guest"), peer.user("mallory"));
    Dag::join(&peer, &alice.server, &open, &guest);
    let dag = Dag::join(&peer, &alice.server, &room, &guest);
    let tip = alice.say(&room, "for those of the other room");
    dag.learn(&alice.server, &tip);
    let mut draft = Draft::member(&mallory, &mallory, "join");
    draft.content["join_authorised_via_users_server"] = alice.id.as_str().into();
    let join = dag.make(&[tip], &draft);
    let path = path!("/_matrix/federation/v2/send_join/{}/{}", room, join);
    let sent = dag.event(&join);
    peer.request(&alice.server, "PUT", &path, Some(&sent))
        .send()
        .must_fail(403, "M_FORBIDDEN");
    alice
        .state(&room, "m.room.member", &mallory)
        .must_fail(404, "M_NOT_FOUND");
}

/// What a server in a restricted room that this one is in, too, does to let Bob in.
struct Help {
    /// In whose name.
    authoriser: String,
    /// Whether it signs his join.
    signs: bool,
}

/// Alice's room, of which only Mallory's server can tell who may enter, and that server's copy of it.
fn room_that_another_server_opens(alice: &User, peer: &Peer) -> (String, Dag, String) {
    let options = json!({
        "preset": "public_chat",
        "room_version": "11",
        "power_level_content_override": { "invite": 0 },
    });
    let room = alice.create_room(&options);
    let dag = Dag::join(peer, &alice.server, &room, &peer.user("mallory"));
    let allowed = format!("!elsewhere:{}", peer.name());
    let rule = json!({
        "join_rule": "restricted",
        "allow": [{ "type": "m.room_membership", "room_id": allowed }],
    });
    alice.set_state(&room, "m.room.join_rules", "", &rule);
    let tip = alice.say(&room, "a secret");
    dag.learn(&alice.server, &tip);
    (room, dag, tip)
}

fn help(peer: &Peer, (dag, tip): (&Dag, &str), bob: &User, help: Help) {
    let mut draft = Draft::member(&bob.id, &bob.id, "join");
    draft.content["join_authorised_via_users_server"] = help.authoriser.into();
    let template = dag.unfinished(&[tip.to_owned()], &draft);
    let state: Vec<Value> = dag
        .state_after(tip)
        .values()
        .map(|id| dag.event(id))
        .collect();
    let dag = dag.clone();
    peer.on(move |received| {
        if received.path().contains("/make_join/") {
            let answer = json!({ "room_version": "11", "event": template });
            return Some(Answer::json(200, &answer));
        }
        let is_sent = received.path().contains("/send_join/");
        is_sent.then(|| {
            let mut answer = json!({ "state": state, "auth_chain": state });
            if help.signs {
                let mut event = received.body.clone();
                dag.finish(&mut event);
                answer["event"] = event;
            }
            Answer::json(200, &answer)
        })
    });
}

#[test]
fn a_join_that_needs_the_signature_of_another_server_needs_it_of_that_one() {
    covers!(POST "/_matrix/client/v3/join/{roomIdOrAlias}");
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let bob = homeserver().register("bob");
    let (room, dag, tip) = room_that_another_server_opens(&alice, &peer);
    let mallory = peer.user("mallory");
    for (authoriser, signs) in [(&alice.id, false), (&alice.id, true), (&mallory, false)] {
        let authoriser = authoriser.clone();
        help(&peer, (&dag, &tip), &bob, Help { authoriser, signs });
        let reply = bob.post(&path!("/v3/join/{}", room), &json!({}));
        assert!(reply.status >= 400, "{reply}");
    }
    // Synapse asks nobody where somebody of it may let people in.
    if homeserver().is_synapse() {
        return;
    }
    let authoriser = mallory;
    help(
        &peer,
        (&dag, &tip),
        &bob,
        Help {
            authoriser,
            signs: true,
        },
    );
    bob.post(&path!("/v3/join/{}", room), &json!({})).ok();
}

/// Only those who are in a room can tell who may enter it.
#[test]
fn a_server_that_is_not_in_the_room_is_not_asked_to_let_somebody_in() {
    let (alice, stranger) = (homeserver().register("alice"), Peer::start());
    let bob = homeserver().register("bob");
    let room = room_open_to(&alice, &format!("!elsewhere:{}", stranger.name()));
    let via = encode(stranger.name());
    let path = format!("{}?via={via}", path!("/v3/join/{}", room));
    let reply = bob.post(&path, &json!({}));
    assert!(reply.status >= 400, "{reply}");
    let asked = stranger.received("/_matrix/federation/v1/make_join/");
    assert!(asked.is_empty(), "{asked:?}");
}

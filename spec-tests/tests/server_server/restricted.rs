//! Rooms that are open to the members of others, where not every server can let people in.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#restricted-rooms)

use serde_json::json;
use spec_tests::{
    Peer, User, covers, homeserver, http::encode, path, server::homeserver2, sync_until::eventually,
};

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
    let room = alice.create_room(&json!({
        "power_level_content_override": { "invite": 50 },
        "initial_state": [{
            "type": "m.room.join_rules", "state_key": "",
            "content": {
                "join_rule": "restricted",
                "allow": [{ "type": "m.room_membership", "room_id": open }],
            },
        }],
    }));
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

//! Invitations and knocks that end before anybody enters.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#leaving-rooms-rejecting-invites)

use serde_json::{Value, json};
use spec_tests::{
    Peer, User, covers, homeserver,
    http::encode,
    path,
    peer::{Dag, Draft},
};

use crate::people::two_users;

/// Waits until a user is shown their own membership in a section of a sync.
fn must_see_own(user: &User, before: &Value, section: &str, room: &str, membership: &str) {
    user.must_see_after(before, |response| {
        let shown = &response["rooms"][section][room];
        let lists = [
            &shown["timeline"]["events"],
            &shown["state"]["events"],
            &shown["knock_state"]["events"],
            &shown["invite_state"]["events"],
        ];
        let own = lists
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .rfind(|event| {
                event["type"] == "m.room.member" && event["state_key"] == user.id.as_str()
            });
        match own {
            Some(event) if event["content"]["membership"] == membership => Ok(()),
            other => Err(format!("the membership shown is {other:?}: {response}")),
        }
    });
}

fn invite(alice: &User, bob: &User) -> String {
    let before = bob.initial_sync();
    let room = alice.private_room();
    alice.invite(&room, bob);
    must_see_own(bob, &before, "invite", &room, "invite");
    room
}

#[test]
fn an_invitation_that_is_taken_back_disappears() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = invite(&alice, &bob);
    let before = bob.initial_sync();
    alice.membership("kick", &room, &bob).ok();
    must_see_own(&bob, &before, "leave", &room, "leave");
}

#[test]
fn an_invitation_to_a_room_that_everybody_left_can_be_declined() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = invite(&alice, &bob);
    alice.leave(&room);
    let before = bob.initial_sync();
    bob.leave(&room);
    must_see_own(&bob, &before, "leave", &room, "leave");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#invite-permission)
#[test]
fn who_blocks_invitations_cannot_be_invited_from_another_server() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let block = json!({ "default_action": "block" });
    bob.set_account_data("m.invite_permission_config", &block);
    let room = alice.private_room();
    alice
        .membership("invite", &room, &bob)
        .must_fail(403, "M_INVITE_BLOCKED");
}

#[test]
fn who_knocks_is_shown_their_own_knock() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.create_room(&json!({
        "initial_state": [{ "type": "m.room.join_rules", "state_key": "", "content": { "join_rule": "knock" } }],
    }));
    let before = bob.initial_sync();
    let path = format!(
        "{}?via={}",
        path!("/v3/knock/{}", room),
        encode(alice.server.server_name())
    );
    bob.post(&path, &json!({})).ok();
    must_see_own(&bob, &before, "knock", &room, "knock");
    let before = bob.initial_sync();
    alice.membership("kick", &room, &bob).ok();
    must_see_own(&bob, &before, "leave", &room, "leave");
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2inviteroomideventid)
#[test]
fn an_invitation_to_a_room_of_version_12_shows_how_the_room_began() {
    covers!(PUT "/_matrix/federation/v2/invite/{roomId}/{eventId}");
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let options = json!({ "preset": "public_chat", "room_version": "12" });
    let mallory = peer.user("mallory");
    let room_of_both = || {
        let room = alice.create_room(&options);
        let dag = Dag::join(&peer, &alice.server, &room, &mallory);
        let tip = alice.say(&room, "welcome");
        dag.learn(&alice.server, &tip);
        let begin = dag.state_after(&tip)[&("m.room.create".to_owned(), String::new())].clone();
        let create = dag.event(&begin);
        (dag, tip, create)
    };
    let ((dag, tip, create), (_, _, of_another_room)) = (room_of_both(), room_of_both());
    let stripped = json!({
        "type": "m.room.create", "state_key": "", "sender": alice.id, "content": { "room_version": "12" },
    });
    let mut forged = create.clone();
    let signatures = &mut forged["signatures"][alice.server.server_name()];
    for (_, signature) in signatures.as_object_mut().into_iter().flatten() {
        *signature = json!("A".repeat(86));
    }
    let invite = |shown: Value| {
        let bob = homeserver().register("bob");
        let draft = Draft::member(&mallory, &bob.id, "invite");
        let mut event = dag.unfinished(std::slice::from_ref(&tip), &draft);
        event["origin"] = peer.name().into();
        let id = dag.finish(&mut event);
        let path = path!("/_matrix/federation/v2/invite/{}/{}", dag.room(), id);
        let body = json!({ "room_version": "12", "event": event, "invite_room_state": shown });
        let request = peer.request(&alice.server, "PUT", &path, Some(&body));
        request.send()
    };
    for shown in [
        json!([]),
        json!([stripped]),
        json!([forged]),
        json!([of_another_room]),
        json!([create, of_another_room]),
    ] {
        invite(shown).must_fail(400, "M_INVALID_PARAM");
    }
    invite(json!([create])).ok();
}

//! Invitations and knocks that end before anybody enters.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#leaving-rooms-rejecting-invites)

use serde_json::{Value, json};
use spec_tests::{User, http::encode, path};

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

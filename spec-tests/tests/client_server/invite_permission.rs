//! Blocking invitations.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#invite-permission)

use serde_json::{Value, json};
use spec_tests::{Homeserver, User, covers, homeserver, matchers::invited};

const CONFIG: &str = "m.invite_permission_config";
const LISTS: &str = "org.matrix.msc4155.invite_permission_config";

/// A server that knows version 1.18 of the specification.
fn server() -> Option<Homeserver> {
    let server = homeserver();
    (!server.is_synapse()).then_some(server)
}

fn blocking(user: &User) {
    user.set_account_data(CONFIG, &json!({ "default_action": "block" }));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#invite-permission)
#[test]
fn who_blocks_invitations_cannot_be_invited_in_any_way() {
    covers!(
        POST "/_matrix/client/v3/rooms/{roomId}/invite",
        POST "/_matrix/client/v3/createRoom",
        PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}",
    );
    let Some(server) = server() else { return };
    let (alice, bob) = (server.register("alice"), server.register("bob"));
    blocking(&bob);
    let room = alice.private_room();
    alice
        .membership("invite", &room, &bob)
        .must_fail(403, "M_INVITE_BLOCKED");
    let invite = json!({ "membership": "invite" });
    alice
        .try_set_state(&room, "m.room.member", &bob.id, &invite)
        .must_fail(403, "M_INVITE_BLOCKED");
    alice
        .post("/v3/createRoom", &json!({ "invite": [bob.id] }))
        .must_fail(403, "M_INVITE_BLOCKED");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#invite-permission)
#[test]
fn without_the_action_invitations_are_taken_again() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/invite");
    let Some(server) = server() else { return };
    let (alice, bob) = (server.register("alice"), server.register("bob"));
    blocking(&bob);
    bob.set_account_data(CONFIG, &json!({}));
    let room = alice.private_room();
    alice.invite(&room, &bob);
    bob.must_see(invited(&room));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#invite-permission)
#[test]
fn invitations_that_came_before_are_not_shown_while_they_are_blocked() {
    covers!(GET "/_matrix/client/v3/sync");
    let Some(server) = server() else { return };
    let (alice, bob) = (server.register("alice"), server.register("bob"));
    let room = alice.private_room();
    alice.invite(&room, &bob);
    bob.must_see(invited(&room));
    blocking(&bob);
    let all = bob.initial_sync();
    assert!(all["rooms"]["invite"].get(&room).is_none(), "{all}");
    // Elsewhere they are as they were.
    let member = alice.state(&room, "m.room.member", &bob.id).ok();
    assert_eq!(member["membership"], "invite");
    bob.set_account_data(CONFIG, &json!({}));
    bob.must_see(invited(&room));
}

/// Blocking is about invitations alone.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#invite-permission)
#[test]
fn who_blocks_invitations_can_join_and_invite() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/join");
    let Some(server) = server() else { return };
    let (alice, bob) = (server.register("alice"), server.register("bob"));
    blocking(&bob);
    let room = alice.public_room();
    bob.join(&room);
    let own = bob.private_room();
    bob.invite(&own, &alice);
}

fn lists(user: &User, lists: &Value) {
    user.set_account_data(LISTS, lists);
}

/// [MSC4155](https://github.com/matrix-org/matrix-spec-proposals/pull/4155)
#[test]
fn lists_say_who_may_invite() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/invite");
    let Some(server) = server() else { return };
    let (alice, bob) = (server.register("alice"), server.register("bob"));
    let room = alice.private_room();
    lists(&bob, &json!({ "blocked_users": [alice.id] }));
    alice.membership("invite", &room, &bob).must_be(403);
    let everybody = json!({ "allowed_users": [alice.id], "blocked_servers": ["*"] });
    lists(&bob, &everybody);
    alice.invite(&room, &bob);
    let ignored = alice.private_room();
    lists(&bob, &json!({ "ignored_users": [alice.id] }));
    alice.invite(&ignored, &bob);
    let all = bob.initial_sync();
    assert!(all["rooms"]["invite"].get(&ignored).is_none(), "{all}");
}

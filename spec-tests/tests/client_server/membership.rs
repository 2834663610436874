//! Joining, leaving, inviting, knocking, kicking and banning.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#room-membership)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    matchers::{invited, items, joined, left, timeline_has},
    must::{must_contain, must_find},
    path,
    server::unique,
};

fn pair() -> (User, User) {
    (homeserver().register("alice"), homeserver().register("bob"))
}

fn membership_of(seen_by: &User, room: &str, who: &User) -> Value {
    seen_by.state(room, "m.room.member", &who.id).ok()
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3joinroomidoralias)
#[test]
fn public_rooms_are_joined_by_id_and_by_alias() {
    covers!(
        POST "/_matrix/client/v3/join/{roomIdOrAlias}",
        POST "/_matrix/client/v3/rooms/{roomId}/join",
        GET "/_matrix/client/v3/joined_rooms",
    );
    let (alice, bob) = pair();
    let carol = homeserver().register("carol");
    let alias = unique("garden");
    let room = alice.create_room(&json!({ "preset": "public_chat", "room_alias_name": alias }));
    let full_alias = format!("#{alias}:{}", alice.server.server_name());
    let by_alias = bob.post(&path!("/v3/join/{}", full_alias), &json!({})).ok();
    assert_eq!(by_alias["room_id"], room);
    let by_id = carol
        .post(&path!("/v3/rooms/{}/join", room), &json!({}))
        .ok();
    assert_eq!(by_id["room_id"], room);
    let rooms = bob.get("/v3/joined_rooms").ok();
    assert_eq!(rooms, json!({ "joined_rooms": [room] }));
}

#[test]
fn joining_twice_changes_nothing() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/join");
    let (alice, bob) = pair();
    let room = alice.room_with(&[&bob]);
    let before = alice.messages(&room, "dir=b&limit=1");
    bob.join(&room);
    let after = alice.messages(&room, "dir=b&limit=1");
    assert_eq!(
        before["chunk"][0]["event_id"],
        after["chunk"][0]["event_id"]
    );
}

#[test]
fn the_reason_of_a_join_is_kept() {
    covers!(POST "/_matrix/client/v3/join/{roomIdOrAlias}");
    let (alice, bob) = pair();
    let room = alice.public_room();
    bob.post(&path!("/v3/join/{}", room), &json!({ "reason": "curious" }))
        .ok();
    assert_eq!(membership_of(&alice, &room, &bob)["reason"], "curious");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidjoin)
#[test]
fn a_private_room_needs_an_invite() {
    covers!(
        POST "/_matrix/client/v3/rooms/{roomId}/join",
        POST "/_matrix/client/v3/join/{roomIdOrAlias}",
        POST "/_matrix/client/v3/rooms/{roomId}/invite",
    );
    let (alice, bob) = pair();
    let room = alice.private_room();
    bob.try_join(&room).must_fail(403, "M_FORBIDDEN");
    bob.post(&path!("/v3/join/{}", room), &json!({}))
        .must_fail(403, "M_FORBIDDEN");
    alice.invite(&room, &bob);
    bob.join(&room);
    assert_eq!(membership_of(&alice, &room, &bob)["membership"], "join");
}

#[test]
fn a_room_that_is_not_there_cannot_be_joined() {
    covers!(POST "/_matrix/client/v3/join/{roomIdOrAlias}");
    let alice = homeserver().register("alice");
    let nowhere = format!("#no-such-alias:{}", alice.server.server_name());
    alice
        .post(&path!("/v3/join/{}", nowhere), &json!({}))
        .must_fail(404, "M_NOT_FOUND");
    let answer = alice.post(&path!("/v3/join/{}", "not an id"), &json!({}));
    assert_eq!(answer.status, 400, "{answer}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#stripped-state)
#[test]
fn an_invite_shows_what_the_room_is() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/invite");
    let (alice, bob) = pair();
    let room = alice.create_room(&json!({ "preset": "private_chat", "name": "Secret garden" }));
    alice
        .post(
            &path!("/v3/rooms/{}/invite", room),
            &json!({ "user_id": bob.id, "reason": "come" }),
        )
        .ok();
    let seen = bob.must_see(invited(&room));
    let state = &seen["rooms"]["invite"][&room]["invite_state"]["events"];
    must_find(
        state,
        &json!({ "type": "m.room.name", "content": { "name": "Secret garden" } }),
    );
    must_find(state, &json!({ "type": "m.room.join_rules" }));
    must_find(
        state,
        &json!({ "type": "m.room.create", "sender": alice.id }),
    );
    let own = json!({
        "type": "m.room.member",
        "state_key": bob.id,
        "content": { "membership": "invite", "reason": "come" },
    });
    must_find(state, &own);
}

#[test]
fn an_invite_can_be_rejected() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/leave");
    let (alice, bob) = pair();
    let room = alice.private_room();
    alice.invite(&room, &bob);
    let seen = bob.must_see(invited(&room));
    bob.leave(&room);
    bob.must_see_after(&seen, left(&room));
    assert_eq!(membership_of(&alice, &room, &bob)["membership"], "leave");
    bob.try_join(&room).must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidinvite)
#[test]
fn who_may_not_invite_is_refused() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/invite");
    let (alice, bob) = pair();
    let carol = homeserver().register("carol");
    let room = alice.private_room();
    bob.membership("invite", &room, &carol)
        .must_fail(403, "M_FORBIDDEN");
    let strict = json!({ "preset": "private_chat", "power_level_content_override": { "invite": 50 }, "invite": [bob.id] });
    let room = alice.create_room(&strict);
    bob.join(&room);
    bob.membership("invite", &room, &carol)
        .must_fail(403, "M_FORBIDDEN");
}

#[test]
fn members_and_the_banned_are_not_invited() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/invite");
    let (alice, bob) = pair();
    let room = alice.room_with(&[&bob]);
    alice
        .membership("invite", &room, &bob)
        .must_fail(403, "M_FORBIDDEN");
    alice.membership("ban", &room, &bob).ok();
    alice.membership("invite", &room, &bob).must_be(403);
}

#[test]
fn an_invite_names_a_user() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/invite");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let path = path!("/v3/rooms/{}/invite", room);
    alice.post(&path, &json!({})).must_be(400);
    alice
        .post(&path, &json!({ "user_id": "not a user id" }))
        .must_be(400);
    alice.post(&path, &json!({ "user_id": 5 })).must_be(400);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidleave)
#[test]
fn who_left_neither_speaks_nor_reads_what_comes_later() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/leave");
    let (alice, bob) = pair();
    let room = alice.room_with(&[&bob]);
    let early = alice.say(&room, "before");
    bob.leave(&room);
    let late = alice.say(&room, "after");
    bob.try_send(
        &room,
        "m.room.message",
        &json!({ "body": "x", "msgtype": "m.text" }),
    )
    .must_fail(403, "M_FORBIDDEN");
    bob.event(&room, &early).ok();
    bob.event(&room, &late).must_fail(404, "M_NOT_FOUND");
    let history = bob.messages(&room, "dir=b&limit=50");
    let bodies = spec_tests::matchers::bodies(&history["chunk"]);
    assert_eq!(bodies, ["before"]);
}

#[test]
fn leaving_without_being_there_is_refused() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/leave");
    let (alice, bob) = pair();
    let room = alice.public_room();
    let answer = bob.post(&path!("/v3/rooms/{}/leave", room), &json!({}));
    assert!(matches!(answer.status, 403 | 404), "{answer}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidforget)
#[test]
fn a_room_is_forgotten_only_after_leaving() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/forget");
    let (alice, bob) = pair();
    let room = alice.room_with(&[&bob]);
    let forget = path!("/v3/rooms/{}/forget", room);
    bob.post(&forget, &json!({})).must_fail(400, "M_UNKNOWN");
    bob.leave(&room);
    bob.post(&forget, &json!({})).ok();
    bob.get(&path!("/v3/rooms/{}/messages?dir=b", room))
        .must_fail(403, "M_FORBIDDEN");
    let all = bob.sync(&path!(
        "timeout=0&filter={}",
        json!({ "room": { "include_leave": true } })
    ));
    assert!(all["rooms"]["leave"].get(&room).is_none());
    bob.join(&room);
    bob.must_see(joined(&room));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidkick)
#[test]
fn the_kicked_may_come_back() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/kick");
    let (alice, bob) = pair();
    let room = alice.room_with(&[&bob]);
    let before = bob.initial_sync();
    alice
        .post(
            &path!("/v3/rooms/{}/kick", room),
            &json!({ "user_id": bob.id, "reason": "noise" }),
        )
        .ok();
    must_contain(
        &membership_of(&alice, &room, &bob),
        &json!({ "membership": "leave", "reason": "noise" }),
    );
    bob.must_see_after(&before, left(&room));
    bob.join(&room);
}

#[test]
fn who_may_not_kick_is_refused() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/kick", POST "/_matrix/client/v3/rooms/{roomId}/ban");
    let (alice, bob) = pair();
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&bob, &carol]);
    bob.membership("kick", &room, &carol)
        .must_fail(403, "M_FORBIDDEN");
    bob.membership("ban", &room, &carol)
        .must_fail(403, "M_FORBIDDEN");
    bob.membership("kick", &room, &alice)
        .must_fail(403, "M_FORBIDDEN");
}

#[test]
fn only_those_who_are_there_can_be_kicked() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/kick");
    let (alice, bob) = pair();
    let room = alice.public_room();
    let answer = alice.membership("kick", &room, &bob);
    assert!(matches!(answer.status, 403 | 404), "{answer}");
}

#[test]
fn kicking_takes_an_invite_back() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/kick");
    let (alice, bob) = pair();
    let room = alice.private_room();
    alice.invite(&room, &bob);
    alice.membership("kick", &room, &bob).ok();
    bob.try_join(&room).must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#banning-users-in-a-room)
#[test]
fn the_banned_stay_out_until_unbanned() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/ban", POST "/_matrix/client/v3/rooms/{roomId}/unban");
    let (alice, bob) = pair();
    let room = alice.room_with(&[&bob]);
    alice.membership("ban", &room, &bob).ok();
    assert_eq!(membership_of(&alice, &room, &bob)["membership"], "ban");
    bob.try_join(&room).must_be(403);
    alice.membership("unban", &room, &bob).ok();
    assert_eq!(membership_of(&alice, &room, &bob)["membership"], "leave");
    bob.join(&room);
}

#[test]
fn people_are_banned_before_they_come() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/ban");
    let (alice, bob) = pair();
    let room = alice.public_room();
    alice.membership("ban", &room, &bob).ok();
    bob.try_join(&room).must_be(403);
}

/// As Synapse does it; clients would tell about each.
#[test]
fn who_is_invited_or_banned_again_in_the_same_words_is_so_once() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/invite", POST "/_matrix/client/v3/rooms/{roomId}/ban");
    let (alice, bob) = pair();
    let room = alice.private_room();
    for act in ["invite", "ban"] {
        let event = || {
            alice.membership(act, &room, &bob).ok();
            let path = path!(
                "/v3/rooms/{}/state/m.room.member/{}?format=event",
                room,
                bob.id
            );
            alice.get(&path).ok()["event_id"].clone()
        };
        assert_eq!(event(), event(), "{act}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#other-error-codes)
#[test]
fn who_is_not_banned_cannot_be_unbanned() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/unban");
    let (alice, bob) = pair();
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&bob]);
    alice
        .membership("unban", &room, &bob)
        .must_fail(403, "M_BAD_STATE");
    alice.membership("ban", &room, &carol).ok();
    bob.membership("unban", &room, &carol)
        .must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#knocking-on-rooms)
#[test]
fn a_knock_is_seen_inside_and_answered_with_an_invite() {
    covers!(POST "/_matrix/client/v3/knock/{roomIdOrAlias}");
    let (alice, bob) = pair();
    let room = alice.create_room(&json!({
        "name": "Office",
        "initial_state": [{ "type": "m.room.join_rules", "content": { "join_rule": "knock" } }],
    }));
    let before = alice.initial_sync();
    bob.try_join(&room).must_fail(403, "M_FORBIDDEN");
    let answer = bob
        .post(&path!("/v3/knock/{}", room), &json!({ "reason": "hello?" }))
        .ok();
    assert_eq!(answer["room_id"], room);
    let knock = json!({
        "type": "m.room.member",
        "state_key": bob.id,
        "content": { "membership": "knock", "reason": "hello?" },
    });
    alice.must_see_after(&before, timeline_has(&room, knock));
    let seen = bob.must_see(spec_tests::matchers::in_section("knock", &room));
    let state = &seen["rooms"]["knock"][&room]["knock_state"]["events"];
    must_find(
        state,
        &json!({ "type": "m.room.name", "content": { "name": "Office" } }),
    );
    alice.invite(&room, &bob);
    bob.must_see_after(&seen, invited(&room));
    bob.join(&room);
}

#[test]
fn knocking_where_nobody_opens_is_refused() {
    covers!(POST "/_matrix/client/v3/knock/{roomIdOrAlias}");
    let (alice, bob) = pair();
    let room = alice.private_room();
    bob.post(&path!("/v3/knock/{}", room), &json!({}))
        .must_fail(403, "M_FORBIDDEN");
    let nowhere = format!("#no-such-alias:{}", alice.server.server_name());
    bob.post(&path!("/v3/knock/{}", nowhere), &json!({}))
        .must_fail(404, "M_NOT_FOUND");
}

#[test]
fn a_knock_can_be_taken_back() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/leave");
    let (alice, bob) = pair();
    let room = alice.create_room(&json!({
        "initial_state": [{ "type": "m.room.join_rules", "content": { "join_rule": "knock" } }],
    }));
    bob.post(&path!("/v3/knock/{}", room), &json!({})).ok();
    bob.leave(&room);
    assert_eq!(membership_of(&alice, &room, &bob)["membership"], "leave");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3joined_rooms)
#[test]
fn joined_rooms_are_those_joined_now() {
    covers!(GET "/_matrix/client/v3/joined_rooms");
    let (alice, bob) = pair();
    let stays = alice.room_with(&[&bob]);
    let leaves = alice.room_with(&[&bob]);
    let only_invited = alice.private_room();
    alice.invite(&only_invited, &bob);
    bob.leave(&leaves);
    assert_eq!(
        items(&bob.get("/v3/joined_rooms").ok()["joined_rooms"]),
        [json!(stays)]
    );
}

/// A membership may also be set as the state it is.
#[test]
fn membership_can_be_set_as_state() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}");
    let (alice, bob) = pair();
    let room = alice.private_room();
    let invite = json!({ "membership": "invite" });
    alice.set_state(&room, "m.room.member", &bob.id, &invite);
    bob.must_see(invited(&room));
    bob.set_state(
        &room,
        "m.room.member",
        &bob.id,
        &json!({ "membership": "join" }),
    );
    let other = alice.try_set_state(
        &room,
        "m.room.member",
        &bob.id,
        &json!({ "membership": "join" }),
    );
    other.must_fail(403, "M_FORBIDDEN");
}

/// Synapse keeps it, and clients find it there.
#[test]
fn what_a_client_adds_to_a_join_is_kept_except_what_the_server_decides() {
    covers!(POST "/_matrix/client/v3/join/{roomIdOrAlias}");
    let (alice, bob) = pair();
    let room = alice.public_room();
    let body = json!({
        "org.example.via": "poster", "reason": "curious",
        "membership": "ban", "displayname": "Alice", "join_authorised_via_users_server": alice.id,
    });
    bob.post(&path!("/v3/join/{}", room), &body).ok();
    let member = membership_of(&alice, &room, &bob);
    let expected =
        json!({ "org.example.via": "poster", "reason": "curious", "membership": "join" });
    must_contain(&member, &expected);
    // Synapse lets a client choose the name in one room.
    assert!(homeserver().is_synapse() || member["displayname"] != "Alice");
    assert_eq!(member.get("join_authorised_via_users_server"), None);
}

//! Room aliases.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#room-aliases)

use serde_json::json;
use spec_tests::{User, covers, homeserver, path, server::unique};

fn alias(user: &User) -> String {
    format!("#{}:{}", unique("alias"), user.server.server_name())
}

#[test]
fn an_alias_is_made_found_listed_and_removed() {
    covers!(
        PUT "/_matrix/client/v3/directory/room/{roomAlias}",
        GET "/_matrix/client/v3/directory/room/{roomAlias}",
        DELETE "/_matrix/client/v3/directory/room/{roomAlias}",
        GET "/_matrix/client/v3/rooms/{roomId}/aliases",
    );
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let name = alias(&alice);
    let path = path!("/v3/directory/room/{}", name);
    homeserver().get(&path).must_fail(404, "M_NOT_FOUND");
    alice.put(&path, &json!({ "room_id": room })).ok();
    let found = homeserver().get(&path).ok();
    assert_eq!(found["room_id"], room);
    assert_eq!(found["servers"], json!([alice.server.server_name()]));
    let listed = alice.get(&path!("/v3/rooms/{}/aliases", room)).ok();
    assert_eq!(listed, json!({ "aliases": [name] }));
    alice.delete(&path).ok();
    homeserver().get(&path).must_fail(404, "M_NOT_FOUND");
    alice.delete(&path).must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/appendices/#room-aliases)
#[test]
fn an_alias_has_255_bytes_at_most() {
    covers!(PUT "/_matrix/client/v3/directory/room/{roomAlias}", POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let of_length = |length: usize| {
        let server = alice.server.server_name();
        let stem = unique("alias");
        let filler = "x".repeat(length - stem.len() - server.len() - 2);
        (
            format!("{stem}{filler}"),
            format!("#{stem}{filler}:{server}"),
        )
    };
    let put = |alias: &str| {
        let body = json!({ "room_id": room });
        alice.put(&path!("/v3/directory/room/{}", alias), &body)
    };
    put(&of_length(255).1).ok();
    put(&of_length(256).1).must_fail(400, "M_INVALID_PARAM");
    let body = json!({ "room_alias_name": of_length(256).0 });
    alice.post("/v3/createRoom", &body).must_be(400);
}

#[test]
fn an_alias_belongs_to_one_room() {
    covers!(PUT "/_matrix/client/v3/directory/room/{roomAlias}");
    let alice = homeserver().register("alice");
    let path = path!("/v3/directory/room/{}", alias(&alice));
    alice
        .put(&path, &json!({ "room_id": alice.private_room() }))
        .ok();
    let again = alice.put(&path, &json!({ "room_id": alice.private_room() }));
    again.must_be(409);
}

#[test]
fn aliases_outside_the_grammar_are_refused() {
    covers!(
        PUT "/_matrix/client/v3/directory/room/{roomAlias}",
        GET "/_matrix/client/v3/directory/room/{roomAlias}",
    );
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    for name in ["no-sigil:spec.test", "#no-colon", "!room:spec.test"] {
        let path = path!("/v3/directory/room/{}", name);
        alice.put(&path, &json!({ "room_id": room })).must_be(400);
        homeserver().get(&path).must_be(400);
    }
}

/// Somebody else's alias goes only with the power to change the room's.
#[test]
fn others_cannot_remove_an_alias() {
    covers!(DELETE "/_matrix/client/v3/directory/room/{roomAlias}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let path = path!("/v3/directory/room/{}", alias(&alice));
    alice.put(&path, &json!({ "room_id": room })).ok();
    bob.delete(&path).must_fail(403, "M_FORBIDDEN");
    homeserver().get(&path).ok();
}

#[test]
fn only_members_list_the_aliases_of_a_private_room() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/aliases");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.private_room();
    bob.get(&path!("/v3/rooms/{}/aliases", room))
        .must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mroomcanonical_alias)
#[test]
fn the_canonical_alias_must_lead_to_the_room() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let name = alias(&alice);
    let set = |content| alice.try_set_state(&room, "m.room.canonical_alias", "", &content);
    set(json!({ "alias": name })).must_fail(400, "M_BAD_ALIAS");
    set(json!({ "alt_aliases": [name] })).must_fail(400, "M_BAD_ALIAS");
    set(json!({ "alias": "not an alias" })).must_fail(400, "M_INVALID_PARAM");
    alice
        .put(
            &path!("/v3/directory/room/{}", name),
            &json!({ "room_id": room }),
        )
        .ok();
    set(json!({ "alias": name })).ok();
}

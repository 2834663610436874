//! Finding rooms, and what becomes of them.

use serde_json::json;
use spec_tests::{matchers::contains, path, server::unique, sync_until::eventually};

use crate::pair::{on_both_sides, pair, room, shared_room};

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1querydirectory)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn an_alias_leads_into_the_room() {
    on_both_sides(|alice, bob, version| {
        let name = unique("lobby");
        let options = json!({ "preset": "public_chat", "room_alias_name": name });
        let room = room(alice, version, &options);
        let alias = format!("#{name}:{}", alice.server.server_name());
        let answer = bob.post(&path!("/v3/join/{}", alias), &json!({})).ok();
        assert_eq!(answer["room_id"], room);
        bob.must_see_state(
            &room,
            "m.room.canonical_alias",
            "",
            &json!({ "alias": alias }),
        );
        alice.delete(&path!("/v3/directory/room/{}", alias)).ok();
        bob.get(&path!("/v3/directory/room/{}", alias))
            .must_fail(404, "M_NOT_FOUND");
    });
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#public-room-directory)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn the_directory_is_searched_from_the_other_server() {
    on_both_sides(|alice, bob, version| {
        let name = unique("library");
        let options = json!({ "preset": "public_chat", "visibility": "public", "name": name, "topic": "quiet" });
        let room = room(alice, version, &options);
        let path = path!("/v3/publicRooms?server={}", alice.server.server_name());
        eventually(|| {
            let search = json!({ "filter": { "generic_search_term": name } });
            let found = bob.post(&path, &search).ok();
            contains(
                &found["chunk"][0],
                &json!({ "room_id": room, "topic": "quiet", "num_joined_members": 1 }),
            )
        });
    });
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-upgrades)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn an_upgraded_room_leads_to_the_new_one() {
    on_both_sides(|alice, bob, version| {
        let old = shared_room(alice, bob, version);
        let answer = alice
            .post(
                &path!("/v3/rooms/{}/upgrade", old),
                &json!({ "new_version": "12" }),
            )
            .ok();
        let new = answer["replacement_room"]
            .as_str()
            .expect("a room")
            .to_owned();
        bob.must_see_state(
            &old,
            "m.room.tombstone",
            "",
            &json!({ "replacement_room": new }),
        );
        bob.join_via(&new, &alice.server);
        bob.must_see_state(
            &new,
            "m.room.create",
            "",
            &json!({ "predecessor": { "room_id": old } }),
        );
        bob.say(&new, "moved in");
        alice.must_read_once(&new, "moved in");
    });
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryprofile)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn names_are_seen_before_and_after_they_change() {
    for (alice, bob) in pair().both_ways() {
        alice.set_display_name("Alice");
        let seen = bob.get(&path!("/v3/profile/{}", alice.id)).ok();
        assert_eq!(seen["displayname"], "Alice");
        let room = shared_room(&alice, &bob, "11");
        bob.must_see_state(
            &room,
            "m.room.member",
            &alice.id,
            &json!({ "displayname": "Alice" }),
        );
        alice.set_display_name("Alice, at last");
        bob.must_see_state(
            &room,
            "m.room.member",
            &alice.id,
            &json!({ "displayname": "Alice, at last" }),
        );
    }
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#spaces)
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn a_space_is_walked_through_from_the_other_server() {
    on_both_sides(|alice, bob, version| {
        let space = room(
            alice,
            version,
            &json!({ "preset": "public_chat", "creation_content": { "type": "m.space" } }),
        );
        let child = room(
            alice,
            version,
            &json!({ "preset": "public_chat", "name": "Class 9B" }),
        );
        let via = json!({ "via": [alice.server.server_name()] });
        alice.set_state(&space, "m.space.child", &child, &via);
        bob.join_via(&space, &alice.server);
        bob.must_see_state(&space, "m.space.child", &child, &via);
        eventually(|| {
            let found = bob.get(&path!("/v1/rooms/{}/hierarchy", space)).json;
            spec_tests::matchers::has_item(
                &["rooms"],
                &json!({ "room_id": child, "name": "Class 9B" }),
            )(&found)
        });
    });
}

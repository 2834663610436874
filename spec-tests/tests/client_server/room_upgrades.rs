//! Upgrading rooms.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#room-upgrades)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    must::{must_contain, text},
    path,
    server::unique,
};

fn room(user: &User, version: &str) -> String {
    user.create_room(&json!({
        "preset": "public_chat",
        "room_version": version,
        "name": "Room",
        "topic": "Tea",
    }))
}

fn try_upgrade(user: &User, room: &str, version: &str) -> spec_tests::Reply {
    let body = json!({ "new_version": version });
    user.post(&path!("/v3/rooms/{}/upgrade", room), &body)
}

#[track_caller]
fn upgrade(user: &User, room: &str, version: &str) -> String {
    text(&try_upgrade(user, room, version).ok()["replacement_room"])
}

#[track_caller]
fn state(user: &User, room: &str, kind: &str) -> Value {
    user.state(room, kind, "").ok()
}

#[test]
fn the_new_room_takes_over_what_the_old_one_was() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/upgrade");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    for (from, to) in [("10", "11"), ("11", "12"), ("12", "12"), ("12", "11")] {
        let old = room(&alice, from);
        for (kind, content) in [
            ("m.room.avatar", json!({ "url": "mxc://localhost/abc" })),
            (
                "m.room.encryption",
                json!({ "algorithm": "m.megolm.v1.aes-sha2" }),
            ),
            (
                "m.room.server_acl",
                json!({ "allow": ["*"], "deny": ["evil.example"] }),
            ),
            (
                "m.room.history_visibility",
                json!({ "history_visibility": "joined" }),
            ),
            ("m.room.guest_access", json!({ "guest_access": "can_join" })),
            ("m.room.join_rules", json!({ "join_rule": "knock" })),
        ] {
            alice.set_state(&old, kind, "", &content);
        }
        alice.membership("ban", &old, &bob).ok();
        let new = upgrade(&alice, &old, to);
        assert_ne!(new, old);
        for kind in [
            "m.room.name",
            "m.room.topic",
            "m.room.avatar",
            "m.room.encryption",
            "m.room.server_acl",
            "m.room.history_visibility",
            "m.room.guest_access",
            "m.room.join_rules",
        ] {
            assert_eq!(
                state(&alice, &new, kind),
                state(&alice, &old, kind),
                "{from} {to} {kind}"
            );
        }
        let create = state(&alice, &new, "m.room.create");
        must_contain(
            &create,
            &json!({ "room_version": to, "predecessor": { "room_id": old } }),
        );
        let tombstone = alice.get(&format!(
            "{}?format=event",
            path!("/v3/rooms/{}/state/m.room.tombstone", old)
        ));
        let tombstone = tombstone.ok();
        assert_eq!(tombstone["content"]["replacement_room"], new.as_str());
        if to != "12" {
            assert_eq!(create["predecessor"]["event_id"], tombstone["event_id"]);
        }
        let member = alice.state(&new, "m.room.member", &bob.id).ok();
        assert_eq!(member["membership"], "ban");
        // The creator can go on as before.
        alice.set_state(&new, "m.room.topic", "", &json!({ "topic": "Coffee" }));
        let levels = state(&alice, &new, "m.room.power_levels");
        let own = &levels["users"][&alice.id];
        assert_eq!(own.is_u64(), to != "12", "{levels}");
        // In the old room the many cannot write any more.
        let levels = state(&alice, &old, "m.room.power_levels");
        must_contain(&levels, &json!({ "events_default": 50, "invite": 50 }));
    }
}

#[test]
fn a_space_stays_a_space_with_its_children() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/upgrade");
    let alice = homeserver().register("alice");
    let content = json!({ "creation_content": { "type": "m.space" }, "room_version": "11" });
    let (parent, old) = (alice.create_room(&content), alice.create_room(&content));
    let child = alice.private_room();
    let via = json!({ "via": ["localhost"], "order": "a" });
    alice.set_state(&old, "m.space.child", &child, &via);
    alice.set_state(&child, "m.space.parent", &old, &via);
    alice.set_state(&parent, "m.space.child", &old, &via);
    let new = upgrade(&alice, &old, "11");
    assert_eq!(state(&alice, &new, "m.room.create")["type"], "m.space");
    assert_eq!(alice.state(&new, "m.space.child", &child).ok(), via);
    for (room, kind) in [(&parent, "m.space.child"), (&child, "m.space.parent")] {
        let moved = alice.state(room, kind, &new).ok();
        assert_eq!(moved["order"], "a");
        assert!(moved["via"].is_array(), "{moved}");
        assert_eq!(alice.state(room, kind, &old).ok(), json!({}));
    }
}

#[test]
fn aliases_and_the_directory_entry_move() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/upgrade");
    let alice = homeserver().register("alice");
    let old = alice.create_room(&json!({
        "visibility": "public",
        "room_alias_name": unique("upgraded"),
        "room_version": "11",
    }));
    let alias = text(&state(&alice, &old, "m.room.canonical_alias")["alias"]);
    let new = upgrade(&alice, &old, "11");
    let found = alice.get(&path!("/v3/directory/room/{}", alias)).ok();
    assert_eq!(found["room_id"], new.as_str());
    let shown = state(&alice, &new, "m.room.canonical_alias");
    assert_eq!(shown["alias"], alias.as_str());
    let shown = state(&alice, &old, "m.room.canonical_alias");
    assert!(shown.get("alias").is_none(), "{shown}");
    for (room, visibility) in [(&new, "public"), (&old, "private")] {
        let found = alice.get(&path!("/v3/directory/list/room/{}", room)).ok();
        assert_eq!(found["visibility"], visibility);
    }
}

#[test]
fn additional_creators_are_those_that_are_asked_for() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/upgrade");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let old = alice.create_room(&json!({
        "room_version": "12",
        "creation_content": { "additional_creators": [bob.id] },
    }));
    let new = upgrade(&alice, &old, "12");
    let create = state(&alice, &new, "m.room.create");
    assert!(create.get("additional_creators").is_none(), "{create}");
    let body = json!({ "new_version": "12", "additional_creators": [bob.id] });
    let newest = alice.post(&path!("/v3/rooms/{}/upgrade", new), &body).ok();
    let newest = text(&newest["replacement_room"]);
    let create = state(&alice, &newest, "m.room.create");
    assert_eq!(create["additional_creators"], json!([bob.id]));
    // Where there is no such thing, they are not mentioned.
    let body = json!({ "new_version": "11", "additional_creators": [bob.id] });
    let older = alice
        .post(&path!("/v3/rooms/{}/upgrade", newest), &body)
        .ok();
    let create = state(&alice, &text(&older["replacement_room"]), "m.room.create");
    assert!(create.get("additional_creators").is_none(), "{create}");
}

#[test]
fn an_upgrade_needs_a_known_version_and_the_power() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/upgrade");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let old = room(&alice, "11");
    bob.join(&old);
    for version in ["org.example.unknown", "not_a_version"] {
        try_upgrade(&alice, &old, version).must_fail(400, "M_UNSUPPORTED_ROOM_VERSION");
    }
    try_upgrade(&bob, &old, "11").must_fail(403, "M_FORBIDDEN");
    try_upgrade(&carol, &old, "11").must_fail(403, "M_FORBIDDEN");
    // Whether the room exists, or only whether the user is in it, servers may tell.
    let unknown = try_upgrade(&alice, "!unknown:localhost", "11");
    assert!([403, 404].contains(&unknown.status), "{unknown}");
    alice
        .post(&path!("/v3/rooms/{}/upgrade", old), &json!({}))
        .must_be(400);
    alice.state(&old, "m.room.tombstone", "").must_be(404);
}

#[test]
fn what_a_user_has_set_for_a_room_follows_them() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/upgrade", POST "/_matrix/client/v3/rooms/{roomId}/join");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let old = room(&alice, "11");
    bob.join(&old);
    for user in [&alice, &bob] {
        let tag = path!("/v3/user/{}/rooms/{}/tags/m.favourite", user.id, old);
        user.put(&tag, &json!({ "order": 0.5 })).ok();
        user.set_account_data("m.direct", &json!({ "@someone:localhost": [old] }));
        let rule = path!("/v3/pushrules/global/room/{}", old);
        user.put(&rule, &json!({ "actions": [] })).ok();
        let muted = json!({
            "actions": [],
            "conditions": [{ "kind": "event_match", "key": "room_id", "pattern": old }],
        });
        user.put(&path!("/v3/pushrules/global/override/{}", old), &muted)
            .ok();
    }
    let new = upgrade(&alice, &old, "11");
    bob.join(&new);
    for user in [&alice, &bob] {
        let tags = user
            .get(&path!("/v3/user/{}/rooms/{}/tags", user.id, new))
            .ok();
        assert_eq!(tags["tags"], json!({ "m.favourite": { "order": 0.5 } }));
        let direct = user
            .get(&path!("/v3/user/{}/account_data/m.direct", user.id))
            .ok();
        assert_eq!(direct["@someone:localhost"], json!([old, new]));
        user.get(&path!("/v3/pushrules/global/room/{}", new)).ok();
        let rule = user
            .get(&path!("/v3/pushrules/global/override/{}", new))
            .ok();
        assert_eq!(rule["conditions"][0]["pattern"], new.as_str());
    }
}

/// Who upgrades a room by hand closes the old one last.
#[test]
fn what_a_user_has_set_follows_them_into_a_room_they_made_to_replace_another() {
    covers!(POST "/_matrix/client/v3/createRoom");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let old = room(&alice, "11");
    for user in [&alice, &bob] {
        let rule = path!("/v3/pushrules/global/room/{}", old);
        user.put(&rule, &json!({ "actions": [] })).ok();
    }
    let options = json!({
        "preset": "public_chat",
        "creation_content": { "predecessor": { "room_id": old } },
    });
    let new = alice.create_room(&options);
    let rule = path!("/v3/pushrules/global/room/{}", new);
    alice.get(&rule).ok();
    // Anybody could say of a room that it replaces another: for others the old one has to say so, too.
    bob.join(&new);
    bob.get(&rule).must_fail(404, "M_NOT_FOUND");
}

/// The version's ids are made from the first event, which cannot name the last event of the old room then.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mroomcreate)
#[test]
fn a_room_of_version_12_names_only_the_room_before_it() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/upgrade");
    let alice = homeserver().register("alice");
    let old = room(&alice, "11");
    let create = state(&alice, &upgrade(&alice, &old, "12"), "m.room.create");
    assert_eq!(create["predecessor"], json!({ "room_id": old }));
}

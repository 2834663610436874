//! Display names, avatars and other profile fields.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#profiles)

use serde_json::json;
use spec_tests::{covers, homeserver, matchers::timeline_has, path};

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname)
#[test]
fn name_and_avatar_are_seen_by_everybody() {
    covers!(
        PUT "/_matrix/client/v3/profile/{userId}/{keyName}",
        GET "/_matrix/client/v3/profile/{userId}/{keyName}",
        GET "/_matrix/client/v3/profile/{userId}",
    );
    let server = homeserver();
    let alice = server.register("alice");
    let avatar = json!({ "avatar_url": "mxc://spec.test/picture" });
    alice.set_display_name("Алиса 🌸");
    alice
        .put(&path!("/v3/profile/{}/avatar_url", alice.id), &avatar)
        .ok();
    let name = server
        .get(&path!("/v3/profile/{}/displayname", alice.id))
        .ok();
    assert_eq!(name, json!({ "displayname": "Алиса 🌸" }));
    let profile = server.get(&path!("/v3/profile/{}", alice.id)).ok();
    assert_eq!(profile["displayname"], "Алиса 🌸");
    assert_eq!(profile["avatar_url"], "mxc://spec.test/picture");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuserid)
#[test]
fn an_unknown_user_has_no_profile() {
    covers!(
        GET "/_matrix/client/v3/profile/{userId}",
        GET "/_matrix/client/v3/profile/{userId}/{keyName}",
    );
    let server = homeserver();
    let nobody = format!("@nobody-at-all:{}", server.server_name());
    server
        .get(&path!("/v3/profile/{}", nobody))
        .must_fail(404, "M_NOT_FOUND");
    server
        .get(&path!("/v3/profile/{}/displayname", nobody))
        .must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname)
#[test]
fn the_profile_of_another_user_cannot_be_changed() {
    covers!(PUT "/_matrix/client/v3/profile/{userId}/{keyName}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let path = path!("/v3/profile/{}/displayname", bob.id);
    let answer = alice.put(&path, &json!({ "displayname": "Bobby" }));
    assert!(matches!(answer.status, 400 | 403), "{answer}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3profileuseridkeyname)
#[test]
fn a_custom_field_is_set_read_and_removed() {
    covers!(
        PUT "/_matrix/client/v3/profile/{userId}/{keyName}",
        GET "/_matrix/client/v3/profile/{userId}/{keyName}",
        DELETE "/_matrix/client/v3/profile/{userId}/{keyName}",
    );
    let alice = homeserver().register("alice");
    let path = path!("/v3/profile/{}/test.example.class", alice.id);
    let class = json!({ "test.example.class": { "year": 2, "letter": "Б" } });
    alice.put(&path, &class).ok();
    assert_eq!(homeserver().get(&path).ok(), class);
    alice.delete(&path).ok();
    homeserver().get(&path).must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname)
#[test]
fn a_field_without_its_value_is_refused() {
    covers!(PUT "/_matrix/client/v3/profile/{userId}/{keyName}");
    let alice = homeserver().register("alice");
    let path = path!("/v3/profile/{}/test.example.class", alice.id);
    alice
        .put(&path, &json!({ "other": 1 }))
        .must_fail(400, "M_MISSING_PARAM");
}

/// A client of somebody else would fetch the picture from there, and tell who looks at it.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname)
#[test]
fn an_avatar_from_the_web_is_refused() {
    covers!(PUT "/_matrix/client/v3/profile/{userId}/{keyName}");
    let alice = homeserver().register("alice");
    if alice.server.is_synapse() {
        return;
    }
    let path = path!("/v3/profile/{}/avatar_url", alice.id);
    for url in ["https://web.spec.test/me.png", "//web.spec.test/me.png"] {
        alice
            .put(&path, &json!({ "avatar_url": url }))
            .must_fail(400, "M_INVALID_PARAM");
    }
    // Some clients set what is no address at all, which shows nobody anything.
    alice.put(&path, &json!({ "avatar_url": "lilac" })).ok();
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname)
#[test]
fn a_profile_too_large_is_refused() {
    covers!(PUT "/_matrix/client/v3/profile/{userId}/{keyName}");
    let alice = homeserver().register("alice");
    let path = path!("/v3/profile/{}/test.example.essay", alice.id);
    let essay = json!({ "test.example.essay": "x".repeat(66_000) });
    alice
        .put(&path, &essay)
        .must_fail(400, "M_PROFILE_TOO_LARGE");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#events-on-change-of-profile-information)
#[test]
fn a_new_name_is_announced_in_the_users_rooms() {
    covers!(PUT "/_matrix/client/v3/profile/{userId}/{keyName}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let before = bob.initial_sync();
    alice.set_display_name("Alice the Second");
    let member = json!({
        "type": "m.room.member",
        "state_key": alice.id,
        "content": { "membership": "join", "displayname": "Alice the Second" },
    });
    bob.must_see_after(&before, timeline_has(&room, member));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#profiles)
#[test]
fn members_join_under_their_profile_name() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/join");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    bob.set_display_name("Bob of the Tests");
    let room = alice.room_with(&[&bob]);
    let member = alice.state(&room, "m.room.member", &bob.id).ok();
    assert_eq!(member["displayname"], "Bob of the Tests");
}

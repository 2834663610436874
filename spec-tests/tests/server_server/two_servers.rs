//! Two servers talk to each other: what one's users have, the other's see.

use serde_json::json;
use spec_tests::{
    Homeserver, User, covers,
    crypto::Device,
    homeserver, homeserver2,
    media::{PICTURES, size},
    must::must_contain,
    path,
    server::unique,
};

/// A user of each server, once in each order.
fn pairs() -> Vec<(User, User)> {
    let Some(second) = homeserver2() else {
        return Vec::new();
    };
    let register = |server: &Homeserver| server.register("user");
    vec![
        (register(&homeserver()), register(&second)),
        (register(&second), register(&homeserver())),
    ]
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryprofile)
#[test]
fn a_profile_is_seen_from_the_other_server() {
    covers!(GET "/_matrix/client/v3/profile/{userId}");
    for (alice, bob) in pairs() {
        alice.set_display_name("Alice of the other server");
        let seen = bob.get(&path!("/v3/profile/{}", alice.id)).ok();
        assert_eq!(seen["displayname"], "Alice of the other server");
        let nobody = format!("@nobody:{}", alice.server.server_name());
        bob.get(&path!("/v3/profile/{}", nobody))
            .must_fail(404, "M_NOT_FOUND");
    }
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1querydirectory)
#[test]
fn an_alias_leads_to_a_room_of_the_other_server() {
    covers!(GET "/_matrix/client/v3/directory/room/{roomAlias}");
    for (alice, bob) in pairs() {
        let room = alice.public_room();
        let alias = format!("#{}:{}", unique("alias"), alice.server.server_name());
        let path = path!("/v3/directory/room/{}", alias);
        bob.get(&path).must_fail(404, "M_NOT_FOUND");
        alice.put(&path, &json!({ "room_id": room })).ok();
        let found = bob.get(&path).ok();
        assert_eq!(found["room_id"], room);
        assert_eq!(found["servers"], json!([alice.server.server_name()]));
    }
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1publicrooms)
#[test]
fn the_directory_of_the_other_server_is_searched() {
    covers!(POST "/_matrix/client/v3/publicRooms");
    for (alice, bob) in pairs() {
        let name = unique("Room of the other server");
        let create = json!({ "preset": "public_chat", "visibility": "public", "name": name });
        let room = alice.post("/v3/createRoom", &create).ok();
        let search = json!({ "filter": { "generic_search_term": name } });
        let path = path!("/v3/publicRooms?server={}", alice.server.server_name());
        let found = bob.post(&path, &search).ok();
        assert_eq!(found["chunk"][0]["room_id"], room["room_id"], "{found}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysquery)
#[test]
fn keys_are_queried_and_claimed_at_the_other_server() {
    covers!(POST "/_matrix/client/v3/keys/query", POST "/_matrix/client/v3/keys/claim");
    for (alice, bob) in pairs() {
        let device = Device::of(&alice);
        let keys = json!({ "device_keys": device.keys(), "one_time_keys": device.one_time_keys(&["AAAA"]) });
        alice.post("/v3/keys/upload", &keys).ok();
        let seen = bob
            .post(
                "/v3/keys/query",
                &json!({ "device_keys": { &alice.id: [] } }),
            )
            .ok();
        must_contain(
            &seen["device_keys"][&alice.id][&alice.device_id],
            &keys["device_keys"],
        );
        let wanted =
            json!({ "one_time_keys": { &alice.id: { &alice.device_id: "signed_curve25519" } } });
        let claim = || bob.post("/v3/keys/claim", &wanted).ok();
        let claimed = claim();
        let key = &claimed["one_time_keys"][&alice.id][&alice.device_id]["signed_curve25519:AAAA"];
        must_contain(key, &keys["one_time_keys"]["signed_curve25519:AAAA"]);
        assert!(
            claim()["one_time_keys"][&alice.id].is_null(),
            "a key is given out once"
        );
    }
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1mediadownloadmediaid)
#[test]
fn files_and_thumbnails_come_from_the_other_server() {
    covers!(
        GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}",
        GET "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}",
    );
    for (alice, bob) in pairs() {
        let media = alice.upload(PICTURES[0].0, "picture.png", PICTURES[0].1);
        let (server, id) = media.split_once('/').expect("an address");
        let reply = bob.get(&path!("/v1/media/download/{}/{}", server, id));
        assert_eq!(
            (reply.status, reply.bytes.as_slice()),
            (200, PICTURES[0].1),
            "{reply}"
        );
        assert_eq!(reply.header("content-type"), "image/png");
        assert!(reply.header("content-disposition").contains("picture.png"));
        let thumbnail = path!(
            "/v1/media/thumbnail/{}/{}?width=32&height=32&method=crop",
            server,
            id
        );
        assert_eq!(size(&bob.get(&thumbnail).bytes), Some((32, 32)));
        let large: Vec<u8> = (0..3_000_000_u32)
            .map(|byte| byte.to_le_bytes()[1])
            .collect();
        let media = alice.upload("application/octet-stream", "large", &large);
        let (server, id) = media.split_once('/').expect("an address");
        let reply = bob.get(&path!("/v1/media/download/{}/{}", server, id));
        assert!(reply.bytes == large, "{} bytes", reply.bytes.len());
        bob.get(&path!("/v1/media/download/{}/nothing", server))
            .must_fail(404, "M_NOT_FOUND");
    }
}

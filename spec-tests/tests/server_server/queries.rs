//! Questions of other servers about users, aliases and rooms.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#querying-for-information)

use serde_json::{Value, json};
use spec_tests::{Peer, covers, homeserver, path, server::unique};

fn ask(peer: &Peer, path: &str) -> spec_tests::Reply {
    peer.request(&homeserver(), "GET", path, None).send()
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryprofile)
#[test]
fn a_profile_is_told_whole_or_by_field() {
    covers!(GET "/_matrix/federation/v1/query/profile");
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    alice.set_display_name("Алиса");
    let avatar = json!({ "avatar_url": "mxc://spec.test/picture" });
    alice
        .put(&path!("/v3/profile/{}/avatar_url", alice.id), &avatar)
        .ok();
    let path = path!("/_matrix/federation/v1/query/profile?user_id={}", alice.id);
    let profile = ask(&peer, &path).ok();
    assert_eq!(profile["displayname"], "Алиса");
    assert_eq!(profile["avatar_url"], "mxc://spec.test/picture");
    let name = ask(&peer, &format!("{path}&field=displayname")).ok();
    assert_eq!(name, json!({ "displayname": "Алиса" }));
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryprofile)
#[test]
fn an_unknown_user_has_no_profile() {
    covers!(GET "/_matrix/federation/v1/query/profile");
    let nobody = format!("@nobody:{}", homeserver().server_name());
    let path = path!("/_matrix/federation/v1/query/profile?user_id={}", nobody);
    ask(&Peer::start(), &path).must_fail(404, "M_NOT_FOUND");
    let nobody = ask(&Peer::start(), "/_matrix/federation/v1/query/profile");
    nobody.must_fail(400, "M_MISSING_PARAM");
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1querydirectory)
#[test]
fn an_alias_leads_to_a_room_and_servers_in_it() {
    covers!(GET "/_matrix/federation/v1/query/directory");
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let room = alice.public_room();
    let alias = format!("#{}:{}", unique("alias"), homeserver().server_name());
    alice
        .put(
            &path!("/v3/directory/room/{}", alias),
            &json!({ "room_id": room }),
        )
        .ok();
    let found = ask(
        &peer,
        &path!(
            "/_matrix/federation/v1/query/directory?room_alias={}",
            alias
        ),
    )
    .ok();
    assert_eq!(found["room_id"], room);
    assert_eq!(found["servers"][0], homeserver().server_name());
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1querydirectory)
#[test]
fn an_unknown_alias_leads_nowhere() {
    covers!(GET "/_matrix/federation/v1/query/directory");
    let alias = format!("#{}:{}", unique("none"), homeserver().server_name());
    let path = path!(
        "/_matrix/federation/v1/query/directory?room_alias={}",
        alias
    );
    ask(&Peer::start(), &path).must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryquerytype)
#[test]
fn an_unknown_question_is_not_answered() {
    covers!(GET "/_matrix/federation/v1/query/{queryType}");
    let reply = ask(
        &Peer::start(),
        "/_matrix/federation/v1/query/weather?place=here",
    );
    reply.must_be(404);
}

fn rooms(directory: &Value) -> Vec<&str> {
    let rooms = directory["chunk"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    rooms
        .iter()
        .filter_map(|room| room["room_id"].as_str())
        .collect()
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1publicrooms)
#[test]
fn published_rooms_are_told_and_searched_for() {
    covers!(GET "/_matrix/federation/v1/publicRooms", POST "/_matrix/federation/v1/publicRooms");
    let (server, peer) = (homeserver(), Peer::start());
    let name = unique("Room of the federation");
    let create = json!({ "preset": "public_chat", "visibility": "public", "name": name });
    let room = server
        .register("alice")
        .post("/v3/createRoom", &create)
        .ok();
    let room = room["room_id"].as_str().expect("a room id");

    let page = ask(&peer, "/_matrix/federation/v1/publicRooms?limit=500").ok();
    assert!(rooms(&page).contains(&room), "{page}");
    let path = "/_matrix/federation/v1/publicRooms";
    let search = |term: &str| {
        let body = json!({ "limit": 10, "filter": { "generic_search_term": term } });
        peer.request(&server, "POST", path, Some(&body)).send().ok()
    };
    assert_eq!(rooms(&search(&name)), [room]);
    assert!(rooms(&search(&unique("nothing like this"))).is_empty());
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1publicrooms)
#[test]
fn published_rooms_come_in_pages() {
    covers!(GET "/_matrix/federation/v1/publicRooms");
    let (server, peer) = (homeserver(), Peer::start());
    let alice = server.register("alice");
    for _ in 0..2 {
        alice
            .post(
                "/v3/createRoom",
                &json!({ "preset": "public_chat", "visibility": "public" }),
            )
            .ok();
    }
    let first = ask(&peer, "/_matrix/federation/v1/publicRooms?limit=1").ok();
    assert_eq!(rooms(&first).len(), 1);
    let next = first["next_batch"].as_str().expect("a next page");
    let second = ask(
        &peer,
        &path!("/_matrix/federation/v1/publicRooms?limit=1&since={}", next),
    )
    .ok();
    assert_eq!(rooms(&second).len(), 1);
    assert_ne!(rooms(&first), rooms(&second));
}

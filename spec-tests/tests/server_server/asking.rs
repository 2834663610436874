//! What users learn from other servers through their own, and what that costs when those do not answer.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#querying-for-information)

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Peer, Settings, covers,
    crypto::{Device, must_be_signed},
    homeserver,
    must::text,
    path,
    peer::{Answer, Received},
};

const PROFILE: &str = "/_matrix/federation/v1/query/profile";

fn parameters(header: &str) -> Value {
    let parameters = header.strip_prefix("X-Matrix ").expect("the scheme");
    let pairs = parameters
        .split(',')
        .filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), Value::from(value.trim_matches('"'))))
        .collect()
}

/// Checks a request's signature as every server does.
fn must_be_signed_request(server: &Homeserver, peer: &Peer, request: &Received) {
    let parameters = parameters(request.header("authorization"));
    assert_eq!(parameters["origin"], server.server_name());
    assert_eq!(parameters["destination"], peer.name());
    let key_id = text(&parameters["key"]);
    let keys = server.get("/_matrix/key/v2/server").ok();
    let mut signed = json!({
        "method": request.method,
        "uri": request.target,
        "origin": server.server_name(),
        "destination": peer.name(),
        "signatures": { server.server_name(): { &key_id: parameters["sig"] } },
    });
    if !request.body.is_null() {
        signed["content"] = request.body.clone();
    }
    let key = text(&keys["verify_keys"][&key_id]["key"]);
    must_be_signed(&signed, server.server_name(), &key_id, &key);
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#request-authentication)
#[test]
fn requests_to_other_servers_are_signed() {
    covers!(GET "/_matrix/client/v3/profile/{userId}", POST "/_matrix/client/v3/keys/query");
    let (server, peer) = (homeserver(), Peer::start());
    let alice = server.register("alice");
    peer.on_json("GET", PROFILE, json!({ "displayname": "Bob" }));
    peer.on_json(
        "POST",
        "/_matrix/federation/v1/user/keys/query",
        json!({ "device_keys": {} }),
    );
    server.get(&path!("/v3/profile/{}", peer.user("bob"))).ok();
    alice
        .post(
            "/v3/keys/query",
            &json!({ "device_keys": { peer.user("bob"): [] } }),
        )
        .ok();
    let requests = peer.received("/_matrix/federation/");
    assert_eq!(requests.len(), 2);
    for request in &requests {
        must_be_signed_request(&server, &peer, request);
        assert_eq!(request.header("host"), peer.name());
    }
    assert_eq!(
        requests[1].body["device_keys"],
        json!({ peer.user("bob"): [] })
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuserid)
#[test]
fn a_profile_of_another_server_is_seen() {
    covers!(
        GET "/_matrix/client/v3/profile/{userId}",
        GET "/_matrix/client/v3/profile/{userId}/{keyName}",
    );
    let (server, peer) = (homeserver(), Peer::start());
    peer.on_json(
        "GET",
        PROFILE,
        json!({ "displayname": "Bob", "org.example.pronouns": ["he"] }),
    );
    let bob = peer.user("bob");
    let profile = server.get(&path!("/v3/profile/{}", bob)).ok();
    assert_eq!(
        profile,
        json!({ "displayname": "Bob", "org.example.pronouns": ["he"] })
    );
    let name = server.get(&path!("/v3/profile/{}/displayname", bob)).ok();
    assert_eq!(name, json!({ "displayname": "Bob" }));
    let asked = peer.received(PROFILE);
    assert!(
        asked[1].target.contains("field=displayname"),
        "{}",
        asked[1].target
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuserid)
#[test]
fn a_profile_that_cannot_be_had_is_refused_as_documented() {
    covers!(GET "/_matrix/client/v3/profile/{userId}");
    let (server, peer) = (homeserver(), Peer::start());
    let path = path!("/v3/profile/{}", peer.user("bob"));
    for (status, errcode, expected) in [
        (404, "M_NOT_FOUND", 404),
        (403, "M_FORBIDDEN", 403),
        (401, "M_UNAUTHORIZED", 404),
        (500, "M_UNKNOWN", 404),
        (200, "not the JSON of a profile: 1", 404),
    ] {
        peer.on(move |request| {
            let answer = match status {
                200 => Answer::bytes(200, "application/json", errcode),
                _ => Answer::error(status, errcode),
            };
            (request.path() == PROFILE).then_some(answer)
        });
        server.get(&path).must_be(expected);
    }
    server
        .get("/v3/profile/%40bob%3Anot-allowed.example")
        .must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directoryroomroomalias)
#[test]
fn an_alias_of_another_server_leads_to_its_room() {
    covers!(GET "/_matrix/client/v3/directory/room/{roomAlias}");
    let (server, peer) = (homeserver(), Peer::start());
    let room = format!("!room:{}", peer.name());
    let found = json!({ "room_id": room, "servers": [peer.name(), "other.example"] });
    let alias = format!("#room:{}", peer.name());
    let path = path!("/v3/directory/room/{}", alias);
    server.get(&path).must_fail(404, "M_NOT_FOUND");
    peer.on_json(
        "GET",
        "/_matrix/federation/v1/query/directory",
        found.clone(),
    );
    assert_eq!(server.get(&path).ok(), found);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3publicrooms)
#[test]
fn the_directory_of_another_server_is_shown_and_searched() {
    covers!(GET "/_matrix/client/v3/publicRooms", POST "/_matrix/client/v3/publicRooms");
    let (server, peer) = (homeserver(), Peer::start());
    let alice = server.register("alice");
    let room = json!({
        "room_id": format!("!room:{}", peer.name()),
        "num_joined_members": 3,
        "world_readable": false,
        "guest_can_join": false,
        "name": "Elsewhere",
    });
    let page = json!({ "chunk": [room], "next_batch": "next", "total_room_count_estimate": 7 });
    let path = "/_matrix/federation/v1/publicRooms";
    peer.on_json("GET", path, page.clone());
    peer.on_json("POST", path, page);
    let shown = alice
        .get(&path!("/v3/publicRooms?server={}&limit=1", peer.name()))
        .ok();
    assert_eq!(shown["chunk"][0]["name"], "Elsewhere");
    assert_eq!(shown["next_batch"], "next");
    let search = json!({ "filter": { "generic_search_term": "else" }, "limit": 2 });
    let path = path!("/v3/publicRooms?server={}", peer.name());
    let found = alice.post(&path, &search).ok();
    assert_eq!(found["chunk"][0]["name"], "Elsewhere");
    let asked = peer.received("/_matrix/federation/v1/publicRooms");
    assert_eq!(asked[1].body["filter"]["generic_search_term"], "else");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery)
#[test]
fn keys_of_users_of_other_servers_are_told_beside_ones_own() {
    covers!(POST "/_matrix/client/v3/keys/query", POST "/_matrix/client/v3/keys/claim");
    let (server, peer, down) = (homeserver(), Peer::start(), Peer::start());
    down.on(|_| Some(Answer::error(500, "M_UNKNOWN")));
    let alice = server.register("alice");
    let own = Device::of(&alice).keys();
    alice
        .post("/v3/keys/upload", &json!({ "device_keys": own }))
        .ok();
    let (bob, carl) = (peer.user("bob"), down.user("carl"));
    let device = json!({
        "user_id": bob,
        "device_id": "BOBS",
        "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
        "keys": { "ed25519:BOBS": "key" },
        "signatures": {},
    });
    peer.on_json(
        "POST",
        "/_matrix/federation/v1/user/keys/query",
        json!({
            "device_keys": { &bob: { "BOBS": device }, "@mallory:other.example": {} },
        }),
    );
    let key = json!({ "signed_curve25519:AAAA": { "key": "key", "signatures": { &bob: { "ed25519:BOBS": "s" } } } });
    peer.on_json(
        "POST",
        "/_matrix/federation/v1/user/keys/claim",
        json!({
            "one_time_keys": { &bob: { "BOBS": key } },
        }),
    );
    let wanted = json!({ "device_keys": { &alice.id: [], &bob: [], &carl: [] } });
    let answer = alice.post("/v3/keys/query", &wanted).ok();
    assert!(
        answer["device_keys"][&alice.id][&alice.device_id].is_object(),
        "{answer}"
    );
    assert_eq!(
        answer["device_keys"][&bob]["BOBS"]["keys"],
        json!({ "ed25519:BOBS": "key" })
    );
    assert!(
        answer["device_keys"]["@mallory:other.example"].is_null(),
        "{answer}"
    );
    assert!(answer["failures"][down.name()].is_object(), "{answer}");
    assert!(answer["failures"][peer.name()].is_null(), "{answer}");

    let wanted = json!({ "one_time_keys": { &bob: { "BOBS": "signed_curve25519" }, &carl: { "C": "signed_curve25519" } } });
    let answer = alice.post("/v3/keys/claim", &wanted).ok();
    assert!(
        answer["one_time_keys"][&bob]["BOBS"]["signed_curve25519:AAAA"].is_object(),
        "{answer}"
    );
    assert!(answer["failures"][down.name()].is_object(), "{answer}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery)
#[test]
fn a_server_that_does_not_answer_is_waited_for_as_long_as_the_client_says() {
    covers!(POST "/_matrix/client/v3/keys/query");
    let (server, peer) = (homeserver(), Peer::start());
    let alice = server.register("alice");
    peer.on(|_| {
        std::thread::sleep(Duration::from_secs(20));
        None
    });
    let wanted = json!({ "timeout": 300, "device_keys": { peer.user("bob"): [] } });
    let started = Instant::now();
    let answer = alice.post("/v3/keys/query", &wanted).ok();
    assert!(answer["failures"][peer.name()].is_object(), "{answer}");
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    // That says nothing about the server: others still ask it.
    peer.on_json("GET", PROFILE, json!({ "displayname": "Bob" }));
    let path = path!("/v3/profile/{}", peer.user("bob"));
    assert_eq!(server.get(&path).ok()["displayname"], "Bob");
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#transactions)
#[test]
fn a_server_that_speaks_up_is_asked_again() {
    covers!(GET "/_matrix/client/v3/profile/{userId}");
    let (server, peer) = (homeserver(), Peer::start());
    let path = path!("/v3/profile/{}", peer.user("bob"));
    peer.on(|request| (request.path() == PROFILE).then(|| Answer::bytes(502, "text/html", "down")));
    server.get(&path).must_be(404);
    peer.on_json("GET", PROFILE, json!({ "displayname": "Bob" }));
    server.get(&path).must_be(404);
    assert_eq!(peer.received(PROFILE).len(), 1, "it is left alone");
    let question = path!(
        "/_matrix/federation/v1/query/profile?user_id={}",
        server.register("alice").id
    );
    peer.request(&server, "GET", &question, None).send().ok();
    assert_eq!(server.get(&path).ok()["displayname"], "Bob");
}

/// Without federation, users learn that from refusals, at once.
#[test]
fn users_of_a_server_without_federation_are_told_so() {
    covers!(GET "/_matrix/client/v3/profile/{userId}", POST "/_matrix/client/v3/keys/query");
    let settings = Settings {
        no_federation: true,
        ..Settings::default()
    };
    let Some(server) = Homeserver::own(&settings).filter(|server| !server.is_synapse()) else {
        return;
    };
    let (alice, peer) = (server.register("alice"), Peer::start());
    let bob = peer.user("bob");
    server
        .get(&path!("/v3/profile/{}", bob))
        .must_fail(403, "M_FORBIDDEN");
    let alias = format!("#room:{}", peer.name());
    server
        .get(&path!("/v3/directory/room/{}", alias))
        .must_fail(403, "M_FORBIDDEN");
    let directory = path!("/v3/publicRooms?server={}", peer.name());
    alice.get(&directory).must_fail(403, "M_FORBIDDEN");
    let answer = alice
        .post("/v3/keys/query", &json!({ "device_keys": { &bob: [] } }))
        .ok();
    assert!(answer["failures"][peer.name()].is_object(), "{answer}");
    let file = path!("/v1/media/download/{}/abc", peer.name());
    alice.get(&file).must_fail(403, "M_FORBIDDEN");
    assert!(peer.received("/").is_empty());
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#resolving-server-names)
#[test]
fn private_addresses_are_not_reached_unless_allowed() {
    covers!(GET "/_matrix/client/v3/profile/{userId}");
    let settings = Settings {
        federation_at_public_addresses_only: true,
        ..Settings::default()
    };
    let Some(server) = Homeserver::own(&settings).filter(|server| !server.is_synapse()) else {
        return;
    };
    let peer = Peer::start();
    peer.on_json("GET", PROFILE, json!({ "displayname": "Bob" }));
    server
        .get(&path!("/v3/profile/{}", peer.user("bob")))
        .must_fail(404, "M_NOT_FOUND");
    assert!(peer.received("/").is_empty());
}

//! Inviting by e-mail address: an identity server, which the test plays, knows whose it is.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#third-party-invites)

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Peer, Settings, User, covers, homeserver,
    must::text,
    path,
    peer::Answer,
    server::{homeserver2, unique},
    sync_until::eventually,
};

const ADDRESS: &str = "bob@school.test";

/// An identity server. Everything else that a peer answers is not used.
fn identity_server() -> Peer {
    let peer = Peer::start();
    let details = json!({ "lookup_pepper": "salt", "algorithms": ["none", "sha256"] });
    peer.on_json("GET", "/_matrix/identity/v2/hash_details", details);
    let nobody = json!({ "mappings": {} });
    peer.on_json("POST", "/_matrix/identity/v2/lookup", nobody);
    let (url, (_, key)) = (
        format!("https://{}/isvalid", peer.name()),
        peer.public_key(),
    );
    let stored = json!({
        "token": unique("token"),
        "display_name": "b...@s...",
        "public_keys": [
            { "public_key": "6yhHGKhCiXTSEN2ksjV7kX/N6rBQZ3Xb+M7LlC6NS+s", "key_validity_url": &url },
            { "public_key": key, "key_validity_url": &url },
        ],
    });
    peer.on_json("POST", "/_matrix/identity/v2/store-invite", stored);
    peer.on_json("GET", "/isvalid", json!({ "valid": true }));
    peer
}

fn by_address(identity_server: &str) -> Value {
    json!({
        "id_server": identity_server,
        "id_access_token": "a token of the identity server",
        "medium": "email",
        "address": "Bob@School.test",
    })
}

/// Invites the address to a new room, and returns the room and the invitation that waits in it.
fn invite_address(alice: &User, identity_server: &Peer) -> (String, Value) {
    let room = alice.private_room();
    let path = path!("/v3/rooms/{}/invite", room);
    alice.post(&path, &by_address(identity_server.name())).ok();
    let state = alice.get(&path!("/v3/rooms/{}/state", room)).ok();
    let events = state.as_array().into_iter().flatten();
    let mut waiting = events.filter(|event| event["type"] == "m.room.third_party_invite");
    let waits = waiting.next().expect("an invitation that waits");
    (room, waits.clone())
}

/// What an identity server signs when a user binds the address.
fn proof(identity_server: &Peer, user: &User, invitation: &Value) -> Value {
    let mut signed = json!({ "mxid": user.id, "token": invitation["state_key"] });
    identity_server.sign(&mut signed);
    signed
}

fn bind(user: &User, room: &str, sender: &User, signed: &Value) {
    bind_by("PUT", user, (room, sender), signed);
}

fn bind_by(method: &str, user: &User, (room, sender): (&str, &User), signed: &Value) {
    let invite = json!({
        "medium": "email", "address": ADDRESS, "mxid": user.id,
        "room_id": room, "sender": sender.id, "signed": signed,
    });
    let body = json!({
        "medium": "email", "address": ADDRESS, "mxid": user.id, "invites": [invite],
    });
    user.server
        .request(method, "/_matrix/federation/v1/3pid/onbind")
        .json(&body)
        .send()
        .ok();
}

fn is_invited(user: &User, room: &str) -> Result<(), String> {
    let synced = user.initial_sync();
    match synced["rooms"]["invite"].get(room) {
        Some(_) => Ok(()),
        None => Err(format!("{} is not invited to {room}", user.id)),
    }
}

#[test]
fn the_owner_of_a_known_address_is_invited() {
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let identity_server = identity_server();
    let id = bob.id.clone();
    identity_server.on(move |request| {
        if request.path() != "/_matrix/identity/v2/lookup" {
            return None;
        }
        // The address is asked for by a hash that only those can make who know it.
        let asked = &request.body["addresses"][0];
        let found = json!({ "mappings": { text(asked): id } });
        Some(Answer::json(200, &found))
    });
    let room = alice.private_room();
    let path = path!("/v3/rooms/{}/invite", room);
    alice.post(&path, &by_address(identity_server.name())).ok();
    is_invited(&bob, &room).expect("an invitation");
    let asked = identity_server.received("/_matrix/identity/v2/lookup");
    assert_eq!(asked[0].body["algorithm"], "sha256");
    assert_eq!(
        asked[0].body["addresses"][0],
        // SHA-256 of "bob@school.test email salt", which is how the specification writes it.
        "a6Rd4D_0GsvM5DBnRPauyYVXQuABM_AygrtNIWot5Ic",
    );
    assert_eq!(
        asked[0].header("authorization"),
        "Bearer a token of the identity server"
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#thirdparty_post_matrixclientv3roomsroomidinvite)
#[test]
fn an_invitation_waits_until_somebody_of_the_server_binds_the_address() {
    covers!(PUT "/_matrix/federation/v1/3pid/onbind");
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let identity_server = identity_server();
    let (room, invitation) = invite_address(&alice, &identity_server);
    assert_eq!(invitation["content"]["display_name"], "b...@s...");
    let told = &identity_server.received("/_matrix/identity/v2/store-invite")[0].body;
    assert_eq!(told["address"], ADDRESS);
    assert_eq!(told["sender"], alice.id);
    assert_eq!(told["room_id"], room);
    bind(
        &bob,
        &room,
        &alice,
        &proof(&identity_server, &bob, &invitation),
    );
    is_invited(&bob, &room).expect("an invitation");
    bob.join(&room);
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1exchange_third_party_inviteroomid)
#[test]
fn somebody_of_another_server_who_binds_the_address_is_invited_and_joins() {
    covers!(PUT "/_matrix/federation/v1/exchange_third_party_invite/{roomId}");
    let Some(second) = homeserver2() else {
        return;
    };
    let (alice, bob) = (homeserver().register("alice"), second.register("bob"));
    let identity_server = identity_server();
    let (room, invitation) = invite_address(&alice, &identity_server);
    bind(
        &bob,
        &room,
        &alice,
        &proof(&identity_server, &bob, &invitation),
    );
    eventually(|| is_invited(&bob, &room));
    bob.join(&room);
    let member = path!("/v3/rooms/{}/state/m.room.member/{}", room, bob.id);
    eventually(|| match alice.get(&member).json["membership"].as_str() {
        Some("join") => Ok(()),
        other => Err(format!("bob's membership is {other:?}")),
    });
}

/// The server of whoever binds an address may be in the room without anybody of the inviting server noticing it.
#[test]
fn a_server_in_the_room_invites_its_user_in_the_name_of_whoever_invited() {
    let Some(second) = homeserver2() else {
        return;
    };
    let (alice, carol) = (homeserver().register("alice"), second.register("carol"));
    let bob = second.register("bob");
    let identity_server = identity_server();
    let (room, invitation) = invite_address(&alice, &identity_server);
    alice.invite(&room, &carol);
    eventually(|| is_invited(&carol, &room));
    carol.join(&room);
    bind(
        &bob,
        &room,
        &alice,
        &proof(&identity_server, &bob, &invitation),
    );
    is_invited(&bob, &room).expect("an invitation");
    let member = path!("/v3/rooms/{}/state/m.room.member/{}", room, bob.id);
    eventually(|| match alice.get(&member).json["membership"].as_str() {
        Some("invite") => Ok(()),
        other => Err(format!("bob's membership is {other:?}")),
    });
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#verifying-the-invite)
#[test]
fn a_proof_has_to_be_signed_by_the_identity_server_for_the_user() {
    let (alice, eve) = (homeserver().register("alice"), homeserver().register("eve"));
    let (bob, identity_server) = (homeserver().register("bob"), identity_server());
    let (room, invitation) = invite_address(&alice, &identity_server);
    let join = |signed: &Value| {
        let mut signed = signed.clone();
        signed["sender"] = alice.id.as_str().into();
        let body = json!({ "third_party_signed": signed });
        eve.post(&path!("/v3/rooms/{}/join", room), &body)
    };
    let others = proof(&identity_server, &bob, &invitation);
    join(&others).must_fail(403, "M_FORBIDDEN");
    let by_another_server = proof(&Peer::start(), &eve, &invitation);
    join(&by_another_server).must_fail(403, "M_FORBIDDEN");
    bind(&eve, &room, &alice, &by_another_server);
    is_invited(&eve, &room).expect_err("no invitation");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidjoin)
#[test]
fn who_shows_the_proof_when_joining_is_let_in() {
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let identity_server = identity_server();
    let (room, invitation) = invite_address(&alice, &identity_server);
    let mut signed = json!({
        "mxid": bob.id, "sender": alice.id, "token": invitation["state_key"],
    });
    identity_server.sign(&mut signed);
    let body = json!({ "third_party_signed": signed });
    bob.post(&path!("/v3/rooms/{}/join", room), &body).ok();
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#third-party-invites)
#[test]
fn a_key_that_is_not_valid_any_more_proves_nothing() {
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let identity_server = identity_server();
    let (room, invitation) = invite_address(&alice, &identity_server);
    identity_server.on_json("GET", "/isvalid", json!({ "valid": false }));
    bind(
        &bob,
        &room,
        &alice,
        &proof(&identity_server, &bob, &invitation),
    );
    is_invited(&bob, &room).expect_err("no invitation");
}

#[test]
fn an_identity_server_that_refuses_or_is_away_is_told_of_as_such() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let path = path!("/v3/rooms/{}/invite", room);
    let identity_server = Peer::start();
    identity_server.on(|request| {
        let is_asked = request.path().starts_with("/_matrix/identity/");
        is_asked.then(|| Answer::error(401, "M_UNAUTHORIZED"))
    });
    // Not 401: the client would take its own access token for lost.
    alice
        .post(&path, &by_address(identity_server.name()))
        .must_fail(403, "M_FORBIDDEN");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let away = nobody.local_addr().expect("an address").to_string();
    drop(nobody);
    let unanswered = alice.request("POST", &path).json(&by_address(&away));
    unanswered
        .try_send()
        .expect("an answer")
        .must_fail(400, "M_UNKNOWN");
    alice
        .post(&path, &by_address("not a name"))
        .must_fail(400, "M_INVALID_PARAM");
}

/// Users must not reach through the server what only the server can reach.
#[test]
fn identity_servers_on_the_inside_are_out_of_bounds_unless_allowed() {
    let settings = Settings {
        fialka: "[outbound]\nallow_private_addresses = false\n".to_owned(),
        ..Settings::default()
    };
    let Some(server) = Homeserver::own(&settings).filter(|server| !server.is_synapse()) else {
        return;
    };
    let (alice, identity_server) = (server.register("alice"), identity_server());
    let path = path!("/v3/rooms/{}/invite", alice.private_room());
    alice
        .post(&path, &by_address(identity_server.name()))
        .must_fail(403, "M_FORBIDDEN");
    assert!(identity_server.received("/_matrix/identity/").is_empty());
}

#[test]
fn an_address_is_invited_while_a_room_is_made() {
    let alice = homeserver().register("alice");
    let identity_server = identity_server();
    let room = alice.create_room(&json!({
        "invite_3pid": [by_address(identity_server.name())],
    }));
    let state = alice.get(&path!("/v3/rooms/{}/state", room)).ok();
    let mut events = state.as_array().into_iter().flatten();
    assert!(
        events.any(|event| event["type"] == "m.room.third_party_invite"),
        "{state}"
    );
}

/// Identity servers send what the specification has them put.
#[test]
fn an_identity_server_may_post_that_an_address_is_bound() {
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let identity_server = identity_server();
    let (room, invitation) = invite_address(&alice, &identity_server);
    let signed = proof(&identity_server, &bob, &invitation);
    bind_by("POST", &bob, (&room, &alice), &signed);
    is_invited(&bob, &room).expect("an invitation");
}

/// Nobody signs what identity servers send here, so it must not make this server ask others again and again.
#[test]
fn invitations_that_somebody_made_up_lead_to_few_questions() {
    covers!(PUT "/_matrix/federation/v1/3pid/onbind");
    if homeserver().is_synapse() {
        return;
    }
    let (bob, peer) = (homeserver().register("bob"), Peer::start());
    let ask = |rooms: Vec<String>| {
        let invites: Vec<Value> = rooms
            .iter()
            .map(|room| {
                json!({
                    "medium": "email", "address": ADDRESS, "mxid": bob.id, "room_id": room,
                    "sender": peer.user("mallory"), "signed": { "mxid": bob.id, "token": "a" },
                })
            })
            .collect();
        let body = json!({
            "medium": "email", "address": ADDRESS, "mxid": bob.id, "invites": invites,
        });
        let path = "/_matrix/federation/v1/3pid/onbind";
        bob.server.request("PUT", path).json(&body).send().ok();
        let asked = "/_matrix/federation/v1/exchange_third_party_invite/";
        peer.received(asked).len()
    };
    let room = |number: usize| format!("!room{number}:{}", peer.name());
    assert_eq!(ask(vec![room(0); 30]), 1);
    assert!(ask((1..=40).map(room).collect()) <= 11);
}

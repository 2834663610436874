//! What is not there, and servers that do not federate.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#unsupported-endpoints)

use serde_json::json;
use spec_tests::{Homeserver, Peer, Settings, covers, homeserver, path, peer::now};

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1version)
#[test]
fn a_server_says_what_it_is() {
    covers!(GET "/_matrix/federation/v1/version");
    let version = homeserver().get("/_matrix/federation/v1/version").ok();
    assert!(version["server"]["name"].is_string(), "{version}");
    assert!(version["server"]["version"].is_string(), "{version}");
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#unsupported-endpoints)
#[test]
fn unknown_endpoints_and_methods_are_not_recognised() {
    let (server, peer) = (homeserver(), Peer::start());
    for path in [
        "/_matrix/federation/v1/no_such_thing",
        "/_matrix/federation/v9/version",
        "/_matrix/key/v2/nothing",
    ] {
        peer.request(&server, "GET", path, None)
            .send()
            .must_fail(404, "M_UNRECOGNIZED");
    }
    let wrong_method = peer.request(&server, "DELETE", "/_matrix/federation/v1/version", None);
    wrong_method.send().must_fail(405, "M_UNRECOGNIZED");
}

/// The first version of invitations is for rooms of versions 1 and 2.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1inviteroomideventid)
#[test]
fn an_invitation_to_a_room_of_a_version_that_is_too_old_is_refused() {
    covers!(PUT "/_matrix/federation/v1/invite/{roomId}/{eventId}");
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let room = format!("!old:{}", peer.name());
    let event = json!({
        "type": "m.room.member",
        "room_id": room,
        "sender": peer.user("bob"),
        "origin": peer.name(),
        "origin_server_ts": now(),
        "state_key": alice.id,
        "content": { "membership": "invite" },
    });
    let id = format!("$old:{}", peer.name());
    let path = path!("/_matrix/federation/v1/invite/{}/{}", room, id);
    let answer = peer
        .request(&alice.server, "PUT", &path, Some(&event))
        .send();
    if !alice.server.is_synapse() {
        answer.must_fail(400, "M_INCOMPATIBLE_ROOM_VERSION");
    }
}

/// Without federation there are no endpoints for servers.
#[test]
fn a_server_without_federation_has_no_endpoints_for_servers() {
    let settings = Settings {
        no_federation: true,
        ..Settings::default()
    };
    let Some(server) = Homeserver::own(&settings).filter(|server| !server.is_synapse()) else {
        return;
    };
    for path in [
        "/_matrix/key/v2/server",
        "/_matrix/federation/v1/version",
        "/_matrix/federation/v1/publicRooms",
    ] {
        server.get(path).must_fail(404, "M_UNRECOGNIZED");
    }
}

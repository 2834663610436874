//! Signatures of requests.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#request-authentication)

use serde_json::json;
use spec_tests::{
    Homeserver, Peer, Reply, Settings, User, coverage, covers,
    endpoints::server_server,
    homeserver, path,
    peer::{Answer, Authority},
};

fn profile_path(user: &User) -> String {
    path!("/_matrix/federation/v1/query/profile?user_id={}", user.id)
}

fn ask(server: &Homeserver, path: &str, authorization: &str) -> Reply {
    server
        .request("GET", path)
        .header("Authorization", authorization)
        .send()
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#request-authentication)
#[test]
fn a_signed_request_is_answered() {
    covers!(GET "/_matrix/federation/v1/query/profile");
    let (server, peer) = (homeserver(), Peer::start());
    let path = profile_path(&server.register("alice"));
    peer.request(&server, "GET", &path, None).send().ok();
    let asked = peer.received("/_matrix/key/v2/server");
    assert_eq!(asked.len(), 1, "the key is fetched once");
    peer.request(&server, "GET", &path, None).send().ok();
    assert_eq!(
        peer.received("/_matrix/key/v2/server").len(),
        1,
        "and remembered"
    );
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#request-authentication)
#[test]
fn every_signed_operation_refuses_requests_without_a_signature() {
    let server = homeserver();
    let mut wrong = Vec::new();
    for endpoint in server_server().filter(|endpoint| endpoint.auth == "signed_request") {
        let path = endpoint.path.replace(['{', '}'], "");
        let request = server.request(&endpoint.method, &path);
        let request = match endpoint.method.as_str() {
            "GET" => request,
            _ => request.json(&json!({})),
        };
        let reply = request.send();
        // An operation that the server does not have is not there for anybody.
        if reply.json["errcode"] == "M_UNRECOGNIZED" {
            continue;
        }
        if reply.status == 401 && reply.json["errcode"] == "M_UNAUTHORIZED" {
            coverage::record_auth(&endpoint.operation);
        } else {
            wrong.push(reply.to_string());
        }
    }
    assert!(
        wrong.is_empty(),
        "must answer 401 M_UNAUTHORIZED:\n{}",
        wrong.join("\n")
    );
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#request-authentication)
#[test]
fn a_signature_over_something_else_is_refused() {
    covers!(GET "/_matrix/federation/v1/query/profile", POST "/_matrix/federation/v1/user/keys/query");
    let (server, peer) = (homeserver(), Peer::start());
    let path = profile_path(&server.register("alice"));
    let name = server.server_name();
    let other_path = peer.authorization(name, "GET", "/_matrix/federation/v1/version", None);
    ask(&server, &path, &other_path).must_fail(401, "M_UNAUTHORIZED");
    let other_method = peer.authorization(name, "PUT", &path, None);
    ask(&server, &path, &other_method).must_fail(401, "M_UNAUTHORIZED");
    let other_body = peer.authorization(name, "GET", &path, Some(&json!({})));
    ask(&server, &path, &other_body).must_fail(401, "M_UNAUTHORIZED");

    let path = "/_matrix/federation/v1/user/keys/query";
    let signed = json!({ "device_keys": {} });
    let header = peer.authorization(name, "POST", path, Some(&signed));
    let post = |body: &serde_json::Value| {
        server
            .request("POST", path)
            .header("Authorization", &header)
            .json(body)
            .send()
    };
    post(&json!({ "device_keys": { "@a:b": [] } })).must_fail(401, "M_UNAUTHORIZED");
    post(&signed).ok();
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#request-authentication)
#[test]
fn a_request_for_another_server_is_refused() {
    covers!(GET "/_matrix/federation/v1/query/profile");
    let (server, peer) = (homeserver(), Peer::start());
    let path = profile_path(&server.register("alice"));
    let header = peer.authorization("elsewhere.example", "GET", &path, None);
    ask(&server, &path, &header).must_fail(401, "M_UNAUTHORIZED");
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#request-authentication)
#[test]
fn the_header_may_be_written_in_other_ways() {
    covers!(GET "/_matrix/federation/v1/query/profile");
    let (server, peer) = (homeserver(), Peer::start());
    let path = profile_path(&server.register("alice"));
    let header = peer.authorization(server.server_name(), "GET", &path, None);
    // As servers before version 1.3 wrote it: no destination, no quotes although there are colons.
    let old = header
        .replace(&format!("destination=\"{}\",", server.server_name()), "")
        .replace('"', "");
    ask(&server, &path, &old).ok();
    let spaced = header
        .replace("X-Matrix ", "x-matrix   ")
        .replace(',', " ,\t")
        .replace("origin", "ORIGIN");
    ask(&server, &path, &spaced).ok();
    let escaped = header
        .replace("127.", "\\1\\2\\7.")
        .replace(",key", ",unknown=\"a\\\",b\",key");
    ask(&server, &path, &escaped).ok();
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#request-authentication)
#[test]
fn a_malformed_header_is_refused() {
    covers!(GET "/_matrix/federation/v1/query/profile");
    let (server, peer) = (homeserver(), Peer::start());
    let path = profile_path(&server.register("alice"));
    let header = peer.authorization(server.server_name(), "GET", &path, None);
    for wrong in [
        "X-Matrix".to_owned(),
        "X-Matrix origin=\"".to_owned(),
        header.replace("key=", "kay="),
        header.replace("sig=", "sig=!"),
        header.replace("ed25519:", "ed25519"),
        header.replace("X-Matrix", "Bearer"),
        format!("{header},origin=\"a.example\""),
    ] {
        ask(&server, &path, &wrong).must_fail(401, "M_UNAUTHORIZED");
    }
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#retrieving-server-keys)
#[test]
fn a_server_whose_key_cannot_be_had_is_refused() {
    covers!(GET "/_matrix/federation/v1/query/profile");
    let server = homeserver();
    let path = profile_path(&server.register("alice"));
    let silent = Peer::start();
    silent.on(|_| Some(Answer::error(500, "M_UNKNOWN")));
    silent
        .request(&server, "GET", &path, None)
        .send()
        .must_fail(401, "M_UNAUTHORIZED");
    let stranger = Peer::certified_by(&Authority::new("nobody trusts this one"));
    stranger
        .request(&server, "GET", &path, None)
        .send()
        .must_fail(401, "M_UNAUTHORIZED");
    assert!(
        stranger.received("/").is_empty(),
        "nothing is said to a server with a wrong certificate"
    );
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#publishing-keys)
#[test]
fn a_key_that_is_no_longer_valid_signs_no_requests() {
    covers!(GET "/_matrix/federation/v1/query/profile");
    let (server, peer) = (homeserver(), Peer::start());
    let path = profile_path(&server.register("alice"));
    peer.set_validity(-1_000);
    peer.request(&server, "GET", &path, None)
        .send()
        .must_fail(401, "M_UNAUTHORIZED");
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#publishing-keys)
#[test]
fn a_new_key_is_fetched_when_it_is_used() {
    covers!(GET "/_matrix/federation/v1/query/profile");
    let (server, peer) = (homeserver(), Peer::start());
    let path = profile_path(&server.register("alice"));
    peer.request(&server, "GET", &path, None).send().ok();
    peer.use_key("ed25519:peer2");
    // A server may wait a little before it asks again.
    spec_tests::sync_until::eventually(|| {
        let reply = peer.request(&server, "GET", &path, None).send();
        (reply.status == 200)
            .then_some(())
            .ok_or_else(|| reply.to_string())
    });
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#querying-keys-through-another-server)
#[test]
fn a_key_that_only_a_trusted_key_server_knows_is_believed() {
    covers!(GET "/_matrix/federation/v1/query/profile");
    let (notary, impostor) = (Peer::start(), Peer::start());
    let settings = Settings {
        federation: format!("trusted_key_servers = [\"{}\"]", notary.name()),
        ..Settings::default()
    };
    let Some(server) = Homeserver::own(&settings).filter(|server| !server.is_synapse()) else {
        return;
    };
    let path = profile_path(&server.register("alice"));
    // Its own key cannot be fetched, as if it were down.
    let silent = || {
        let peer = Peer::start();
        peer.on(|_| Some(Answer::error(500, "M_UNKNOWN")));
        peer
    };
    let (known, unsigned) = (silent(), silent());
    let mut vouched = known.server_keys();
    notary.sign(&mut vouched);
    let mut forged = unsigned.server_keys();
    impostor.sign(&mut forged);
    let names = [known.name().to_owned(), unsigned.name().to_owned()];
    notary.on(move |request| {
        let asked = |name: &str| request.body["server_keys"][name].is_object();
        let keys = match request.path() {
            "/_matrix/key/v2/query" if asked(&names[0]) => json!([vouched]),
            "/_matrix/key/v2/query" if asked(&names[1]) => json!([forged]),
            _ => return None,
        };
        Some(Answer::json(200, &json!({ "server_keys": keys })))
    });
    known.request(&server, "GET", &path, None).send().ok();
    unsigned
        .request(&server, "GET", &path, None)
        .send()
        .must_fail(401, "M_UNAUTHORIZED");
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#retrieving-server-keys)
#[test]
fn keys_are_remembered_across_a_restart() {
    covers!(GET "/_matrix/federation/v1/query/profile");
    let Some(server) = Homeserver::own(&Settings::default()) else {
        return;
    };
    let (path, peer) = (profile_path(&server.register("alice")), Peer::start());
    peer.request(&server, "GET", &path, None).send().ok();
    server.kill_and_restart();
    peer.on(|_| Some(Answer::error(500, "M_UNKNOWN")));
    peer.request(&server, "GET", &path, None).send().ok();
}

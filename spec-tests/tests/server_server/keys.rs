//! Publishing keys, fetching those of others, and vouching for them.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#retrieving-server-keys)

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Peer, Settings, covers, homeserver,
    must::text,
    path,
    peer::{Answer, now},
    target::Target,
};

/// The keys among an answer of a key server that are of this server.
fn keys_of<'a>(answer: &'a Value, server: &str) -> Vec<&'a Value> {
    let keys = answer["server_keys"].as_array().expect("a list of keys");
    keys.iter()
        .filter(|keys| keys["server_name"] == server)
        .collect()
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixkeyv2server)
#[test]
fn a_server_publishes_its_keys_signed_and_valid_for_more_than_an_hour() {
    covers!(GET "/_matrix/key/v2/server");
    let server = homeserver();
    let keys = server.get("/_matrix/key/v2/server").ok();
    assert_eq!(keys["server_name"], server.server_name());
    assert!(
        keys["valid_until_ts"].as_u64() > Some(now() + 3_600_000),
        "{keys}"
    );
    let verify_keys = keys["verify_keys"].as_object().expect("keys");
    assert!(!verify_keys.is_empty());
    for (id, key) in verify_keys {
        assert!(id.starts_with("ed25519:"), "{id}");
        spec_tests::crypto::must_be_signed(&keys, server.server_name(), id, &text(&key["key"]));
    }
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixkeyv2queryservername)
#[test]
fn a_key_server_adds_its_signature_to_what_another_server_says() {
    covers!(GET "/_matrix/key/v2/query/{serverName}");
    let (server, peer) = (homeserver(), Peer::start());
    let answer = server
        .get(&path!("/_matrix/key/v2/query/{}", peer.name()))
        .ok();
    let [keys] = keys_of(&answer, peer.name())[..] else {
        panic!("one answer about the peer: {answer}");
    };
    let (id, key) = peer.public_key();
    assert_eq!(keys["verify_keys"][&id]["key"], key);
    spec_tests::crypto::must_be_signed(keys, peer.name(), &id, &key);
    let own = server.get("/_matrix/key/v2/server").ok();
    let (own_id, own_key) = own["verify_keys"]
        .as_object()
        .and_then(|keys| keys.iter().next())
        .expect("a key");
    spec_tests::crypto::must_be_signed(keys, server.server_name(), own_id, &text(&own_key["key"]));
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixkeyv2query)
#[test]
fn a_key_server_is_asked_about_several_servers_at_once() {
    covers!(POST "/_matrix/key/v2/query");
    let (server, one, two) = (homeserver(), Peer::start(), Peer::start());
    let question = json!({ "server_keys": {
        one.name(): {},
        two.name(): { "ed25519:peer1": { "minimum_valid_until_ts": now() + 1_000 } },
        "127.0.0.1:1": {},
    } });
    let answer = server.post("/_matrix/key/v2/query", &question).ok();
    assert_eq!(keys_of(&answer, one.name()).len(), 1, "{answer}");
    assert_eq!(keys_of(&answer, two.name()).len(), 1, "{answer}");
    assert_eq!(
        answer["server_keys"].as_array().map(Vec::len),
        Some(2),
        "{answer}"
    );
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixkeyv2query)
#[test]
fn a_key_server_that_is_asked_about_nobody_says_nothing() {
    covers!(POST "/_matrix/key/v2/query");
    let answer = homeserver()
        .post("/_matrix/key/v2/query", &json!({ "server_keys": {} }))
        .ok();
    assert_eq!(answer["server_keys"], json!([]));
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixkeyv2queryservername)
#[test]
fn a_key_server_does_not_vouch_for_keys_that_their_server_has_not_signed() {
    covers!(GET "/_matrix/key/v2/query/{serverName}");
    let peer = Peer::start();
    let mut keys = peer.server_keys();
    keys["valid_until_ts"] = (now() + 7_200_000).into();
    peer.on(move |request| {
        (request.path() == "/_matrix/key/v2/server").then(|| Answer::json(200, &keys))
    });
    let answer = homeserver()
        .get(&path!("/_matrix/key/v2/query/{}", peer.name()))
        .ok();
    assert_eq!(answer["server_keys"], json!([]));
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixkeyv2server)
#[test]
fn a_key_server_repeats_what_a_server_said_that_does_not_answer_any_more() {
    covers!(GET "/_matrix/key/v2/query/{serverName}");
    let peer = Peer::start();
    let path = path!("/_matrix/key/v2/query/{}", peer.name());
    let before = homeserver().get(&path).ok();
    peer.on(|_| Some(Answer::error(500, "M_UNKNOWN")));
    let after = homeserver()
        .get(&format!(
            "{path}?minimum_valid_until_ts={}",
            now() + 86_400_000
        ))
        .ok();
    assert_eq!(keys_of(&after, peer.name()), keys_of(&before, peer.name()));
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#publishing-keys)
#[test]
fn a_server_with_a_new_key_is_believed_and_so_is_what_the_old_one_signed() {
    let Target::Fialka(binary) = Target::from_environment() else {
        return;
    };
    let start = || {
        Homeserver::own(&Settings {
            named_after_address: true,
            ..Settings::default()
        })
        .expect("a server of our own")
    };
    let (here, there) = (start(), start());
    let (alice, bob) = (here.register("alice"), there.register("bob"));
    let room = alice.public_room();
    bob.join_via(&room, &here);
    alice.say(&room, "signed with the first key");
    bob.must_read_once(&room, "signed with the first key");
    let before = here.get("/_matrix/key/v2/server").ok();

    here.kill();
    let folder = here.folder().expect("a folder");
    let rotated = std::process::Command::new(binary)
        .args(["keys", "rotate", "--config"])
        .arg(folder.join("fialka.toml"))
        .output()
        .expect("the program to run");
    assert!(rotated.status.success(), "{rotated:?}");
    here.start_again();

    let after = here.get("/_matrix/key/v2/server").ok();
    let old = before["verify_keys"].as_object().expect("keys");
    for (id, key) in old {
        assert!(after["verify_keys"][id].is_null(), "{after}");
        assert_eq!(after["old_verify_keys"][id]["key"], key["key"]);
        assert!(after["old_verify_keys"][id]["expired_ts"].as_u64() <= Some(now()));
    }
    alice.say(&room, "signed with the second key");
    bob.must_read_once(&room, "signed with the second key");
    // A server that never knew the first key believes what it signed while it was valid.
    let later = start();
    let carol = later.register("carol");
    carol.join_via(&room, &here);
    carol.must_read_once(&room, "signed with the first key");
}

//! What clients need for calls beside rooms.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#voice-over-ip)

use serde_json::{Value, json};
use spec_tests::{Homeserver, Settings, covers, homeserver, matchers::items, must::must_contain};

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3voipturnserver)
#[test]
fn relays_come_with_credentials_of_the_users_own() {
    covers!(GET "/_matrix/client/v3/voip/turnServer");
    let alice = homeserver().register("alice");
    let relays = alice.get("/v3/voip/turnServer").ok();
    assert_eq!(
        relays["uris"],
        json!(["turn:turn.spec.test:3478?transport=udp"])
    );
    let username = relays["username"].as_str().unwrap();
    let (until, user) = username.split_once(':').unwrap();
    assert!(until.parse::<u64>().is_ok(), "{username}");
    assert_eq!(user, alice.id);
    assert!(relays["password"].as_str().is_some_and(|it| !it.is_empty()));
    assert!(relays["ttl"].as_u64().is_some_and(|seconds| seconds > 0));
}

/// Clients take that for an answer; they would repeat a request that fails.
#[test]
fn without_relays_there_is_nothing_to_tell_of_them() {
    if homeserver().is_synapse() {
        return;
    }
    let server = Homeserver::own(&Settings {
        fialka: "[turn]\nuris = []".to_owned(),
        ..Settings::default()
    });
    let Some(server) = server else { return };
    let alice = server.register("alice");
    assert_eq!(alice.get("/v3/voip/turnServer").ok(), json!({}));
    server
        .get("/v3/voip/turnServer")
        .must_fail(401, "M_MISSING_TOKEN");
}

/// [MSC4143](https://github.com/matrix-org/matrix-spec-proposals/pull/4143)
#[test]
fn media_servers_of_group_calls_are_told_to_users() {
    let path = "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports";
    homeserver().get(path).must_fail(401, "M_MISSING_TOKEN");
    let alice = homeserver().register("alice");
    let livekit = json!({ "type": "livekit", "livekit_service_url": "https://livekit.spec.test" });
    let answer = alice.get(path).ok();
    let told: Vec<&Value> = items(&answer["rtc_transports"]).iter().collect();
    assert_eq!(told.len(), 1, "{answer}");
    must_contain(told[0], &livekit);
}

//! Presence across servers.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#presence)

use serde_json::{Value, json};
use spec_tests::{covers, homeserver, http::encode, path, server::homeserver2};

#[test]
fn somebody_in_a_shared_room_is_seen_to_be_there() {
    covers!(PUT "/_matrix/client/v3/presence/{userId}/status");
    let Some(second) = homeserver2() else { return };
    let (alice, bob) = (homeserver().register("alice"), second.register("bob"));
    let eve = second.register("eve");
    let room = alice.public_room();
    let via = encode(alice.server.server_name());
    let join = format!("{}?via={via}", path!("/v3/join/{}", room));
    bob.post(&join, &json!({})).ok();
    let of_alice = |response: &Value, presence: &str| {
        let events = response["presence"]["events"].as_array().cloned();
        let is_it =
            |event: &Value| event["sender"] == alice.id && event["content"]["presence"] == presence;
        match events.unwrap_or_default().iter().any(is_it) {
            true => Ok(()),
            false => Err(format!(
                "{presence} is not told in {}",
                response["presence"]
            )),
        }
    };
    let status = path!("/v3/presence/{}/status", alice.id);
    let say = |presence: &str| {
        let body = json!({ "presence": presence, "status_msg": "in room 12" });
        alice.put(&status, &body).ok();
    };
    say("online");
    let seen = bob.must_see(|response| of_alice(response, "online"));
    assert!(seen["presence"].to_string().contains("in room 12"));
    say("offline");
    bob.must_see_after(&seen, |response| of_alice(response, "offline"));
    // Who shares no room with her is not shown it.
    eve.get(&status).must_fail(403, "M_FORBIDDEN");
}

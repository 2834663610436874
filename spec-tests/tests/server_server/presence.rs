//! Presence across servers.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#presence)

use serde_json::{Value, json};
use spec_tests::{
    Peer, covers, homeserver, http::encode, matchers::has_item, path, peer::Dag,
    server::homeserver2,
};

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

/// Nothing changes after they meet: each server tells the other by itself.
#[test]
fn those_who_meet_in_a_room_see_each_other_to_be_there() {
    covers!(PUT "/_matrix/client/v3/presence/{userId}/status");
    let Some(second) = homeserver2() else { return };
    let (alice, bob) = (homeserver().register("alice"), second.register("bob"));
    for user in [&alice, &bob] {
        let status = path!("/v3/presence/{}/status", user.id);
        let body = json!({ "presence": "online", "status_msg": format!("{} is here", user.id) });
        user.put(&status, &body).ok();
    }
    let room = alice.public_room();
    let via = encode(alice.server.server_name());
    let join = format!("{}?via={via}", path!("/v3/join/{}", room));
    bob.post(&join, &json!({})).ok();
    for (viewer, other) in [(&alice, &bob), (&bob, &alice)] {
        let words = format!("{} is here", other.id);
        viewer.must_see(|response| {
            let told = response["presence"].to_string();
            match told.contains(&words) {
                true => Ok(()),
                false => Err(format!("{} is not told in {told}", other.id)),
            }
        });
    }
}

/// Synapse leaves the time out for users who set their presence and did nothing else.
#[test]
fn presence_is_seen_of_somebody_of_whom_nobody_knows_when_they_were_active() {
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let room = alice.public_room();
    let bob = peer.user("bob");
    Dag::join(&peer, &alice.server, &room, &bob);
    let before = alice.initial_sync();
    let status = json!({ "presence": "unavailable", "status_msg": "in a lesson" });
    let mut update = status.clone();
    update["user_id"] = bob.as_str().into();
    let edu = json!({ "edu_type": "m.presence", "content": { "push": [update] } });
    peer.send_transaction(&alice.server, &[], &[edu]).ok();
    let expected = json!({ "type": "m.presence", "sender": bob, "content": status });
    alice.must_see_after(&before, has_item(&["presence", "events"], &expected));
}

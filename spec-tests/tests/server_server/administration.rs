//! What administrators see of other servers through the API that Synapse's tools use.

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Settings, User, http::encode, path, sync_until::eventually, target::Target,
};

const LIST: &str = "/_synapse/admin/v1/federation/destinations";

fn one(server: &Homeserver, what: &str) -> String {
    format!("{LIST}/{}{what}", encode(server.server_name()))
}

/// Two servers of which one has an administrator.
fn two() -> Option<(Homeserver, User, Homeserver)> {
    if !matches!(Target::from_environment(), Target::Fialka(_)) {
        return None;
    }
    let server = |loopback| {
        let settings = Settings {
            named_after_address: true,
            loopback: Some(loopback),
            ..Settings::default()
        };
        Homeserver::own(&settings)
    };
    let (here, there) = (server(4)?, server(5)?);
    let admin = here.register_with_secret("admin", true)?;
    Some((here, admin, there))
}

#[test]
fn a_server_that_went_away_is_seen_and_asked_again_at_once() {
    let Some((here, admin, there)) = two() else {
        return;
    };
    let unknown = one(&there, "");
    admin.get(&unknown).must_fail(404, "M_NOT_FOUND");
    let (alice, bob) = (here.register("alice"), there.register("bob"));
    let room = alice.public_room();
    bob.join_via(&room, &here);
    alice.must_see_member(&room, &bob, "join");
    let standing = || -> Value { admin.get(&one(&there, "")).ok() };
    let is_there = standing();
    assert_eq!(is_there["destination"], there.server_name());
    assert_eq!(is_there["failure_ts"], Value::Null, "{is_there}");
    assert_eq!(is_there["retry_interval"], 0, "{is_there}");
    let reset = one(&there, "/reset_connection");
    admin.post(&reset, &json!({})).must_be(400);
    let rooms = admin.get(&one(&there, "/rooms")).ok();
    assert_eq!(rooms["total"], 1, "{rooms}");
    assert_eq!(rooms["rooms"][0]["room_id"], room, "{rooms}");

    there.kill();
    alice.say(&room, "is anybody there?");
    eventually(|| {
        let standing = standing();
        match standing["retry_interval"].as_u64() {
            Some(1..) if standing["failure_ts"].is_u64() => Ok(()),
            _ => Err(standing.to_string()),
        }
    });
    let listed = admin.get(&format!("{LIST}?order_by=retry_interval&dir=b"));
    let listed = listed.ok();
    assert_eq!(listed["total"], 1, "{listed}");
    assert_eq!(
        listed["destinations"][0]["destination"],
        there.server_name()
    );
    let others = admin.get(&format!("{LIST}?destination=elsewhere")).ok();
    assert_eq!(others["total"], 0, "{others}");

    there.start_again();
    // It may have spoken up by itself.
    let reply = admin.post(&reset, &json!({}));
    assert!([200, 400].contains(&reply.status), "{reply}");
    bob.must_read_once(&room, "is anybody there?");
    assert_eq!(standing()["retry_interval"], 0);
}

#[test]
fn nobody_enters_a_blocked_room_of_another_server() {
    let Some((here, admin, there)) = two() else {
        return;
    };
    let (alice, bob) = (here.register("alice"), there.register("bob"));
    let room = bob.public_room();
    let block = path!("/_synapse/admin/v1/rooms/{}/block", room);
    admin.put(&block, &json!({ "block": true })).ok();
    alice
        .try_join_via(&room, &there)
        .must_fail(403, "M_FORBIDDEN");
    bob.membership("invite", &room, &alice)
        .must_fail(403, "M_FORBIDDEN");
    admin.put(&block, &json!({ "block": false })).ok();
    bob.invite(&room, &alice);
    alice.join_via(&room, &there);
}

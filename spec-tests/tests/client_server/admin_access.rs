//! The administration API is for administrators only, and refuses what it does not understand.
//! [docs](../../../docs/administration.md)

use serde_json::{Value, json};
use spec_tests::{Reply, User, homeserver, path};

use crate::admin_users::admin;

/// Every route with plausible variables, and what it does not take: a query, or a body.
fn routes(alice: &User, room: &str) -> Vec<(&'static str, String, Value)> {
    let user = spec_tests::http::encode(&alice.id);
    let room = spec_tests::http::encode(room);
    let number = json!({ "a": 1 });
    let rows = [
        ("GET", "v2/users?limit=many", Value::Null),
        ("GET", "v3/users?from=-1", Value::Null),
        ("GET", "v2/users/{user}", Value::Null),
        ("PUT", "v2/users/{user}", json!({ "admin": "yes" })),
        ("GET", "v1/users/{user}/admin", Value::Null),
        ("PUT", "v1/users/{user}/admin", json!({ "admin": 1 })),
        ("GET", "v1/users/{user}/joined_rooms", Value::Null),
        ("GET", "v1/users/{user}/pushers", Value::Null),
        ("GET", "v1/users/{user}/accountdata", Value::Null),
        ("GET", "v1/users/{user}/media?order_by=colour", Value::Null),
        ("DELETE", "v1/users/{user}/media?limit=-1", Value::Null),
        ("POST", "v1/users/{user}/login", json!({})),
        ("GET", "v1/users/{user}/override_ratelimit", Value::Null),
        (
            "POST",
            "v1/users/{user}/override_ratelimit",
            json!({ "burst_count": -1 }),
        ),
        ("DELETE", "v1/users/{user}/override_ratelimit", Value::Null),
        ("GET", "v2/users/{user}/devices", Value::Null),
        ("POST", "v2/users/{user}/devices", json!({})),
        (
            "POST",
            "v2/users/{user}/delete_devices",
            json!({ "devices": "all" }),
        ),
        ("GET", "v2/users/{user}/devices/D", Value::Null),
        (
            "PUT",
            "v2/users/{user}/devices/D",
            json!({ "display_name": 1 }),
        ),
        ("DELETE", "v2/users/{user}/devices/D", Value::Null),
        ("POST", "v1/deactivate/{user}", json!({ "erase": "yes" })),
        ("POST", "v1/reset_password/{user}", json!({})),
        ("PUT", "v1/suspend/{user}", json!({ "suspend": "yes" })),
        ("GET", "v1/whois/{user}", Value::Null),
        ("GET", "v1/username_available", Value::Null),
        ("POST", "v1/user/{user}/redact", json!({ "rooms": 1 })),
        ("GET", "v1/user/redact_status/nothing", Value::Null),
        ("GET", "v1/rooms?order_by=colour", Value::Null),
        ("GET", "v1/rooms/{room}", Value::Null),
        ("GET", "v1/rooms/{room}/members", Value::Null),
        ("GET", "v1/rooms/{room}/hierarchy?limit=many", Value::Null),
        ("GET", "v1/rooms/{room}/state", Value::Null),
        (
            "GET",
            "v1/rooms/{room}/messages?from=nowhere&dir=b",
            Value::Null,
        ),
        ("GET", "v1/rooms/{room}/context/%24nothing", Value::Null),
        (
            "GET",
            "v1/rooms/{room}/timestamp_to_event?ts=noon",
            Value::Null,
        ),
        ("GET", "v1/rooms/{room}/block", Value::Null),
        ("PUT", "v1/rooms/{room}/block", number.clone()),
        (
            "POST",
            "v1/rooms/{room}/make_room_admin",
            json!({ "user_id": 1 }),
        ),
        ("GET", "v1/rooms/{room}/forward_extremities", Value::Null),
        ("POST", "v1/join/{room}", number.clone()),
        ("GET", "v1/registration_tokens?valid=perhaps", Value::Null),
        (
            "POST",
            "v1/registration_tokens/new",
            json!({ "uses_allowed": -1 }),
        ),
        ("GET", "v1/registration_tokens/nothing", Value::Null),
        (
            "PUT",
            "v1/registration_tokens/nothing",
            json!({ "expiry_time": "noon" }),
        ),
        ("DELETE", "v1/registration_tokens/nothing", Value::Null),
        ("GET", "v1/room/{room}/media", Value::Null),
        ("POST", "v1/room/{room}/media/quarantine", json!({})),
        ("POST", "v1/user/{user}/media/quarantine", json!({})),
        ("POST", "v1/media/quarantine/spec.test/nothing", json!({})),
        ("POST", "v1/media/unquarantine/spec.test/nothing", json!({})),
        ("POST", "v1/media/protect/nothing", json!({})),
        ("POST", "v1/media/unprotect/nothing", json!({})),
        ("DELETE", "v1/media/spec.test/nothing", Value::Null),
        ("POST", "v1/media/delete", json!({})),
        ("POST", "v1/purge_media_cache", json!({})),
        (
            "GET",
            "v1/statistics/users/media?order_by=colour",
            Value::Null,
        ),
        ("POST", "v1/send_server_notice", json!({ "user_id": 1 })),
        ("PUT", "v1/send_server_notice/txn", json!({ "user_id": 1 })),
        ("GET", "v1/background_updates/status", Value::Null),
        ("DELETE", "v1/rooms/{room}", json!({ "purge": "yes" })),
        ("DELETE", "v2/rooms/{room}", json!({ "purge": "yes" })),
        ("GET", "v2/rooms/{room}/delete_status?nothing", Value::Null),
        ("GET", "v2/rooms/delete_status/nothing", Value::Null),
        ("POST", "v1/purge_history/{room}", json!({})),
        ("GET", "v1/purge_history_status/nothing", Value::Null),
    ];
    let filled = |path: &str| {
        let path = path.replace("{user}", &user).replace("{room}", &room);
        format!("/_synapse/admin/{path}")
    };
    rows.map(|(method, path, body)| (method, filled(path), body))
        .into()
}

fn ask(user: Option<&User>, method: &str, path: &str, body: &Value) -> Reply {
    let mut request = homeserver().request(method, path);
    if let Some(user) = user {
        request = request.token(&user.token);
    }
    if !body.is_null() {
        request = request.json(body);
    }
    request.send()
}

#[test]
fn strangers_and_ordinary_users_are_refused() {
    let alice = homeserver().register("alice");
    let room = alice.public_room();
    let mut wrong = Vec::new();
    for (method, path, body) in routes(&alice, &room) {
        for (user, status, errcode) in [
            (None, 401, "M_MISSING_TOKEN"),
            (Some(&alice), 403, "M_FORBIDDEN"),
        ] {
            // Everybody may ask where they are signed in themselves, if the server lets them.
            if user.is_some() && path.contains("/whois/") {
                continue;
            }
            let reply = ask(user, method, &path, &body);
            if reply.status != status || reply.json["errcode"] != errcode {
                wrong.push(format!("must be {status} {errcode}: {reply}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is not understood, or is not there, is a 4xx; what needs no input succeeds.
#[test]
fn wrong_input_is_refused() {
    let Some(admin) = admin() else { return };
    // Synapse has internal errors for some of it.
    if homeserver().is_synapse() {
        return;
    }
    let alice = homeserver().register("alice");
    let room = alice.public_room();
    let mut wrong = Vec::new();
    for (method, path, body) in routes(&alice, &room) {
        let takes_input = path.contains('?') || body != Value::Null;
        let is_absent = path.contains("nothing") || path.contains("/devices/D");
        let reply = ask(Some(&admin), method, &path, &body);
        // These take no body, and their names are right.
        let is_right = path.ends_with("media/quarantine");
        let expected = match (takes_input || is_absent) && !is_right {
            true => 4,
            false => 2,
        };
        // Deleting what is not there, and hiding it, changes nothing and is no error.
        let may_succeed = (method == "DELETE" && path.contains("/devices/"))
            || path.contains("media/quarantine/")
            || path.contains("username_available");
        if reply.status / 100 != expected && !(may_succeed && reply.status / 100 < 5) {
            wrong.push(format!("must be {expected}xx: {reply}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn users_of_other_servers_and_unknown_ones_are_refused() {
    let Some(admin) = admin() else { return };
    let other = path!("/_synapse/admin/v2/users/{}", "@alice:elsewhere.test");
    assert_eq!(admin.get(&other).status, 400);
    let unknown = path!("/_synapse/admin/v2/users/{}", "@nobody:spec.test");
    admin.get(&unknown).must_fail(404, "M_NOT_FOUND");
    let malformed = path!("/_synapse/admin/v2/users/{}", "nobody");
    assert_eq!(admin.get(&malformed).status / 100, 4);
    let room = path!("/_synapse/admin/v1/rooms/{}", "!nowhere:spec.test");
    admin.get(&room).must_fail(404, "M_NOT_FOUND");
}

/// Tools ask for it before anybody signs in.
#[test]
fn the_version_is_told_to_everybody() {
    let answer = homeserver().get("/_synapse/admin/v1/server_version").ok();
    assert!(answer["server_version"].is_string(), "{answer}");
}

//! Wrong input of every kind gets a clear refusal: never a server error, a hang or a broken connection.
//! (A server error fails every test of this suite, see `Request::send`.)
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#standard-error-response)

use serde_json::{Value, json};
use spec_tests::{User, covers, homeserver, path, server::unique};

/// Operations that take a JSON object, with one key of the wrong type each.
fn operations(user: &User, room: &str) -> Vec<(&'static str, String, Value)> {
    let profile = path!("/v3/profile/{}/displayname", user.id);
    let data = path!("/v3/user/{}/account_data/test.data", user.id);
    vec![
        ("POST", "/v3/createRoom".into(), json!({ "name": [] })),
        ("POST", "/v3/login".into(), json!({ "type": 1 })),
        ("POST", "/v3/register".into(), json!({ "username": {} })),
        (
            "POST",
            "/v3/keys/upload".into(),
            json!({ "device_keys": 1 }),
        ),
        (
            "POST",
            "/v3/keys/query".into(),
            json!({ "device_keys": "x" }),
        ),
        (
            "POST",
            "/v3/keys/claim".into(),
            json!({ "one_time_keys": 3 }),
        ),
        ("POST", "/v3/publicRooms".into(), json!({ "filter": 3 })),
        (
            "POST",
            "/v3/room_keys/version".into(),
            json!({ "algorithm": 1, "auth_data": 2 }),
        ),
        (
            "POST",
            "/v3/delete_devices".into(),
            json!({ "devices": "x" }),
        ),
        (
            "POST",
            path!("/v3/rooms/{}/invite", room),
            json!({ "user_id": [] }),
        ),
        (
            "POST",
            path!("/v3/rooms/{}/kick", room),
            json!({ "user_id": {} }),
        ),
        (
            "POST",
            path!("/v3/rooms/{}/ban", room),
            json!({ "user_id": false }),
        ),
        (
            "PUT",
            path!("/v3/rooms/{}/send/m.room.message/{}", room, unique("txn")),
            json!([]),
        ),
        (
            "PUT",
            path!("/v3/rooms/{}/state/m.room.name", room),
            json!("x"),
        ),
        (
            "PUT",
            path!("/v3/rooms/{}/typing/{}", room, user.id),
            json!({ "typing": "x" }),
        ),
        (
            "PUT",
            path!("/v3/sendToDevice/test/{}", unique("txn")),
            json!({ "messages": [] }),
        ),
        (
            "PUT",
            "/v3/directory/room/%23bad%3Aspec.test".into(),
            json!({ "room_id": 1 }),
        ),
        (
            "PUT",
            "/v3/pushrules/global/content/x".into(),
            json!({ "pattern": 1, "actions": 2 }),
        ),
        ("PUT", profile, json!({ "displayname": { "a": 1 } })),
        ("PUT", data, json!([])),
    ]
}

#[test]
fn a_body_that_is_not_json_is_refused() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    for (method, path, _) in operations(&alice, &room) {
        for body in [
            "{",
            "not json",
            "{\"a\":}",
            "{\"a\":1}trailing",
            "\u{feff}{}",
            "",
        ] {
            let reply = alice
                .request(method, &path)
                .bytes("application/json", body)
                .send();
            // Some operations need no body at all.
            let may_be_empty = body.is_empty() && reply.status == 200;
            let refused = reply.status == 400 || reply.status == 401 && body.is_empty();
            assert!(refused || may_be_empty, "{body:?}: {reply}");
        }
    }
}

#[test]
fn not_json_is_called_not_json() {
    covers!(PUT "/_matrix/client/v3/user/{userId}/account_data/{type}");
    let alice = homeserver().register("alice");
    let path = path!("/v3/user/{}/account_data/test.data", alice.id);
    let send = |body: &str| {
        alice
            .request("PUT", &path)
            .bytes("application/json", body)
            .send()
    };
    send("{").must_fail(400, "M_NOT_JSON");
    send("[1,2]").must_fail(400, "M_BAD_JSON");
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let mut wrong = Vec::new();
    for (method, path, body) in operations(&alice, &room) {
        let reply = alice.request(method, &path).json(&body).try_send().unwrap();
        if reply.status != 400 {
            wrong.push(format!("{body}: {reply}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    for (method, path, _) in operations(&alice, &room) {
        let body = b"{\"a\":\"\xff\xfe\"}".to_vec();
        let reply = alice
            .request(method, &path)
            .bytes("application/json", body)
            .send();
        assert_eq!(reply.status, 400, "{reply}");
    }
    for path in [
        "/v3/profile/%ff%fe",
        "/v3/rooms/%ff/messages?dir=b",
        "/v3/directory/room/%23%ff%3Aspec.test",
    ] {
        let reply = alice.get(path);
        assert!(reply.status / 100 == 4, "{reply}");
    }
    let reply = alice.get("/v3/sync?timeout=0&since=%ff%fe");
    assert_eq!(reply.status, 400, "{reply}");
}

/// Recursion must not eat the stack.
#[test]
fn deep_nesting_is_refused_or_taken_without_harm() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    for depth in [200, 20_000] {
        let body = format!("{}{}{}", r#"{"a":"#.repeat(depth), 1, "}".repeat(depth));
        for (method, path, _) in operations(&alice, &room) {
            let reply = alice
                .request(method, &path)
                .bytes("application/json", body.as_str())
                .send();
            assert!(reply.status < 500, "{reply}");
        }
    }
    alice.say(&room, "still there");
}

#[test]
fn an_oversize_body_is_refused() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let path = path!("/v3/rooms/{}/send/m.room.message/{}", room, unique("txn"));
    let body = format!(r#"{{"body":"{}"}}"#, "x".repeat(20 * 1024 * 1024));
    // A server may close the connection on whoever sends far too much.
    let sent = alice
        .request("PUT", &path)
        .bytes("application/json", body)
        .try_send();
    if let Ok(reply) = sent {
        assert_eq!(reply.status, 413, "{reply}");
        assert_eq!(reply.json["errcode"], "M_TOO_LARGE");
    }
    alice.say(&room, "still there");
}

#[test]
fn numbers_beyond_every_type_are_refused() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    for number in ["1e400", "-1e400", "123456789012345678901234567890"] {
        let path = path!("/v3/rooms/{}/send/test.number/{}", room, unique("txn"));
        let body = format!(r#"{{"number":{number}}}"#);
        let reply = alice
            .request("PUT", &path)
            .bytes("application/json", body)
            .send();
        assert_eq!(reply.status, 400, "{number}: {reply}");
    }
}

#[test]
fn identifiers_outside_their_grammar_are_refused() {
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let long = "a".repeat(2_000);
    for path in [
        path!("/v3/profile/{}", "no-sigil"),
        path!("/v3/profile/{}", format!("@{long}:spec.test")),
        path!("/v3/rooms/{}/state", "no-sigil"),
        path!("/v3/rooms/{}/state", format!("!{long}:spec.test")),
        path!("/v3/rooms/{}/event/{}", room, "no-sigil"),
        path!("/v3/rooms/{}/context/{}", room, long),
        path!("/v3/directory/room/{}", "no-sigil"),
        path!("/v3/rooms/{}/messages?dir=b", "\0"),
    ] {
        let reply = alice.get(&path);
        assert!(matches!(reply.status, 400 | 403 | 404), "{reply}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#using-access-tokens)
#[test]
fn tokens_that_are_no_tokens_are_refused() {
    let server = homeserver();
    for header in ["Bearer ", "Bearer a b", "Basic YTpi", "nonsense"] {
        let reply = server
            .request("GET", "/v3/account/whoami")
            .header("Authorization", header)
            .send();
        assert_eq!(reply.status, 401, "{header:?}: {reply}");
    }
    let long = server
        .request("GET", "/v3/account/whoami")
        .token(&"x".repeat(4_000))
        .send();
    long.must_fail(401, "M_UNKNOWN_TOKEN");
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    for (method, path, body) in [
        ("POST", path!("/v3/user/{}/filter", bob.id), json!({})),
        (
            "PUT",
            path!("/v3/user/{}/account_data/test.x", bob.id),
            json!({}),
        ),
        (
            "GET",
            path!("/v3/user/{}/account_data/m.direct", bob.id),
            json!(null),
        ),
    ] {
        let mut request = alice.request(method, &path);
        if !body.is_null() {
            request = request.json(&body);
        }
        request.send().must_fail(403, "M_FORBIDDEN");
    }
}

//! Every operation that needs an access token asks for one: a table made from the specification.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#using-access-tokens)

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Reply, coverage, covers,
    endpoints::{Endpoint, client_server},
    homeserver,
};

#[test]
fn operations_refuse_a_missing_access_token() {
    refused_with(None, "M_MISSING_TOKEN");
}

#[test]
fn operations_refuse_an_unknown_access_token() {
    refused_with(Some("no-such-token"), "M_UNKNOWN_TOKEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#using-access-tokens)
#[test]
fn an_access_token_in_the_query_still_works() {
    covers!(GET "/_matrix/client/v3/account/whoami");
    let alice = homeserver().register("alice");
    let path = format!("/v3/account/whoami?access_token={}", alice.token);
    assert_eq!(homeserver().get(&path).ok()["user_id"], alice.id);
}

fn refused_with(token: Option<&str>, errcode: &str) {
    let server = homeserver();
    let body = plausible_body(&server.register("alice").public_room());
    let mut wrong = Vec::new();
    for endpoint in client_server().filter(|endpoint| endpoint.auth == "access_token") {
        let reply = ask(&server, endpoint, token, &body);
        // An operation that the server does not have yet is not there for anybody.
        if reply.json["errcode"] == "M_UNRECOGNIZED" && matches!(reply.status, 404 | 405) {
            continue;
        }
        if reply.status == 401 && reply.json["errcode"] == errcode {
            coverage::record_auth(&endpoint.operation);
        } else {
            wrong.push(reply.to_string());
        }
    }
    assert!(
        wrong.is_empty(),
        "must answer 401 {errcode}:\n{}",
        wrong.join("\n")
    );
}

fn ask(server: &Homeserver, endpoint: &Endpoint, token: Option<&str>, body: &Value) -> Reply {
    let path = format!(
        "{}?user_id=%40nobody%3Aspec.test",
        filled_in(&endpoint.path)
    );
    let mut request = server.request(&endpoint.method, &path);
    if let Some(token) = token {
        request = request.token(token);
    }
    if matches!(endpoint.method.as_str(), "POST" | "PUT") {
        request = request.json(body);
    }
    // Not judged: a table cannot know what else an operation would have to say.
    request.try_send().expect("an answer")
}

/// Has what operations require: some servers look at the body first, which nothing forbids.
fn plausible_body(room: &str) -> Value {
    json!({
        "address": "nobody@spec.test",
        "client_secret": "secret",
        "id_access_token": "token",
        "id_server": "spec.test",
        "medium": "email",
        "room_id": room,
        "sid": "session",
        "user_id": "@nobody:spec.test",
    })
}

/// A path with plausible values for its parameters.
fn filled_in(template: &str) -> String {
    let segments = template.split('/').map(|segment| match segment {
        "{userId}" => "%40nobody%3Aspec.test",
        "{roomId}" | "{roomIdOrAlias}" => "%21nowhere%3Aspec.test",
        "{roomAlias}" => "%23nowhere%3Aspec.test",
        "{eventId}" => "%24nothing",
        "{serverName}" => "spec.test",
        "{eventType}" | "{type}" => "m.test",
        "{receiptType}" => "m.read",
        "{kind}" => "override",
        "{keyName}" => "displayname",
        other if other.starts_with('{') => "x",
        other => other,
    });
    segments.collect::<Vec<_>>().join("/")
}

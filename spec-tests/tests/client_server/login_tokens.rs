//! Signing another device in with a login token.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv1loginget_token)

use serde_json::json;
use spec_tests::{
    Homeserver, User, covers, homeserver,
    must::{must_contain, must_find, text},
};

/// A server that offers login tokens: Synapse does only when it is configured to.
fn offering() -> Option<Homeserver> {
    let server = homeserver();
    (!server.is_synapse()).then_some(server)
}

fn login_token(user: &User) -> String {
    let answer = user.with_password("POST", "/v1/login/get_token", &json!({}));
    text(&answer.ok()["login_token"])
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#token-based)
#[test]
fn a_login_token_signs_one_device_in() {
    covers!(POST "/_matrix/client/v1/login/get_token", POST "/_matrix/client/v3/login");
    let Some(server) = offering() else { return };
    let alice = server.register("alice");
    let answer = alice
        .with_password("POST", "/v1/login/get_token", &json!({}))
        .ok();
    assert!(answer["expires_in_ms"].as_u64().is_some_and(|ms| ms > 0));
    let body = json!({ "type": "m.login.token", "token": answer["login_token"] });
    let signed_in = server.post("/v3/login", &body).ok();
    assert_eq!(signed_in["user_id"], alice.id);
    assert_ne!(signed_in["device_id"], alice.device_id);
    server
        .post("/v3/login", &body)
        .must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv1loginget_token)
#[test]
fn each_login_token_needs_the_password_anew() {
    covers!(POST "/_matrix/client/v1/login/get_token");
    let Some(server) = offering() else { return };
    let alice = server.register("alice");
    let question = alice.post("/v1/login/get_token", &json!({})).must_be(401);
    must_find(
        &question["flows"],
        &json!({ "stages": ["m.login.password"] }),
    );
    login_token(&alice);
    alice.post("/v1/login/get_token", &json!({})).must_be(401);
    let spent = json!({ "auth": { "session": question["session"] } });
    alice.post("/v1/login/get_token", &spent).must_be(401);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3login)
#[test]
fn login_tokens_are_offered_before_and_after_signing_in() {
    covers!(GET "/_matrix/client/v3/login", GET "/_matrix/client/v3/capabilities");
    let Some(server) = offering() else { return };
    let flows = server.get("/v3/login").ok();
    let flow = json!({ "type": "m.login.token", "get_login_token": true });
    must_find(&flows["flows"], &flow);
    let alice = server.register("alice");
    let capabilities = alice.get("/v3/capabilities").ok();
    let expected = json!({ "capabilities": { "m.get_login_token": { "enabled": true } } });
    must_contain(&capabilities, &expected);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login)
#[test]
fn an_unknown_or_missing_login_token_is_refused() {
    covers!(POST "/_matrix/client/v3/login");
    let Some(server) = offering() else { return };
    let body = json!({ "type": "m.login.token", "token": "unknown" });
    server
        .post("/v3/login", &body)
        .must_fail(403, "M_FORBIDDEN");
    let body = json!({ "type": "m.login.token" });
    server
        .post("/v3/login", &body)
        .must_fail(400, "M_MISSING_PARAM");
}

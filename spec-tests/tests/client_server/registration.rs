//! Account registration.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#account-registration-and-management)

use serde_json::json;
use spec_tests::{
    Homeserver, Settings, User, covers, homeserver,
    must::{must_contain, must_find, text},
    path,
    server::unique,
    user::registration_mac,
};

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api)
#[test]
fn registration_asks_for_a_stage_and_then_continues_the_session() {
    covers!(POST "/_matrix/client/v3/register");
    let server = homeserver();
    let name = unique("alice");
    let mut body = json!({ "username": name, "password": "a long enough password" });
    let mut question = server.post("/v3/register", &body).must_be(401);
    must_find(&question["flows"], &json!({ "stages": ["m.login.dummy"] }));
    let session = question["session"].take();
    body["auth"] = json!({ "type": "m.login.dummy", "session": session });
    let answer = server.post("/v3/register", &body).ok();
    assert_eq!(
        answer["user_id"],
        format!("@{name}:{}", server.server_name())
    );
    let alice = User::from_sign_in(&server, &answer, "a long enough password");
    must_contain(
        &alice.get("/v3/account/whoami").ok(),
        &json!({ "user_id": alice.id, "device_id": alice.device_id }),
    );
}

/// An answer can get lost on its way.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api)
#[test]
fn the_last_request_of_a_registration_can_be_sent_again() {
    covers!(POST "/_matrix/client/v3/register");
    let server = homeserver();
    let name = unique("alice");
    let mut body = json!({ "username": name, "password": "a long enough password" });
    let mut question = server.post("/v3/register", &body).must_be(401);
    assert!(spec_tests::matchers::items(&question["completed"]).is_empty());
    body["auth"] = json!({ "type": "m.login.dummy", "session": question["session"].take() });
    let answer = server.post("/v3/register", &body).ok();
    let again = server.post("/v3/register", &body).ok();
    assert_eq!(answer["user_id"], again["user_id"]);
    let alice = User::from_sign_in(&server, &again, "a long enough password");
    alice.get("/v3/account/whoami").ok();
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-api-in-the-rest-api)
#[test]
fn a_registration_remembers_what_its_first_request_said() {
    covers!(POST "/_matrix/client/v3/register");
    let server = homeserver();
    let name = unique("alice");
    let body = json!({
        "username": name,
        "password": "a long enough password",
        "device_id": "PHONE",
        "initial_device_display_name": "My phone",
    });
    let mut question = server.post("/v3/register", &body).must_be(401);
    let auth = json!({ "type": "m.login.dummy", "session": question["session"].take() });
    let answer = server.post("/v3/register", &json!({ "auth": auth })).ok();
    assert_eq!(answer["device_id"], "PHONE");
    let alice = User::from_sign_in(&server, &answer, "a long enough password");
    let device = alice.get("/v3/devices/PHONE").ok();
    assert_eq!(device["display_name"], "My phone");
    alice.new_device();
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register)
#[test]
fn a_taken_name_is_refused() {
    covers!(POST "/_matrix/client/v3/register", GET "/_matrix/client/v3/register/available");
    let server = homeserver();
    let alice = server.register("alice");
    let available = format!("/v3/register/available?username={}", alice.localpart);
    server.get(&available).must_fail(400, "M_USER_IN_USE");
    let body = json!({
        "username": alice.localpart,
        "password": "another password",
        "auth": { "type": "m.login.dummy" },
    });
    server
        .post("/v3/register", &body)
        .must_fail(400, "M_USER_IN_USE");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3registeravailable)
#[test]
fn a_free_name_is_available() {
    covers!(GET "/_matrix/client/v3/register/available");
    let path = format!("/v3/register/available?username={}", unique("free"));
    let answer = homeserver().get(&path).ok();
    assert_eq!(answer, json!({ "available": true }));
}

/// [spec](https://spec.matrix.org/v1.19/appendices/#user-identifiers)
#[test]
fn names_outside_the_grammar_are_refused() {
    covers!(POST "/_matrix/client/v3/register", GET "/_matrix/client/v3/register/available");
    let server = homeserver();
    for name in ["has space", "has:colon", "has@at", "кириллица", "a!b", "%"] {
        let body = json!({
            "username": name,
            "password": "a long enough password",
            "auth": { "type": "m.login.dummy" },
        });
        server
            .post("/v3/register", &body)
            .must_fail(400, "M_INVALID_USERNAME");
        let available = path!("/v3/register/available?username={}", name);
        server.get(&available).must_be(400);
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register)
#[test]
fn a_name_that_is_too_long_is_refused() {
    covers!(POST "/_matrix/client/v3/register");
    let body = json!({
        "username": "a".repeat(300),
        "password": "a long enough password",
        "auth": { "type": "m.login.dummy" },
    });
    homeserver()
        .post("/v3/register", &body)
        .must_fail(400, "M_INVALID_USERNAME");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register)
#[test]
fn a_name_is_chosen_where_none_is_asked_for() {
    covers!(POST "/_matrix/client/v3/register");
    let server = homeserver();
    let body = json!({ "password": "a long enough password", "auth": { "type": "m.login.dummy" } });
    let first = server.post("/v3/register", &body).ok();
    let second = server.post("/v3/register", &body).ok();
    assert_ne!(first["user_id"], second["user_id"]);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register)
#[test]
fn inhibit_login_registers_without_signing_in() {
    covers!(POST "/_matrix/client/v3/register");
    let server = homeserver();
    let body = json!({
        "username": unique("quiet"),
        "password": "a long enough password",
        "inhibit_login": true,
        "auth": { "type": "m.login.dummy" },
    });
    let answer = server.post("/v3/register", &body).ok();
    assert!(answer.get("access_token").is_none());
    assert!(answer.get("device_id").is_none());
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register)
#[test]
fn registration_uses_the_device_that_was_asked_for() {
    covers!(POST "/_matrix/client/v3/register");
    let server = homeserver();
    let body = json!({
        "username": unique("alice"),
        "password": "a long enough password",
        "device_id": "PHONE",
        "initial_device_display_name": "Alice's phone",
        "auth": { "type": "m.login.dummy" },
    });
    let answer = server.post("/v3/register", &body).ok();
    let alice = User::from_sign_in(&server, &answer, "");
    assert_eq!(alice.device_id, "PHONE");
    let device = alice.get("/v3/devices/PHONE").ok();
    assert_eq!(device["display_name"], "Alice's phone");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register)
#[test]
fn guests_are_refused() {
    covers!(POST "/_matrix/client/v3/register");
    let answer = homeserver().post("/v3/register?kind=guest", &json!({}));
    answer.must_be(403);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register)
#[test]
fn an_unknown_kind_of_account_is_refused() {
    covers!(POST "/_matrix/client/v3/register");
    homeserver()
        .post("/v3/register?kind=robot", &json!({}))
        .must_be(400);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api)
#[test]
fn a_stage_that_was_not_offered_does_not_register() {
    covers!(POST "/_matrix/client/v3/register");
    let body = json!({
        "username": unique("alice"),
        "password": "a long enough password",
        "auth": { "type": "m.login.no_such_stage" },
    });
    let answer = homeserver().post("/v3/register", &body);
    assert!(matches!(answer.status, 400 | 401), "{answer}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1registermloginregistration_tokenvalidity)
#[test]
fn an_unknown_registration_token_is_not_valid() {
    covers!(GET "/_matrix/client/v1/register/m.login.registration_token/validity");
    let Some(server) = Homeserver::own(&Settings {
        registration_token_required: true,
        ..Settings::default()
    }) else {
        return;
    };
    let path = "/v1/register/m.login.registration_token/validity?token=unknown";
    assert_eq!(server.get(path).ok(), json!({ "valid": false }));
    let mut body = json!({ "username": unique("alice"), "password": "a long enough password" });
    let mut question = server.post("/v3/register", &body).must_be(401);
    let stages = question["flows"][0]["stages"].as_array().unwrap();
    assert!(
        stages.contains(&json!("m.login.registration_token")),
        "{stages:?}"
    );
    body["auth"] = json!({
        "type": "m.login.registration_token",
        "token": "unknown",
        "session": question["session"].take(),
    });
    server.post("/v3/register", &body).must_be(401);
    body["auth"] = json!({ "type": "m.login.dummy" });
    server.post("/v3/register", &body).must_be(401);
}

/// The secret makes administrators where everybody else needs a token.
#[test]
fn the_shared_secret_registers_an_administrator() {
    covers!(POST "/_synapse/admin/v1/register");
    let server = homeserver();
    let Some(admin) = server.register_with_secret("admin", true) else {
        return;
    };
    let known = admin.get("/v3/account/whoami").ok();
    assert_eq!(known["user_id"], admin.id);
}

#[test]
fn a_nonce_registers_once_and_a_wrong_mac_never() {
    covers!(POST "/_synapse/admin/v1/register");
    let server = homeserver();
    let Some(secret) = server.shared_secret() else {
        return;
    };
    let nonce = text(&server.get("/_synapse/admin/v1/register").ok()["nonce"]);
    let name = unique("admin");
    let register = |mac: &str, nonce: &str| {
        let body = json!({
            "nonce": nonce, "username": name, "password": "pw", "admin": true, "mac": mac,
        });
        server.post("/_synapse/admin/v1/register", &body)
    };
    let right = registration_mac(secret, &nonce, &name, "pw", true);
    let other = text(&server.get("/_synapse/admin/v1/register").ok()["nonce"]);
    register(&"0".repeat(40), &other).must_be(403);
    register(&right, &nonce).ok();
    register(&right, &nonce).must_be(400);
}

/// Phones like to begin names with a capital letter.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register)
#[test]
fn capital_letters_in_a_new_name_become_small_ones() {
    covers!(POST "/_matrix/client/v3/register");
    let name = unique("Anna");
    let body = json!({ "username": name, "password": "a good password", "auth": { "type": "m.login.dummy" } });
    let answer = homeserver().post("/v3/register", &body).ok();
    let expected = format!("@{}:{}", name.to_lowercase(), homeserver().server_name());
    assert_eq!(answer["user_id"], expected);
}

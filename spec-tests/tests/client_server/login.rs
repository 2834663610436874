//! Signing in and out, and access tokens.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#login)

use serde_json::json;
use spec_tests::{
    User, covers, homeserver,
    must::{must_contain, must_find, must_not_find, text},
    server::unique,
};

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3login)
#[test]
fn login_offers_passwords() {
    covers!(GET "/_matrix/client/v3/login");
    let flows = homeserver().get("/v3/login").ok();
    must_find(&flows["flows"], &json!({ "type": "m.login.password" }));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login)
#[test]
fn a_password_signs_in_by_localpart_and_by_full_id() {
    covers!(POST "/_matrix/client/v3/login");
    let server = homeserver();
    let alice = server.register("alice");
    for name in [&alice.localpart, &alice.id] {
        let mut body = alice.login_body();
        body["identifier"]["user"] = json!(name);
        let answer = server.post("/v3/login", &body).ok();
        assert_eq!(answer["user_id"], alice.id);
        assert_ne!(answer["device_id"], alice.device_id);
        assert_ne!(answer["access_token"], alice.token);
    }
}

/// Old clients still send `user` at the top.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login)
#[test]
fn the_deprecated_user_field_signs_in() {
    covers!(POST "/_matrix/client/v3/login");
    let server = homeserver();
    let alice = server.register("alice");
    let body = json!({
        "type": "m.login.password", "user": alice.localpart, "password": alice.password,
    });
    assert_eq!(server.post("/v3/login", &body).ok()["user_id"], alice.id);
}

/// Nobody learns from the answer which names exist.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login)
#[test]
fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    covers!(POST "/_matrix/client/v3/login");
    let server = homeserver();
    let alice = server.register("alice");
    let mut body = alice.login_body();
    body["password"] = json!("wrong");
    let wrong = server
        .post("/v3/login", &body)
        .must_fail(403, "M_FORBIDDEN");
    body["identifier"]["user"] = json!("nobody-has-this-name");
    let unknown = server
        .post("/v3/login", &body)
        .must_fail(403, "M_FORBIDDEN");
    assert_eq!(wrong, unknown);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login)
#[test]
fn an_unknown_login_type_is_refused() {
    covers!(POST "/_matrix/client/v3/login");
    let server = homeserver();
    server
        .post("/v3/login", &json!({ "type": "m.login.telepathy" }))
        .must_be(400);
    server.post("/v3/login", &json!({})).must_be(400);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#relationship-between-access-tokens-and-devices)
#[test]
fn signing_in_on_a_known_device_replaces_its_token() {
    covers!(POST "/_matrix/client/v3/login");
    let server = homeserver();
    let alice = server.register("alice");
    let mut body = alice.login_body();
    body["device_id"] = json!(alice.device_id);
    let answer = server.post("/v3/login", &body).ok();
    assert_eq!(answer["device_id"], alice.device_id);
    alice
        .get("/v3/account/whoami")
        .must_fail(401, "M_UNKNOWN_TOKEN");
    let again = User::from_sign_in(&server, &answer, &alice.password);
    let devices = again.get("/v3/devices").ok();
    assert_eq!(devices["devices"].as_array().unwrap().len(), 1);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logout)
#[test]
fn logout_ends_the_token_and_the_device_only() {
    covers!(POST "/_matrix/client/v3/logout");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    phone.post("/v3/logout", &json!({})).ok();
    phone
        .get("/v3/account/whoami")
        .must_fail(401, "M_UNKNOWN_TOKEN");
    let devices = laptop.get("/v3/devices").ok();
    must_not_find(
        &devices["devices"],
        &json!({ "device_id": phone.device_id }),
    );
    must_find(
        &devices["devices"],
        &json!({ "device_id": laptop.device_id }),
    );
}

/// Logging out takes no body, so what some clients send there means nothing.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#api-standards)
#[test]
fn logout_takes_whatever_body() {
    covers!(POST "/_matrix/client/v3/logout", POST "/_matrix/client/v3/logout/all");
    for path in ["/v3/logout", "/v3/logout/all"] {
        for body in ["", "null", "[]", "bye"] {
            let alice = homeserver().register("alice");
            let request = alice.request("POST", path);
            request.bytes("application/json", body).send().ok();
            alice
                .get("/v3/account/whoami")
                .must_fail(401, "M_UNKNOWN_TOKEN");
        }
    }
}

/// Deprecated, but older clients read it.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login)
#[test]
fn signing_in_tells_the_name_of_the_server() {
    covers!(POST "/_matrix/client/v3/login", POST "/_matrix/client/v3/register");
    let server = homeserver();
    let alice = server.register("alice");
    let answer = server.post("/v3/login", &alice.login_body()).ok();
    assert_eq!(answer["home_server"], server.server_name());
    let body = json!({
        "username": unique("bob"),
        "password": "a password of bob",
        "auth": { "type": "m.login.dummy" },
    });
    let answer = server.post("/v3/register", &body).ok();
    assert_eq!(answer["home_server"], server.server_name());
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logoutall)
#[test]
fn logout_all_ends_every_token() {
    covers!(POST "/_matrix/client/v3/logout/all");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    phone.post("/v3/logout/all", &json!({})).ok();
    phone
        .get("/v3/account/whoami")
        .must_fail(401, "M_UNKNOWN_TOKEN");
    laptop
        .get("/v3/account/whoami")
        .must_fail(401, "M_UNKNOWN_TOKEN");
    let back = laptop.new_device();
    let devices = back.get("/v3/devices").ok();
    assert_eq!(devices["devices"].as_array().unwrap().len(), 1);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3accountwhoami)
#[test]
fn whoami_names_user_and_device() {
    covers!(GET "/_matrix/client/v3/account/whoami");
    let alice = homeserver().register("alice");
    let known = alice.get("/v3/account/whoami").ok();
    must_contain(
        &known,
        &json!({ "user_id": alice.id, "device_id": alice.device_id }),
    );
    assert_ne!(known["is_guest"], true);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#refreshing-access-tokens)
#[test]
fn a_refresh_token_gives_a_new_access_token() {
    covers!(POST "/_matrix/client/v3/refresh", POST "/_matrix/client/v3/login");
    let server = homeserver();
    let alice = server.register("alice");
    let mut body = alice.login_body();
    body["refresh_token"] = json!(true);
    let signed_in = server.post("/v3/login", &body).ok();
    assert!(
        signed_in["expires_in_ms"]
            .as_u64()
            .is_some_and(|lifetime| lifetime > 0)
    );
    let refresh = json!({ "refresh_token": text(&signed_in["refresh_token"]) });
    let mut answer = server.post("/v3/refresh", &refresh).ok();
    let mut fresh = User::from_sign_in(&server, &signed_in, "");
    fresh.token = text(&answer["access_token"].take());
    assert_ne!(signed_in["access_token"], fresh.token);
    let known = fresh.get("/v3/account/whoami").ok();
    assert_eq!(known["device_id"], signed_in["device_id"]);
    // Once the new access token was used, the old refresh token is worth nothing.
    server.post("/v3/refresh", &refresh).must_be(401);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3refresh)
#[test]
fn an_unknown_refresh_token_is_refused() {
    covers!(POST "/_matrix/client/v3/refresh");
    let body = json!({ "refresh_token": "unknown" });
    homeserver()
        .post("/v3/refresh", &body)
        .must_fail(401, "M_UNKNOWN_TOKEN");
}

/// Clients that do not ask for refresh tokens never get one.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#refreshing-access-tokens)
#[test]
fn no_refresh_token_comes_unasked() {
    covers!(POST "/_matrix/client/v3/login");
    let server = homeserver();
    let alice = server.register("alice");
    let answer = server.post("/v3/login", &alice.login_body()).ok();
    assert!(answer.get("refresh_token").is_none());
}

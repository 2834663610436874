//! Changing the password and leaving for good.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#account-registration-and-management)

use serde_json::json;
use spec_tests::{covers, homeserver, matchers::left, path};

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpassword)
#[test]
fn a_new_password_replaces_the_old_one_and_signs_others_out() {
    covers!(POST "/_matrix/client/v3/account/password");
    let mut alice = homeserver().register("alice");
    let laptop = alice.new_device();
    let body = json!({ "new_password": "quite another password" });
    alice.post("/v3/account/password", &body).must_be(401);
    alice
        .with_password("POST", "/v3/account/password", &body)
        .ok();
    alice.get("/v3/account/whoami").ok();
    laptop
        .get("/v3/account/whoami")
        .must_fail(401, "M_UNKNOWN_TOKEN");
    let old = homeserver().post("/v3/login", &alice.login_body());
    old.must_fail(403, "M_FORBIDDEN");
    alice.password = "quite another password".to_owned();
    alice.new_device();
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpassword)
#[test]
fn other_devices_stay_signed_in_when_asked() {
    covers!(POST "/_matrix/client/v3/account/password");
    let alice = homeserver().register("alice");
    let laptop = alice.new_device();
    let body = json!({ "new_password": "quite another password", "logout_devices": false });
    alice
        .with_password("POST", "/v3/account/password", &body)
        .ok();
    laptop.get("/v3/account/whoami").ok();
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate)
#[test]
fn a_deactivated_account_is_gone() {
    covers!(POST "/_matrix/client/v3/account/deactivate");
    let alice = homeserver().register("alice");
    alice
        .post("/v3/account/deactivate", &json!({}))
        .must_be(401);
    alice
        .with_password("POST", "/v3/account/deactivate", &json!({}))
        .ok();
    alice
        .get("/v3/account/whoami")
        .must_fail(401, "M_UNKNOWN_TOKEN");
    let sign_in = homeserver().post("/v3/login", &alice.login_body());
    assert_eq!(sign_in.status, 403, "{sign_in}");
    // The name is not free again: it would be somebody else's history.
    let body = json!({
        "username": alice.localpart,
        "password": "another password",
        "auth": { "type": "m.login.dummy" },
    });
    homeserver()
        .post("/v3/register", &body)
        .must_fail(400, "M_USER_IN_USE");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate)
#[test]
fn a_deactivated_account_leaves_its_rooms() {
    covers!(POST "/_matrix/client/v3/account/deactivate");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    bob.with_password("POST", "/v3/account/deactivate", &json!({}))
        .ok();
    spec_tests::sync_until::eventually(|| {
        let member = alice.state(&room, "m.room.member", &bob.id).ok();
        match member["membership"].as_str() {
            Some("leave") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3accountwhoami)
#[test]
fn a_kicked_member_sees_the_room_among_those_left() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let before = bob.initial_sync();
    alice
        .post(
            &path!("/v3/rooms/{}/kick", room),
            &json!({ "user_id": bob.id }),
        )
        .ok();
    bob.must_see_after(&before, left(&room));
}

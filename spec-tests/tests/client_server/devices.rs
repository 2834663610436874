//! Device management.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#device-management)

use serde_json::json;
use spec_tests::{
    covers, homeserver,
    must::{must_find, must_not_find},
    path,
};

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devices)
#[test]
fn all_devices_of_the_account_are_listed() {
    covers!(GET "/_matrix/client/v3/devices", GET "/_matrix/client/v3/devices/{deviceId}");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    let list = phone.get("/v3/devices").ok();
    must_find(&list["devices"], &json!({ "device_id": phone.device_id }));
    must_find(&list["devices"], &json!({ "device_id": laptop.device_id }));
    let one = phone.get(&path!("/v3/devices/{}", laptop.device_id)).ok();
    assert_eq!(one["device_id"], laptop.device_id);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3devicesdeviceid)
#[test]
fn a_device_can_be_renamed() {
    covers!(PUT "/_matrix/client/v3/devices/{deviceId}", GET "/_matrix/client/v3/devices/{deviceId}");
    let alice = homeserver().register("alice");
    let path = path!("/v3/devices/{}", alice.device_id);
    alice.put(&path, &json!({ "display_name": "Kitchen" })).ok();
    assert_eq!(alice.get(&path).ok()["display_name"], "Kitchen");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devicesdeviceid)
#[test]
fn an_unknown_device_is_not_found() {
    covers!(GET "/_matrix/client/v3/devices/{deviceId}", PUT "/_matrix/client/v3/devices/{deviceId}");
    let alice = homeserver().register("alice");
    alice
        .get("/v3/devices/NOSUCH")
        .must_fail(404, "M_NOT_FOUND");
    let rename = json!({ "display_name": "Kitchen" });
    alice
        .put("/v3/devices/NOSUCH", &rename)
        .must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devicesdeviceid)
#[test]
fn devices_of_others_are_not_found() {
    covers!(GET "/_matrix/client/v3/devices/{deviceId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let path = path!("/v3/devices/{}", bob.device_id);
    alice.get(&path).must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3devicesdeviceid)
#[test]
fn deleting_a_device_needs_the_password_and_signs_it_out() {
    covers!(DELETE "/_matrix/client/v3/devices/{deviceId}");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    let path = path!("/v3/devices/{}", laptop.device_id);
    let question = phone
        .request("DELETE", &path)
        .json(&json!({}))
        .send()
        .must_be(401);
    must_find(
        &question["flows"],
        &json!({ "stages": ["m.login.password"] }),
    );
    laptop.get("/v3/account/whoami").ok();
    phone.with_password("DELETE", &path, &json!({})).ok();
    laptop
        .get("/v3/account/whoami")
        .must_fail(401, "M_UNKNOWN_TOKEN");
    let list = phone.get("/v3/devices").ok();
    must_not_find(&list["devices"], &json!({ "device_id": laptop.device_id }));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api)
#[test]
fn a_wrong_password_deletes_no_device_and_keeps_the_session() {
    covers!(DELETE "/_matrix/client/v3/devices/{deviceId}");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    let path = path!("/v3/devices/{}", laptop.device_id);
    let question = phone
        .request("DELETE", &path)
        .json(&json!({}))
        .send()
        .must_be(401);
    let mut auth = phone.password_auth(&question["session"]);
    auth["password"] = json!("wrong");
    let refused = phone
        .request("DELETE", &path)
        .json(&json!({ "auth": auth }))
        .send();
    let refused = refused.must_fail(401, "M_FORBIDDEN");
    assert_eq!(refused["session"], question["session"]);
    laptop.get("/v3/account/whoami").ok();
    auth["password"] = json!(phone.password);
    phone
        .request("DELETE", &path)
        .json(&json!({ "auth": auth }))
        .send()
        .ok();
}

/// Whoever holds Bob's password cannot delete Alice's devices with it.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api)
#[test]
fn the_password_of_another_account_deletes_nothing() {
    covers!(DELETE "/_matrix/client/v3/devices/{deviceId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let path = path!("/v3/devices/{}", alice.device_id);
    let question = alice
        .request("DELETE", &path)
        .json(&json!({}))
        .send()
        .must_be(401);
    let auth = bob.password_auth(&question["session"]);
    let answer = alice
        .request("DELETE", &path)
        .json(&json!({ "auth": auth }))
        .send();
    assert!(matches!(answer.status, 401 | 403), "{answer}");
    alice.get("/v3/account/whoami").ok();
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3delete_devices)
#[test]
fn several_devices_are_deleted_with_one_password() {
    covers!(POST "/_matrix/client/v3/delete_devices");
    let phone = homeserver().register("alice");
    let others = [phone.new_device(), phone.new_device()];
    let body = json!({ "devices": [others[0].device_id, others[1].device_id] });
    phone.post("/v3/delete_devices", &body).must_be(401);
    phone
        .with_password("POST", "/v3/delete_devices", &body)
        .ok();
    for other in others {
        other
            .get("/v3/account/whoami")
            .must_fail(401, "M_UNKNOWN_TOKEN");
    }
}

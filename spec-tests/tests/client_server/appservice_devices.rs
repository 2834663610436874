//! Devices and keys of the users of application services.
//! [spec](https://spec.matrix.org/v1.19/application-service-api/#device-management)

use serde_json::json;
use spec_tests::{appservice::bridge, covers, crypto::Key};

/// [spec](https://spec.matrix.org/v1.19/application-service-api/#device-management)
#[test]
fn a_service_makes_devices_and_acts_as_them() {
    covers!(PUT "/_matrix/client/v3/devices/{deviceId}", DELETE "/_matrix/client/v3/devices/{deviceId}");
    let Some(bridge) = bridge() else { return };
    let ghost = bridge.ghost("ghost");
    let unknown = bridge.acting(&ghost, "GET", "/v3/account/whoami?device_id=TABLET");
    unknown.send().must_fail(400, "M_UNKNOWN_DEVICE");
    let name = json!({ "display_name": "Tablet" });
    let made = bridge
        .acting(&ghost, "PUT", "/v3/devices/TABLET")
        .json(&name)
        .send();
    assert_eq!(made.status, 201, "{made}");
    let renamed = bridge
        .acting(&ghost, "PUT", "/v3/devices/TABLET")
        .json(&name)
        .send();
    assert_eq!(renamed.status, 200, "{renamed}");
    let known = bridge.acting(&ghost, "GET", "/v3/account/whoami?device_id=TABLET");
    assert_eq!(known.send().ok()["device_id"], "TABLET");
    let gone = bridge.acting(&ghost, "DELETE", "/v3/devices/TABLET");
    gone.json(&json!({})).send().ok();
    let devices = bridge.acting(&ghost, "GET", "/v3/devices").send().ok();
    assert_eq!(devices["devices"], json!([]));
}

/// [spec](https://spec.matrix.org/v1.19/application-service-api/#cross-signing)
#[test]
fn a_service_replaces_cross_signing_keys_without_a_password() {
    covers!(POST "/_matrix/client/v3/keys/device_signing/upload");
    let Some(bridge) = bridge() else { return };
    let ghost = bridge.ghost("ghost");
    let device = bridge.acting(&ghost, "PUT", "/v3/devices/PHONE");
    device.json(&json!({})).send().ok();
    let upload = "/v3/keys/device_signing/upload?device_id=PHONE";
    let mut master = String::new();
    for _ in 0..2 {
        master = Key::new().public();
        let body = json!({ "master_key": {
            "user_id": ghost,
            "usage": ["master"],
            "keys": { format!("ed25519:{master}"): master },
        } });
        let uploading = bridge.acting(&ghost, "POST", upload);
        uploading.json(&body).send().ok();
    }
    let query = json!({ "device_keys": { &ghost: [] } });
    let queried = bridge.acting(&ghost, "POST", "/v3/keys/query");
    let queried = queried.json(&query).send().ok();
    let keys = &queried["master_keys"][&ghost]["keys"];
    assert_eq!(keys[format!("ed25519:{master}")], master, "{queried}");
}

/// [spec](https://spec.matrix.org/v1.19/application-service-api/#identity-assertion)
#[test]
fn keys_are_uploaded_for_a_device_only() {
    covers!(POST "/_matrix/client/v3/keys/upload");
    let Some(bridge) = bridge() else { return };
    let ghost = bridge.ghost("ghost");
    let body = json!({ "one_time_keys": { "curve25519:1": "abc" } });
    let nowhere = bridge.acting(&ghost, "POST", "/v3/keys/upload");
    nowhere.json(&body).send().must_be(400);
    let device = bridge.acting(&ghost, "PUT", "/v3/devices/PHONE");
    device.json(&json!({})).send().ok();
    let there = bridge.acting(&ghost, "POST", "/v3/keys/upload?device_id=PHONE");
    let counts = there.json(&body).send().ok();
    assert_eq!(counts["one_time_key_counts"]["curve25519"], 1, "{counts}");
}

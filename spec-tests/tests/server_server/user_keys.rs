//! Devices and keys of users, for other servers.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#end-to-end-encryption)

use serde_json::{Value, json};
use spec_tests::{
    Peer, User, covers,
    crypto::{CrossSigning, Device},
    homeserver,
    must::must_contain,
    path,
};

fn post(peer: &Peer, path: &str, body: &Value) -> Value {
    peer.request(&homeserver(), "POST", path, Some(body))
        .send()
        .ok()
}

/// Uploads keys and returns those of the device.
fn with_keys(user: &User) -> Value {
    let device = Device::of(user);
    let keys = json!({
        "device_keys": device.keys(),
        "one_time_keys": device.one_time_keys(&["AAAA"]),
        "fallback_keys": device.fallback_key("BBBB"),
    });
    user.post("/v3/keys/upload", &keys).ok();
    keys["device_keys"].clone()
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1userdevicesuserid)
#[test]
fn devices_are_told_with_keys_names_and_cross_signing_keys() {
    covers!(GET "/_matrix/federation/v1/user/devices/{userId}");
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let keys = with_keys(&alice);
    let name = json!({ "display_name": "Phone" });
    alice
        .put(&path!("/v3/devices/{}", alice.device_id), &name)
        .ok();
    let cross_signing = CrossSigning::of(&alice).upload_body();
    alice
        .with_password("POST", "/v3/keys/device_signing/upload", &cross_signing)
        .ok();

    let path = path!("/_matrix/federation/v1/user/devices/{}", alice.id);
    let list = peer.request(&homeserver(), "GET", &path, None).send().ok();
    assert_eq!(list["user_id"], alice.id);
    assert!(list["stream_id"].is_u64(), "{list}");
    let devices = list["devices"].as_array().expect("devices");
    assert_eq!(devices.len(), 1, "{list}");
    assert_eq!(devices[0]["device_id"], alice.device_id);
    assert_eq!(devices[0]["device_display_name"], "Phone");
    must_contain(&devices[0]["keys"], &keys);
    assert_eq!(
        list["master_key"]["keys"],
        cross_signing["master_key"]["keys"]
    );
    assert_eq!(
        list["self_signing_key"]["keys"],
        cross_signing["self_signing_key"]["keys"]
    );
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysquery)
#[test]
fn keys_are_told_without_what_is_private() {
    covers!(POST "/_matrix/federation/v1/user/keys/query");
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    let keys = with_keys(&alice);
    let cross_signing = CrossSigning::of(&alice).upload_body();
    alice
        .with_password("POST", "/v3/keys/device_signing/upload", &cross_signing)
        .ok();
    let wanted = json!({ "device_keys": { &alice.id: [], peer.user("stranger"): [] } });
    let answer = post(&peer, "/_matrix/federation/v1/user/keys/query", &wanted);
    must_contain(&answer["device_keys"][&alice.id][&alice.device_id], &keys);
    assert_eq!(
        answer["master_keys"][&alice.id]["keys"],
        cross_signing["master_key"]["keys"]
    );
    assert!(answer["self_signing_keys"][&alice.id].is_object());
    assert!(
        answer["user_signing_keys"].is_null(),
        "only for the user: {answer}"
    );
    assert!(answer["device_keys"][peer.user("stranger")].is_null());
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysclaim)
#[test]
fn a_one_time_key_is_given_out_once_and_then_the_fallback_key() {
    covers!(POST "/_matrix/federation/v1/user/keys/claim");
    let (alice, peer) = (homeserver().register("alice"), Peer::start());
    with_keys(&alice);
    let wanted =
        json!({ "one_time_keys": { &alice.id: { &alice.device_id: "signed_curve25519" } } });
    let claim = || {
        let mut answer = post(&peer, "/_matrix/federation/v1/user/keys/claim", &wanted);
        answer["one_time_keys"][&alice.id][&alice.device_id].take()
    };
    assert!(claim()["signed_curve25519:AAAA"]["signatures"].is_object());
    assert_eq!(claim()["signed_curve25519:BBBB"]["fallback"], true);
}

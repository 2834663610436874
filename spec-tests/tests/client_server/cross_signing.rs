//! Cross-signing.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#cross-signing)

use serde_json::{Value, json};
use spec_tests::{
    User, covers,
    crypto::{CrossSigning, Device, Key},
    homeserver,
    matchers::{at, items, joined},
    must::{must_contain, must_find},
    path,
};

const UPLOAD: &str = "/v3/keys/device_signing/upload";

fn set_up(user: &User) -> CrossSigning {
    let keys = CrossSigning::of(user);
    user.with_password("POST", UPLOAD, &keys.upload_body()).ok();
    keys
}

fn query(user: &User, whom: &User) -> Value {
    user.post(
        "/v3/keys/query",
        &json!({ "device_keys": { &whom.id: [] } }),
    )
    .ok()
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysdevice_signingupload)
#[test]
fn master_and_self_signing_keys_are_public_and_the_third_is_private() {
    covers!(POST "/_matrix/client/v3/keys/device_signing/upload", POST "/_matrix/client/v3/keys/query");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let keys = CrossSigning::of(&alice);
    let body = keys.upload_body();
    alice.with_password("POST", UPLOAD, &body).ok();
    let own = query(&alice, &alice);
    must_contain(&own["master_keys"][&alice.id], &body["master_key"]);
    must_contain(
        &own["self_signing_keys"][&alice.id],
        &body["self_signing_key"],
    );
    must_contain(
        &own["user_signing_keys"][&alice.id],
        &body["user_signing_key"],
    );
    let others = query(&bob, &alice);
    must_contain(&others["master_keys"][&alice.id], &body["master_key"]);
    assert!(
        others["user_signing_keys"].get(&alice.id).is_none(),
        "{others}"
    );
}

/// The first keys need no password, so that a new account is ready at once; replacing them does.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysdevice_signingupload)
#[test]
fn replacing_keys_needs_the_password_and_repeating_them_does_not() {
    covers!(POST "/_matrix/client/v3/keys/device_signing/upload");
    let alice = homeserver().register("alice");
    let first = CrossSigning::of(&alice).upload_body();
    alice.post(UPLOAD, &first).ok();
    alice.post(UPLOAD, &first).ok();
    let second = CrossSigning::of(&alice).upload_body();
    let question = alice.post(UPLOAD, &second).must_be(401);
    must_find(
        &question["flows"],
        &json!({ "stages": ["m.login.password"] }),
    );
    must_contain(
        &query(&alice, &alice)["master_keys"][&alice.id],
        &first["master_key"],
    );
    alice.with_password("POST", UPLOAD, &second).ok();
    must_contain(
        &query(&alice, &alice)["master_keys"][&alice.id],
        &second["master_key"],
    );
}

/// Nobody else sees the key with which somebody signs others.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)
#[test]
fn a_user_signing_key_is_told_to_its_owner_only() {
    covers!(POST "/_matrix/client/v3/keys/device_signing/upload", GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let keys = CrossSigning::of(&alice).upload_body();
    let public = json!({
        "master_key": keys["master_key"],
        "self_signing_key": keys["self_signing_key"],
    });
    alice.with_password("POST", UPLOAD, &public).ok();
    let room = alice.room_with(&[&bob]);
    let (own, others) = (alice.initial_sync(), bob.initial_sync());
    let private = json!({ "user_signing_key": keys["user_signing_key"] });
    alice.with_password("POST", UPLOAD, &private).ok();
    alice.say(&room, "words");
    let changed = |response: &Value| {
        let changed = items(&response["device_lists"]["changed"]);
        changed.iter().any(|user| *user == alice.id.as_str())
    };
    alice.must_see_after(&own, |response| match changed(response) {
        true => Ok(()),
        false => Err(format!("not told: {response}")),
    });
    let seen = bob.must_see_after(&others, joined(&room));
    assert!(!changed(&seen), "{seen}");
}

#[test]
fn keys_that_the_master_key_did_not_sign_are_refused() {
    covers!(POST "/_matrix/client/v3/keys/device_signing/upload");
    let alice = homeserver().register("alice");
    let mut body = CrossSigning::of(&alice).upload_body();
    body["self_signing_key"] = CrossSigning::of(&alice).upload_body()["self_signing_key"].take();
    let answer = alice.with_password("POST", UPLOAD, &body);
    assert_eq!(answer.status, 400, "{answer}");
}

#[test]
fn keys_of_somebody_else_are_refused() {
    covers!(POST "/_matrix/client/v3/keys/device_signing/upload");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let body = CrossSigning::of(&bob).upload_body();
    let answer = alice.with_password("POST", UPLOAD, &body);
    assert!(matches!(answer.status, 400 | 403), "{answer}");
}

/// Through the API that Synapse's tools use, for somebody who has lost both.
#[test]
fn an_administrator_lets_somebody_replace_their_keys_once_without_the_password() {
    let Some(admin) = crate::admin_users::admin() else {
        return;
    };
    let alice = homeserver().register("alice");
    let allow = path!("/_synapse/admin/v1/users/{}", alice.id)
        + "/_allow_cross_signing_replacement_without_uia";
    admin.post(&allow, &json!({})).must_fail(404, "M_NOT_FOUND");
    set_up(&alice);
    let new = || CrossSigning::of(&alice).upload_body();
    assert_eq!(alice.post(UPLOAD, &new()).status, 401);
    let answer = admin.post(&allow, &json!({})).ok();
    assert!(
        answer["updatable_without_uia_before_ms"].is_u64(),
        "{answer}"
    );
    alice.post(UPLOAD, &new()).ok();
    assert_eq!(alice.post(UPLOAD, &new()).status, 401);
    alice.post(&allow, &json!({})).must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keyssignaturesupload)
#[test]
fn a_signed_device_shows_its_signature() {
    covers!(POST "/_matrix/client/v3/keys/signatures/upload");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice.room_with(&[&bob]);
    let mut device = Device::of(&alice).keys();
    alice
        .post("/v3/keys/upload", &json!({ "device_keys": device }))
        .ok();
    let keys = set_up(&alice);
    let before = bob.initial_sync();
    let name = keys.self_signing.public();
    device["signatures"] = json!({});
    keys.self_signing.sign(&mut device, &alice.id, &name);
    let body = json!({ &alice.id: { &alice.device_id: device } });
    let answer = alice.post("/v3/keys/signatures/upload", &body).ok();
    assert!(
        answer["failures"]
            .as_object()
            .is_none_or(|failures| failures.is_empty()),
        "{answer}"
    );
    let seen = query(&bob, &alice);
    let signatures = &seen["device_keys"][&alice.id][&alice.device_id]["signatures"][&alice.id];
    must_contain(signatures, &device["signatures"][&alice.id]);
    bob.must_see_after(&before, |response| {
        match items(at(response, &["device_lists", "changed"])).contains(&json!(alice.id)) {
            true => Ok(()),
            false => Err(response["device_lists"].to_string()),
        }
    });
}

#[test]
fn a_wrong_signature_is_reported_as_a_failure() {
    covers!(POST "/_matrix/client/v3/keys/signatures/upload");
    let alice = homeserver().register("alice");
    let mut device = Device::of(&alice).keys();
    alice
        .post("/v3/keys/upload", &json!({ "device_keys": device }))
        .ok();
    let keys = set_up(&alice);
    // Another key's signature under the name of the self-signing key.
    device["signatures"] = json!({});
    Key::new().sign(&mut device, &alice.id, &keys.self_signing.public());
    let body = json!({ &alice.id: { &alice.device_id: device } });
    let answer = alice.post("/v3/keys/signatures/upload", &body).ok();
    let failure = &answer["failures"][&alice.id][&alice.device_id];
    assert!(failure["errcode"].is_string(), "{answer}");
}

#[test]
fn a_signature_for_an_unknown_device_is_reported_as_a_failure() {
    covers!(POST "/_matrix/client/v3/keys/signatures/upload");
    let alice = homeserver().register("alice");
    let keys = set_up(&alice);
    let mut device = Device::of(&alice).keys();
    device["device_id"] = json!("NOSUCH");
    device["signatures"] = json!({});
    keys.self_signing
        .sign(&mut device, &alice.id, &keys.self_signing.public());
    let answer = alice
        .post(
            "/v3/keys/signatures/upload",
            &json!({ &alice.id: { "NOSUCH": device } }),
        )
        .ok();
    assert!(
        answer["failures"][&alice.id]["NOSUCH"]["errcode"].is_string(),
        "{answer}"
    );
}

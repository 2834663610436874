//! Device keys, one-time keys, fallback keys and changed devices.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#key-management-api)

use serde_json::{Value, json};
use spec_tests::{
    User, covers,
    crypto::Device,
    homeserver,
    matchers::{Verdict, at, items},
    must::{must_contain, text},
    path,
    server::unique,
};

fn upload(user: &User, device: &Device) {
    user.post("/v3/keys/upload", &json!({ "device_keys": device.keys() }))
        .ok();
}

fn query(user: &User, whom: &User) -> Value {
    user.post(
        "/v3/keys/query",
        &json!({ "device_keys": { &whom.id: [] } }),
    )
    .ok()
}

fn claim(user: &User, from: &User) -> Value {
    let wanted = json!({ &from.id: { &from.device_id: "signed_curve25519" } });
    let mut answer = user
        .post("/v3/keys/claim", &json!({ "one_time_keys": wanted }))
        .ok();
    answer["one_time_keys"][&from.id][&from.device_id].take()
}

fn changed(whom: &User) -> impl Fn(&Value) -> Verdict + use<'_> {
    in_device_lists("changed", whom)
}

fn in_device_lists<'a>(list: &'a str, whom: &'a User) -> impl Fn(&Value) -> Verdict + use<'a> {
    move |response| match items(at(response, &["device_lists", list])).contains(&json!(whom.id)) {
        true => Ok(()),
        false => Err(format!("not in {list}: {}", response["device_lists"])),
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery)
#[test]
fn uploaded_device_keys_are_queried_with_the_devices_name() {
    covers!(POST "/_matrix/client/v3/keys/upload", POST "/_matrix/client/v3/keys/query");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice
        .put(
            &path!("/v3/devices/{}", alice.device_id),
            &json!({ "display_name": "Phone" }),
        )
        .ok();
    let keys = Device::of(&alice).keys();
    let counts = alice
        .post("/v3/keys/upload", &json!({ "device_keys": keys }))
        .ok();
    assert!(counts["one_time_key_counts"].is_object());
    let answer = query(&bob, &alice);
    let seen = &answer["device_keys"][&alice.id][&alice.device_id];
    must_contain(seen, &keys);
    assert_eq!(
        answer["failures"]
            .as_object()
            .map_or(0, |failures| failures.len()),
        0
    );
    let own = query(&alice, &alice);
    assert_eq!(
        own["device_keys"][&alice.id][&alice.device_id]["unsigned"]["device_display_name"],
        "Phone"
    );
}

#[test]
fn only_the_devices_asked_for_are_told() {
    covers!(POST "/_matrix/client/v3/keys/query");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    upload(&phone, &Device::of(&phone));
    upload(&laptop, &Device::of(&laptop));
    let body = json!({ "device_keys": { &phone.id: [laptop.device_id] } });
    let answer = phone.post("/v3/keys/query", &body).ok();
    let devices = answer["device_keys"][&phone.id].as_object().unwrap();
    assert_eq!(devices.keys().collect::<Vec<_>>(), [&laptop.device_id]);
}

#[test]
fn keys_of_another_device_or_user_are_not_accepted() {
    covers!(POST "/_matrix/client/v3/keys/upload");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    let bob = homeserver().register("bob");
    for other in [&laptop, &bob] {
        let body = json!({ "device_keys": Device::of(other).keys() });
        phone.post("/v3/keys/upload", &body).must_be(400);
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim)
#[test]
fn a_one_time_key_is_given_to_one_person_only() {
    covers!(POST "/_matrix/client/v3/keys/claim", POST "/_matrix/client/v3/keys/upload");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let device = Device::of(&alice);
    let keys = device.one_time_keys(&["AAAAAQ", "AAAAAg"]);
    let body = json!({ "device_keys": device.keys(), "one_time_keys": keys });
    let counts = alice.post("/v3/keys/upload", &body).ok();
    assert_eq!(counts["one_time_key_counts"]["signed_curve25519"], 2);
    let (first, second, third) = (
        claim(&bob, &alice),
        claim(&bob, &alice),
        claim(&bob, &alice),
    );
    let first_name = first.as_object().unwrap().keys().next().unwrap().clone();
    assert_eq!(first[&first_name], keys[&first_name]);
    assert_ne!(first, second);
    assert!(
        third.as_object().is_none_or(|keys| keys.is_empty()),
        "{third}"
    );
    let seen = alice.initial_sync();
    let left = &seen["device_one_time_keys_count"]["signed_curve25519"];
    assert!(left.is_null() || *left == 0, "{left}");
}

/// Many at once: none may get the same key.
#[test]
fn simultaneous_claims_get_different_keys() {
    covers!(POST "/_matrix/client/v3/keys/claim");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let device = Device::of(&alice);
    let names: Vec<String> = (0..8).map(|number| format!("KEY{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let body =
        json!({ "device_keys": device.keys(), "one_time_keys": device.one_time_keys(&names) });
    alice.post("/v3/keys/upload", &body).ok();
    let claims: Vec<_> = (0..8)
        .map(|_| {
            let (bob, alice) = (bob.clone(), alice.clone());
            spec_tests::coverage::in_background(move || claim(&bob, &alice).to_string())
        })
        .collect();
    let mut keys: Vec<String> = claims
        .into_iter()
        .map(|claim| claim.join().unwrap())
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 8, "{keys:?}");
}

#[test]
fn a_key_name_cannot_be_used_for_another_key() {
    covers!(POST "/_matrix/client/v3/keys/upload");
    let alice = homeserver().register("alice");
    let device = Device::of(&alice);
    let keys = json!({ "one_time_keys": device.one_time_keys(&["AAAAAQ"]) });
    alice.post("/v3/keys/upload", &keys).ok();
    alice.post("/v3/keys/upload", &keys).ok();
    let other = json!({ "one_time_keys": device.one_time_keys(&["AAAAAQ"]) });
    alice.post("/v3/keys/upload", &other).must_be(400);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#one-time-and-fallback-keys)
#[test]
fn the_fallback_key_is_given_when_no_other_is_left() {
    covers!(POST "/_matrix/client/v3/keys/claim", POST "/_matrix/client/v3/keys/upload");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let device = Device::of(&alice);
    let fallback = device.fallback_key("FALLBK");
    let body = json!({ "device_keys": device.keys(), "fallback_keys": fallback });
    alice.post("/v3/keys/upload", &body).ok();
    let unused = alice.initial_sync();
    assert_eq!(
        unused["device_unused_fallback_key_types"],
        json!(["signed_curve25519"])
    );
    assert_eq!(claim(&bob, &alice), fallback);
    assert_eq!(claim(&bob, &alice), fallback);
    let used = alice.initial_sync();
    assert_eq!(used["device_unused_fallback_key_types"], json!([]));
    let next = device.fallback_key("FALLBK2");
    alice
        .post("/v3/keys/upload", &json!({ "fallback_keys": next }))
        .ok();
    assert_eq!(claim(&bob, &alice), next);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#e2e-extensions-to-sync)
#[test]
fn new_keys_are_told_to_those_who_share_a_room() {
    covers!(POST "/_matrix/client/v3/keys/upload", GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let stranger = homeserver().register("stranger");
    alice.room_with(&[&bob]);
    let before = bob.initial_sync();
    let strangers = stranger.initial_sync();
    upload(&alice, &Device::of(&alice));
    bob.must_see_after(&before, changed(&alice));
    assert!(changed(&alice)(&stranger.sync_after(&strangers)).is_err());
}

#[test]
fn meeting_and_parting_change_device_lists() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    upload(&alice, &Device::of(&alice));
    let before = bob.initial_sync();
    let room = alice.room_with(&[&bob]);
    let met = bob.must_see_after(&before, changed(&alice));
    bob.leave(&room);
    bob.must_see_after(&met, in_device_lists("left", &alice));
}

#[test]
fn a_deleted_device_loses_its_keys() {
    covers!(POST "/_matrix/client/v3/keys/query");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    let bob = homeserver().register("bob");
    phone.room_with(&[&bob]);
    upload(&laptop, &Device::of(&laptop));
    let before = bob.initial_sync();
    laptop.post("/v3/logout", &json!({})).ok();
    bob.must_see_after(&before, changed(&phone));
    assert!(
        query(&bob, &phone)["device_keys"][&phone.id]
            .get(&laptop.device_id)
            .is_none()
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3keyschanges)
#[test]
fn key_changes_between_two_tokens_are_listed() {
    covers!(GET "/_matrix/client/v3/keys/changes");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice.room_with(&[&bob]);
    let from = bob.initial_sync();
    upload(&alice, &Device::of(&alice));
    let to = bob.must_see_after(&from, changed(&alice));
    let tokens = |from: &Value, to: &Value| {
        path!(
            "/v3/keys/changes?from={}&to={}",
            text(&from["next_batch"]),
            text(&to["next_batch"])
        )
    };
    let changes = bob.get(&tokens(&from, &to)).ok();
    assert!(
        items(&changes["changed"]).contains(&json!(alice.id)),
        "{changes}"
    );
    let nothing = bob.get(&tokens(&to, &to)).ok();
    assert!(
        !items(&nothing["changed"]).contains(&json!(alice.id)),
        "{nothing}"
    );
}

#[test]
fn the_first_sync_counts_one_time_keys() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let device = Device::of(&alice);
    let before = alice.initial_sync();
    let body = json!({ "device_keys": device.keys(), "one_time_keys": device.one_time_keys(&["A", "B", "C"]) });
    alice.post("/v3/keys/upload", &body).ok();
    let after = alice.sync_after(&before);
    assert_eq!(after["device_one_time_keys_count"]["signed_curve25519"], 3);
}

#[test]
fn key_requests_of_the_wrong_shape_are_refused() {
    covers!(POST "/_matrix/client/v3/keys/query", POST "/_matrix/client/v3/keys/claim", POST "/_matrix/client/v3/keys/upload");
    let alice = homeserver().register("alice");
    for (path, body) in [
        ("/v3/keys/query", json!({ "device_keys": [] })),
        (
            "/v3/keys/query",
            json!({ "device_keys": { &alice.id: "all" } }),
        ),
        ("/v3/keys/claim", json!({ "one_time_keys": "all" })),
        ("/v3/keys/upload", json!({ "one_time_keys": [] })),
        ("/v3/keys/upload", json!({ "device_keys": "mine" })),
    ] {
        let answer = alice.post(path, &body);
        assert_eq!(answer.status, 400, "{body}: {answer}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#send-to-device-messaging)
#[test]
fn a_to_device_message_reaches_one_device_or_all() {
    covers!(PUT "/_matrix/client/v3/sendToDevice/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let phone = homeserver().register("bob");
    let laptop = phone.new_device();
    alice.send_to_device("test.one", &phone, &json!({}));
    let path = path!("/v3/sendToDevice/test.all/{}", unique("txn"));
    alice
        .put(&path, &json!({ "messages": { &phone.id: { "*": {} } } }))
        .ok();
    let kinds = |user: &User| {
        let response = user.initial_sync();
        let events = items(&response["to_device"]["events"]).iter();
        events.map(|event| text(&event["type"])).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&phone), ["test.one", "test.all"]);
    assert_eq!(kinds(&laptop), ["test.all"]);
}

#[test]
fn the_same_transaction_id_sends_to_a_device_once() {
    covers!(PUT "/_matrix/client/v3/sendToDevice/{eventType}/{txnId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let body = json!({ "messages": { &bob.id: { &bob.device_id: {} } } });
    for _ in 0..2 {
        alice.put("/v3/sendToDevice/test.once/txn1", &body).ok();
    }
    let events = bob.initial_sync()["to_device"]["events"].take();
    assert_eq!(items(&events).len(), 1);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim)
#[test]
fn keys_are_claimed_in_the_order_of_their_upload() {
    covers!(POST "/_matrix/client/v3/keys/claim");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let device = Device::of(&alice);
    let names = ["ZZ", "MM", "AA"];
    for name in names {
        let keys = json!({ "one_time_keys": device.one_time_keys(&[name]) });
        alice.post("/v3/keys/upload", &keys).ok();
    }
    for name in names {
        let claimed = claim(&bob, &alice);
        let key = format!("signed_curve25519:{name}");
        assert!(claimed.get(&key).is_some(), "not {key}: {claimed}");
    }
}

/// Keys and messages of a device that is gone are gone too.
#[test]
fn nothing_can_be_claimed_from_a_device_that_is_gone() {
    covers!(POST "/_matrix/client/v3/keys/claim");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    let bob = homeserver().register("bob");
    let device = Device::of(&laptop);
    let body = json!({
        "device_keys": device.keys(),
        "one_time_keys": device.one_time_keys(&["A"]),
        "fallback_keys": device.fallback_key("F"),
    });
    laptop.post("/v3/keys/upload", &body).ok();
    laptop.post("/v3/logout", &json!({})).ok();
    let claimed = claim(&bob, &laptop);
    assert!(claimed.is_null(), "{claimed}");
}

/// [MSC3890](https://github.com/matrix-org/matrix-spec-proposals/pull/3890)
#[test]
fn settings_of_a_device_go_with_it() {
    covers!(POST "/_matrix/client/v3/logout");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    let prefix = "org.matrix.msc3890.local_notification_settings";
    let kind = format!("{prefix}.{}", laptop.device_id);
    laptop.set_account_data(&kind, &json!({ "is_silenced": true }));
    laptop.post("/v3/logout", &json!({})).ok();
    let kept = phone.initial_sync()["account_data"]["events"].take();
    let kept = items(&kept).iter().find(|event| event["type"] == kind);
    assert!(
        kept.is_none_or(|event| event["content"] == json!({})),
        "{kept:?}"
    );
}

/// Some clients read these without looking whether they are there.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery)
#[test]
fn answers_about_keys_have_all_their_objects() {
    covers!(POST "/_matrix/client/v3/keys/query", POST "/_matrix/client/v3/keys/claim");
    let alice = homeserver().register("alice");
    let nobody = format!("@{}:{}", unique("nobody"), homeserver().server_name());
    let queried = alice.post("/v3/keys/query", &json!({ "device_keys": { &nobody: [] } }));
    let queried = queried.ok();
    let claim = json!({ "one_time_keys": { nobody: { "DEVICE": "signed_curve25519" } } });
    let claimed = alice.post("/v3/keys/claim", &claim).ok();
    let signed = alice.post("/v3/keys/signatures/upload", &json!({})).ok();
    for (answer, names) in [
        (&queried, &["device_keys", "failures", "master_keys"][..]),
        (&queried, &["self_signing_keys", "user_signing_keys"]),
        (&claimed, &["one_time_keys", "failures"]),
        (&signed, &["failures"]),
    ] {
        for name in names {
            assert!(answer[name].is_object(), "{name} in {answer}");
        }
    }
    let uploaded = alice.post("/v3/keys/upload", &json!({})).ok();
    let counts = &uploaded["one_time_key_counts"];
    assert_eq!(counts["signed_curve25519"], 0, "{uploaded}");
}

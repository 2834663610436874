//! The device that receives keys while no other one is signed in.
//! [MSC3814](https://github.com/matrix-org/matrix-spec-proposals/pull/3814)

use serde_json::{Value, json};
use spec_tests::{
    User,
    crypto::Device,
    homeserver,
    http::encode,
    matchers::items,
    must::{must_contain, text},
    path,
    server::unique,
};

const BASE: &str = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device";

fn dehydrated(user: &User) -> (String, Value) {
    let device_id = unique("dehydrated");
    let device = Device::of(&User {
        device_id: device_id.clone(),
        ..user.clone()
    });
    let body = json!({
        "device_id": device_id,
        "device_data": { "algorithm": "org.matrix.msc3814.v2", "device_pickle": "abc", "nonce": "def" },
        "initial_device_display_name": "Dehydrated",
        "device_keys": device.keys(),
        "one_time_keys": device.one_time_keys(&["A"]),
        "fallback_keys": device.fallback_key("F"),
    });
    (device_id, body)
}

fn send(from: &User, to: &User, device_id: &str, number: usize) {
    let path = path!("/v3/sendToDevice/test.key/{}", unique("txn"));
    let messages = json!({ "messages": { &to.id: { device_id: { "n": number } } } });
    from.put(&path, &messages).ok();
}

fn page(user: &User, device_id: &str, next_batch: Option<&str>) -> Value {
    let body = next_batch.map_or(json!({}), |token| json!({ "next_batch": token }));
    user.post(&format!("{BASE}/{device_id}/events"), &body).ok()
}

#[test]
fn a_dehydrated_device_has_keys_and_is_read_back() {
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice.get(BASE).must_fail(404, "M_NOT_FOUND");
    let (device_id, body) = dehydrated(&alice);
    assert_eq!(alice.put(BASE, &body).ok()["device_id"], json!(device_id));
    let expected = json!({ "device_id": device_id, "device_data": body["device_data"] });
    must_contain(&alice.get(BASE).ok(), &expected);
    let query = json!({ "device_keys": { &alice.id: [] } });
    let keys = bob.post("/v3/keys/query", &query).ok();
    let seen = &keys["device_keys"][&alice.id][&device_id];
    must_contain(seen, &body["device_keys"]);
    let wanted = json!({ "one_time_keys": { &alice.id: { &device_id: "signed_curve25519" } } });
    for name in ["signed_curve25519:A", "signed_curve25519:F"] {
        let claimed = bob.post("/v3/keys/claim", &wanted).ok();
        let keys = &claimed["one_time_keys"][&alice.id][&device_id];
        assert!(keys.get(name).is_some(), "{claimed}");
    }
    alice.delete(BASE).ok();
    alice.get(BASE).must_fail(404, "M_NOT_FOUND");
    let keys = bob.post("/v3/keys/query", &query).ok();
    assert!(
        keys["device_keys"][&alice.id].get(&device_id).is_none(),
        "{keys}"
    );
}

#[test]
fn messages_to_it_are_read_page_by_page_and_stay() {
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let (device_id, body) = dehydrated(&alice);
    alice.put(BASE, &body).ok();
    let count = 105;
    (0..count).for_each(|number| send(&bob, &alice, &device_id, number));
    for _ in 0..2 {
        let mut numbers = Vec::new();
        let mut token = None;
        loop {
            let page = page(&alice, &device_id, token.as_deref());
            let events = items(&page["events"]);
            if events.is_empty() {
                break;
            }
            numbers.extend(
                events
                    .iter()
                    .filter_map(|event| event["content"]["n"].as_u64()),
            );
            token = Some(text(&page["next_batch"]));
        }
        assert_eq!(numbers, (0..count as u64).collect::<Vec<_>>());
    }
}

/// The way of the proposal today, where the last page has no token; the one above is that of an earlier draft.
#[test]
fn messages_to_it_are_read_until_there_is_no_token() {
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let (device_id, body) = dehydrated(&alice);
    alice.put(BASE, &body).ok();
    (0..5).for_each(|number| send(&bob, &alice, &device_id, number));
    let path = format!("{BASE}/{device_id}/events");
    let mut numbers = Vec::new();
    let mut query = "?limit=2".to_owned();
    for is_last in [false, false, true] {
        let page = alice.get(&(path.clone() + &query)).ok();
        let events = items(&page["events"]).iter();
        numbers.extend(events.filter_map(|event| event["content"]["n"].as_u64()));
        assert_eq!(page.get("next_batch").is_none(), is_last, "{page}");
        if !is_last {
            query = format!("?limit=2&from={}", encode(&text(&page["next_batch"])));
        }
    }
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    alice
        .get(&format!("{path}?from=nonsense"))
        .must_fail(400, "M_INVALID_PARAM");
    bob.get(&path).must_fail(403, "M_FORBIDDEN");
}

#[test]
fn a_new_one_takes_the_place_of_the_old_one() {
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let (old, body) = dehydrated(&alice);
    alice.put(BASE, &body).ok();
    let (new, body) = dehydrated(&alice);
    alice.put(BASE, &body).ok();
    send(&bob, &alice, &old, 1);
    send(&bob, &alice, &new, 2);
    let path = format!("{BASE}/{old}/events");
    alice.post(&path, &json!({})).must_fail(403, "M_FORBIDDEN");
    let events = page(&alice, &new, None);
    assert_eq!(items(&events["events"]).len(), 1, "{events}");
    let query = json!({ "device_keys": { &alice.id: [] } });
    let keys = bob.post("/v3/keys/query", &query).ok();
    let devices = keys["device_keys"][&alice.id].as_object().unwrap();
    assert_eq!(devices.keys().collect::<Vec<_>>(), [&new]);
}

#[test]
fn devices_that_make_no_sense_are_refused() {
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let (_, body) = dehydrated(&alice);
    let mut without_keys = body.clone();
    without_keys.as_object_mut().unwrap().remove("device_keys");
    let mut of_another = body.clone();
    of_another["device_id"] = json!("ANOTHER");
    let signed_in = Device::of(&alice);
    let mut is_signed_in = body.clone();
    is_signed_in["device_id"] = json!(alice.device_id);
    is_signed_in["device_keys"] = signed_in.keys();
    let (_, of_bob) = dehydrated(&bob);
    for wrong in [without_keys, of_another, is_signed_in, of_bob] {
        let answer = alice.put(BASE, &wrong);
        assert!(matches!(answer.status, 400 | 403), "{answer}");
    }
    alice.get(BASE).must_fail(404, "M_NOT_FOUND");
}

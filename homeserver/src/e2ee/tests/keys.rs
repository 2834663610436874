use super::*;

fn device_keys(session: &Session, algorithm: &str) -> Raw<DeviceKeys> {
    let device = &session.device_id;
    let keys = json!({
        "user_id": session.user_id,
        "device_id": device,
        "algorithms": [algorithm],
        "keys": { format!("ed25519:{device}"): "AAAA" },
        "signatures": { session.user_id.as_str(): { format!("ed25519:{device}"): "BBBB" } },
        "unsigned": { "device_display_name": "false" },
        "org.example.more": 1,
    });
    Raw::new(&keys).unwrap().cast_unchecked()
}

fn one_time(keys: &[(&str, &str)]) -> NewKeys {
    let key = |(id, key): &(&str, &str)| {
        (
            (*id).try_into().unwrap(),
            Raw::new(&json!({ "key": key, "signatures": {} }))
                .unwrap()
                .cast_unchecked(),
        )
    };
    NewKeys {
        one_time: keys.iter().map(key).collect(),
        ..NewKeys::default()
    }
}

fn fallback(id: &str, key: &str) -> NewKeys {
    let NewKeys { one_time, .. } = one_time(&[(id, key)]);
    NewKeys {
        fallback: one_time,
        ..NewKeys::default()
    }
}

async fn upload(bench: &Bench, session: &Session, keys: NewKeys) -> BTreeMap<String, u32> {
    bench.e2ee().upload_keys(session, None, keys).await.unwrap()
}

/// The id of the key claimed from a device.
async fn claim(bench: &Bench, session: &Session) -> Option<String> {
    let devices = BTreeMap::from([(session.device_id.clone(), "signed_curve25519".into())]);
    let wanted = BTreeMap::from([(session.user_id.clone(), devices)]);
    let claimed = bench.e2ee().claim_keys(wanted).await.unwrap();
    let keys = claimed.get(&session.user_id)?.get(&session.device_id)?;
    keys.keys().next().map(ToString::to_string)
}

fn unused_fallback(bench: &Bench, session: &Session) -> Vec<String> {
    let snapshot = bench.server.storage.snapshot();
    let keys = bench
        .e2ee()
        .claimable_keys(&snapshot, session.user, &session.device_id)
        .unwrap();
    keys.unused_fallback
}

async fn query(bench: &Bench, by: &Session, of: &Session) -> Value {
    let query = BTreeMap::from([(of.user_id.clone(), Vec::new())]);
    let mut found = bench.e2ee().query_keys(by, query).await.unwrap();
    let keys = found.remove(&of.user_id).unwrap();
    serde_json::to_value(keys.devices).unwrap()
}

#[tokio::test]
async fn uploaded_keys_are_told_with_the_name_of_the_device() {
    let bench = Bench::open();
    let (alice, bob) = (bench.register("alice").await, bench.register("bob").await);
    let name = Some("Phone".to_owned());
    bench
        .server
        .users
        .rename_device(alice.user, alice.device_id.clone(), name)
        .await
        .unwrap();
    bench
        .e2ee()
        .upload_keys(&alice, Some(device_keys(&alice, "x")), NewKeys::default())
        .await
        .unwrap();
    let found = query(&bench, &bob, &alice).await;
    let keys = &found[alice.device_id.as_str()];
    assert_eq!(keys["unsigned"]["device_display_name"], "Phone");
    assert_eq!(keys["org.example.more"], 1);
}

#[tokio::test]
async fn a_device_cannot_store_keys_without_end() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let many = |from: usize, to: usize| {
        let ids: Vec<String> = (from..to)
            .map(|id| format!("signed_curve25519:{id}"))
            .collect();
        let keys: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), "key")).collect();
        one_time(&keys)
    };
    upload(&bench, &alice, many(0, 1_000)).await;
    let more = bench.e2ee().upload_keys(&alice, None, many(1_000, 1_001));
    assert!(more.await.is_err());
    // The same keys again are no new ones.
    let again = upload(&bench, &alice, many(0, 1_000)).await;
    assert_eq!(again["signed_curve25519"], 1_000);
    let huge = "k".repeat(5_000);
    let huge = one_time(&[("signed_curve25519:huge", huge.as_str())]);
    let refused = bench.e2ee().upload_keys(&alice, None, huge);
    assert!(refused.await.is_err());
}

#[tokio::test]
async fn keys_of_somebody_else_are_refused() {
    let bench = Bench::open();
    let (alice, bob) = (bench.register("alice").await, bench.register("bob").await);
    let keys = Some(device_keys(&bob, "x"));
    let error = bench
        .e2ee()
        .upload_keys(&alice, keys, NewKeys::default())
        .await
        .unwrap_err();
    assert_eq!(error.status(), 400);
}

#[tokio::test]
async fn only_changed_keys_change_the_device_list() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let changed = |since| {
        let snapshot = bench.server.storage.snapshot();
        let span = (since, StreamPos(u64::MAX - 1));
        let lists = bench
            .e2ee()
            .device_lists(&snapshot, alice.user, span, None)
            .unwrap();
        !lists.changed.is_empty()
    };
    let start = bench.server.storage.position();
    bench
        .e2ee()
        .upload_keys(&alice, Some(device_keys(&alice, "x")), NewKeys::default())
        .await
        .unwrap();
    assert!(changed(start));
    let after = bench.server.storage.position();
    bench
        .e2ee()
        .upload_keys(&alice, Some(device_keys(&alice, "x")), NewKeys::default())
        .await
        .unwrap();
    assert!(!changed(after));
    bench
        .e2ee()
        .upload_keys(&alice, Some(device_keys(&alice, "y")), NewKeys::default())
        .await
        .unwrap();
    assert!(changed(after));
}

#[tokio::test]
async fn older_one_time_keys_are_claimed_first_and_each_once() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    upload(&bench, &alice, one_time(&[("signed_curve25519:Z", "AAAA")])).await;
    let counts = upload(&bench, &alice, one_time(&[("signed_curve25519:A", "BBBB")])).await;
    assert_eq!(counts["signed_curve25519"], 2);
    assert_eq!(
        claim(&bench, &alice).await.as_deref(),
        Some("signed_curve25519:Z")
    );
    assert_eq!(
        claim(&bench, &alice).await.as_deref(),
        Some("signed_curve25519:A")
    );
    assert_eq!(claim(&bench, &alice).await, None);
    let counts = upload(&bench, &alice, NewKeys::default()).await;
    assert_eq!(counts["signed_curve25519"], 0);
}

#[tokio::test]
async fn one_time_key_of_the_same_id_must_be_the_same_key() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    upload(&bench, &alice, one_time(&[("signed_curve25519:A", "AAAA")])).await;
    let counts = upload(&bench, &alice, one_time(&[("signed_curve25519:A", "AAAA")])).await;
    assert_eq!(counts["signed_curve25519"], 1);
    let other = one_time(&[("signed_curve25519:A", "BBBB")]);
    let error = bench
        .e2ee()
        .upload_keys(&alice, None, other)
        .await
        .unwrap_err();
    assert_eq!(error.status(), 400);
}

#[tokio::test]
async fn many_who_claim_at_once_get_different_keys() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let ids: Vec<_> = (0..20).map(|n| format!("signed_curve25519:{n}")).collect();
    let keys: Vec<_> = ids.iter().map(|id| (id.as_str(), "AAAA")).collect();
    upload(&bench, &alice, one_time(&keys)).await;
    let claims = (0..20).map(|_| claim(&bench, &alice));
    let claimed = futures::future::join_all(claims).await;
    let claimed: std::collections::BTreeSet<_> = claimed.into_iter().flatten().collect();
    assert_eq!(claimed.len(), 20);
}

#[tokio::test]
async fn fallback_key_is_claimed_again_and_again_and_known_to_be_used() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    upload(&bench, &alice, fallback("signed_curve25519:F", "AAAA")).await;
    assert_eq!(unused_fallback(&bench, &alice), ["signed_curve25519"]);
    for _ in 0..2 {
        assert_eq!(
            claim(&bench, &alice).await.as_deref(),
            Some("signed_curve25519:F")
        );
        assert!(unused_fallback(&bench, &alice).is_empty());
    }
    upload(&bench, &alice, fallback("signed_curve25519:F", "AAAA")).await;
    assert!(unused_fallback(&bench, &alice).is_empty());
    upload(&bench, &alice, fallback("signed_curve25519:G", "BBBB")).await;
    assert_eq!(unused_fallback(&bench, &alice), ["signed_curve25519"]);
    assert_eq!(
        claim(&bench, &alice).await.as_deref(),
        Some("signed_curve25519:G")
    );
}

#[tokio::test]
async fn keys_go_with_their_device() {
    let bench = Bench::open();
    let (alice, bob) = (bench.register("alice").await, bench.register("bob").await);
    let keys = one_time(&[("signed_curve25519:A", "AAAA")]);
    bench
        .e2ee()
        .upload_keys(&alice, Some(device_keys(&alice, "x")), keys)
        .await
        .unwrap();
    bench.server.users.logout(&alice).await.unwrap();
    assert_eq!(query(&bench, &bob, &alice).await, json!({}));
    assert_eq!(claim(&bench, &alice).await, None);
}

use ruma::{api::client::backup::KeyBackupData, owned_room_id};

use super::*;

async fn create(bench: &Bench, user: &Session) -> String {
    let algorithm = json!({ "algorithm": "org.example", "auth_data": { "a": 1 } });
    let algorithm = Raw::new(&algorithm).unwrap().cast_unchecked();
    bench
        .e2ee()
        .create_backup(user.user, &algorithm)
        .await
        .unwrap()
        .to_string()
}

fn key(first_message_index: u32) -> Raw<KeyBackupData> {
    let key = json!({
        "first_message_index": first_message_index,
        "forwarded_count": 0,
        "is_verified": true,
        "session_data": { "ephemeral": "", "ciphertext": "", "mac": "" },
    });
    Raw::new(&key).unwrap().cast_unchecked()
}

async fn add(
    bench: &Bench,
    user: &Session,
    version: &str,
    session: &str,
    first_message_index: u32,
) -> ApiResult<(u64, u64)> {
    let sessions = BTreeMap::from([(session.to_owned(), key(first_message_index))]);
    let keys = BTreeMap::from([(owned_room_id!("!a:b.example"), sessions)]);
    let state = bench
        .e2ee()
        .add_backup_keys(user.user, version.to_owned(), keys)
        .await?;
    Ok((state.etag, state.count))
}

#[tokio::test]
async fn keys_are_counted_and_the_etag_follows_changes() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let version = create(&bench, &alice).await;
    assert_eq!(add(&bench, &alice, &version, "s", 5).await.unwrap(), (1, 1));
    assert_eq!(add(&bench, &alice, &version, "s", 6).await.unwrap(), (1, 1));
    assert_eq!(add(&bench, &alice, &version, "s", 4).await.unwrap(), (2, 1));
    assert_eq!(add(&bench, &alice, &version, "t", 4).await.unwrap(), (3, 2));
    let scope = BackupScope::Session(owned_room_id!("!a:b.example"), "s".to_owned());
    let found = bench
        .e2ee()
        .backup_keys(alice.user, version.clone(), scope.clone())
        .await
        .unwrap();
    let kept = found.values().next().unwrap()["s"].get_field::<u32>("first_message_index");
    assert_eq!(kept.unwrap(), Some(4));
    let state = bench
        .e2ee()
        .delete_backup_keys(alice.user, version.clone(), scope)
        .await
        .unwrap();
    assert_eq!(state, BackupState { etag: 4, count: 1 });
    let info = bench
        .e2ee()
        .backup(alice.user, Some(version))
        .await
        .unwrap();
    assert_eq!(info.state, state);
}

#[tokio::test]
async fn keys_are_added_to_the_current_version_only() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    assert_eq!(
        add(&bench, &alice, "1", "s", 0).await.unwrap_err().status(),
        404
    );
    let first = create(&bench, &alice).await;
    let second = create(&bench, &alice).await;
    let error = add(&bench, &alice, &first, "s", 0).await.unwrap_err();
    assert_eq!(error.status(), 403);
    assert_eq!(
        error.kind().unwrap().errcode().to_string(),
        "M_WRONG_ROOM_KEYS_VERSION"
    );
    bench
        .e2ee()
        .delete_backup(alice.user, second.clone())
        .await
        .unwrap();
    assert!(add(&bench, &alice, &first, "s", 0).await.is_ok());
    assert_ne!(create(&bench, &alice).await, second);
}

#[tokio::test]
async fn deleted_version_is_gone_with_its_keys() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let version = create(&bench, &alice).await;
    add(&bench, &alice, &version, "s", 0).await.unwrap();
    bench
        .e2ee()
        .delete_backup(alice.user, version.clone())
        .await
        .unwrap();
    let error = bench
        .e2ee()
        .backup(alice.user, Some(version.clone()))
        .await
        .unwrap_err();
    assert_eq!(error.status(), 404);
    assert_eq!(
        bench
            .e2ee()
            .backup(alice.user, None)
            .await
            .unwrap_err()
            .status(),
        404
    );
    let all = BackupScope::All;
    assert!(
        bench
            .e2ee()
            .backup_keys(alice.user, version, all)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn algorithm_of_a_version_cannot_change() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let version = create(&bench, &alice).await;
    let update = |algorithm: &str| {
        let algorithm = json!({ "algorithm": algorithm, "auth_data": { "b": 2 } });
        let algorithm: Raw<_> = Raw::new(&algorithm).unwrap().cast_unchecked();
        let version = version.clone();
        let (e2ee, user) = (bench.e2ee(), alice.user);
        async move { e2ee.update_backup(user, version, &algorithm).await }
    };
    update("org.example").await.unwrap();
    let info = bench.e2ee().backup(alice.user, None).await.unwrap();
    assert_eq!(info.auth_data, r#"{"b":2}"#);
    assert_eq!(update("org.other").await.unwrap_err().status(), 400);
}

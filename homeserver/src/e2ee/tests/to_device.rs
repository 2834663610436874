use super::*;
use crate::storage::tables;

async fn send(
    bench: &Bench,
    from: &Session,
    to: &Session,
    device: DeviceIdOrAllDevices,
    txn: &str,
) {
    let content = Raw::new(&json!({ "txn": txn })).unwrap().cast_unchecked();
    let recipients = BTreeMap::from([(to.user_id.clone(), BTreeMap::from([(device, content)]))]);
    let kind = ToDeviceEventType::from("org.example.ping");
    let txn = <&TransactionId>::from(txn);
    bench
        .e2ee()
        .send_to_device(from, &kind, txn, recipients)
        .await
        .unwrap();
}

fn page(bench: &Bench, session: &Session, since: StreamPos) -> ToDevicePage {
    let snapshot = bench.server.storage.snapshot();
    let device = (session.user, &*session.device_id);
    let upto = bench.server.storage.position();
    bench
        .e2ee()
        .to_device_since(&snapshot, device, (since, upto), TO_DEVICE_PAGE)
        .unwrap()
}

fn transactions(page: &ToDevicePage) -> Vec<String> {
    let txn = |event: &Raw<_>| {
        let content: Value = event.get_field("content").unwrap().unwrap();
        content["txn"].as_str().unwrap().to_owned()
    };
    page.events.iter().map(txn).collect()
}

#[tokio::test]
async fn message_waits_until_it_is_acknowledged() {
    let bench = Bench::open();
    let (alice, bob) = (bench.register("alice").await, bench.register("bob").await);
    let device = DeviceIdOrAllDevices::DeviceId(bob.device_id.clone());
    send(&bench, &alice, &bob, device.clone(), "1").await;
    let first = page(&bench, &bob, StreamPos::ZERO);
    assert_eq!(transactions(&first), ["1"]);
    assert_eq!(
        first.events[0]
            .get_field::<String>("sender")
            .unwrap()
            .unwrap(),
        alice.user_id
    );
    send(&bench, &alice, &bob, device, "2").await;
    assert_eq!(
        transactions(&page(&bench, &bob, StreamPos::ZERO)),
        ["1", "2"]
    );
    assert_eq!(transactions(&page(&bench, &bob, first.upto)), ["2"]);
    bench
        .e2ee()
        .delete_to_device(bob.user, &bob.device_id, first.upto)
        .await
        .unwrap();
    assert_eq!(transactions(&page(&bench, &bob, StreamPos::ZERO)), ["2"]);
}

#[tokio::test]
async fn repeated_transaction_sends_nothing() {
    let bench = Bench::open();
    let (alice, bob) = (bench.register("alice").await, bench.register("bob").await);
    for _ in 0..2 {
        send(&bench, &alice, &bob, DeviceIdOrAllDevices::AllDevices, "1").await;
    }
    send(&bench, &bob, &bob, DeviceIdOrAllDevices::AllDevices, "1").await;
    assert_eq!(
        transactions(&page(&bench, &bob, StreamPos::ZERO)),
        ["1", "1"]
    );
}

#[tokio::test]
async fn message_to_all_devices_reaches_all_and_one_to_none_reaches_none() {
    let bench = Bench::open();
    let (alice, bob) = (bench.register("alice").await, bench.register("bob").await);
    send(
        &bench,
        &alice,
        &alice,
        DeviceIdOrAllDevices::AllDevices,
        "1",
    )
    .await;
    let nobody = DeviceIdOrAllDevices::DeviceId(OwnedDeviceId::from("NONE"));
    send(&bench, &alice, &bob, nobody, "2").await;
    assert_eq!(transactions(&page(&bench, &alice, StreamPos::ZERO)), ["1"]);
    assert!(transactions(&page(&bench, &bob, StreamPos::ZERO)).is_empty());
}

#[tokio::test]
async fn long_queue_is_told_in_pages_without_losing_a_message() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    for n in 0..150 {
        let txn = n.to_string();
        send(
            &bench,
            &alice,
            &alice,
            DeviceIdOrAllDevices::AllDevices,
            &txn,
        )
        .await;
    }
    let first = page(&bench, &alice, StreamPos::ZERO);
    assert_eq!(first.events.len(), 100);
    let second = page(&bench, &alice, first.upto);
    assert_eq!(second.events.len(), 50);
    assert_eq!(transactions(&second)[0], "100");
    assert_eq!(second.upto, bench.server.storage.position());
}

#[tokio::test]
async fn page_of_long_messages_is_short_but_never_empty() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    for length in [3_000_000, 600_000, 600_000, 10] {
        let message = json!({ "content": { "txn": "x".repeat(length) } }).to_string();
        let (user, device) = (alice.user, alice.device_id.clone());
        let put = Commit::new(move |batch, pos| {
            tables::TO_DEVICE.put(batch, (user, &device, pos), &message);
        });
        bench.server.storage.commit(put).await.unwrap();
    }
    let (mut since, mut counts) = (StreamPos::ZERO, Vec::new());
    while since < bench.server.storage.position() {
        let page = page(&bench, &alice, since);
        counts.push(page.events.len());
        since = page.upto;
    }
    assert_eq!(counts, [1, 1, 2]);
}

#[tokio::test]
async fn messages_go_with_their_device() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    send(
        &bench,
        &alice,
        &alice,
        DeviceIdOrAllDevices::AllDevices,
        "1",
    )
    .await;
    bench.server.users.logout(&alice).await.unwrap();
    assert!(page(&bench, &alice, StreamPos::ZERO).events.is_empty());
}

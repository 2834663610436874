//! Pushers and what they deliver.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#push-notifications)

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Settings, User, covers, gateway::Gateway, homeserver, matchers::contains,
    must::text, path, sync_until::eventually, user::rooms::message,
};

fn two() -> (User, User) {
    (homeserver().register("alice"), homeserver().register("bob"))
}

/// Whether a push for an event arrives can be told without waiting once a later one has arrived.
fn must_not_have(gateway: &Gateway, pushkey: &str, event: &str) {
    let taken = gateway.taken(pushkey);
    let found = taken.iter().any(|taken| taken["event_id"] == event);
    assert!(!found, "{event} was pushed");
}

#[test]
fn a_pusher_is_listed_as_it_was_set() {
    covers!(GET "/_matrix/client/v3/pushers", POST "/_matrix/client/v3/pushers/set");
    let (alice, _) = two();
    let mut pusher = alice.pusher("a key", "https://push.example/_matrix/push/v1/notify");
    pusher["profile_tag"] = "tag".into();
    pusher["data"]["format"] = "event_id_only".into();
    alice.try_set_pusher(&pusher).ok();
    let listed = alice.get("/v3/pushers").ok();
    contains(&listed, &json!({ "pushers": [pusher] })).unwrap();
}

#[test]
fn a_pusher_with_the_same_app_and_pushkey_is_replaced() {
    covers!(POST "/_matrix/client/v3/pushers/set");
    let (alice, _) = two();
    let mut pusher = alice.pusher("key", "https://push.example/_matrix/push/v1/notify");
    alice.try_set_pusher(&pusher).ok();
    pusher["lang"] = "cs".into();
    alice.try_set_pusher(&pusher).ok();
    let listed = alice.get("/v3/pushers").ok();
    contains(&listed, &json!({ "pushers": [{ "lang": "cs" }] })).unwrap();
    pusher["kind"] = Value::Null;
    alice.try_set_pusher(&pusher).ok();
    assert!(alice.pushkeys().is_empty());
}

#[test]
fn a_pusher_can_be_removed_by_its_keys_alone() {
    covers!(POST "/_matrix/client/v3/pushers/set");
    let (alice, _) = two();
    alice
        .try_set_pusher(&alice.pusher("key", "https://push.example/_matrix/push/v1/notify"))
        .ok();
    let keys = json!({ "app_id": "org.example.test", "pushkey": "key", "kind": null });
    alice.try_set_pusher(&keys).ok();
    assert!(alice.pushkeys().is_empty());
    // Removing what is not there is no error.
    alice.try_set_pusher(&keys).ok();
}

#[test]
fn another_users_pusher_with_the_same_key_goes_unless_appended() {
    covers!(POST "/_matrix/client/v3/pushers/set");
    let (alice, bob) = two();
    let url = "https://push.example/_matrix/push/v1/notify";
    let key = spec_tests::server::unique("shared");
    alice.try_set_pusher(&alice.pusher(&key, url)).ok();
    let mut appended = bob.pusher(&key, url);
    appended["append"] = true.into();
    bob.try_set_pusher(&appended).ok();
    assert_eq!(alice.pushkeys().len(), 1);
    bob.try_set_pusher(&bob.pusher(&key, url)).ok();
    assert!(alice.pushkeys().is_empty());
    assert_eq!(bob.pushkeys().len(), 1);
}

#[test]
fn pushers_that_make_no_sense_are_refused() {
    covers!(POST "/_matrix/client/v3/pushers/set");
    let (alice, _) = two();
    let good = alice.pusher("key", "https://push.example/_matrix/push/v1/notify");
    for missing in ["app_id", "pushkey", "kind"] {
        let mut pusher = good.clone();
        pusher.as_object_mut().unwrap().remove(missing);
        alice
            .try_set_pusher(&pusher)
            .must_fail(400, "M_MISSING_PARAM");
    }
    for missing in ["app_display_name", "device_display_name", "lang", "data"] {
        let mut pusher = good.clone();
        pusher.as_object_mut().unwrap().remove(missing);
        alice
            .try_set_pusher(&pusher)
            .must_fail(400, "M_MISSING_PARAM");
    }
    for url in [
        "https://push.example/",
        "push.example",
        "file:///etc/passwd",
    ] {
        let refused = alice.try_set_pusher(&alice.pusher("key", url));
        assert_eq!(refused.status, 400, "{refused}");
    }
    assert!(alice.pushkeys().is_empty());
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3pushersset)
#[test]
fn an_app_id_has_sixty_four_characters_whatever_they_are() {
    let gateway = Gateway::start();
    let alice = homeserver().register("alice");
    let mut pusher = alice.pusher("key", &gateway.url());
    pusher["app_id"] = "ф".repeat(64).into();
    alice.post("/v3/pushers/set", &pusher).ok();
    // Synapse takes longer ones.
    if !homeserver().is_synapse() {
        pusher["app_id"] = "ф".repeat(65).into();
        alice
            .post("/v3/pushers/set", &pusher)
            .must_fail(400, "M_INVALID_PARAM");
    }
}

#[test]
fn pushers_go_with_their_device() {
    covers!(GET "/_matrix/client/v3/pushers", POST "/_matrix/client/v3/logout");
    let (alice, _) = two();
    let phone = alice.new_device();
    let url = "https://push.example/_matrix/push/v1/notify";
    alice.try_set_pusher(&alice.pusher("kept", url)).ok();
    phone.try_set_pusher(&phone.pusher("gone", url)).ok();
    assert_eq!(alice.pushkeys().len(), 2);
    phone.post("/v3/logout", &json!({})).ok();
    assert_eq!(alice.pushkeys(), ["kept"]);
}

#[test]
fn changing_the_password_removes_the_pushers_of_other_devices() {
    covers!(POST "/_matrix/client/v3/account/password");
    let (alice, _) = two();
    let phone = alice.new_device();
    let url = "https://push.example/_matrix/push/v1/notify";
    alice.try_set_pusher(&alice.pusher("kept", url)).ok();
    phone.try_set_pusher(&phone.pusher("gone", url)).ok();
    let new = json!({ "new_password": "another password" });
    alice
        .with_password("POST", "/v3/account/password", &new)
        .ok();
    assert_eq!(alice.pushkeys(), ["kept"]);
}

/// [spec](https://spec.matrix.org/v1.19/push-gateway-api/#post_matrixpushv1notify)
#[test]
fn a_message_is_pushed_with_all_that_is_known_of_it() {
    covers!(POST "/_matrix/client/v3/pushers/set");
    let (alice, bob) = two();
    let gateway = Gateway::start();
    alice.set_display_name("Alice");
    let room = alice.create_room(&json!({ "preset": "public_chat", "name": "Mission Control" }));
    bob.join(&room);
    let key = bob.set_pusher(&gateway);
    let event = alice.say(&room, "hello");
    let pushed = gateway.must_take(&key, &event);
    let expected = json!({
        "event_id": event,
        "room_id": room,
        "type": "m.room.message",
        "sender": alice.id,
        "sender_display_name": "Alice",
        "room_name": "Mission Control",
        "prio": "high",
        "content": { "msgtype": "m.text", "body": "hello" },
        "counts": { "unread": 1 },
        "devices": [{
            "app_id": "org.example.test",
            "pushkey": key,
            "data": {},
            "tweaks": { "sound": "default" },
        }],
    });
    contains(&pushed, &expected).unwrap();
    assert!(pushed["devices"][0]["pushkey_ts"].is_u64());
    assert!(pushed["devices"][0]["data"].get("url").is_none());
    bob.say(&room, "my own");
    let last = alice.say(&room, "bye");
    gateway.must_take(&key, &last);
    assert_eq!(gateway.taken(&key).len(), 2);
}

#[test]
fn pushes_come_in_the_order_of_their_events() {
    covers!(POST "/_matrix/client/v3/pushers/set");
    let (alice, bob) = two();
    let gateway = Gateway::start();
    let room = alice.room_with(&[&bob]);
    let key = bob.set_pusher(&gateway);
    let events = alice.say_all(&room, &["1", "2", "3", "4", "5"]);
    gateway.must_take(&key, &events[4]);
    let taken = gateway.taken(&key);
    let order: Vec<_> = taken.iter().map(|push| text(&push["event_id"])).collect();
    assert_eq!(order, events);
}

#[test]
fn a_gateway_may_be_told_ids_only_and_everything_the_client_said() {
    covers!(POST "/_matrix/client/v3/pushers/set");
    let (alice, bob) = two();
    let gateway = Gateway::start();
    let room = alice.room_with(&[&bob]);
    let mut pusher = bob.pusher("ids only of bob", &gateway.url());
    pusher["data"]["format"] = "event_id_only".into();
    pusher["data"]["org.example.more"] = json!({ "a": 1 });
    bob.try_set_pusher(&pusher).ok();
    let event = alice.say(&room, "secret");
    let pushed = gateway.must_take("ids only of bob", &event);
    assert_eq!(pushed["room_id"], room.as_str());
    for absent in [
        "type",
        "sender",
        "content",
        "room_name",
        "sender_display_name",
    ] {
        assert!(pushed.get(absent).is_none(), "{absent}: {pushed}");
    }
    let data = json!({ "format": "event_id_only", "org.example.more": { "a": 1 } });
    assert_eq!(pushed["devices"][0]["data"], data);
}

#[test]
fn an_invitation_is_pushed_to_its_target() {
    covers!(POST "/_matrix/client/v3/pushers/set");
    let (alice, bob) = two();
    let gateway = Gateway::start();
    let key = bob.set_pusher(&gateway);
    let room = alice.private_room();
    alice.invite(&room, &bob);
    let pushed = gateway.listener.must_receive(|request| {
        let notification = &request.body["notification"];
        (notification["room_id"] == room.as_str()).then(|| notification.clone())
    });
    let expected = json!({
        "type": "m.room.member",
        "user_is_target": true,
        // Not in the specification, but what Sygnal tells an invitation by.
        "membership": "invite",
        "content": { "membership": "invite" },
        "devices": [{ "pushkey": key }],
    });
    contains(&pushed, &expected).unwrap();
}

#[test]
fn encrypted_events_and_mentions_are_pushed_with_their_tweaks() {
    covers!(POST "/_matrix/client/v3/pushers/set");
    let (alice, bob) = two();
    let carol = homeserver().register("carol");
    let gateway = Gateway::start();
    let room = alice.room_with(&[&bob, &carol]);
    let key = bob.set_pusher(&gateway);
    let encrypted = json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x" });
    let event = alice.send(&room, "m.room.encrypted", &encrypted);
    let pushed = gateway.must_take(&key, &event);
    assert_eq!(pushed["prio"], "high");
    assert!(
        pushed["devices"][0]["tweaks"]
            .get("highlight")
            .is_none_or(|it| it == false)
    );
    let mut mention = message("look");
    mention["m.mentions"] = json!({ "user_ids": [bob.id] });
    let event = alice.send(&room, "m.room.message", &mention);
    let pushed = gateway.must_take(&key, &event);
    let tweaks = json!({ "highlight": true, "sound": "default" });
    contains(&pushed["devices"][0]["tweaks"], &tweaks).unwrap();
    let event = alice.say(&room, "by the way");
    assert_eq!(gateway.must_take(&key, &event)["prio"], "low");
}

#[test]
fn what_does_not_notify_is_not_pushed() {
    covers!(POST "/_matrix/client/v3/pushers/set");
    let (alice, bob) = two();
    let gateway = Gateway::start();
    let room = alice.room_with(&[&bob]);
    let key = bob.set_pusher(&gateway);
    let notice = json!({ "msgtype": "m.notice", "body": "beep" });
    let notice = alice.send(&room, "m.room.message", &notice);
    let mute = path!("/v3/pushrules/global/room/{}", room);
    bob.put(&mute, &json!({ "actions": [] })).ok();
    let muted = alice.say(&room, "muted");
    bob.delete(&mute).ok();
    let last = alice.say(&room, "heard");
    gateway.must_take(&key, &last);
    must_not_have(&gateway, &key, &notice);
    must_not_have(&gateway, &key, &muted);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
#[test]
fn ignored_users_are_not_pushed() {
    covers!(PUT "/_matrix/client/v3/user/{userId}/account_data/{type}");
    let (alice, bob) = two();
    let carol = homeserver().register("carol");
    let gateway = Gateway::start();
    let room = alice.room_with(&[&bob, &carol]);
    let key = bob.set_pusher(&gateway);
    let ignored = json!({ "ignored_users": { &alice.id: {} } });
    bob.set_account_data("m.ignored_user_list", &ignored);
    let ignored = alice.say(&room, "not heard");
    let last = carol.say(&room, "heard");
    gateway.must_take(&key, &last);
    must_not_have(&gateway, &key, &ignored);
}

#[test]
fn reading_updates_the_count_on_the_device() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}");
    let (alice, bob) = two();
    let gateway = Gateway::start();
    let room = alice.room_with(&[&bob]);
    let key = bob.set_pusher(&gateway);
    let events = alice.say_all(&room, &["1", "2"]);
    let pushed = gateway.must_take(&key, &events[1]);
    assert_eq!(pushed["counts"]["unread"], 2);
    bob.read(&room, "m.read", &events[1], None);
    gateway.must_take_counts(&key, 0);
}

/// [spec](https://spec.matrix.org/v1.19/push-gateway-api/#homeserver-behaviour)
#[test]
fn a_gateway_that_fails_is_asked_again_with_the_same_event() {
    covers!(POST "/_matrix/client/v3/pushers/set");
    let (alice, bob) = two();
    let gateway = Gateway::start();
    let mut failures = 1;
    gateway.listener.answer(move |_| match failures {
        0 => (200, json!({ "rejected": [] })),
        _ => {
            failures -= 1;
            (502, json!({}))
        }
    });
    let room = alice.room_with(&[&bob]);
    let key = bob.set_pusher(&gateway);
    let events = alice.say_all(&room, &["1", "2"]);
    gateway.must_take(&key, &events[1]);
    let taken = gateway.taken(&key);
    assert_eq!(taken[0]["event_id"], events[0].as_str());
}

/// [spec](https://spec.matrix.org/v1.19/push-gateway-api/#post_matrixpushv1notify)
#[test]
fn rejected_pushkeys_lose_their_pusher() {
    covers!(GET "/_matrix/client/v3/pushers");
    let (alice, bob) = two();
    let gateway = Gateway::start();
    let room = alice.room_with(&[&bob]);
    let key = bob.set_pusher(&gateway);
    let rejected = key.clone();
    gateway
        .listener
        .answer(move |_| (200, json!({ "rejected": [rejected] })));
    alice.say(&room, "hello");
    eventually(|| match bob.pushkeys().is_empty() {
        true => Ok(()),
        false => Err("the pusher is still there".to_owned()),
    });
}

#[test]
fn what_waits_for_a_gateway_survives_a_restart() {
    covers!(POST "/_matrix/client/v3/pushers/set");
    let Some(server): Option<Homeserver> = Homeserver::own(&Settings::default()) else {
        return;
    };
    let (alice, bob) = (server.register("alice"), server.register("bob"));
    let gateway = Gateway::start();
    gateway.listener.answer(|_| (500, json!({})));
    let room = alice.room_with(&[&bob]);
    let key = bob.set_pusher(&gateway);
    let event = alice.say(&room, "hello");
    gateway
        .listener
        .must_receive(|request| (request.status == 500).then_some(()));
    server.kill_and_restart();
    gateway
        .listener
        .answer(|_| (200, json!({ "rejected": [] })));
    gateway.must_take(&key, &event);
}

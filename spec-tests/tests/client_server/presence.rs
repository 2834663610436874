//! Presence.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#presence)

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Settings, User, covers, homeserver,
    http::encode,
    matchers::{Verdict, has_item, items},
    must::must_contain,
    path,
    sync_until::{eventually, since},
};

fn set(user: &User, presence: &str, status_msg: Option<&str>) {
    let mut body = json!({ "presence": presence });
    if let Some(status_msg) = status_msg {
        body["status_msg"] = json!(status_msg);
    }
    user.put(&path!("/v3/presence/{}/status", user.id), &body)
        .ok();
}

fn presence_of(user: &User, content: Value) -> impl Fn(&Value) -> Verdict {
    let event = json!({ "type": "m.presence", "sender": user.id, "content": content });
    move |response| has_item(&["presence", "events"], &event)(response)
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3presenceuseridstatus)
#[test]
fn presence_is_set_and_read() {
    covers!(
        PUT "/_matrix/client/v3/presence/{userId}/status",
        GET "/_matrix/client/v3/presence/{userId}/status",
    );
    let alice = homeserver().register("alice");
    let path = path!("/v3/presence/{}/status", alice.id);
    set(&alice, "unavailable", Some("in a lesson"));
    // Synapse shows it a moment later.
    eventually(|| {
        let shown = alice.get(&path).ok();
        let expected = json!({ "presence": "unavailable", "status_msg": "in a lesson" });
        spec_tests::matchers::contains(&shown, &expected)
    });
    set(&alice, "online", None);
    eventually(|| {
        let shown = alice.get(&path).ok();
        spec_tests::matchers::contains(&shown, &json!({ "presence": "online" }))
    });
    let shown = alice.get(&path).ok();
    assert!(
        shown["last_active_ago"]
            .as_u64()
            .is_some_and(|ms| ms < 60_000)
    );
    assert!(shown.get("status_msg").is_none_or(Value::is_null));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)
#[test]
fn what_a_user_said_stands_while_syncs_do_not_show_them() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    set(&alice, "online", Some("here"));
    eventually(|| {
        let response = alice.get("/v3/sync?timeout=0&set_presence=offline").ok();
        presence_of(
            &alice,
            json!({ "presence": "online", "status_msg": "here" }),
        )(&response)
    });
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3presenceuseridstatus)
#[test]
fn a_user_who_was_never_there_is_offline() {
    covers!(GET "/_matrix/client/v3/presence/{userId}/status");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice.room_with(&[&bob]);
    let shown = alice.get(&path!("/v3/presence/{}/status", bob.id)).ok();
    assert_eq!(shown["presence"], "offline");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3presenceuseridstatus)
#[test]
fn only_ones_own_presence_is_set_and_only_to_what_there_is() {
    covers!(PUT "/_matrix/client/v3/presence/{userId}/status");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let body = json!({ "presence": "online" });
    alice
        .put(&path!("/v3/presence/{}/status", bob.id), &body)
        .must_fail(403, "M_FORBIDDEN");
    let own = path!("/v3/presence/{}/status", alice.id);
    alice
        .put(&own, &json!({ "presence": "asleep" }))
        .must_be(400);
    alice.put(&own, &json!({})).must_be(400);
    let number = json!({ "presence": "online", "status_msg": 5 });
    alice.put(&own, &number).must_be(400);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3presenceuseridstatus)
#[test]
fn strangers_do_not_see_presence() {
    covers!(GET "/_matrix/client/v3/presence/{userId}/status");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    set(&bob, "online", None);
    alice
        .get(&path!("/v3/presence/{}/status", bob.id))
        .must_fail(403, "M_FORBIDDEN");
    let all = alice.initial_sync();
    let events = items(&all["presence"]["events"]).to_vec();
    assert!(
        events.iter().all(|event| event["sender"] != bob.id),
        "{all}"
    );
    alice.room_with(&[&bob]);
    alice.get(&path!("/v3/presence/{}/status", bob.id)).ok();
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#presence)
#[test]
fn those_who_share_a_room_are_told_of_changes() {
    covers!(
        GET "/_matrix/client/v3/sync",
        PUT "/_matrix/client/v3/presence/{userId}/status",
    );
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice.room_with(&[&bob]);
    let before = alice.initial_sync();
    set(&bob, "unavailable", Some("at lunch"));
    let lunch = json!({ "presence": "unavailable", "status_msg": "at lunch" });
    let seen = alice.must_see_after(&before, presence_of(&bob, lunch));
    set(&bob, "online", None);
    alice.must_see_after(&seen, presence_of(&bob, json!({ "presence": "online" })));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)
#[test]
fn polling_makes_a_user_online_unless_the_client_says_otherwise() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let dave = homeserver().register("dave");
    alice.room_with(&[&bob, &carol, &dave]);
    let before = alice.initial_sync();
    bob.sync("timeout=0&set_presence=offline");
    carol.sync("timeout=0&set_presence=unavailable");
    dave.sync("timeout=0");
    let mut senders = Vec::new();
    let mut note = |response: &Value| {
        let events = items(&response["presence"]["events"]).to_vec();
        senders.extend(events.into_iter().map(|event| {
            let state = event["content"]["presence"].clone();
            (event["sender"].clone(), state)
        }));
        let has = |user: &User, state: &str| senders.contains(&(json!(user.id), json!(state)));
        if has(&carol, "unavailable") && has(&dave, "online") {
            return Ok(());
        }
        Err(format!("{senders:?}"))
    };
    let mut from = before;
    eventually(|| {
        from = alice.sync(&format!("timeout=1000&since={}", since(&from)));
        note(&from)
    });
    assert!(
        !senders
            .iter()
            .any(|(sender, state)| *sender == json!(bob.id) && state != "offline"),
        "{senders:?}"
    );
    alice
        .get("/v3/sync?timeout=0&set_presence=asleep")
        .must_be(400);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#presence)
#[test]
fn a_first_sync_tells_who_is_there_also_of_the_user() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice.room_with(&[&bob]);
    bob.sync("timeout=0");
    alice.must_see(presence_of(&bob, json!({ "presence": "online" })));
    alice.must_see(presence_of(&alice, json!({ "presence": "online" })));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#presence)
#[test]
fn who_enters_a_room_learns_who_is_there_and_is_seen() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.public_room();
    let (alice_before, bob_before) = (alice.initial_sync(), bob.initial_sync());
    bob.join(&room);
    let online = json!({ "presence": "online" });
    bob.must_see_after(&bob_before, presence_of(&alice, online.clone()));
    alice.must_see_after(&alice_before, presence_of(&bob, online));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#filtering)
#[test]
fn a_filter_can_leave_presence_out() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice.room_with(&[&bob]);
    set(&bob, "online", None);
    alice.must_see(presence_of(&bob, json!({ "presence": "online" })));
    for filter in [
        json!({ "presence": { "not_types": ["m.presence"] } }),
        json!({ "presence": { "types": [] } }),
        json!({ "presence": { "not_senders": [bob.id], "senders": [bob.id] } }),
    ] {
        let query = format!("timeout=0&filter={}", encode(&filter.to_string()));
        let response = alice.sync(&query);
        assert!(
            items(&response["presence"]["events"]).is_empty(),
            "{filter}: {}",
            response["presence"]
        );
    }
}

/// [MSC3026](https://github.com/matrix-org/matrix-spec-proposals/pull/3026)
#[test]
fn busy_stays_busy_while_the_client_polls() {
    covers!(PUT "/_matrix/client/v3/presence/{userId}/status");
    let alice = homeserver().register("alice");
    if alice.server.is_synapse() {
        return;
    }
    let path = path!("/v3/presence/{}/status", alice.id);
    let busy = json!({ "presence": "org.matrix.msc3026.busy" });
    alice.request("PUT", &path).json(&busy).send().ok();
    alice.initial_sync();
    let shown = alice.request("GET", &path).try_send().unwrap();
    must_contain(&shown.json, &busy);
}

/// Switched off, presence is neither told nor refused.
#[test]
fn presence_can_be_switched_off() {
    covers!(
        PUT "/_matrix/client/v3/presence/{userId}/status",
        GET "/_matrix/client/v3/presence/{userId}/status",
    );
    let settings = Settings {
        fialka: "[presence]\nenabled = false".to_owned(),
        ..Settings::default()
    };
    let Some(server) = Homeserver::own(&settings) else {
        return;
    };
    let alice = server.register("alice");
    set(&alice, "online", None);
    let shown = alice.get(&path!("/v3/presence/{}/status", alice.id)).ok();
    assert_eq!(shown["presence"], "offline");
    let all = alice.initial_sync();
    assert!(items(&all["presence"]["events"]).is_empty());
}

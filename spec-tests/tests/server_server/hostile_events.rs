//! A peer that sends what it must not: nothing of it is accepted, and what is in order beside it is.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu)

use serde_json::{Value, json};
use spec_tests::{
    Peer, User, homeserver,
    peer::{Dag, Draft, State, now},
};

/// A room of Alice's in which the peer's Mallory is.
struct Scene {
    alice: User,
    peer: Peer,
    mallory: String,
    dag: Dag,
    tip: String,
}

const VERSIONS: [&str; 3] = ["10", "11", "12"];

impl Scene {
    fn of_version(version: &str) -> Self {
        let (alice, peer) = (homeserver().register("alice"), Peer::start());
        let options = json!({ "preset": "public_chat", "room_version": version });
        let room = alice.create_room(&options);
        let mallory = peer.user("mallory");
        let dag = Dag::join(&peer, &alice.server, &room, &mallory);
        let tip = alice.say(&room, "welcome");
        dag.learn(&alice.server, &tip);
        Self {
            alice,
            peer,
            mallory,
            dag,
            tip,
        }
    }

    fn message(&self, words: &str) -> Value {
        let draft = Draft::message(&self.mallory, words);
        self.dag.unfinished(std::slice::from_ref(&self.tip), &draft)
    }

    fn finished(&self, mut event: Value) -> Value {
        self.dag.finish(&mut event);
        event
    }

    fn redaction(&self, version: &str, target: &str) -> Value {
        let mut event = self.message("");
        event["type"] = "m.room.redaction".into();
        event["content"] = json!({});
        match version {
            "10" => event["redacts"] = target.into(),
            _ => event["content"]["redacts"] = target.into(),
        }
        self.finished(event)
    }

    /// Sends bad events and a good one behind them; once the good one is there, the bad ones must not be.
    fn only_the_last_is_taken(&self, mut events: Vec<Value>) {
        let words = spec_tests::server::unique("in order");
        events.push(self.finished(self.message(&words)));
        let answer = self.dag.send_events(&self.alice.server, &events).ok();
        let room = self.dag.room();
        self.alice.must_read_once(&room, &words);
        let found = self.alice.all_bodies(&room);
        let bad: Vec<_> = found
            .iter()
            .filter(|body| body.starts_with("bad"))
            .collect();
        assert!(
            bad.is_empty(),
            "{bad:?} was taken; the transaction was answered {answer}"
        );
    }
}

#[test]
fn forged_signatures_and_hashes_are_refused() {
    for version in VERSIONS {
        let scene = Scene::of_version(version);
        let name = scene.peer.name().to_owned();
        let mut unsigned = scene.finished(scene.message("bad: without a signature"));
        unsigned["signatures"] = json!({});
        let mut forged = scene.finished(scene.message("bad: with a wrong signature"));
        for signature in forged["signatures"][&name]
            .as_object_mut()
            .into_iter()
            .flatten()
        {
            *signature.1 = json!("A".repeat(86));
        }
        let mut of_another_key = scene.finished(scene.message("bad: signed by an unknown key"));
        let signature = of_another_key["signatures"][&name]["ed25519:peer1"].take();
        of_another_key["signatures"][&name] = json!({ "ed25519:other": signature });
        // What was changed after it was signed is redacted: it is there, without its content.
        let mut changed = scene.finished(scene.message("as it was signed"));
        changed["content"]["body"] = json!("bad: changed afterwards");
        scene.only_the_last_is_taken(vec![unsigned, forged, of_another_key, changed]);
    }
}

#[test]
fn events_of_others_users_are_refused() {
    for version in VERSIONS {
        let scene = Scene::of_version(version);
        let events = [
            scene.alice.id.clone(),
            scene.peer.user("somebody-who-is-not-in-the-room"),
            Peer::start().user("stranger"),
            "@nobody:nowhere.test".to_owned(),
            "no user id".to_owned(),
        ];
        let events = events.map(|sender| {
            let mut event = scene.message(&format!("bad: from {sender}"));
            event["sender"] = sender.into();
            scene.finished(event)
        });
        scene.only_the_last_is_taken(events.into());
    }
}

#[test]
fn an_event_of_one_room_is_not_one_of_another() {
    for version in VERSIONS {
        let scene = Scene::of_version(version);
        let other = Scene::of_version(version);
        // Mallory's peer is not in the other room at all.
        let mut stray = scene.message("bad: in a room of others");
        stray["room_id"] = other.dag.room().into();
        let stray = scene.finished(stray);
        // It stands on events of another room.
        let mut mixed = scene.message("bad: on events of another room");
        mixed["prev_events"] = json!([other.tip]);
        let mixed = scene.finished(mixed);
        let mut mixed_auth = scene.message("bad: allowed by another room");
        mixed_auth["auth_events"] = other.message("")["auth_events"].clone();
        let mixed_auth = scene.finished(mixed_auth);
        scene.only_the_last_is_taken(vec![stray.clone(), mixed, mixed_auth]);
        other.only_the_last_is_taken(Vec::new());
        assert!(
            !other
                .alice
                .all_bodies(&other.dag.room())
                .iter()
                .any(|body| body.starts_with("bad"))
        );
    }
}

#[test]
fn who_may_not_do_something_does_not_do_it() {
    for version in VERSIONS {
        let scene = Scene::of_version(version);
        let room = scene.dag.room();
        let mallory = scene.mallory.as_str();
        let tip = std::slice::from_ref(&scene.tip);
        let mut levels = scene.alice.state(&room, "m.room.power_levels", "").ok();
        levels["users"][mallory] = 100.into();
        let drafts = [
            Draft::state(mallory, "m.room.power_levels", "", levels),
            Draft::state(mallory, "m.room.name", "", json!({ "name": "Mallory's" })),
            Draft::state(
                mallory,
                "m.room.create",
                "",
                json!({ "room_version": version, "creator": mallory }),
            ),
            Draft::member(mallory, &scene.alice.id, "ban"),
            Draft::member(mallory, &scene.alice.id, "leave"),
            Draft::member(mallory, &scene.peer.user("friend"), "join"),
            Draft::state(mallory, "test.own", &scene.alice.id, json!({})),
        ];
        let before = scene
            .alice
            .get(&spec_tests::path!("/v3/rooms/{}/state", room))
            .ok();
        let events = drafts
            .iter()
            .map(|draft| scene.finished(scene.dag.unfinished(tip, draft)));
        scene.only_the_last_is_taken(events.collect());
        let after = scene
            .alice
            .get(&spec_tests::path!("/v3/rooms/{}/state", room))
            .ok();
        let ids = |state: &Value| -> Vec<String> {
            let ids = spec_tests::matchers::event_ids(state)
                .into_iter()
                .map(str::to_owned);
            let mut ids: Vec<String> = ids.collect();
            ids.sort();
            ids
        };
        assert_eq!(ids(&before), ids(&after));
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#size-limits)
/// Clients believe redactions that they are shown.
/// [spec](https://spec.matrix.org/v1.19/rooms/v12/#handling-redactions)
#[test]
fn redactions_that_remove_nothing_are_not_shown() {
    for version in VERSIONS {
        let scene = Scene::of_version(version);
        let room = scene.dag.room();
        let before = scene.alice.initial_sync();
        let of_alice = scene.redaction(version, &scene.tip);
        let elsewhere = scene.alice.public_room();
        let elsewhere = scene.alice.say(&elsewhere, "in another room");
        let of_another_room = scene.redaction(version, &elsewhere);
        let mut own = scene.message("a mistake of Mallory's");
        let own_id = scene.dag.finish(&mut own);
        let of_own = scene.redaction(version, &own_id);
        scene.only_the_last_is_taken(vec![of_alice, of_another_room, of_own]);
        let after = scene.alice.sync_after(&before);
        let told = after["rooms"]["join"][&room]["timeline"]["events"].to_string();
        assert!(!told.contains("m.room.redaction"), "{told}");
        let path = spec_tests::path!("/v3/rooms/{}/event/{}", room, scene.tip);
        let welcome = scene.alice.get(&path).ok();
        assert_eq!(welcome["content"]["body"], "welcome");
        // The event that one of them is about comes late, and without its content.
        scene.dag.send_events(&scene.alice.server, &[own]).ok();
        let path = spec_tests::path!("/v3/rooms/{}/event/{}", room, own_id);
        let late = spec_tests::sync_until::eventually(|| match scene.alice.get(&path) {
            reply if reply.status == 200 => Ok(reply.json),
            reply => Err(reply.to_string()),
        });
        assert_eq!(late["content"], json!({}));
        let because = &late["unsigned"]["redacted_because"];
        assert_eq!(late["unsigned"]["redacted_by"], because["event_id"]);
    }
}

#[test]
fn what_is_too_large_or_no_event_at_all_is_refused() {
    for version in VERSIONS {
        let scene = Scene::of_version(version);
        let made = std::cell::Cell::new(0);
        let bad = |change: &dyn Fn(&mut Value)| {
            made.set(made.get() + 1);
            let mut event = scene.message(&format!("bad: malformed, number {}", made.get()));
            change(&mut event);
            scene.finished(event)
        };
        let events = vec![
            bad(&|event| event["content"]["filler"] = "x".repeat(70_000).into()),
            bad(&|event| event["type"] = "x".repeat(300).into()),
            bad(&|event| event["state_key"] = "x".repeat(300).into()),
            bad(&|event| {
                event["sender"] = format!("@{}:{}", "x".repeat(300), scene.peer.name()).into();
            }),
            bad(&|event| event["prev_events"] = json!([])),
            bad(&|event| event["prev_events"] = json!([scene.tip, 5, null])),
            bad(&|event| event["prev_events"] = json!(vec![scene.tip.clone(); 30])),
            bad(&|event| event["auth_events"] = json!(vec![scene.tip.clone(); 30])),
            bad(&|event| event["auth_events"] = json!({})),
            bad(&|event| event["content"] = json!([1, 2])),
            bad(&|event| event["content"]["number"] = json!(1.5)),
            bad(&|event| event["content"]["number"] = json!(9_007_199_254_740_992_i64)),
            bad(&|event| event["depth"] = json!(-1)),
            bad(&|event| event["depth"] = json!("deep")),
            bad(&|event| event["origin_server_ts"] = json!("now")),
            json!({ "room_id": scene.dag.room() }),
            json!({ "room_id": 7 }),
        ];
        scene.only_the_last_is_taken(events);
    }
}

/// Rejected, it is still an event that others stand on; nobody has to be asked for it.
/// [spec](https://spec.matrix.org/v1.19/rooms/v12/#authorization-rules)
#[test]
fn what_names_the_create_event_of_version_12_is_rejected_and_known() {
    let scene = Scene::of_version("12");
    let (room, dag) = (scene.dag.room(), &scene.dag);
    let mut rejected = scene.message("bad: authorised by the create event");
    if let Some(list) = rejected["auth_events"].as_array_mut() {
        list.push(room.replacen('!', "$", 1).into());
    }
    let id = dag.finish(&mut rejected);
    dag.keep(&id, &rejected, dag.state_after(&scene.tip));
    let next = dag.unfinished(&[id], &Draft::message(&scene.mallory, "on top of it"));
    let events = [rejected, scene.finished(next)];
    dag.send_events(&scene.alice.server, &events).ok();
    scene.alice.must_read_once(&room, "on top of it");
    scene.only_the_last_is_taken(Vec::new());
    let asked = scene
        .peer
        .received("/_matrix/federation/v1/get_missing_events/");
    assert!(asked.is_empty(), "{} requests", asked.len());
}

/// Parsers that follow nesting by recursion would run out of their stack.
#[test]
fn deep_nesting_is_survived() {
    let scene = Scene::of_version("11");
    let mut nested = json!("bottom");
    for _ in 0..1_000 {
        nested = json!([nested]);
    }
    let mut event = scene.message("bad: nested");
    event["content"]["nested"] = nested;
    let event = scene.finished(event);
    // The transaction as a whole is no JSON that anybody has to read.
    let reply = scene.dag.send_events(&scene.alice.server, &[event]);
    assert!(reply.status < 500, "{reply}");
    scene.only_the_last_is_taken(Vec::new());
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#transactions)
#[test]
fn a_replayed_transaction_changes_nothing() {
    let scene = Scene::of_version("12");
    let room = scene.dag.room();
    let event = scene.finished(scene.message("once"));
    let body =
        json!({ "origin": scene.peer.name(), "origin_server_ts": now(), "pdus": [event, event] });
    let path = "/_matrix/federation/v1/send/replayed";
    let request = |body: &Value| {
        scene
            .peer
            .request(&scene.alice.server, "PUT", path, Some(body))
    };
    for _ in 0..3 {
        request(&body).send().ok();
        scene.alice.must_read_once(&room, "once");
    }
    // The same signed request, word by word, of another server's making.
    let header =
        scene
            .peer
            .authorization(scene.alice.server.server_name(), "PUT", path, Some(&body));
    let mut changed = body.clone();
    changed["pdus"] = json!([scene.finished(scene.message("bad: under an old signature"))]);
    let reply = scene
        .alice
        .server
        .request("PUT", path)
        .header("Authorization", &header)
        .json(&changed)
        .send();
    assert_eq!(reply.status, 401, "{reply}");
    scene.only_the_last_is_taken(Vec::new());
}

#[test]
fn a_thousand_heads_are_one_room_still() {
    let scene = Scene::of_version("11");
    let room = scene.dag.room();
    let heads: Vec<String> = (0..1_000)
        .map(|number| {
            let draft = Draft::message(&scene.mallory, &format!("head {number}"));
            scene.dag.make(std::slice::from_ref(&scene.tip), &draft)
        })
        .collect();
    scene.dag.send(&scene.alice.server, &heads);
    scene.alice.must_read_once(&room, "head 999");
    let said = scene.alice.say(&room, "still here");
    let path = spec_tests::path!("/_matrix/federation/v1/event/{}", said);
    let event = scene
        .peer
        .request(&scene.alice.server, "GET", &path, None)
        .send()
        .ok();
    let follows = event["pdus"][0]["prev_events"]
        .as_array()
        .map_or(0, Vec::len);
    assert!((1..=20).contains(&follows), "it follows {follows} events");
    assert_eq!(scene.alice.all_bodies(&room).len(), 1_002);
}

/// Messages about users of other servers, in rooms the peer is not in, or malformed, are dropped; the others are taken.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#edus)
#[test]
fn what_passes_is_believed_only_of_the_peers_own_users_in_its_rooms() {
    let scene = Scene::of_version("12");
    let (room, bob) = (scene.dag.room(), homeserver().register("bob"));
    let elsewhere = scene.alice.private_room();
    let before = scene.alice.initial_sync();
    let typing = |room: &str, user: &str| json!({ "edu_type": "m.typing", "content": { "room_id": room, "user_id": user, "typing": true } });
    let read = |room: &str, user: &str| {
        let receipt = json!({ "data": { "ts": now() }, "event_ids": [scene.tip] });
        json!({ "edu_type": "m.receipt", "content": { room: { "m.read": { user: receipt } } } })
    };
    let mut edus = vec![
        typing(&room, &bob.id),
        typing(&elsewhere, &scene.mallory),
        typing("!nowhere:nowhere.test", &scene.mallory),
        read(&room, &bob.id),
        read(&elsewhere, &scene.mallory),
        json!({ "edu_type": "m.direct_to_device", "content": {
            "sender": bob.id, "type": "bad", "message_id": "1", "messages": { &scene.alice.id: { "*": {} } },
        } }),
        json!({ "edu_type": "m.device_list_update", "content": { "user_id": bob.id, "device_id": "X", "stream_id": 1 } }),
        json!({ "edu_type": "m.presence", "content": { "push": [
            { "user_id": bob.id, "presence": "online", "last_active_ago": 1 },
        ] } }),
        json!({ "edu_type": "m.unheard_of", "content": { "a": 1 } }),
        json!({ "edu_type": 5, "content": [] }),
        json!({}),
    ];
    edus.push(typing(&room, &scene.mallory));
    scene
        .peer
        .send_transaction(&scene.alice.server, &[], &edus)
        .ok();
    let seen = scene.alice.must_see_after(&before, |response| {
        let events = &response["rooms"]["join"][&room]["ephemeral"]["events"];
        match events.to_string().contains(&scene.mallory) {
            true => Ok(()),
            false => Err(format!("nobody types: {events}")),
        }
    });
    let after = scene.alice.sync_after(&before).to_string() + &seen.to_string();
    assert!(!after.contains(&bob.id), "{after}");
    assert!(
        seen["to_device"]["events"]
            .as_array()
            .is_none_or(Vec::is_empty),
        "{seen}"
    );
}

/// An event for which the peer claims a false state before it is judged by the rules all the same.
#[test]
fn a_false_state_does_not_give_power_over_the_room() {
    for version in VERSIONS {
        let scene = Scene::of_version(version);
        let (room, mallory) = (scene.dag.room(), scene.mallory.as_str());
        // The peer makes Mallory powerful in its own version of the room's past, which follows events it never shows.
        let mut levels = scene.alice.state(&room, "m.room.power_levels", "").ok();
        levels["users"][mallory] = 100.into();
        let draft = Draft::state(mallory, "m.room.power_levels", "", levels);
        let mut false_levels = scene
            .dag
            .unfinished(std::slice::from_ref(&scene.tip), &draft);
        false_levels["prev_events"] = json!(["$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]);
        let id = scene.dag.finish(&mut false_levels);
        let mut state: State = scene.dag.state_after(&scene.tip);
        scene.dag.keep(&id, &false_levels, state.clone());
        state.insert(
            ("m.room.power_levels".to_owned(), String::new()),
            id.clone(),
        );
        let draft = Draft::state(mallory, "m.room.name", "", json!({ "name": "Mallory's" }));
        let mut name = scene.dag.unfinished(std::slice::from_ref(&id), &draft);
        name["prev_events"] = json!(["$BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"]);
        let name_id = scene.dag.finish(&mut name);
        scene.dag.keep(&name_id, &name, state);
        scene.dag.send_events(&scene.alice.server, &[name]).ok();
        scene.only_the_last_is_taken(Vec::new());
        let levels = scene.alice.state(&room, "m.room.power_levels", "").ok();
        assert!(levels["users"].get(mallory).is_none(), "{levels}");
        scene
            .alice
            .state(&room, "m.room.name", "")
            .must_fail(404, "M_NOT_FOUND");
    }
}

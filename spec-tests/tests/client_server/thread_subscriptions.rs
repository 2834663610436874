//! Subscriptions to threads.
//! [MSC4306](https://github.com/matrix-org/matrix-spec-proposals/pull/4306) and
//! [MSC4308](https://github.com/matrix-org/matrix-spec-proposals/pull/4308)

use serde_json::{Value, json};
use spec_tests::{
    User, homeserver,
    http::Reply,
    matchers::{at, contains, items},
    must::{must, must_contain, must_find, text},
    path, sync_until,
};

use crate::relations::relate;

const BASE: &str = "/_matrix/client/unstable/io.element.msc4306";
const CHANGES: &str = "/_matrix/client/unstable/io.element.msc4308/thread_subscriptions";
const EXTENSION: &str = "io.element.msc4308.thread_subscriptions";
const CONFLICT: &str = "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION";
const NOT_IN_THREAD: &str = "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD";

/// The feature is a proposal: servers that do not offer it are not asked for it.
fn is_offered() -> bool {
    let versions = homeserver().get("/_matrix/client/versions").ok();
    versions["unstable_features"]["org.matrix.msc4306"] == true
}

/// Somebody with others in a room and a thread there.
struct Scene {
    alice: User,
    bob: User,
    room: String,
    root: String,
}

fn scene() -> Option<Scene> {
    is_offered().then(|| {
        let alice = homeserver().register("alice");
        let bob = homeserver().register("bob");
        let carol = homeserver().register("carol");
        let room = alice.room_with(&[&bob, &carol]);
        let root = alice.say(&room, "root");
        Scene {
            alice,
            bob,
            room,
            root,
        }
    })
}

impl Scene {
    fn path(&self) -> String {
        BASE.to_owned() + &path!("/rooms/{}/thread/{}/subscription", self.room, self.root)
    }

    fn subscribe(&self, user: &User, cause: Option<&str>) -> Reply {
        let body = cause.map_or(json!({}), |cause| json!({ "automatic": cause }));
        user.put(&self.path(), &body)
    }

    fn unsubscribe(&self, user: &User) {
        user.delete(&self.path()).ok();
    }

    fn reply(&self, user: &User, words: &str) -> String {
        relate(user, &self.room, "m.thread", &self.root, words)
    }

    /// Checks whether a user is subscribed, and if so, whether a client did it.
    #[track_caller]
    fn must_be(&self, user: &User, automatic: Option<bool>) {
        let reply = user.get(&self.path());
        match automatic {
            Some(automatic) => must_contain(&reply.ok(), &json!({ "automatic": automatic })),
            None => {
                reply.must_fail(404, "M_NOT_FOUND");
            }
        }
    }
}

fn extension(limit: u64) -> Value {
    json!({ "extensions": { EXTENSION: { "enabled": true, "limit": limit } } })
}

#[test]
fn a_user_subscribes_to_a_thread_and_leaves_it() {
    let Some(scene) = scene() else { return };
    scene.must_be(&scene.bob, None);
    scene.unsubscribe(&scene.bob);
    scene.subscribe(&scene.bob, None).ok();
    scene.must_be(&scene.bob, Some(false));
    scene.must_be(&scene.alice, None);
    scene.unsubscribe(&scene.bob);
    scene.must_be(&scene.bob, None);
}

#[test]
fn what_a_user_did_outweighs_what_a_client_did() {
    let Some(scene) = scene() else { return };
    let reply = scene.reply(&scene.alice, "1");
    scene.subscribe(&scene.bob, Some(&reply)).ok();
    scene.must_be(&scene.bob, Some(true));
    scene.subscribe(&scene.bob, None).ok();
    scene.must_be(&scene.bob, Some(false));
    scene.subscribe(&scene.bob, Some(&reply)).ok();
    scene.must_be(&scene.bob, Some(false));
}

#[test]
fn a_client_subscribes_for_an_event_of_the_thread_only() {
    let Some(scene) = scene() else { return };
    let elsewhere = scene.alice.say(&scene.room, "elsewhere");
    for event in [&scene.root, &elsewhere] {
        scene
            .subscribe(&scene.bob, Some(event))
            .must_fail(400, NOT_IN_THREAD);
    }
    scene.must_be(&scene.bob, None);
}

#[test]
fn nobody_is_subscribed_again_for_what_was_before_they_unsubscribed() {
    let Some(scene) = scene() else { return };
    let first = scene.reply(&scene.alice, "1");
    scene.subscribe(&scene.bob, Some(&first)).ok();
    let second = scene.reply(&scene.alice, "2");
    scene.unsubscribe(&scene.bob);
    let third = scene.reply(&scene.alice, "3");
    for event in [&first, &second] {
        scene
            .subscribe(&scene.bob, Some(event))
            .must_fail(409, CONFLICT);
    }
    scene.must_be(&scene.bob, None);
    scene.subscribe(&scene.bob, Some(&third)).ok();
    scene.must_be(&scene.bob, Some(true));
}

#[test]
fn a_thread_that_one_may_not_see_is_not_there() {
    let Some(scene) = scene() else { return };
    let eve = homeserver().register("eve");
    let mut nowhere = scene.path();
    nowhere = nowhere.replace(&spec_tests::http::encode(&scene.root), "%24nothing");
    for (user, path) in [(&eve, scene.path()), (&scene.alice, nowhere)] {
        user.put(&path, &json!({})).must_fail(404, "M_NOT_FOUND");
        user.get(&path).must_fail(404, "M_NOT_FOUND");
        user.delete(&path).must_fail(404, "M_NOT_FOUND");
    }
}

#[test]
fn other_devices_learn_of_subscriptions() {
    let Some(scene) = scene() else { return };
    let (bob, body) = (&scene.bob, extension(10));
    let mut connection = bob.sliding_sync("c");
    connection.next(&body);
    scene.subscribe(bob, None).ok();
    let path = ["extensions", EXTENSION, "subscribed", &scene.room];
    let told = connection.must_see(&body, |response| {
        let thread = &at(response, &path)[&scene.root];
        contains(thread, &json!({ "automatic": false }))
    });
    let before = at(&told, &path)[&scene.root]["bump_stamp"].clone();
    scene.unsubscribe(bob);
    let path = ["extensions", EXTENSION, "unsubscribed", &scene.room];
    let told =
        connection.must_see(
            &body,
            |response| match at(response, &path)[&scene.root]["bump_stamp"].is_u64() {
                true => Ok(()),
                false => Err(response.to_string()),
            },
        );
    let after = &at(&told, &path)[&scene.root]["bump_stamp"];
    assert!(after.as_u64() > before.as_u64(), "{before} {after}");
    let quiet = connection.next(&body);
    assert!(quiet["extensions"][EXTENSION].is_null(), "{quiet}");
}

#[test]
fn a_client_asks_for_what_a_sync_had_no_room_for() {
    let Some(scene) = scene() else { return };
    let bob = &scene.bob;
    let roots = scene.alice.say_all(&scene.room, &["1", "2", "3", "4"]);
    for root in &roots {
        let path = BASE.to_owned() + &path!("/rooms/{}/thread/{}/subscription", scene.room, root);
        bob.put(&path, &json!({})).ok();
    }
    let threads = |answer: &Value| -> Vec<String> {
        let threads = answer["subscribed"][&scene.room].as_object();
        threads.map_or(Vec::new(), |threads| threads.keys().cloned().collect())
    };
    let first = bob.sliding_sync("c").next(&extension(1));
    let told = &first["extensions"][EXTENSION];
    assert_eq!(threads(told), [roots[3].clone()]);
    let mut from = Some(text(&told["prev_batch"]));
    let mut pages = Vec::new();
    while let Some(token) = from {
        let query = format!("dir=b&limit=2&from={}", spec_tests::http::encode(&token));
        let page = bob.get(&format!("{CHANGES}?{query}")).ok();
        from = page.get("end").map(text);
        pages.push(threads(&page).len());
        assert!(pages.len() < 5, "{page}");
    }
    assert_eq!(pages.iter().sum::<usize>(), 3, "{pages:?}");
    let all = bob.get(&format!("{CHANGES}?dir=b")).ok();
    assert_eq!(threads(&all).len(), 4);
    for query in ["", "dir=f", "dir=b&limit=0", "dir=b&from=x"] {
        let path = format!("{CHANGES}?{query}");
        let refused = bob.get(&path).must_be(400);
        assert!(refused["errcode"].is_string(), "{refused}");
    }
}

#[test]
fn threads_notify_those_who_are_subscribed_to_them() {
    let Some(scene) = scene() else { return };
    let bob = &scene.bob;
    let counts = |notify: u64, highlight: u64| {
        let expected = json!({ "notification_count": notify, "highlight_count": highlight });
        sync_until::eventually(|| {
            let room = bob.initial_sync();
            let room = at(&room, &["rooms", "join", &scene.room]).clone();
            contains(&room["unread_notifications"], &expected)
        });
    };
    bob.put(
        &path!("/v3/pushrules/global/room/{}", scene.room),
        &json!({ "actions": [] }),
    )
    .ok();
    scene.subscribe(bob, None).ok();
    let rules = bob.get("/v3/pushrules/").ok();
    let kinds = &rules["global"]["postcontent"];
    for rule in ["subscribed_thread", "unsubscribed_thread"] {
        let id = format!(".io.element.msc4306.rule.{rule}");
        must_find(
            kinds,
            &json!({ "rule_id": id, "default": true, "enabled": true }),
        );
    }
    // The room is muted, the thread is not.
    bob.read(&scene.room, "m.read", &scene.root, None);
    counts(0, 0);
    scene.alice.say(&scene.room, "not heard");
    scene.reply(&scene.alice, "heard");
    counts(1, 0);
    scene.unsubscribe(bob);
    scene.reply(&scene.alice, "not heard any more");
    let call = json!({
        "msgtype": "m.text",
        "body": "heard all the same",
        "m.mentions": { "user_ids": [bob.id] },
        "m.relates_to": { "rel_type": "m.thread", "event_id": scene.root },
    });
    scene.alice.send(&scene.room, "m.room.message", &call);
    counts(2, 1);
}

#[test]
fn rules_about_threads_are_the_servers() {
    let Some(scene) = scene() else { return };
    let bob = &scene.bob;
    scene.subscribe(bob, None).ok();
    for kind in ["postcontent", "io.element.msc4306.postcontent"] {
        let body = json!({ "conditions": [], "actions": ["notify"] });
        let path = path!("/v3/pushrules/global/{}/mine", kind);
        bob.put(&path, &body).must_fail(400, "M_INVALID_PARAM");
    }
    let id = ".io.element.msc4306.rule.unsubscribed_thread";
    let path = path!("/v3/pushrules/global/postcontent/{}/enabled", id);
    bob.put(&path, &json!({ "enabled": false })).ok();
    must_contain(&bob.get(&path).ok(), &json!({ "enabled": false }));
    scene.unsubscribe(bob);
    scene.subscribe(bob, None).ok();
    must_contain(&bob.get(&path).ok(), &json!({ "enabled": false }));
}

#[test]
fn rules_about_threads_come_with_the_first_subscription() {
    let Some(scene) = scene() else { return };
    let rules = scene.bob.get("/v3/pushrules/").ok();
    assert!(items(&rules["global"]["postcontent"]).is_empty());
    let seen = scene.bob.initial_sync();
    scene.subscribe(&scene.bob, None).ok();
    scene.bob.must_see_after(&seen, |response| {
        let rules = items(at(response, &["account_data", "events"]));
        let mut rules = rules.iter().filter(|event| event["type"] == "m.push_rules");
        match rules.any(|rules| rules["content"]["global"]["postcontent"].is_array()) {
            true => Ok(()),
            false => Err(response.to_string()),
        }
    });
    must(
        &scene.bob.get("/v3/pushrules/").ok(),
        |rules| match items(&rules["global"]["postcontent"]).len() {
            2 => Ok(()),
            count => Err(format!("{count} rules")),
        },
    );
}

//! What push rules look at, one condition at a time.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#conditions-1)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver, matchers::at, must::text, path, sync_until::eventually,
    user::rooms::message,
};

/// Bob, whose rules are tested, and a room in which Alice and Carol speak too.
struct Stage {
    alice: User,
    bob: User,
    room: String,
    highlights: u64,
}

impl Stage {
    fn new() -> Self {
        let alice = homeserver().register("alice");
        let bob = homeserver().register("bob");
        let carol = homeserver().register("carol");
        let room = alice.room_with(&[&bob, &carol]);
        Self {
            alice,
            bob,
            room,
            highlights: 0,
        }
    }

    /// Sets a rule that highlights where the conditions hold.
    fn rule(&self, conditions: Value) {
        let rule = json!({
            "conditions": conditions,
            "actions": ["notify", { "set_tweak": "highlight" }],
        });
        self.bob
            .put("/v3/pushrules/global/override/tested", &rule)
            .ok();
    }

    /// Sends an event and says whether it was highlighted.
    fn highlights(&mut self, kind: &str, content: &Value) -> bool {
        let event = self.alice.send(&self.room, kind, content);
        let count = eventually(|| self.count_with(&event));
        let more = count > self.highlights;
        self.highlights = count;
        more
    }

    fn count_with(&self, event: &str) -> Result<u64, String> {
        let response = self.bob.initial_sync();
        let room = at(&response, &["rooms", "join", &self.room]);
        let seen = room["timeline"]["events"]
            .as_array()
            .is_some_and(|events| events.iter().any(|seen| seen["event_id"] == event));
        let count = room["unread_notifications"]["highlight_count"].as_u64();
        count.filter(|_| seen).ok_or("not seen yet".to_owned())
    }

    fn must(&mut self, conditions: Value, matching: &[Value], others: &[Value]) {
        self.rule(conditions.clone());
        for content in matching {
            let highlighted = self.highlights("m.room.message", content);
            assert!(highlighted, "{conditions} does not match {content}");
        }
        for content in others {
            let highlighted = self.highlights("m.room.message", content);
            assert!(!highlighted, "{conditions} matches {content}");
        }
    }
}

fn event_match(key: &str, pattern: &str) -> Value {
    json!([{ "kind": "event_match", "key": key, "pattern": pattern }])
}

#[test]
fn event_match_finds_words_in_the_body() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}", GET "/_matrix/client/v3/sync");
    let mut stage = Stage::new();
    let rule = event_match("content.body", "ex*ple");
    let matching = [
        "An example event.",
        "exple",
        "An exciting triple-whammy",
        "EXAMPLE",
    ];
    let others = ["An examples event", "inexample", "nothing"];
    stage.must(rule, &matching.map(message), &others.map(message));
    let rule = event_match("content.body", "lunc?");
    stage.must(
        rule,
        &["Lunch is ready", "(lunch)"].map(message),
        &["lunc", "lunch_time"].map(message),
    );
}

#[test]
fn event_match_compares_all_of_other_properties() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}", GET "/_matrix/client/v3/sync");
    let mut stage = Stage::new();
    let with = |topic: Value| {
        let mut content = message("x");
        content["topic"] = topic;
        content
    };
    stage.must(
        event_match("content.topic", "lunc?*"),
        &[with(json!("Lunch plans")), with(json!("LUNCH"))],
        &[
            with(json!(" lunch")),
            with(json!("lunc")),
            with(Value::Null),
            message("lunch"),
        ],
    );
    let dotted = |value: Value| {
        let mut content = message("x");
        content["m.dotted"] = json!({ "in\\side": value });
        content
    };
    stage.must(
        event_match("content.m\\.dotted.in\\\\side", "yes"),
        &[dotted(json!("yes"))],
        &[dotted(json!("yes, no"))],
    );
}

#[test]
fn event_property_is_compares_exactly() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}", GET "/_matrix/client/v3/sync");
    let mut stage = Stage::new();
    let with = |value: Value| {
        let mut content = message("x");
        content["flag"] = value;
        content
    };
    for (value, others) in [
        (json!(true), [json!("true"), json!(1)]),
        (json!(5), [json!("5"), json!(true)]),
        (json!("word"), [json!("Word"), json!("a word")]),
        (Value::Null, [json!("null"), json!(0)]),
    ] {
        let rule = json!([{ "kind": "event_property_is", "key": "content.flag", "value": value }]);
        stage.must(
            rule,
            &[with(value)],
            &[others.map(with).to_vec(), vec![message("x")]].concat(),
        );
    }
}

#[test]
fn event_property_contains_looks_into_lists() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}", GET "/_matrix/client/v3/sync");
    let mut stage = Stage::new();
    let with = |value: Value| {
        let mut content = message("x");
        content["list"] = value;
        content
    };
    let rule = json!([{ "kind": "event_property_contains", "key": "content.list", "value": "b" }]);
    stage.must(
        rule,
        &[with(json!(["a", "b"])), with(json!([1, { "x": 1 }, "b"]))],
        &[with(json!(["bb"])), with(json!("b")), with(json!([["b"]]))],
    );
}

#[test]
fn room_member_count_compares() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}", GET "/_matrix/client/v3/sync");
    let mut stage = Stage::new();
    for (is, matches) in [
        ("3", true),
        ("==3", true),
        ("<3", false),
        ("<=3", true),
        (">3", false),
        (">=3", true),
        ("2", false),
    ] {
        let rule = json!([{ "kind": "room_member_count", "is": is }]);
        let content = [message("x")];
        match matches {
            true => stage.must(rule, &content, &[]),
            false => stage.must(rule, &[], &content),
        }
    }
}

#[test]
fn contains_display_name_finds_the_members_name() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}", GET "/_matrix/client/v3/sync");
    let mut stage = Stage::new();
    stage.bob.set_display_name("Professor Violet");
    eventually(|| {
        let member = stage
            .alice
            .state(&stage.room, "m.room.member", &stage.bob.id);
        let name = member.ok()["displayname"].clone();
        (name == "Professor Violet")
            .then_some(())
            .ok_or(name.to_string())
    });
    let rule = json!([{ "kind": "contains_display_name" }]);
    stage.must(
        rule,
        &[message("is professor violet here?")],
        &[message("violet"), message("professor violets")],
    );
}

#[test]
fn sender_notification_permission_asks_for_power() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}", GET "/_matrix/client/v3/sync");
    let mut stage = Stage::new();
    let rule = json!([{ "kind": "sender_notification_permission", "key": "room" }]);
    stage.must(rule.clone(), &[message("from the creator")], &[]);
    let dave = homeserver().register("dave");
    dave.join(&stage.room);
    stage.alice = dave;
    stage.must(rule, &[], &[message("from a plain member")]);
}

#[test]
fn sender_notification_permission_asks_for_keys_of_the_rooms_own() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}", GET "/_matrix/client/v3/sync");
    let mut stage = Stage::new();
    let mut levels = stage
        .alice
        .state(&stage.room, "m.room.power_levels", "")
        .ok();
    levels["notifications"] = json!({ "org.example.bell": 10, "org.example.siren": 90 });
    let dave = homeserver().register("dave");
    dave.join(&stage.room);
    levels["users"][dave.id.as_str()] = json!(60);
    stage
        .alice
        .set_state(&stage.room, "m.room.power_levels", "", &levels);
    let rule = |key: &str| json!([{ "kind": "sender_notification_permission", "key": key }]);
    let bell = rule("org.example.bell");
    stage.must(bell.clone(), &[message("from the creator")], &[]);
    stage.alice = dave;
    stage.must(bell.clone(), &[message("somebody with 60 rings")], &[]);
    stage.must(rule("org.example.siren"), &[], &[message("60 is not 90")]);
    // Where the room says nothing of a key, it takes 50.
    stage.must(rule("org.example.horn"), &[message("60 is enough")], &[]);
    let erin = homeserver().register("erin");
    erin.join(&stage.room);
    stage.alice = erin;
    stage.must(bell, &[], &[message("from a plain member")]);
    stage.must(rule("org.example.horn"), &[], &[message("0 is not 50")]);
}

#[test]
fn all_conditions_must_hold_and_unknown_ones_never_do() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}", GET "/_matrix/client/v3/sync");
    let mut stage = Stage::new();
    let both = json!([
        { "kind": "event_match", "key": "content.body", "pattern": "cake" },
        { "kind": "room_member_count", "is": "3" },
    ]);
    stage.must(both, &[message("cake")], &[message("pie")]);
    let never = json!([
        { "kind": "event_match", "key": "content.body", "pattern": "cake" },
        { "kind": "org.example.unheard_of" },
    ]);
    stage.must(never, &[], &[message("cake")]);
    stage.must(json!([]), &[message("anything")], &[]);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#predefined-rules)
#[test]
fn the_predefined_rules_are_those_of_the_specification_in_their_order() {
    covers!(GET "/_matrix/client/v3/pushrules/global/");
    let alice = homeserver().register("alice");
    let rules = alice.get("/v3/pushrules/global/").ok();
    let ids = |kind: &str| -> Vec<String> {
        let rules = rules[kind].as_array().expect("a list of rules");
        rules
            .iter()
            .map(|rule| text(&rule["rule_id"]))
            .filter(|id| !id.contains("msc") && !id.contains("poll"))
            .collect()
    };
    let expected = [
        ".m.rule.master",
        ".m.rule.suppress_notices",
        ".m.rule.invite_for_me",
        ".m.rule.member_event",
        ".m.rule.is_user_mention",
        ".m.rule.is_room_mention",
        ".m.rule.tombstone",
        ".m.rule.reaction",
        ".m.rule.room.server_acl",
        ".m.rule.suppress_edits",
    ];
    if homeserver().is_synapse() {
        for rule in expected {
            assert!(ids("override").contains(&rule.to_owned()), "{rule}");
        }
        return;
    }
    assert_eq!(ids("override"), expected);
    let expected = [
        ".m.rule.call",
        ".m.rule.encrypted_room_one_to_one",
        ".m.rule.room_one_to_one",
        ".m.rule.message",
        ".m.rule.encrypted",
    ];
    assert_eq!(ids("underride"), expected);
    assert!(ids("content").is_empty());
    let mention = alice
        .get("/v3/pushrules/global/override/.m.rule.is_user_mention")
        .ok();
    assert_eq!(mention["conditions"][0]["value"], alice.id.as_str());
    let muted = alice
        .get(&path!("/v3/pushrules/global/override/{}", ".m.rule.master"))
        .ok();
    assert_eq!(muted["enabled"], false);
}

#[test]
fn predefined_rules_can_be_switched_off_and_given_other_actions() {
    covers!(
        PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled",
        PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions",
        GET "/_matrix/client/v3/sync",
    );
    let mut stage = Stage::new();
    let rule = "/v3/pushrules/global/underride/.m.rule.message";
    let loud = json!({ "actions": ["notify", { "set_tweak": "highlight" }] });
    stage.bob.put(&format!("{rule}/actions"), &loud).ok();
    assert!(stage.highlights("m.room.message", &message("loud")));
    stage
        .bob
        .put(&format!("{rule}/enabled"), &json!({ "enabled": false }))
        .ok();
    assert!(!stage.highlights("m.room.message", &message("quiet")));
    let response = stage.bob.initial_sync();
    let unread = at(
        &response,
        &["rooms", "join", &stage.room, "unread_notifications"],
    );
    assert_eq!(unread["notification_count"], 1);
}

/// Rules are evaluated while a message is sent, so no rule of one may keep the others from speaking.
#[test]
fn no_rule_keeps_messages_from_being_sent() {
    covers!(
        PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}",
        PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}",
    );
    let stage = Stage::new();
    let many = "?".repeat(60_000);
    let words = "xa ".repeat(20_000);
    for (kind, id, pattern) in [
        ("content", "many", many.as_str()),
        ("content", "word", "a"),
        ("override", "body", many.as_str()),
    ] {
        let rule = json!({
            "pattern": pattern,
            "conditions": event_match("content.body", pattern),
            "actions": ["notify"],
        });
        // A server may refuse it.
        stage
            .bob
            .put(&path!("/v3/pushrules/global/{}/{}", kind, id), &rule);
        stage.alice.say(&stage.room, "hello");
        stage.alice.say(&stage.room, &words);
    }
}

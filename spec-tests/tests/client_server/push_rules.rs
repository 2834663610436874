//! Push rules.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#push-rules)

use serde_json::{Value, json};
use spec_tests::{
    covers, homeserver,
    matchers::{has_item, items},
    must::{must_contain, must_find, must_not_find},
};

fn ids(rules: &Value) -> Vec<&str> {
    items(rules)
        .iter()
        .filter_map(|rule| rule["rule_id"].as_str())
        .collect()
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#predefined-rules)
#[test]
fn a_new_account_has_the_predefined_rules_in_order() {
    covers!(GET "/_matrix/client/v3/pushrules/", GET "/_matrix/client/v3/pushrules/global/");
    let alice = homeserver().register("alice");
    let rules = alice.get("/v3/pushrules/").ok();
    assert_eq!(rules["global"], alice.get("/v3/pushrules/global/").ok());
    let overrides = ids(&rules["global"]["override"]);
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
    let known: Vec<&str> = overrides
        .into_iter()
        .filter(|id| expected.contains(id))
        .collect();
    assert_eq!(known, expected);
    let underrides = ids(&rules["global"]["underride"]);
    for rule in [
        ".m.rule.call",
        ".m.rule.encrypted_room_one_to_one",
        ".m.rule.room_one_to_one",
        ".m.rule.message",
        ".m.rule.encrypted",
    ] {
        assert!(underrides.contains(&rule), "{underrides:?}");
    }
    let master = must_find(
        &rules["global"]["override"],
        &json!({ "rule_id": ".m.rule.master" }),
    );
    must_contain(
        master,
        &json!({ "default": true, "enabled": false, "conditions": [] }),
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleid)
#[test]
fn a_rule_of_each_kind_is_added_read_and_removed() {
    covers!(
        PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}",
        GET "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}",
        DELETE "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}",
    );
    let alice = homeserver().register("alice");
    let condition = json!({ "kind": "event_match", "key": "type", "pattern": "m.test" });
    for (kind, id, body) in [
        (
            "override",
            "mine",
            json!({ "actions": ["notify"], "conditions": [condition] }),
        ),
        (
            "underride",
            "mine",
            json!({ "actions": [], "conditions": [condition] }),
        ),
        (
            "content",
            "word",
            json!({ "actions": ["notify"], "pattern": "fialka" }),
        ),
        ("room", "%21room%3Aspec.test", json!({ "actions": [] })),
        (
            "sender",
            "%40bob%3Aspec.test",
            json!({ "actions": ["notify"] }),
        ),
    ] {
        let path = format!("/v3/pushrules/global/{kind}/{id}");
        alice.put(&path, &body).ok();
        let rule = alice.get(&path).ok();
        must_contain(&rule, &body);
        must_contain(&rule, &json!({ "default": false, "enabled": true }));
        alice.delete(&path).ok();
        alice.get(&path).must_fail(404, "M_NOT_FOUND");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleid)
#[test]
fn a_new_rule_goes_to_the_top_or_beside_the_rule_it_names() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}");
    let alice = homeserver().register("alice");
    let body = json!({ "actions": ["notify"], "pattern": "x" });
    for (id, query) in [
        ("first", ""),
        ("second", ""),
        ("below-second", "?after=second"),
        ("above-first", "?before=first"),
    ] {
        alice
            .put(&format!("/v3/pushrules/global/content/{id}{query}"), &body)
            .ok();
    }
    let rules = alice.get("/v3/pushrules/global/").ok();
    let order: Vec<&str> = ids(&rules["content"])
        .into_iter()
        .filter(|id| !id.starts_with('.'))
        .collect();
    assert_eq!(order, ["second", "below-second", "above-first", "first"]);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleid)
#[test]
fn a_rule_beside_an_unknown_rule_is_refused() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}");
    let alice = homeserver().register("alice");
    let body = json!({ "actions": ["notify"], "pattern": "x" });
    let answer = alice.put("/v3/pushrules/global/content/mine?before=nothing", &body);
    assert!(matches!(answer.status, 400 | 404), "{answer}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleid)
#[test]
fn rules_of_the_wrong_shape_are_refused() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}");
    let alice = homeserver().register("alice");
    for (path, body) in [
        ("content/word", json!({ "actions": ["notify"] })),
        ("content/word", json!({ "pattern": "x" })),
        (
            "content/word",
            json!({ "actions": "notify", "pattern": "x" }),
        ),
        ("nonsense/word", json!({ "actions": ["notify"] })),
        (
            "content/.mine",
            json!({ "actions": ["notify"], "pattern": "x" }),
        ),
    ] {
        alice
            .put(&format!("/v3/pushrules/global/{path}"), &body)
            .must_be(400);
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidenabled)
#[test]
fn a_rule_is_switched_off_and_on() {
    covers!(
        GET "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled",
        PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled",
    );
    let alice = homeserver().register("alice");
    let path = "/v3/pushrules/global/underride/.m.rule.message/enabled";
    assert_eq!(alice.get(path).ok(), json!({ "enabled": true }));
    alice.put(path, &json!({ "enabled": false })).ok();
    assert_eq!(alice.get(path).ok(), json!({ "enabled": false }));
    let rule = alice
        .get("/v3/pushrules/global/underride/.m.rule.message")
        .ok();
    assert_eq!(rule["enabled"], false);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidactions)
#[test]
fn the_actions_of_a_predefined_rule_can_be_changed() {
    covers!(
        GET "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions",
        PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions",
    );
    let alice = homeserver().register("alice");
    let path = "/v3/pushrules/global/underride/.m.rule.message/actions";
    let loud = json!({ "actions": ["notify", { "set_tweak": "sound", "value": "bing" }] });
    alice.put(path, &loud).ok();
    assert_eq!(alice.get(path).ok(), loud);
    let rule = alice
        .get("/v3/pushrules/global/underride/.m.rule.message")
        .ok();
    must_contain(
        &rule,
        &json!({ "default": true, "actions": loud["actions"] }),
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleid)
#[test]
fn unknown_rules_are_not_found() {
    covers!(
        GET "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}",
        DELETE "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}",
        GET "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled",
        PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled",
        GET "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions",
        PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions",
    );
    let alice = homeserver().register("alice");
    let rule = "/v3/pushrules/global/override/nothing";
    alice.get(rule).must_fail(404, "M_NOT_FOUND");
    alice.delete(rule).must_fail(404, "M_NOT_FOUND");
    let enabled = format!("{rule}/enabled");
    alice.get(&enabled).must_fail(404, "M_NOT_FOUND");
    alice
        .put(&enabled, &json!({ "enabled": true }))
        .must_fail(404, "M_NOT_FOUND");
    let actions = format!("{rule}/actions");
    alice.get(&actions).must_fail(404, "M_NOT_FOUND");
    alice
        .put(&actions, &json!({ "actions": [] }))
        .must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#push-rules-events)
#[test]
fn changed_rules_are_synced() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}");
    let alice = homeserver().register("alice");
    let first = alice.initial_sync();
    must_find(
        &first["account_data"]["events"],
        &json!({ "type": "m.push_rules" }),
    );
    let body = json!({ "actions": ["notify"], "pattern": "fialka" });
    alice.put("/v3/pushrules/global/content/word", &body).ok();
    let event = json!({ "type": "m.push_rules" });
    let next = alice.must_see_after(&first, has_item(&["account_data", "events"], &event));
    let rules = must_find(&next["account_data"]["events"], &event);
    must_find(
        &rules["content"]["global"]["content"],
        &json!({ "rule_id": "word" }),
    );
    let quiet = alice.sync_after(&next);
    must_not_find(&quiet["account_data"]["events"], &event);
}

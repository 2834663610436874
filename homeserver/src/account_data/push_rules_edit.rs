//! Changing a set of push rules.

use ruma::{
    OwnedRoomId, OwnedUserId, RoomId, UserId,
    api::error::ErrorKind,
    push::{
        Action, ConditionalPushRule, ConditionalPushRuleInit, PatternedPushRule,
        PatternedPushRuleInit, PushCondition, RuleKind, Ruleset, SimplePushRule,
        SimplePushRuleInit,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value as JsonValue;

use crate::{ApiError, ApiResult};

/// Rules a user may have of one kind. Every event is compared with all of them.
const MAX_RULES: usize = 1_000;
/// Bytes of the longest text that a rule may look for, and of the longest id.
const MAX_PATTERN: usize = 255;
/// Bytes that the conditions of a rule may take as JSON, and its actions.
const MAX_PART: usize = 4 * 1024;

/// Which rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its kind.
    pub kind: RuleKind,
    /// Its id among those of its kind.
    pub id: String,
}

/// A rule a client sent.
#[derive(Clone, Debug)]
pub struct NewRule {
    /// Which it is.
    pub rule: Rule,
    /// What it says.
    pub body: NewRuleBody,
}

/// What a rule says.
#[derive(Clone, Debug, Deserialize)]
pub struct NewRuleBody {
    /// What to do.
    pub actions: Vec<JsonValue>,
    /// When, for `override` and `underride`.
    #[serde(default)]
    pub conditions: Vec<PushCondition>,
    /// For which words, for `content`.
    #[serde(default)]
    pub pattern: Option<String>,
}

/// Where a rule goes among the user's rules of its kind.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// Right before this one.
    pub before: Option<String>,
    /// Right after this one.
    pub after: Option<String>,
}

/// Changes one kind's set of rules, whatever its type. An expression and no closure, as the sets differ in type.
macro_rules! with_rules {
    ($ruleset:expr, $kind:expr, $rules:ident => $do:expr) => {
        match $kind {
            RuleKind::Override => {
                let $rules = &mut $ruleset.override_;
                $do
            }
            RuleKind::Underride => {
                let $rules = &mut $ruleset.underride;
                $do
            }
            RuleKind::Sender => {
                let $rules = &mut $ruleset.sender;
                $do
            }
            RuleKind::Room => {
                let $rules = &mut $ruleset.room;
                $do
            }
            RuleKind::Content => {
                let $rules = &mut $ruleset.content;
                $do
            }
            _ => Err(not_found()),
        }
    };
}

/// Puts `$new` where it belongs. Rules keep being enabled or not when they are changed.
macro_rules! place {
    ($rules:ident, $new:expr, $id:expr, $placement:expr, $first:expr) => {{
        let mut new = $new;
        let known = $rules
            .get_full($id)
            .map(|(index, rule)| (index, rule.enabled));
        if let Some((_, enabled)) = known {
            new.enabled = enabled;
        } else if $rules.len() >= MAX_RULES {
            return Err(refused("You have too many push rules of this kind."));
        }
        $rules.shift_remove($id);
        let anchor = |rule_id: &str| {
            $rules
                .get_index_of(rule_id)
                .ok_or_else(|| refused(format!("before/after rule not found: {rule_id}")))
        };
        let index = match ($placement.before.as_deref(), $placement.after.as_deref()) {
            (Some(before), after) => {
                after.map(anchor).transpose()?;
                anchor(before)?
            }
            (None, Some(after)) => anchor(after)? + 1,
            (None, None) => known.map_or($first, |(index, _)| index),
        };
        $rules.shift_insert(index, new);
        Ok(())
    }};
}

/// Adds or changes a rule of the user.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleid)
pub(super) fn insert(ruleset: &mut Ruleset, new: NewRule, placement: &Placement) -> ApiResult {
    let NewRule { rule, body } = new;
    check_ids(&rule, placement)?;
    check_conditions(&body)?;
    let actions = parse_actions(body.actions)?;
    let id = rule.id.as_str();
    match rule.kind {
        RuleKind::Override => {
            // The master switch stays the most important rule.
            let first = usize::from(ruleset.override_.first().is_some_and(|rule| rule.default));
            let rules = &mut ruleset.override_;
            place!(
                rules,
                conditional(id, body.conditions, actions),
                id,
                placement,
                first
            )
        }
        RuleKind::Underride => {
            let rules = &mut ruleset.underride;
            place!(
                rules,
                conditional(id, body.conditions, actions),
                id,
                placement,
                0
            )
        }
        RuleKind::Content => {
            let pattern = body
                .pattern
                .ok_or_else(|| ApiError::missing_param("A content rule needs a \"pattern\"."))?;
            let rules = &mut ruleset.content;
            place!(rules, patterned(id, pattern, actions), id, placement, 0)
        }
        RuleKind::Room => {
            let room_id = RoomId::parse(id)
                .map_err(|_| ApiError::invalid_param("The id of a room rule is a room id."))?;
            let rules = &mut ruleset.room;
            place!(
                rules,
                simple::<OwnedRoomId>(room_id, actions),
                id,
                placement,
                0
            )
        }
        RuleKind::Sender => {
            let user_id = UserId::parse(id)
                .map_err(|_| ApiError::invalid_param("The id of a sender rule is a user id."))?;
            let rules = &mut ruleset.sender;
            place!(
                rules,
                simple::<OwnedUserId>(user_id, actions),
                id,
                placement,
                0
            )
        }
        _ => Err(ApiError::invalid_param(
            "There is no such kind of push rule.",
        )),
    }
}

/// Removes a rule of the user. The server's own rules can only be switched off.
pub(super) fn delete(ruleset: &mut Ruleset, rule: &Rule) -> ApiResult {
    let id = rule.id.as_str();
    with_rules!(ruleset, rule.kind, rules => {
        if rules.get(id).is_none_or(|rule| rule.default) {
            return Err(not_found());
        }
        rules.shift_remove(id);
        Ok(())
    })
}

pub(super) fn set_enabled(ruleset: &mut Ruleset, rule: &Rule, enabled: bool) -> ApiResult {
    ruleset
        .set_enabled(rule.kind.clone(), &rule.id, enabled)
        .map_err(|_| not_found())
}

pub(super) fn set_actions(ruleset: &mut Ruleset, rule: &Rule, actions: Vec<Action>) -> ApiResult {
    ruleset
        .set_actions(rule.kind.clone(), &rule.id, actions)
        .map_err(|_| not_found())
}

/// Actions a client sent. `dont_notify` and `coalesce` were in the specification once: they do nothing, but clients that
/// know them find them again.
pub(super) fn parse_actions(actions: Vec<JsonValue>) -> ApiResult<Vec<Action>> {
    check_size(&actions, "actions")?;
    let unknown = || refused("An action is \"notify\" or an object with \"set_tweak\".");
    let mut parsed = Vec::with_capacity(actions.len());
    for action in actions {
        match &action {
            JsonValue::String(name) if matches!(&**name, "notify" | "dont_notify" | "coalesce") => {
            }
            JsonValue::Object(object)
                if object.get("set_tweak").is_some_and(JsonValue::is_string) => {}
            _ => return Err(unknown()),
        }
        parsed.push(serde_json::from_value(action).map_err(|_| unknown())?);
    }
    Ok(parsed)
}

pub(super) fn not_found() -> ApiError {
    ApiError::not_found("There is no such push rule.")
}

fn check_ids(rule: &Rule, placement: &Placement) -> ApiResult {
    if rule.id.starts_with('.') {
        return Err(refused("Rule ids that begin with a dot are the server's."));
    }
    if rule.id.is_empty() || rule.id.contains(['/', '\\']) {
        return Err(refused("A rule id has no slashes and is not empty."));
    }
    if rule.id.len() > MAX_PATTERN {
        return Err(ApiError::invalid_param(format!(
            "A rule id may have at most {MAX_PATTERN} bytes."
        )));
    }
    let anchors = [&placement.before, &placement.after];
    if anchors.into_iter().flatten().any(|id| id.starts_with('.')) {
        return Err(refused(
            "A rule cannot be placed relative to one of the server's.",
        ));
    }
    Ok(())
}

/// Refuses what would make every event expensive: it is compared with the rules of everybody in its room.
fn check_conditions(body: &NewRuleBody) -> ApiResult {
    let in_conditions = body
        .conditions
        .iter()
        .filter_map(|condition| match condition {
            PushCondition::EventMatch(wanted) => Some(&wanted.pattern),
            _ => None,
        });
    let mut patterns = body.pattern.iter().chain(in_conditions);
    if patterns.any(|pattern| pattern.len() > MAX_PATTERN) {
        return Err(ApiError::invalid_param(format!(
            "A pattern may have at most {MAX_PATTERN} bytes."
        )));
    }
    check_size(&body.conditions, "conditions")
}

fn check_size(part: &impl Serialize, name: &str) -> ApiResult {
    let size = serde_json::to_string(part)
        .map_err(ApiError::internal)?
        .len();
    if size > MAX_PART {
        return Err(ApiError::invalid_param(format!(
            "The {name} of a push rule may take at most {MAX_PART} bytes."
        )));
    }
    Ok(())
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::bad_request(ErrorKind::Unknown, message)
}

fn conditional(
    id: &str,
    conditions: Vec<PushCondition>,
    actions: Vec<Action>,
) -> ConditionalPushRule {
    let init = ConditionalPushRuleInit {
        actions,
        default: false,
        enabled: true,
        rule_id: id.to_owned(),
        conditions,
    };
    init.into()
}

fn patterned(id: &str, pattern: String, actions: Vec<Action>) -> PatternedPushRule {
    let init = PatternedPushRuleInit {
        actions,
        default: false,
        enabled: true,
        rule_id: id.to_owned(),
        pattern,
    };
    init.into()
}

fn simple<T>(rule_id: T, actions: Vec<Action>) -> SimplePushRule<T> {
    let init = SimplePushRuleInit {
        actions,
        default: false,
        enabled: true,
        rule_id,
    };
    init.into()
}

#[cfg(test)]
mod tests {
    use ruma::user_id;
    use serde_json::json;

    use super::{super::default_rules, *};

    fn rules() -> Ruleset {
        default_rules(user_id!("@lilia:b.example"))
    }

    fn word(id: &str) -> NewRule {
        NewRule {
            rule: Rule {
                kind: RuleKind::Content,
                id: id.to_owned(),
            },
            body: serde_json::from_value(json!({ "actions": ["notify"], "pattern": id })).unwrap(),
        }
    }

    fn before(id: &str) -> Placement {
        Placement {
            before: Some(id.to_owned()),
            after: None,
        }
    }

    fn after(id: &str) -> Placement {
        Placement {
            before: None,
            after: Some(id.to_owned()),
        }
    }

    fn order(ruleset: &Ruleset) -> Vec<&str> {
        let ids = ruleset.content.iter().map(|rule| rule.rule_id.as_str());
        ids.collect()
    }

    fn three() -> Ruleset {
        let mut ruleset = rules();
        for id in ["c", "b", "a"] {
            insert(&mut ruleset, word(id), &Placement::default()).unwrap();
        }
        ruleset
    }

    fn code(result: ApiResult) -> String {
        let error = result.unwrap_err();
        error.kind().unwrap().errcode().to_string()
    }

    #[test]
    fn newest_rule_is_the_most_important() {
        assert_eq!(order(&three()), ["a", "b", "c"]);
    }

    #[test]
    fn master_switch_stays_first() {
        let mut ruleset = rules();
        let mut rule = word("mine");
        rule.rule.kind = RuleKind::Override;
        insert(&mut ruleset, rule, &Placement::default()).unwrap();
        let ids: Vec<_> = ruleset
            .override_
            .iter()
            .map(|r| r.rule_id.as_str())
            .collect();
        assert_eq!(ids[..2], [".m.rule.master", "mine"]);
    }

    #[test]
    fn rules_move_before_and_after_others() {
        for (id, placement, expected) in [
            ("c", before("a"), ["c", "a", "b"]),
            ("a", before("c"), ["b", "a", "c"]),
            ("a", after("b"), ["b", "a", "c"]),
            ("a", after("c"), ["b", "c", "a"]),
            ("c", after("a"), ["a", "c", "b"]),
        ] {
            let mut ruleset = three();
            insert(&mut ruleset, word(id), &placement).unwrap();
            assert_eq!(order(&ruleset), expected, "{id} {placement:?}");
        }
    }

    #[test]
    fn rule_cannot_be_placed_relative_to_itself_nothing_or_a_default() {
        for placement in [before("a"), after("a"), after("x"), after(".m.rule.master")] {
            assert_eq!(
                code(insert(&mut three(), word("a"), &placement)),
                "M_UNKNOWN"
            );
        }
    }

    #[test]
    fn changed_rule_stays_where_it_was_and_off() {
        let mut ruleset = three();
        let rule = word("b").rule;
        set_enabled(&mut ruleset, &rule, false).unwrap();
        insert(&mut ruleset, word("b"), &Placement::default()).unwrap();
        assert_eq!(order(&ruleset), ["a", "b", "c"]);
        assert!(!ruleset.content.get("b").unwrap().enabled);
    }

    #[test]
    fn ids_of_the_server_and_slashes_are_refused() {
        for id in [".m.rule.x", "a/b", "a\\b", ""] {
            let refused = insert(&mut rules(), word(id), &Placement::default());
            assert_eq!(code(refused), "M_UNKNOWN");
        }
    }

    #[test]
    fn long_patterns_ids_and_conditions_are_refused() {
        let pattern = "?".repeat(256);
        let condition = |pattern: &str| json!({ "kind": "event_match", "key": "content.body", "pattern": pattern });
        for (id, body) in [
            ("x", json!({ "actions": [], "pattern": pattern })),
            (
                "x",
                json!({ "actions": [], "pattern": "a", "conditions": [condition(&pattern)] }),
            ),
            (
                "x",
                json!({ "actions": [], "pattern": "a", "conditions": vec![condition("a"); 100] }),
            ),
            (
                "x",
                json!({ "actions": vec!["notify"; 1_000], "pattern": "a" }),
            ),
            (&pattern, json!({ "actions": [], "pattern": "a" })),
        ] {
            let mut rule = word(id);
            rule.body = serde_json::from_value(body).unwrap();
            let refused = insert(&mut rules(), rule, &Placement::default());
            assert_eq!(code(refused), "M_INVALID_PARAM");
        }
    }

    #[test]
    fn rules_of_the_server_cannot_be_deleted() {
        let rule = Rule {
            kind: RuleKind::Override,
            id: ".m.rule.master".to_owned(),
        };
        assert_eq!(code(delete(&mut rules(), &rule)), "M_NOT_FOUND");
        set_enabled(&mut rules(), &rule, true).unwrap();
    }

    #[test]
    fn unknown_actions_are_refused_and_outdated_ones_do_nothing() {
        assert!(parse_actions(vec![json!("dance")]).is_err());
        assert!(parse_actions(vec![json!({ "tweak": 1 })]).is_err());
        let parsed = parse_actions(vec![json!("dont_notify")]).unwrap();
        assert!(!parsed[0].should_notify());
        assert_eq!(json!(parsed), json!(["dont_notify"]));
    }
}

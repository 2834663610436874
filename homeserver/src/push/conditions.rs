//! Whether a push rule applies to an event.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#conditions-1)
//!
//! Anybody may write rules, and a room waits while they are evaluated. So nothing here fails or takes long whatever a rule
//! says: what cannot be answered does not apply.

use std::cell::OnceCell;

use ruma::{
    UInt, UserId,
    push::{AnyPushRuleRef, ConditionalPushRule, PushCondition, ScalarJsonValue},
};
use serde_json::Value;

use super::{
    glob::{Edges, Effort, Glob, folded},
    rules::{RoomContext, Somebody},
};
use crate::{
    error::{ApiError, ApiResult},
    events::{Pdu, client_format::ClientEvent},
};

/// The one property in which patterns are looked for word by word.
const BODY: &str = "content.body";

/// An event as rules see it.
pub(super) struct Seen {
    event: Value,
    body: OnceCell<Vec<char>>,
}

impl Seen {
    /// An event in the format of clients.
    pub(super) fn new(event: Value) -> Self {
        Self {
            event,
            body: OnceCell::new(),
        }
    }

    pub(super) fn of(pdu: &Pdu) -> ApiResult<Self> {
        let event = ClientEvent::from_pdu(pdu);
        // The event is one level deeper than its content, which may be as deep as the parser goes.
        let event = serde_json::to_string(&event).map_err(ApiError::internal)?;
        Ok(Self::new(serde_json::from_str(&event).unwrap_or_default()))
    }

    pub(super) fn sender(&self) -> Option<&str> {
        self.event.get("sender")?.as_str()
    }

    /// The property at a path.
    /// [spec](https://spec.matrix.org/v1.19/appendices/#dot-separated-property-paths)
    fn at(&self, path: &str) -> Option<&Value> {
        let mut value = &self.event;
        for name in names(path) {
            value = value.as_object()?.get(&name)?;
        }
        Some(value)
    }

    fn body(&self) -> Option<&[char]> {
        let body = self.at(BODY)?.as_str()?;
        Some(self.body.get_or_init(|| folded(body)))
    }
}

/// The names in a path. A backslash before a dot or a backslash makes it a part of the name.
fn names(path: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut characters = path.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '.' => names.push(std::mem::take(&mut name)),
            '\\' => name.push(
                characters
                    .next_if(|c| matches!(c, '.' | '\\'))
                    .unwrap_or('\\'),
            ),
            other => name.push(other),
        }
    }
    names.push(name);
    names
}

/// An event that meets a user's rules.
pub(super) struct Case<'a> {
    pub(super) room: &'a RoomContext,
    pub(super) event: &'a Seen,
    pub(super) user: Somebody<'a>,
    /// Whether anything is known of the user's threads.
    pub(super) asks_for_threads: bool,
    pub(super) effort: Effort,
}

impl Case<'_> {
    /// Whether a rule applies.
    pub(super) fn is_met_by(&self, rule: AnyPushRuleRef<'_>) -> bool {
        rule.enabled()
            && match rule {
                AnyPushRuleRef::Override(rule)
                | AnyPushRuleRef::PostContent(rule)
                | AnyPushRuleRef::Underride(rule) => self.is_met_by_all(rule),
                AnyPushRuleRef::Content(rule) => self.matches(BODY, &rule.pattern),
                AnyPushRuleRef::Room(rule) => rule.rule_id == self.room.room_id,
                AnyPushRuleRef::Sender(rule) => self.event.sender() == Some(rule.rule_id.as_str()),
                _ => false,
            }
    }

    fn is_met_by_all(&self, rule: &ConditionalPushRule) -> bool {
        rule.conditions
            .iter()
            .all(|condition| self.holds(condition))
    }

    #[expect(deprecated, reason = "clients may still set rules with this condition")]
    fn holds(&self, condition: &PushCondition) -> bool {
        match condition {
            PushCondition::EventMatch(wanted) => self.matches(&wanted.key, &wanted.pattern),
            PushCondition::ContainsDisplayName => self.names_user(),
            PushCondition::RoomMemberCount(wanted) => {
                let members = UInt::try_from(self.room.members).unwrap_or(UInt::MAX);
                std::ops::RangeBounds::contains(&wanted.is, &members)
            }
            PushCondition::EventPropertyIs(wanted) => {
                let value = self.event.at(&wanted.key);
                value.is_some_and(|value| is(value, &wanted.value))
            }
            PushCondition::EventPropertyContains(wanted) => {
                let values = self.event.at(&wanted.key).and_then(Value::as_array);
                values.is_some_and(|values| {
                    self.effort.spend(values.len())
                        && values.iter().any(|value| is(value, &wanted.value))
                })
            }
            PushCondition::SenderNotificationPermission(wanted) => {
                let sender = self.event.sender().map(<&UserId>::try_from);
                match (sender, &self.room.permission) {
                    (Some(Ok(sender)), Some(permission)) => permission.allows(sender, &wanted.key),
                    _ => false,
                }
            }
            PushCondition::ThreadSubscription(wanted) => {
                self.asks_for_threads
                    && self.is_in_thread()
                    && wanted.subscribed == self.user.subscribed
            }
            _ => false,
        }
    }

    fn matches(&self, key: &str, pattern: &str) -> bool {
        if !self.effort.spend(pattern.len()) {
            return false;
        }
        let pattern = Glob::new(pattern);
        match key {
            BODY => self.is_in_body(&pattern),
            "room_id" => self.is_whole(&pattern, self.room.room_id.as_str()),
            _ => match self.event.at(key).and_then(Value::as_str) {
                Some(text) => self.is_whole(&pattern, text),
                None => false,
            },
        }
    }

    fn is_in_body(&self, pattern: &Glob) -> bool {
        let body = self.event.body();
        body.is_some_and(|body| pattern.is_in(body, Edges::Words, &self.effort))
    }

    fn is_whole(&self, pattern: &Glob, text: &str) -> bool {
        self.effort.spend(text.len()) && pattern.is_in(&folded(text), Edges::Whole, &self.effort)
    }

    fn names_user(&self) -> bool {
        let name = self.user.display_name;
        !name.is_empty() && self.is_in_body(&Glob::literal(name))
    }

    fn is_in_thread(&self) -> bool {
        let rel_type = self.event.at(r"content.m\.relates_to.rel_type");
        rel_type.and_then(Value::as_str) == Some("m.thread")
    }
}

fn is(value: &Value, wanted: &ScalarJsonValue) -> bool {
    match wanted {
        ScalarJsonValue::Null => value.is_null(),
        ScalarJsonValue::Bool(wanted) => value.as_bool() == Some(*wanted),
        ScalarJsonValue::Integer(wanted) => value.as_i64() == Some(i64::from(*wanted)),
        ScalarJsonValue::String(wanted) => value.as_str() == Some(wanted),
    }
}

#[cfg(test)]
mod tests {
    use ruma::{room_id, user_id};
    use serde_json::json;

    use super::*;

    fn holds(condition: Value, event: Value) -> bool {
        let room = RoomContext {
            room_id: room_id!("!A:local").to_owned(),
            members: 3,
            permission: None,
        };
        let event = Seen::new(event);
        let case = Case {
            room: &room,
            event: &event,
            user: Somebody {
                id: user_id!("@bob:local"),
                display_name: "Bob (new)",
                subscribed: false,
            },
            asks_for_threads: false,
            effort: Effort::default(),
        };
        case.holds(&serde_json::from_value(condition).unwrap())
    }

    #[test]
    fn paths_name_properties() {
        for (path, expected) in [
            ("content.body", vec!["content", "body"]),
            (
                r"content.m\.relates_to.rel_type",
                vec!["content", "m.relates_to", "rel_type"],
            ),
            (r"a\\.b", vec![r"a\", "b"]),
            (r"a\b\", vec![r"a\b\"]),
            ("", vec![""]),
        ] {
            assert_eq!(names(path), expected, "{path}");
        }
    }

    #[test]
    fn each_condition_is_understood() {
        let body = |body: &str| json!({ "content": { "body": body } });
        let number = json!({ "content": { "n": 1, "list": [true, "x"] } });
        let property = |kind: &str, key: &str, value: Value| json!({ "kind": kind, "key": key, "value": value });
        let pattern = |key: &str, pattern: &str| json!({ "kind": "event_match", "key": key, "pattern": pattern });
        for (condition, event, expected) in [
            (pattern("room_id", "!a:*"), json!({}), true),
            (pattern("content.body", "tea"), body("Tea?"), true),
            (pattern("content.n", "1"), number.clone(), false),
            (pattern("content", "*"), number.clone(), false),
            (
                property("event_property_is", "content.n", json!(1)),
                number.clone(),
                true,
            ),
            (
                property("event_property_is", "content.n", json!("1")),
                number.clone(),
                false,
            ),
            (
                property("event_property_is", "content.x", Value::Null),
                number.clone(),
                false,
            ),
            (
                property("event_property_contains", "content.list", json!(true)),
                number.clone(),
                true,
            ),
            (
                property("event_property_contains", "content.list", json!(1)),
                number.clone(),
                false,
            ),
            (
                property("event_property_contains", "content.n", json!(1)),
                number,
                false,
            ),
            (
                json!({ "kind": "room_member_count", "is": ">2" }),
                json!({}),
                true,
            ),
            (
                json!({ "kind": "room_member_count", "is": "2" }),
                json!({}),
                false,
            ),
            (
                json!({ "kind": "contains_display_name" }),
                body("hi BOB (new)"),
                true,
            ),
            (
                json!({ "kind": "contains_display_name" }),
                body("hi bob"),
                false,
            ),
            (
                json!({ "kind": "org.example.unheard_of" }),
                json!({}),
                false,
            ),
        ] {
            assert_eq!(holds(condition.clone(), event), expected, "{condition}");
        }
    }
}

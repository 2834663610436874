//! Evaluating push rules.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#push-rules)

use ruma::{
    OwnedRoomId, OwnedUserId, ServerName, UserId,
    push::{Action, Ruleset},
};

use super::{
    conditions::{Case, Seen},
    glob::Effort,
    permission::Permission,
};
use crate::{
    account_data::{Class, default_rules, nobody},
    error::{ApiError, ApiResult},
};

/// What push rules say about an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Whether it counts as unread and is pushed.
    pub(super) notify: bool,
    /// Whether it counts as a mention.
    pub(super) highlight: bool,
}

impl Verdict {
    /// What actions amount to.
    pub(super) fn of(actions: &[Action]) -> Self {
        Self {
            notify: actions.iter().any(Action::should_notify),
            highlight: actions.iter().any(Action::is_highlight),
        }
    }
}

/// The room as push rules see it, for everybody in it.
pub(super) struct RoomContext {
    pub(super) room_id: OwnedRoomId,
    pub(super) members: u64,
    /// Needed only for events that address the whole room, and for rules of users' own.
    pub(super) permission: Option<Permission>,
}

/// Somebody whose rules are asked.
#[derive(Clone, Copy)]
pub(super) struct Somebody<'a> {
    pub(super) id: &'a UserId,
    pub(super) display_name: &'a str,
    /// Whether they are subscribed to the thread that the event is in, if it is in one.
    pub(super) subscribed: bool,
}

impl RoomContext {
    /// What a user's rules say about an event: what the first that applies says. Nobody is told of what they did themselves.
    pub(super) fn actions(&self, rules: &Ruleset, event: &Seen, user: Somebody<'_>) -> Vec<Action> {
        if event.sender() == Some(user.id.as_str()) {
            return Vec::new();
        }
        let case = Case {
            room: self,
            event,
            user,
            asks_for_threads: !rules.postcontent.is_empty(),
            effort: Effort::default(),
        };
        let rule = rules.iter().find(|rule| case.is_met_by(*rule));
        rule.map(|rule| rule.actions().to_vec()).unwrap_or_default()
    }
}

/// Somebody whom no event names, to evaluate what many share.
pub(super) struct Nobody {
    user: OwnedUserId,
    defaults: Ruleset,
}

impl Nobody {
    pub(super) fn new(server_name: &ServerName) -> ApiResult<Self> {
        let user = nobody(server_name)
            .ok_or_else(|| ApiError::internal(anyhow::anyhow!("the server name is too long")))?;
        let defaults = default_rules(&user);
        Ok(Self { user, defaults })
    }

    /// What the default rules say.
    pub(super) fn defaults(&self, room: &RoomContext, event: &Seen) -> Vec<Action> {
        room.actions(&self.defaults, event, self.somebody(false))
    }

    /// What the rules of a class say to those who are subscribed to the event's thread, or to those who are not.
    pub(super) fn class(
        &self,
        class: &Class,
        room: &RoomContext,
        event: &Seen,
        subscribed: bool,
    ) -> Vec<Action> {
        room.actions(&class.ruleset, event, self.somebody(subscribed))
    }

    fn somebody(&self, subscribed: bool) -> Somebody<'_> {
        Somebody {
            id: &self.user,
            display_name: "",
            subscribed,
        }
    }
}

#[cfg(test)]
mod tests {
    use ruma::{room_id, server_name, user_id};
    use serde_json::json;

    use super::*;

    fn room(members: u64) -> RoomContext {
        RoomContext {
            room_id: room_id!("!a:local").to_owned(),
            members,
            permission: None,
        }
    }

    fn event(kind: &str, content: serde_json::Value) -> Seen {
        let event =
            json!({ "type": kind, "content": content, "sender": "@a:local", "event_id": "$a" });
        Seen::new(event)
    }

    #[test]
    fn the_class_is_notified_of_messages_and_of_nothing_silent() {
        let nobody = Nobody::new(server_name!("local")).unwrap();
        for (kind, content, notify) in [
            (
                "m.room.message",
                json!({ "msgtype": "m.text", "body": "hi" }),
                true,
            ),
            (
                "m.room.encrypted",
                json!({ "algorithm": "m.megolm.v1.aes-sha2" }),
                true,
            ),
            (
                "m.room.message",
                json!({ "msgtype": "m.notice", "body": "hi" }),
                false,
            ),
            (
                "m.reaction",
                json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": "$b", "key": "x" } }),
                false,
            ),
            ("m.room.topic", json!({ "topic": "hi" }), false),
        ] {
            let verdict = Verdict::of(&nobody.defaults(&room(5), &event(kind, content)));
            let highlight = false;
            assert_eq!(verdict, Verdict { notify, highlight }, "{kind}");
        }
    }

    #[test]
    fn mentioned_user_gets_a_highlight() {
        let user = user_id!("@bob:local");
        let content =
            json!({ "msgtype": "m.text", "body": "hi", "m.mentions": { "user_ids": [user] } });
        let bob = Somebody {
            id: user,
            display_name: "Bob",
            subscribed: false,
        };
        let actions = room(5).actions(&default_rules(user), &event("m.room.message", content), bob);
        let (notify, highlight) = (true, true);
        assert_eq!(Verdict::of(&actions), Verdict { notify, highlight });
    }
}

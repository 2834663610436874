//! Evaluating push rules.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#push-rules)

use futures::FutureExt;
use ruma::{
    OwnedRoomId, OwnedUserId, ServerName, UInt, UserId,
    events::AnySyncTimelineEvent,
    push::{PushConditionPowerLevelsCtx, PushConditionRoomCtx, RuleKind, Ruleset},
    serde::Raw,
};

use crate::error::{ApiError, ApiResult};

/// What push rules say about an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Whether it counts as unread and is pushed.
    pub(super) notify: bool,
    /// Whether it counts as a mention.
    pub(super) highlight: bool,
}

/// The room as push rules see it, for everybody in it.
pub(super) struct RoomContext {
    pub(super) room_id: OwnedRoomId,
    pub(super) members: u64,
    /// Needed only for events that address the whole room.
    pub(super) power_levels: Option<PushConditionPowerLevelsCtx>,
}

impl RoomContext {
    /// What a user's rules say about an event.
    pub(super) fn evaluate(
        &self,
        rules: &Ruleset,
        event: &Raw<AnySyncTimelineEvent>,
        user: &UserId,
        display_name: &str,
    ) -> Verdict {
        let members = UInt::try_from(self.members).unwrap_or(UInt::MAX);
        let mut context = PushConditionRoomCtx::new(
            self.room_id.clone(),
            members,
            user.to_owned(),
            display_name.to_owned(),
        );
        context.power_levels.clone_from(&self.power_levels);
        // Nothing in the rules of the specification ever waits.
        let actions = rules
            .get_actions(event, &context)
            .now_or_never()
            .unwrap_or_default();
        Verdict {
            notify: actions.iter().any(ruma::push::Action::should_notify),
            highlight: actions.iter().any(ruma::push::Action::is_highlight),
        }
    }
}

/// The default rules of somebody whom no event names.
pub(super) struct DefaultClass {
    user: OwnedUserId,
    rules: Ruleset,
}

impl DefaultClass {
    pub(super) fn new(server_name: &ServerName) -> ApiResult<Self> {
        // Nobody can register a name with a capital letter.
        let user = UserId::parse(format!("@Default:{server_name}")).map_err(ApiError::internal)?;
        let mut rules = Ruleset::server_default(&user);
        disable(
            &mut rules,
            RuleKind::Override,
            ".m.rule.contains_display_name",
        );
        disable(&mut rules, RuleKind::Content, ".m.rule.contains_user_name");
        Ok(Self { user, rules })
    }

    pub(super) fn evaluate(
        &self,
        room: &RoomContext,
        event: &Raw<AnySyncTimelineEvent>,
    ) -> Verdict {
        room.evaluate(&self.rules, event, &self.user, "")
    }
}

/// A rule that a later version of the defaults lacks needs no disabling.
fn disable(rules: &mut Ruleset, kind: RuleKind, id: &str) {
    if let Err(error) = rules.set_enabled(kind, id, false) {
        tracing::debug!(%error, "a default push rule is gone");
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
            power_levels: None,
        }
    }

    fn event(kind: &str, content: serde_json::Value) -> Raw<AnySyncTimelineEvent> {
        let event =
            json!({ "type": kind, "content": content, "sender": "@a:local", "event_id": "$a" });
        Raw::new(&event).unwrap().cast_unchecked()
    }

    #[test]
    fn the_class_is_notified_of_messages_and_of_nothing_silent() {
        let class = DefaultClass::new(server_name!("local")).unwrap();
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
            let verdict = class.evaluate(&room(5), &event(kind, content));
            assert_eq!(
                verdict,
                Verdict {
                    notify,
                    highlight: false
                },
                "{kind}"
            );
        }
    }

    #[test]
    fn no_word_names_the_class() {
        let class = DefaultClass::new(server_name!("local")).unwrap();
        let verdict = class.evaluate(
            &room(5),
            &event(
                "m.room.message",
                json!({ "msgtype": "m.text", "body": "Default" }),
            ),
        );
        assert!(!verdict.highlight);
    }

    #[test]
    fn mentioned_user_gets_a_highlight() {
        let user = user_id!("@bob:local");
        let content =
            json!({ "msgtype": "m.text", "body": "hi", "m.mentions": { "user_ids": [user] } });
        let verdict = room(5).evaluate(
            &Ruleset::server_default(user),
            &event("m.room.message", content),
            user,
            "Bob",
        );
        assert_eq!(
            verdict,
            Verdict {
                notify: true,
                highlight: true
            }
        );
    }
}

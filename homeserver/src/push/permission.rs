//! Whether the sender of an event may notify others by it: the condition `sender_notification_permission`.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#conditions-1)
//!
//! Of the `notifications` in the power levels Ruma keeps `room` only. Conditions that name another key are settled
//! here, before it evaluates the rules.

use std::{borrow::Cow, collections::BTreeMap};

use ruma::{
    Int, OwnedUserId, UserId,
    events::AnySyncTimelineEvent,
    power_levels::{NotificationPowerLevelsKey, default_power_level},
    push::{ConditionalPushRule, PushCondition, PushConditionPowerLevelsCtx, Ruleset},
    serde::Raw,
};
use serde::Deserialize;
use serde_json::Value;

use crate::events::Pdu;

/// Who may notify whom in a room.
pub(super) struct Permission {
    /// What Ruma needs for the key `room`.
    pub(super) levels: PushConditionPowerLevelsCtx,
    /// The `m.room.power_levels` event, for all other keys.
    pub(super) event: Option<Pdu>,
}

#[derive(Default, Deserialize)]
struct Content {
    #[serde(default)]
    notifications: BTreeMap<String, Value>,
}

impl Permission {
    /// Whether a sender may send notifications of a kind.
    fn allows(&self, sender: &UserId, key: &NotificationPowerLevelsKey) -> bool {
        let mut levels = self.levels.clone();
        levels.notifications.room = self.needed(key);
        levels.has_sender_notification_permission(sender, &NotificationPowerLevelsKey::Room)
    }

    /// The power level that notifications of a kind need: 50 where the room does not say.
    fn needed(&self, key: &NotificationPowerLevelsKey) -> Int {
        let event = self.event.as_ref();
        let content: Content = event
            .and_then(|event| event.content_as().ok())
            .unwrap_or_default();
        // The room versions in which levels may be texts are long past, the rooms are not.
        let level = content.notifications.get(key.as_str()).and_then(|level| {
            let number = level.as_i64();
            number.or_else(|| level.as_str()?.trim().parse().ok())
        });
        level
            .and_then(|level| Int::try_from(level).ok())
            .unwrap_or_else(default_power_level)
    }
}

/// The rules for an event: those whose condition on a key of the room's own does not hold are left out, and
/// the others go without it.
pub(super) fn settle<'a>(
    rules: &'a Ruleset,
    event: &Raw<AnySyncTimelineEvent>,
    permission: Option<&Permission>,
) -> Cow<'a, Ruleset> {
    let conditional = [&rules.override_, &rules.postcontent, &rules.underride];
    let mut conditions = conditional
        .into_iter()
        .flatten()
        .flat_map(|rule| &rule.conditions);
    if !conditions.any(|condition| own_key(condition).is_some()) {
        return Cow::Borrowed(rules);
    }
    let sender: Option<OwnedUserId> = event.get_field("sender").ok().flatten();
    let holds = |key: &NotificationPowerLevelsKey| match (&sender, permission) {
        (Some(sender), Some(permission)) => permission.allows(sender, key),
        _ => false,
    };
    let settled = |rule: &ConditionalPushRule| {
        let mut keys = rule.conditions.iter().filter_map(own_key);
        keys.all(holds).then(|| {
            let mut rule = rule.clone();
            rule.conditions
                .retain(|condition| own_key(condition).is_none());
            rule
        })
    };
    let mut rules = rules.clone();
    rules.override_ = rules.override_.iter().filter_map(settled).collect();
    rules.postcontent = rules.postcontent.iter().filter_map(settled).collect();
    rules.underride = rules.underride.iter().filter_map(settled).collect();
    Cow::Owned(rules)
}

/// The key that a condition asks for, if it is one that Ruma does not know.
fn own_key(condition: &PushCondition) -> Option<&NotificationPowerLevelsKey> {
    match condition {
        PushCondition::SenderNotificationPermission(condition) => match &condition.key {
            NotificationPowerLevelsKey::Room => None,
            key => Some(key),
        },
        _ => None,
    }
}

//! Whether the sender of an event may notify others by it: the condition `sender_notification_permission`.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#conditions-1)
//!
//! Of the `notifications` in the power levels Ruma keeps `room` only; other keys are looked up here.

use std::collections::BTreeMap;

use ruma::{
    Int, UserId,
    power_levels::{NotificationPowerLevelsKey, default_power_level},
    push::PushConditionPowerLevelsCtx,
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
    pub(super) fn allows(&self, sender: &UserId, key: &NotificationPowerLevelsKey) -> bool {
        if *key == NotificationPowerLevelsKey::Room {
            return self.levels.has_sender_notification_permission(sender, key);
        }
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

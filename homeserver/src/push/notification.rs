//! What a gateway is told.
//! [spec](https://spec.matrix.org/v1.19/push-gateway-api/#post_matrixpushv1notify)

use std::sync::Arc;

use ruma::{events::TimelineEventType, push::Action, serde::JsonObject};
use serde_json::{Map, Value, json};

use super::{
    Inner, badge,
    project::display_name,
    store::{PusherKey, PusherRow, QueuedPushRow},
    unread::ReadUpTo,
};
use crate::{
    error::{ApiError, ApiResult},
    ids::{RoomNid, StreamPos, UserNid},
    rooms::{
        event::RoomEvent,
        rows::{Membership, RoomSummary},
    },
    storage::{Snapshot, tables},
};

/// Others whose names make up the name of a room without one.
const NAMED_OTHERS: usize = 3;

/// An event whose turn it is.
pub(super) struct Due<'a> {
    pub(super) key: &'a PusherKey,
    pub(super) pusher: &'a PusherRow,
    pub(super) queued: &'a QueuedPushRow,
    pub(super) pos: StreamPos,
}

/// The notification of an event; nothing if there is no need for one any longer: the user has read it, it is gone, or the
/// user has left.
pub(super) fn build(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    due: &Due<'_>,
) -> ApiResult<Option<Value>> {
    let (user, room) = (due.key.0, due.queued.room);
    let Some(event) = inner.rooms.event(snapshot, due.queued.event)? else {
        return Ok(None);
    };
    if event.is_redacted() || !is_unread(inner, snapshot, due, &event)? {
        return Ok(None);
    }
    let actions: Vec<Action> =
        serde_json::from_str(&due.queued.actions).map_err(ApiError::internal)?;
    let tweaks = tweaks(&actions);
    let is_urgent = *event.pdu.event_type() == TimelineEventType::RoomEncrypted
        || tweaks.contains_key("sound")
        || tweaks.get("highlight") == Some(&true.into());
    let unread = badge::unread(&inner.rooms, snapshot, user)?;
    let mut device = device(due.key, due.pusher)?;
    let mut notification = json!({
        "event_id": event.id(),
        "room_id": inner.rooms.room_id(room)?,
        "prio": if is_urgent { "high" } else { "low" },
        "counts": counts(unread),
    });
    if !is_event_id_only(&due.pusher.data)? {
        device["tweaks"] = tweaks.into();
        add_event(&mut notification, &event)?;
        add_names(inner, snapshot, due, &event, &mut notification)?;
    }
    notification["devices"] = json!([device]);
    Ok(Some(json!({ "notification": notification })))
}

/// A notification of nothing but how much is unread.
pub(super) fn counts_only(key: &PusherKey, pusher: &PusherRow, unread: u64) -> ApiResult<Value> {
    let device = device(key, pusher)?;
    // Zero is told here, since telling it is the whole purpose.
    let counts = json!({ "unread": unread });
    Ok(json!({ "notification": { "counts": counts, "devices": [device] } }))
}

/// The count of unread messages in a notification.
pub(super) fn unread_in(body: &Value) -> u64 {
    body["notification"]["counts"]["unread"]
        .as_u64()
        .unwrap_or_default()
}

fn is_unread(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    due: &Due<'_>,
    event: &Arc<RoomEvent>,
) -> ApiResult<bool> {
    let (user, room) = (due.key.0, due.queued.room);
    let Some(row) = tables::USER_ROOM.get(snapshot, (user, room))? else {
        return Ok(false);
    };
    match row.membership {
        Membership::Join => {
            let read = ReadUpTo::load(&inner.rooms, snapshot, user, room, row.joined_at)?;
            let thread = inner.rooms.thread_of(snapshot, event)?;
            let root = thread.as_ref().map_or("", |root| root.as_str());
            Ok(due.pos > read.of_root(root))
        }
        // An invitation that still stands, or what made somebody leave.
        _ => Ok(row.event == event.nid),
    }
}

fn counts(unread: u64) -> Value {
    match unread {
        0 => json!({}),
        unread => json!({ "unread": unread }),
    }
}

fn device((_, app_id, pushkey): &PusherKey, pusher: &PusherRow) -> ApiResult<Value> {
    let data: Value = serde_json::from_str(&pusher.data).map_err(ApiError::internal)?;
    Ok(json!({
        "app_id": app_id,
        "pushkey": pushkey,
        "pushkey_ts": u64::from(pusher.updated.get()) / 1_000,
        "data": data,
    }))
}

fn is_event_id_only(data: &str) -> ApiResult<bool> {
    let data: JsonObject = serde_json::from_str(data).map_err(ApiError::internal)?;
    Ok(data.get("format") == Some(&"event_id_only".into()))
}

fn tweaks(actions: &[Action]) -> Map<String, Value> {
    let mut tweaks = Map::new();
    for action in actions {
        let Ok(Value::Object(mut action)) = serde_json::to_value(action) else {
            continue;
        };
        if let Some(Value::String(name)) = action.remove("set_tweak") {
            // A highlight without a value is one.
            tweaks.insert(name, action.remove("value").unwrap_or(true.into()));
        }
    }
    tweaks
}

fn add_event(notification: &mut Value, event: &RoomEvent) -> ApiResult<()> {
    let content: Value =
        serde_json::from_str(event.pdu.content().get()).map_err(ApiError::internal)?;
    notification["type"] = event.pdu.event_type().to_string().into();
    notification["sender"] = event.pdu.sender().as_str().into();
    notification["content"] = content;
    Ok(())
}

fn add_names(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    due: &Due<'_>,
    event: &RoomEvent,
    notification: &mut Value,
) -> ApiResult<()> {
    let (user, room) = (due.key.0, due.queued.room);
    let user_id = inner.storage.interner().user_id(user)?;
    let is_target = *event.pdu.event_type() == TimelineEventType::RoomMember
        && event.pdu.state_key() == Some(user_id.as_str());
    if is_target {
        notification["user_is_target"] = true.into();
    }
    // The specification has no such key, but Sygnal says "invited you" only to those who are told it.
    if *event.pdu.event_type() == TimelineEventType::RoomMember
        && let Some(membership) = notification["content"].get("membership").cloned()
    {
        notification["membership"] = membership;
    }
    let sender = name_of(inner, snapshot, room, event.pdu.sender().as_str())?;
    notification["sender_display_name"] = sender.into();
    let Some(summary) = inner.rooms.summary(snapshot, room)? else {
        return Ok(());
    };
    if let Some(name) = room_name(inner, snapshot, (user, room), &summary)? {
        notification["room_name"] = name.into();
    }
    if let Some(alias) = summary.alias {
        notification["room_alias"] = alias.into();
    }
    Ok(())
}

/// The name of a member in a room, or else their id without what all ids have.
fn name_of(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    user_id: &str,
) -> ApiResult<String> {
    let member = inner
        .rooms
        .state_event(snapshot, room, "m.room.member", user_id)?;
    let name = member.map(|member| display_name(&member));
    Ok(name
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| user_id.to_owned()))
}

/// The name of a room as its member sees it; nothing for a room with nobody else and no name.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#calculating-the-display-name-for-a-room)
fn room_name(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    (user, room): (UserNid, RoomNid),
    summary: &RoomSummary,
) -> ApiResult<Option<String>> {
    if summary.name.is_some() {
        return Ok(summary.name.clone());
    }
    if summary.alias.is_some() {
        return Ok(summary.alias.clone());
    }
    let mut names = Vec::new();
    let others = summary.heroes.iter().filter(|hero| **hero != user);
    for hero in others.take(NAMED_OTHERS) {
        let id = inner.storage.interner().user_id(*hero)?;
        names.push(name_of(inner, snapshot, room, id.as_str())?);
    }
    Ok((!names.is_empty()).then(|| names.join(", ")))
}

#[cfg(test)]
mod tests {
    use ruma::push::{HighlightTweakValue, SoundTweakValue, Tweak};

    use super::*;

    #[test]
    fn actions_become_tweaks() {
        let actions = [
            Action::Notify,
            Action::SetTweak(Tweak::Sound(SoundTweakValue::Default)),
            Action::SetTweak(Tweak::Highlight(HighlightTweakValue::Yes)),
        ];
        let expected = json!({ "sound": "default", "highlight": true });
        assert_eq!(Value::Object(tweaks(&actions)), expected);
    }
}

//! The header of an open room, and which events its timeline leaves out.

use std::{collections::BTreeMap, sync::Arc};

use matrix_sdk::{
    Room, RoomState,
    notification_settings::RoomNotificationMode,
    ruma::{
        OwnedUserId, UserId,
        events::{
            AnySyncMessageLikeEvent, AnySyncStateEvent, AnySyncTimelineEvent, MessageLikeEventType,
            StateEventType, SyncMessageLikeEvent, SyncStateEvent,
            room::{
                member::MembershipState,
                message::{MessageType, Relation},
                power_levels::RoomPowerLevels,
            },
        },
        room_version_rules::RoomVersionRules,
    },
};
use matrix_sdk_ui::timeline::default_event_filter;

use super::{
    super::{
        room_entry,
        room_row::{avatar_of, direct_with, name_of},
    },
    members,
};
use crate::{
    render::names,
    rows::{
        Role, RoomHeader,
        timeline::{People, RowContext},
    },
};

/// What rows depend on besides their events.
pub(super) async fn context(room: &Room, people: Arc<People>) -> RowContext {
    let own_user = room.own_user_id().to_owned();
    let levels = room.power_levels_or_default().await;
    RowContext {
        may_send: may_send(room, &levels, &own_user),
        may_redact_others: levels.user_can_redact_event_of_other(&own_user),
        leaders: leaders(room, &levels),
        own_user,
        people,
    }
}

/// Everybody whose level has a name.
fn leaders(room: &Room, levels: &RoomPowerLevels) -> BTreeMap<OwnedUserId, Role> {
    let creators = room.creators().unwrap_or_default();
    creators
        .into_iter()
        .chain(levels.users.keys().cloned())
        .map(|user| (members::role(levels.for_user(&user)), user))
        .filter(|(role, _)| *role != Role::Member)
        .map(|(role, user)| (user, role))
        .collect()
}

/// What stands above the messages, and what may be done below them.
pub(super) async fn header(room: &Room, bot: Option<&UserId>) -> RoomHeader {
    let own_user = room.own_user_id();
    let levels = room.power_levels_or_default().await;
    RoomHeader {
        name: name_of(room),
        avatar: avatar_of(room),
        topic: room
            .topic()
            .map(|topic| names::tame(&topic))
            .filter(|topic| !topic.trim().is_empty()),
        direct_with: direct_with(room),
        encrypted: room.encryption_state().is_encrypted(),
        members: room.joined_members_count(),
        muted: room.cached_user_defined_notification_mode() == Some(RoomNotificationMode::Mute),
        favourite: room.is_favourite(),
        low_priority: room.is_low_priority(),
        can_send: may_send(room, &levels, own_user),
        can_invite: levels.user_can_invite(own_user),
        can_rename: levels.user_can_send_state(own_user, StateEventType::RoomName),
        can_change_topic: levels.user_can_send_state(own_user, StateEventType::RoomTopic),
        can_change_avatar: levels.user_can_send_state(own_user, StateEventType::RoomAvatar),
        can_pin: levels.user_can_send_state(own_user, StateEventType::RoomPinnedEvents),
        can_change_rights: levels.user_can_send_state(own_user, StateEventType::RoomPowerLevels),
        read_only: levels.events_default > levels.users_default,
        pinned: room.pinned_event_ids().unwrap_or_default(),
        has_bot: has(room, bot).await,
        open: room.is_public() == Some(true),
        can_open: room_entry::can_open(room, &levels, own_user),
        address: room_entry::address(room),
    }
}

/// As far as this computer knows the people of the room.
async fn has(room: &Room, bot: Option<&UserId>) -> bool {
    let Some(bot) = bot else {
        return false;
    };
    let member = room.get_member_no_sync(bot).await.ok().flatten();
    member.is_some_and(|member| *member.membership() == MembershipState::Join)
}

fn may_send(room: &Room, levels: &RoomPowerLevels, own_user: &UserId) -> bool {
    room.state() == RoomState::Joined
        && levels.user_can_send_message(own_user, MessageLikeEventType::RoomMessage)
}

/// Whether an event is among the messages.
pub(super) fn is_shown(event: &AnySyncTimelineEvent, rules: &RoomVersionRules) -> bool {
    is_of_unknown_kind(event) || default_event_filter(event, rules) && !is_silent(event)
}

/// A message of a kind that the SDK does not know: it counts as new and says in words what it is. What it edits is
/// shown without that.
fn is_of_unknown_kind(event: &AnySyncTimelineEvent) -> bool {
    let AnySyncTimelineEvent::MessageLike(AnySyncMessageLikeEvent::RoomMessage(
        SyncMessageLikeEvent::Original(message),
    )) = event
    else {
        return false;
    };
    matches!(message.content.msgtype, MessageType::_Custom(_))
        && !matches!(message.content.relates_to, Some(Relation::Replacement(_)))
}

/// State that every room gets at its birth and that says nothing to its people.
fn is_silent(event: &AnySyncTimelineEvent) -> bool {
    let AnySyncTimelineEvent::State(state) = event else {
        return false;
    };
    match state {
        AnySyncStateEvent::RoomPowerLevels(SyncStateEvent::Original(levels)) => {
            levels.unsigned.prev_content.is_none()
        }
        AnySyncStateEvent::RoomJoinRules(_)
        | AnySyncStateEvent::RoomHistoryVisibility(_)
        | AnySyncStateEvent::RoomGuestAccess(_)
        | AnySyncStateEvent::RoomCanonicalAlias(_)
        | AnySyncStateEvent::RoomServerAcl(_)
        | AnySyncStateEvent::RoomThirdPartyInvite(_)
        | AnySyncStateEvent::SpaceChild(_)
        | AnySyncStateEvent::SpaceParent(_)
        | AnySyncStateEvent::PolicyRuleRoom(_)
        | AnySyncStateEvent::PolicyRuleServer(_)
        | AnySyncStateEvent::PolicyRuleUser(_)
        | AnySyncStateEvent::_Custom(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn is_message_shown(content: Value) -> bool {
        let event = json!({
            "type": "m.room.message",
            "event_id": "$a",
            "sender": "@anna:campus.example",
            "origin_server_ts": 1,
            "content": content,
        });
        is_shown(
            &serde_json::from_value(event).unwrap(),
            &RoomVersionRules::V11,
        )
    }

    #[test]
    fn a_message_of_an_unknown_kind_is_shown_and_an_edit_of_it_is_not() {
        let kind = "org.example.dance";
        assert!(is_message_shown(
            json!({ "msgtype": "m.text", "body": "hi" })
        ));
        assert!(is_message_shown(
            json!({ "msgtype": kind, "body": "Anna dances" })
        ));
        assert!(!is_message_shown(json!({
            "msgtype": kind,
            "body": "* Anna sings",
            "m.new_content": { "msgtype": kind, "body": "Anna sings" },
            "m.relates_to": { "rel_type": "m.replace", "event_id": "$b" },
        })));
    }
}

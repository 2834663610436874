//! Facts about rooms and people, as far as the engine's rules depend on them.

use bot_engine::{Place, Sender};
use matrix_sdk::{
    Room,
    deserialized_responses::RawAnySyncOrStrippedState,
    ruma::{
        RoomId, UserId,
        events::{MessageLikeEventType, StateEventType},
    },
};

use super::incoming::SWITCH;
use crate::config::Config;

/// Moderators and above.
const IN_CHARGE: i64 = 50;

/// What is true of a room now.
pub(super) async fn place(room: &Room, config: &Config, now: i64) -> Place {
    let powers = room.power_levels_or_default().await;
    let class = class(room).await;
    Place {
        id: room.room_id().to_string(),
        direct: is_direct(room).await,
        announcements: i64::from(powers.for_message(MessageLikeEventType::RoomMessage))
            >= IN_CHARGE,
        lesson: config.lessons.at(now, config.utc_offset_minutes),
        class_games: match &class {
            Some(class) => class_games(room, class).await,
            None => None,
        },
        class,
    }
}

/// Whether the space of a class, which the bot has to be in, switches games on or off.
async fn class_games(room: &Room, class: &str) -> Option<bool> {
    let space = room.client().get_room(&RoomId::parse(class).ok()?)?;
    let event = space.get_state_event(SWITCH.into(), "").await.ok()??;
    let RawAnySyncOrStrippedState::Sync(event) = event else {
        return None;
    };
    let content: serde_json::Value = event.get_field("content").ok()??;
    content["enabled"].as_bool()
}

/// A chat of two: made as one, or without a name.
async fn is_direct(room: &Room) -> bool {
    if room.active_members_count() != 2 {
        return false;
    }
    room.is_direct().await.unwrap_or(false) || room.name().is_none()
}

/// The space that the room belongs to.
async fn class(room: &Room) -> Option<String> {
    let parents = room
        .get_state_events(StateEventType::SpaceParent)
        .await
        .ok()?;
    parents.into_iter().find_map(|parent| match parent {
        RawAnySyncOrStrippedState::Sync(event) => {
            event.get_field::<String>("state_key").ok().flatten()
        }
        RawAnySyncOrStrippedState::Stripped(_) => None,
    })
}

/// Who somebody is in a room.
pub(super) async fn sender(room: &Room, user: &UserId) -> Sender {
    let member = room.get_member_no_sync(user).await.ok().flatten();
    let name = member
        .as_ref()
        .and_then(|member| member.display_name().map(str::to_owned));
    let power = room.power_levels_or_default().await.for_user(user);
    let power = match power {
        matrix_sdk::ruma::events::room::power_levels::UserPowerLevel::Int(level) => {
            i64::from(level)
        }
        // The creator of a room of version 12 stands above all numbers.
        _ => i64::MAX,
    };
    Sender {
        id: user.to_string(),
        name: name.unwrap_or_else(|| user.localpart().to_owned()),
        power,
    }
}

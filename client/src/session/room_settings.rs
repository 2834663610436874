//! What those in charge of a room may change: its name, its picture, who writes there, who may do what.

use std::path::PathBuf;

use matrix_sdk::{
    Room,
    ruma::{
        Int, OwnedUserId,
        events::{
            MessageLikeEventType, TimelineEventType,
            room::power_levels::RoomPowerLevelsEventContent,
        },
    },
};

use super::picture;
use crate::bridge::{trouble::Trouble, update::Answer};

/// Pictures of rooms and people are shown small.
const AVATAR_SIDE: u32 = 512;
/// Who may write in a room for announcements: moderators.
const READ_ONLY_LEVEL: i64 = 50;

/// Says what the room is about.
pub(super) async fn set_topic(room: &Room, topic: &str) -> Result<Answer, Trouble> {
    room.set_room_topic(topic.trim()).await?;
    Ok(Answer::Done)
}

/// Gives the room a picture, or takes it away.
pub(super) async fn set_avatar(room: &Room, file: Option<PathBuf>) -> Result<Answer, Trouble> {
    match file {
        Some(file) => {
            let bytes = avatar(file).await?;
            room.upload_avatar(&mime_guess::mime::IMAGE_PNG, bytes, None)
                .await?;
        }
        None => {
            room.remove_avatar().await?;
        }
    }
    Ok(Answer::Done)
}

/// A picture file made small enough for an avatar, as PNG.
pub(super) async fn avatar(file: PathBuf) -> Result<Vec<u8>, Trouble> {
    let bytes = tokio::fs::read(file).await.map_err(|error| {
        tracing::info!(%error, "a picture cannot be read");
        Trouble::FileUnreadable
    })?;
    picture::small_png(bytes, AVATAR_SIDE).await
}

/// Takes somebody out of the room.
pub(super) async fn kick(room: &Room, user: &OwnedUserId) -> Result<Answer, Trouble> {
    room.kick_user(user, None).await?;
    Ok(Answer::Done)
}

/// Takes somebody out of the room for good.
pub(super) async fn ban(room: &Room, user: &OwnedUserId) -> Result<Answer, Trouble> {
    room.ban_user(user, None).await?;
    Ok(Answer::Done)
}

/// Lets somebody come back.
pub(super) async fn unban(room: &Room, user: &OwnedUserId) -> Result<Answer, Trouble> {
    room.unban_user(user, None).await?;
    Ok(Answer::Done)
}

/// Gives somebody a power level.
pub(super) async fn set_level(
    room: &Room,
    user: &OwnedUserId,
    level: i64,
) -> Result<Answer, Trouble> {
    let level = Int::try_from(level).map_err(|error| Trouble::Other(error.to_string()))?;
    room.update_power_levels(vec![(user.as_ref(), level)])
        .await?;
    Ok(Answer::Done)
}

/// Takes the right to write from somebody, by a level below that of everybody, or gives it back.
pub(super) async fn set_may_write(
    room: &Room,
    user: &OwnedUserId,
    may_write: bool,
) -> Result<Answer, Trouble> {
    let levels = room.power_levels().await;
    let levels = levels.map_err(|error| Trouble::Other(error.to_string()))?;
    let usual = i64::from(levels.users_default);
    let needed = i64::from(levels.for_message(MessageLikeEventType::RoomMessage));
    let level = match may_write {
        true => usual,
        false => usual.min(needed) - 1,
    };
    set_level(room, user, level).await
}

/// Lets only moderators write, or everybody again. Readers may react all the same, and take back their reactions.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels)
pub(super) async fn set_read_only(room: &Room, read_only: bool) -> Result<Answer, Trouble> {
    let levels = room.power_levels().await;
    let mut levels = levels.map_err(|error| Trouble::Other(error.to_string()))?;
    let level = match read_only {
        true => READ_ONLY_LEVEL,
        false => i64::from(levels.users_default),
    };
    levels.events_default =
        Int::try_from(level).map_err(|error| Trouble::Other(error.to_string()))?;
    let kept_open = [
        TimelineEventType::Reaction,
        TimelineEventType::RoomRedaction,
    ];
    for event_type in kept_open {
        match read_only {
            true => levels.events.insert(event_type, levels.users_default),
            false => levels.events.remove(&event_type),
        };
    }
    let content = RoomPowerLevelsEventContent::try_from(levels)
        .map_err(|error| Trouble::Other(error.to_string()))?;
    room.send_state_event(content).await?;
    Ok(Answer::Done)
}

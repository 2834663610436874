//! What those in charge of a room may change: its subject, its picture, who is there.

use std::path::PathBuf;

use matrix_sdk::{Room, ruma::OwnedUserId};

use super::picture;
use crate::bridge::{trouble::Trouble, update::Answer};

/// Pictures of rooms and people are shown small.
const AVATAR_SIDE: u32 = 512;

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

//! Rounds and squares for people and rooms.

use super::{AvatarData, context::Context, pictures::AVATAR};
use crate::{render::text, rows::MediaKey};

/// The avatar of somebody or something. The colour comes from the id, so that it is the same on every computer.
pub(super) fn avatar(
    context: &Context,
    id: &str,
    name: &str,
    picture: Option<&MediaKey>,
) -> AvatarData {
    AvatarData {
        initials: text::initials(name).as_str().into(),
        colour: colour(id),
        picture: picture
            .map(|media| context.pictures.get(media, AVATAR))
            .unwrap_or_default(),
    }
}

/// The colour of a name.
pub(super) fn colour(id: &str) -> i32 {
    i32::try_from(text::colour(id)).unwrap_or(0)
}

//! Rounds and squares for people and rooms.

use super::{AvatarData, AvatarKind, context::Context, pictures::AVATAR, shapes::Shape};
use crate::{render::text, rows::MediaKey};

/// The avatar of somebody or something. The colour comes from the id, so that it is the same on every computer.
pub(super) fn avatar(
    context: &Context,
    id: &str,
    name: &str,
    picture: Option<&MediaKey>,
) -> AvatarData {
    // People are round, rooms and spaces are not.
    let shape = match id.starts_with('@') {
        true => Shape::Circle,
        false => Shape::Tile,
    };
    let kind = match context.is_class(id) {
        true => AvatarKind::Class,
        false => AvatarKind::Initials,
    };
    AvatarData {
        kind,
        initials: text::initials(name).as_str().into(),
        colour: colour(id),
        picture: picture
            .map(|media| context.pictures.get(media, AVATAR, shape))
            .unwrap_or_default(),
    }
}

/// The colour of a name.
pub(super) fn colour(id: &str) -> i32 {
    i32::try_from(text::colour(id)).unwrap_or(0)
}

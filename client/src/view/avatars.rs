//! Rounds and squares for people and rooms.

use super::{
    AvatarData, AvatarKind,
    context::Context,
    pictures::{AVATAR, nothing},
    shapes::Shape,
};
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
        picture: picture.map_or_else(nothing, |media| context.pictures.get(media, AVATAR, shape)),
    }
}

/// The avatar of a line that shows none, equal to that of any other.
pub(super) fn no_avatar() -> AvatarData {
    AvatarData {
        picture: nothing(),
        ..AvatarData::default()
    }
}

/// The colour of a name.
pub(super) fn colour(id: &str) -> i32 {
    i32::try_from(text::colour(id)).unwrap_or(0)
}

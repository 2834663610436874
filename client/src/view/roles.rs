//! What stands beside a name.

use super::Role as Tag;
use crate::rows::Role;

/// The tag for somebody's role in a room. Who leads the room of a class is a teacher; elsewhere anybody may have made
/// a group, so the tag says only that.
pub(super) fn tag(role: Role, in_class: bool) -> Tag {
    match role {
        Role::Member => Tag::None,
        _ if in_class => Tag::Teacher,
        Role::Creator => Tag::Creator,
        Role::Administrator => Tag::Administrator,
        Role::Moderator => Tag::Moderator,
    }
}

//! Every table of the database: key, value, and what a row says.
//!
//! Row types live in the domain that owns them. This file alone may name them all; it calls nothing.

use super::{Family, Table};
use crate::ids::{EventNid, RoomNid, StateKeyNid, StreamPos, TypeNid, UserNid};

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident: $key:ty => $value:ty, $family:ident $prefix:literal;)*) => {
        $($(#[$doc])* pub const $name: Table<$key, $value> = Table::new(stringify!($name), Family::$family, $prefix);)*

        /// Name, family and prefix of every table.
        pub const ALL: &[(&str, Family, u8)] = &[$((stringify!($name), Family::$family, $prefix)),*];
    };
}

tables! {
    // The server itself

    /// The last stream position given out.
    STREAM_POSITION: () => StreamPos, Meta 1;
    /// The version of the schema.
    SCHEMA_VERSION: () => u32, Meta 2;
    /// Which life of the database this is.
    EPOCH: () => u32, Meta 3;

    // Interned texts

    /// Room id to number.
    ROOM_NID: String => RoomNid, Interned 1;
    /// Number to room id.
    ROOM_TEXT: RoomNid => String, Interned 2;
    /// User id to number.
    USER_NID: String => UserNid, Interned 3;
    /// Number to user id.
    USER_TEXT: UserNid => String, Interned 4;
    /// Event type to number.
    TYPE_NID: String => TypeNid, Interned 5;
    /// Number to event type.
    TYPE_TEXT: TypeNid => String, Interned 6;
    /// Event type and state key to number.
    STATE_KEY_NID: String => StateKeyNid, Interned 7;
    /// Number to event type and state key.
    STATE_KEY_TEXT: StateKeyNid => String, Interned 8;

    // Events

    /// Every event this server knows, with its place in the room's history.
    EVENT: EventNid => Vec<u8>, Events 1;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::ALL;

    #[test]
    fn no_two_tables_share_a_prefix() {
        let mut seen = HashSet::new();
        for (name, family, prefix) in ALL {
            assert!(
                seen.insert((family, prefix)),
                "{name} has the prefix of another table"
            );
        }
    }
}

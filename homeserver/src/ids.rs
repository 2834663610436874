//! Numbers that stand for long identifiers inside the database.
//!
//! Texts such as user ids are interned once (see [`crate::storage::Interner`]) and appear in keys, bitmaps and caches as
//! small dense integers. The types keep a room's number from being taken for a user's.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A room.
    RoomNid(u32)
);
number!(
    /// A user, local or remote.
    UserNid(u32)
);
number!(
    /// An event type such as `m.room.message`.
    TypeNid(u32)
);
number!(
    /// A pair of event type and state key.
    StateKeyNid(u64)
);
number!(
    /// An event.
    EventNid(u64)
);
number!(
    /// A place in the one stream of changes of this server. Zero is before everything.
    StreamPos(u64)
);

impl StreamPos {
    /// The position before every change.
    pub const ZERO: Self = Self(0);
    /// A position after every change.
    pub const MAX: Self = Self(u64::MAX);

    /// The position `n` places further on.
    pub fn plus(self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }
}

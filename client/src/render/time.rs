//! Points in time.

/// Milliseconds since 1970 in UTC, as events carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

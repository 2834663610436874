//! Who plays best, as the academy's bot counts.

use matrix_sdk::ruma::OwnedUserId;

/// Somebody's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingRow {
    /// From 1.
    pub place: u64,
    pub user_id: OwnedUserId,
    pub name: String,
    /// A rating in games of two, points elsewhere.
    pub score: i64,
}

/// A table of the best.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StandingsRow {
    pub best: Vec<StandingRow>,
    /// The place of who asked, when it is not among the best.
    pub own: Option<StandingRow>,
}

/// Since when games count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Span {
    #[default]
    Week,
    Month,
    Always,
}

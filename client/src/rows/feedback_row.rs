//! Reports about the program.

use serde::{Deserialize, Serialize};

/// What kind of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedbackCategory {
    Broken,
    Awkward,
    Unclear,
    Idea,
}

/// A problem that others have reported.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ProblemRow {
    pub id: u64,
    /// Absent while the words are those of one other person.
    #[serde(default)]
    pub title: Option<String>,
    /// Different people who have it.
    #[serde(default)]
    pub people: u64,
    /// The reader has reported it already.
    #[serde(default)]
    pub mine: bool,
}

//! Rows of administration.

use ruma::MilliSecondsSinceUnixEpoch;
use serde::{Deserialize, Serialize};

use crate::records;

/// Work that goes on after its request was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRow {
    /// What is done, such as `redact_user`.
    pub action: String,
    /// The user or room it is done to.
    pub subject: String,
    /// The administrator who wants it.
    pub wanted_by: String,
    /// What the request said: JSON, from which the work can begin again after a restart.
    pub request: String,
    /// How far it is.
    pub status: TaskStatus,
    /// What came of it: JSON.
    pub result: String,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// When it began.
    pub started: MilliSecondsSinceUnixEpoch,
}

/// How far work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// It goes on.
    Active,
    /// It is done.
    Complete,
    /// It cannot be done.
    Failed,
}

records!(TaskRow = 1);

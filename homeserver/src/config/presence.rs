//! `[presence]`: who is online.

use serde::Deserialize;

/// Who is online.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Presence {
    /// Whether people see of each other who is online.
    pub enabled: bool,
}

impl Default for Presence {
    fn default() -> Self {
        Self { enabled: true }
    }
}

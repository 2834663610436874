//! The rows of application services.

use serde::{Deserialize, Serialize};

use crate::{ids::StreamPos, records};

/// How far a service has been told, and what is on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionRow {
    /// How many transactions there have been, the one on its way included.
    pub number: u64,
    /// Whether the last of them has been taken.
    pub taken: bool,
    /// The last event in it.
    pub upto: StreamPos,
    /// What it says beside events: JSON objects.
    pub ephemeral: Vec<String>,
}

records!(TransactionRow = 1);

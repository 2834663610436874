//! Rows of events that are to be sent later.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{RoomNid, StreamPos, UserNid},
    records,
    storage::{Batch, tables},
};

/// An event that is to be sent later, or what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayedEventRow {
    /// Who sends it.
    pub user: UserNid,
    /// Where to.
    pub room: RoomNid,
    /// Its type.
    pub event_type: String,
    /// Its state key, if it is a state event.
    #[serde(default)]
    pub state_key: Option<String>,
    /// Its content: a JSON object.
    pub content: String,
    /// How long it waits, in milliseconds.
    pub delay: u64,
    /// Since when it waits, in milliseconds.
    pub running_since: u64,
    /// Where the stream stood when it was scheduled.
    pub scheduled_at: StreamPos,
    /// The transaction that scheduled it.
    #[serde(default)]
    pub transaction: Option<String>,
    /// How it ended.
    #[serde(default)]
    pub outcome: Option<Outcome>,
}

/// How a delayed event ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// When, in milliseconds.
    pub at: u64,
    /// What happened.
    pub end: End,
}

/// What became of a delayed event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// It was sent and has this id.
    Sent(String),
    /// Its sender took it back.
    Cancelled,
    /// It could not be sent.
    Failed {
        /// The error code.
        errcode: String,
        /// The sentence that goes with it.
        error: String,
    },
}

records!(DelayedEventRow = 1);

/// Keys of [`tables::DELAYED_OF_USER`]: what waits comes before what has ended.
pub(super) const WAITING: u8 = 0;
pub(super) const ENDED: u8 = 1;

impl DelayedEventRow {
    /// When it is sent, in milliseconds.
    pub(super) fn due(&self) -> u64 {
        self.running_since.saturating_add(self.delay)
    }

    /// Writes the row and finds it by time and by user from now on.
    pub(super) fn put(&self, batch: &mut Batch<'_>, id: &str) {
        tables::DELAYED_EVENT.put(batch, id, self);
        match &self.outcome {
            None => {
                tables::DELAYED_DUE.put(batch, (self.due(), id), &());
                tables::DELAYED_OF_USER.put(batch, (self.user, WAITING, self.due(), id), &());
            }
            Some(outcome) => {
                tables::DELAYED_OF_USER.put(batch, (self.user, ENDED, outcome.at, id), &());
            }
        }
        if let Some(transaction) = &self.transaction {
            tables::DELAYED_TRANSACTION.put(batch, (self.user, transaction), &id.to_owned());
        }
    }

    /// Removes the row with all that leads to it.
    pub(super) fn delete(&self, batch: &mut Batch<'_>, id: &str) {
        tables::DELAYED_EVENT.delete(batch, id);
        self.delete_places(batch, id);
        if let Some(transaction) = &self.transaction {
            tables::DELAYED_TRANSACTION.delete(batch, (self.user, transaction));
        }
    }

    /// Removes what leads to the row by time, before it takes another place.
    pub(super) fn delete_places(&self, batch: &mut Batch<'_>, id: &str) {
        match &self.outcome {
            None => {
                tables::DELAYED_DUE.delete(batch, (self.due(), id));
                tables::DELAYED_OF_USER.delete(batch, (self.user, WAITING, self.due(), id));
            }
            Some(outcome) => {
                tables::DELAYED_OF_USER.delete(batch, (self.user, ENDED, outcome.at, id));
            }
        }
    }
}

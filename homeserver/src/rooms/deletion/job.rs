//! Deletions as rows: what is under way, how far it is, and how it ended.

use rand::{Rng, distr::Alphanumeric};
use ruma::{MilliSecondsSinceUnixEpoch, OwnedRoomId, OwnedUserId};
use serde::{Deserialize, Serialize};

use crate::{
    ids::{RoomNid, StreamPos},
    records,
    rooms::rows::Place,
};

/// Characters of a job's id.
const ID_LENGTH: usize = 20;

/// A deletion as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRow {
    /// The room.
    pub room: RoomNid,
    /// What is to be done.
    pub task: Task,
    /// How far it is.
    pub stage: Stage,
    /// When it was asked for.
    pub created: MilliSecondsSinceUnixEpoch,
    /// When it ended.
    pub ended: Option<MilliSecondsSinceUnixEpoch>,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// Events removed so far.
    pub events: u64,
    /// Aliases that were taken from the room.
    pub aliases: Vec<String>,
}

records!(JobRow = 1);

/// What a job is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Take everybody out of the room and, with `purge`, remove all of it.
    DeleteRoom {
        /// Whether everything the server knows of the room goes.
        purge: bool,
        /// Whether it goes even if somebody could not be taken out.
        force: bool,
    },
    /// Remove what was said in the room before a place.
    PurgeHistory {
        /// The position of the place.
        pos: StreamPos,
        /// The order within the position.
        sub: u32,
        /// Whether events of this server's own users go too.
        local_events: bool,
        /// Where to go on.
        next: (StreamPos, u32),
    },
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Nothing was done yet.
    Waiting,
    /// Members are being taken out.
    Leaving,
    /// Rows are being removed; there is no way back.
    Erasing,
    /// Everything is done.
    Done,
    /// It was given up.
    Failed,
}

impl JobRow {
    pub(super) fn new(room: RoomNid, task: Task, created: MilliSecondsSinceUnixEpoch) -> Self {
        Self {
            room,
            task,
            stage: Stage::Waiting,
            created,
            ended: None,
            error: None,
            events: 0,
            aliases: Vec::new(),
        }
    }

    /// Whether nothing is left to do.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Done | Stage::Failed)
    }

    /// Whether nobody may change the room any more.
    pub(super) fn closes_room(&self) -> bool {
        !self.is_over() && matches!(self.task, Task::DeleteRoom { .. })
    }
}

/// A deletion with its id.
#[derive(Clone, Debug)]
pub struct Job {
    /// The id.
    pub id: String,
    /// The room.
    pub room_id: OwnedRoomId,
    /// What is stored.
    pub row: JobRow,
}

/// Whom a deletion concerned.
#[derive(Clone, Debug, Default)]
pub struct JobMembers {
    /// Members who were taken out of the room.
    pub removed: Vec<OwnedUserId>,
    /// Members who could not be taken out.
    pub failed: Vec<OwnedUserId>,
}

/// In the rows of a job's members: was taken out.
pub(super) const REMOVED: u8 = 1;
/// In the rows of a job's members: could not be taken out.
pub(super) const FAILED: u8 = 2;

/// A new id.
pub(super) fn new_id() -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(ID_LENGTH)
        .map(char::from)
        .collect()
}

impl Task {
    /// A wish to remove history before a place.
    pub(super) fn history(before: Place, local_events: bool) -> Self {
        Self::PurgeHistory {
            pos: before.pos,
            sub: before.sub,
            local_events,
            next: (StreamPos::ZERO, 0),
        }
    }
}

//! Removing rooms and history from the disk for good.
//!
//! A deletion is a job: a row that says what is to be done and how far it is. The row comes first, and every step changes
//! it in the commit of what the step removes, so a server that is killed goes on where it was. Steps are small: a room of
//! a million events never stands still for long, and the rows agree with each other after every step.
//!
//! *A whole room* goes in this order. Its members leave, each with an event of their own, so that their clients see it;
//! from then on nobody can change the room. One commit takes away the summary, the current state and the names, after
//! which the room does not exist for anybody. Then the rows of each member and the events go in batches. Who had not
//! forgotten the room keeps one row with the event of their leaving, so that a client that comes back years later still
//! learns that it is gone.
//!
//! *State nodes* are addressed by their content, but two rooms never share one: a leaf names events by number, an event
//! belongs to one room, and no number is given out twice ([`tables::NEXT_EVENT`]); a branch is made of such leaves. So the
//! nodes below the states of a room's events are the room's alone. An event goes together with the nodes below the states
//! it names. Other events of the room may name them too; they go next, and find them gone.
//!
//! *History* goes up to a place, state events aside: they are what the room is. The newest event of a room has to stay,
//! since the next one names it; it loses its content and its place and goes later ([`tables::PRUNED`]).
//!
//! [`tables::NEXT_EVENT`]: crate::storage::tables::NEXT_EVENT
//! [`tables::PRUNED`]: crate::storage::tables::PRUNED

mod events;
mod forgotten;
mod history;
mod job;
mod reclaim;
mod room;
mod run;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, api::error::ErrorKind};

pub use self::history::history_start;
pub use self::job::{Job, JobMembers, JobRow, Stage, Task};
pub(in crate::rooms) use self::reclaim::Reclaim;
use super::{Rooms, event::RoomEvent, rows::Place, txn::Write};
use crate::{
    error::{ApiError, ApiResult},
    ids::{RoomNid, UserNid},
    storage::{Commit, Result, Snapshot, tables},
};

/// Removes the rows that another domain keeps about rooms.
pub trait Eraser: Send + Sync {
    /// What it wrote for events that go.
    fn events(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        events: &[Arc<RoomEvent>],
    ) -> Result<Vec<Write>>;

    /// What it keeps for a user and a room that goes.
    fn member(&self, snapshot: &Snapshot<'_>, room: RoomNid, user: UserNid) -> Result<Vec<Write>>;

    /// What is left of a room when all its events and members are gone.
    fn room(&self, snapshot: &Snapshot<'_>, room: RoomNid) -> Result<Vec<Write>>;
}

/// How a room is to be deleted.
#[derive(Clone, Copy, Debug)]
pub struct DeletionOptions {
    /// Whether everything the server knows of the room goes; otherwise its members are taken out and no more.
    pub purge: bool,
    /// Whether it goes even if somebody could not be taken out.
    pub force: bool,
}

impl Default for DeletionOptions {
    fn default() -> Self {
        Self {
            purge: true,
            force: false,
        }
    }
}

/// Up to where history is to be removed.
#[derive(Clone, Debug)]
pub enum Before {
    /// Up to an event, which stays.
    Event(OwnedEventId),
    /// Up to the first event of this time or later.
    Time(MilliSecondsSinceUnixEpoch),
}

impl Rooms {
    /// Has other domains remove their rows with rooms and events. The first call counts.
    pub fn set_erasers(&self, erasers: Vec<Arc<dyn Eraser>>) {
        drop(self.inner.erasers.set(erasers));
    }

    pub(super) fn erasers(&self) -> &[Arc<dyn Eraser>] {
        self.inner.erasers.get().map_or(&[], Vec::as_slice)
    }

    /// Begins to delete a room and returns the id of the job. From now on nobody can change the room.
    pub async fn delete_room(&self, room: RoomNid, options: DeletionOptions) -> ApiResult<String> {
        let DeletionOptions { purge, force } = options;
        let task = Task::DeleteRoom { purge, force };
        // Under the room's lock, so that whatever has begun to change the room is done.
        let lock = self.lock(room).await;
        self.read(move |rooms, snapshot| {
            if rooms.summary(snapshot, room)?.is_none() {
                return Err(ApiError::not_found("This server does not know the room."));
            }
            Ok(())
        })
        .await?;
        if !self.inner.closing.write().insert(room) {
            return Err(under_way());
        }
        drop(lock);
        let queued = self.queue(room, task).await;
        if queued.is_err() {
            self.inner.closing.write().remove(&room);
        }
        queued
    }

    /// Begins to remove what was said in a room up to a point, and returns the id of the job. State events stay. With
    /// `local_events` what this server's own users said goes too, of which nobody else may have a copy.
    pub async fn purge_history(
        &self,
        room: RoomNid,
        before: Before,
        local_events: bool,
    ) -> ApiResult<String> {
        let place = self
            .read(move |rooms, snapshot| rooms.place_before(snapshot, room, &before))
            .await?;
        let is_purged = self
            .jobs_of(room)
            .await?
            .iter()
            .any(|job| !job.row.is_over());
        if is_purged {
            return Err(under_way());
        }
        self.queue(room, Task::history(place, local_events)).await
    }

    /// A deletion by its id.
    pub async fn deletion_job(&self, id: &str) -> ApiResult<Option<Job>> {
        let id = id.to_owned();
        self.read(move |rooms, snapshot| {
            let Some(row) = tables::DELETION_JOB.get(snapshot, &id)? else {
                return Ok(None);
            };
            let room_id = rooms.room_id(row.room)?;
            Ok(Some(Job { id, room_id, row }))
        })
        .await
    }

    /// Whom the deletion of a room concerned.
    pub async fn deletion_members(&self, id: &str) -> ApiResult<JobMembers> {
        let id = id.to_owned();
        self.read(move |rooms, snapshot| {
            let mut members = JobMembers::default();
            for row in tables::DELETION_MEMBER.scan(snapshot, (&id,))? {
                let ((_, user), outcome) = row?;
                let user = rooms.storage().interner().user_id(user)?;
                match outcome {
                    job::FAILED => members.failed.push(user),
                    _ => members.removed.push(user),
                }
            }
            Ok(members)
        })
        .await
    }

    /// The deletions of a room that are under way or ended in the last days, oldest first.
    pub async fn jobs_of(&self, room: RoomNid) -> ApiResult<Vec<Job>> {
        self.read(move |rooms, snapshot| {
            let mut jobs = rooms.all_jobs(snapshot)?;
            jobs.retain(|job| job.row.room == room);
            Ok(jobs)
        })
        .await
    }

    /// Every deletion there is a row of, oldest first.
    pub(super) fn all_jobs(&self, snapshot: &Snapshot<'_>) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for row in tables::DELETION_JOB.scan(snapshot, ())? {
            let (id, row) = row?;
            let room_id = self.room_id(row.room)?;
            jobs.push(Job { id, room_id, row });
        }
        jobs.sort_by(|a, b| (a.row.created, &a.id).cmp(&(b.row.created, &b.id)));
        Ok(jobs)
    }

    async fn queue(&self, room: RoomNid, task: Task) -> ApiResult<String> {
        let id = job::new_id();
        let row = JobRow::new(room, task, self.clock().now());
        let key = id.clone();
        let commit = Commit::silent(move |batch| tables::DELETION_JOB.put(batch, &key, &row));
        self.storage().commit(commit).await?;
        self.inner.deletion_wake.notify_one();
        Ok(id)
    }

    /// Keeps rooms closed whose deletion was interrupted.
    pub fn resume_deletions(&self) -> Result<()> {
        let jobs = self.all_jobs(&self.storage().snapshot())?;
        let mut closing = self.inner.closing.write();
        closing.extend(
            jobs.iter()
                .filter(|job| job.row.closes_room())
                .map(|job| job.row.room),
        );
        Ok(())
    }

    /// Whether a room is being deleted.
    pub fn is_closing(&self, room: RoomNid) -> bool {
        self.inner.closing.read().contains(&room)
    }

    /// Refuses changes of a room that is being deleted.
    pub(super) fn require_open(&self, room: RoomNid) -> ApiResult<()> {
        if self.is_closing(room) {
            return Err(ApiError::forbidden("The room is being deleted."));
        }
        Ok(())
    }

    fn place_before(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        before: &Before,
    ) -> ApiResult<Place> {
        if self.summary(snapshot, room)?.is_none() {
            return Err(ApiError::not_found("This server does not know the room."));
        }
        match before {
            Before::Event(id) => match self.event_by_id(snapshot, id)? {
                Some(event) if event.row.room == room && event.row.place != Place::default() => {
                    Ok(event.row.place)
                }
                _ => Err(ApiError::not_found("There is no such event in this room.")),
            },
            Before::Time(time) => Ok(self.place_at(snapshot, room, *time)?),
        }
    }
}

fn under_way() -> ApiError {
    ApiError::bad_request(
        ErrorKind::Unknown,
        "A deletion of this room is under way already: wait until it is done.",
    )
}

//! The job beside requests that carries deletions out.

use std::time::Duration;

use super::{Job, Stage, Task, reclaim::Reclaim};
use crate::{
    error::ApiResult,
    jobs::Jobs,
    rooms::Rooms,
    storage::{Commit, tables},
};

/// How often is looked for what has to go by itself.
const EVERY: Duration = Duration::from_secs(10 * 60);
/// The pause after a step that failed for a reason of the server's own.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// How long the row of a deletion that is over is kept.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Disk space is given back once so many events went by themselves.
const RECLAIM_AFTER: u64 = 10_000;

impl Rooms {
    /// Carries deletions out until the server stops. `lifetime` is how long messages stay in rooms that do not say.
    pub async fn run_deletions(self, jobs: Jobs, lifetime: Option<Duration>) {
        let mut reclaim = Reclaim::default();
        loop {
            let mut pause = EVERY;
            if let Err(error) = self.carry_out(&jobs, lifetime, &mut reclaim).await {
                tracing::error!("a deletion could not be carried on: {error:?}");
                pause = AFTER_FAILURE;
            }
            tokio::select! {
                () = self.inner.deletion_wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = jobs.stopping() => {}
            }
            if jobs.is_stopping() {
                return;
            }
        }
    }

    async fn carry_out(
        &self,
        jobs: &Jobs,
        lifetime: Option<Duration>,
        reclaim: &mut Reclaim,
    ) -> ApiResult<()> {
        self.finish_jobs(|| jobs.is_stopping(), reclaim).await?;
        self.expire_messages(lifetime, reclaim).await?;
        if self.delete_forgotten_rooms().await? > 0 {
            self.finish_jobs(|| jobs.is_stopping(), reclaim).await?;
        }
        if reclaim.count() >= RECLAIM_AFTER {
            self.reclaim(reclaim).await?;
        }
        Ok(())
    }

    /// Carries out every job that is not over, unless the server stops meanwhile.
    pub(super) async fn finish_jobs(
        &self,
        is_stopping: impl Fn() -> bool,
        reclaim: &mut Reclaim,
    ) -> ApiResult<()> {
        let found = self
            .read(|rooms, snapshot| Ok(rooms.all_jobs(snapshot)?))
            .await?;
        for mut job in found {
            if job.row.is_over() {
                self.forget_old_job(&job).await?;
                continue;
            }
            tracing::info!(room = %job.room_id, task = ?job.row.task, "a deletion goes on");
            while !job.row.is_over() {
                if is_stopping() {
                    return Ok(());
                }
                self.step(&mut job, reclaim).await?;
            }
            tracing::info!(room = %job.room_id, stage = ?job.row.stage, events = job.row.events, "a deletion is over");
            self.inner.closing.write().remove(&job.row.room);
            self.reclaim(reclaim).await?;
        }
        Ok(())
    }

    async fn step(&self, job: &mut Job, reclaim: &mut Reclaim) -> ApiResult<()> {
        let (id, row) = (job.id.clone(), job.row.clone());
        let done = match &row.task {
            Task::DeleteRoom { .. } => self.deletion_step(&id, row, reclaim).await,
            Task::PurgeHistory { .. } => self.history_step(&id, row, reclaim).await,
        };
        match done {
            Ok(row) => job.row = row,
            // The room went away meanwhile, or is going.
            Err(error) if !error.status().is_server_error() => {
                job.row.stage = Stage::Failed;
                job.row.error = Some(error.message().to_owned());
                job.row.ended = Some(self.clock().now());
                let row = job.row.clone();
                let put = move |batch: &mut crate::storage::Batch<'_>| {
                    tables::DELETION_JOB.put(batch, &id, &row);
                };
                self.storage().commit(Commit::silent(put)).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn forget_old_job(&self, job: &Job) -> ApiResult<()> {
        let ended: u64 = job.row.ended.map_or(0, |ended| ended.0.into());
        let now: u64 = self.clock().now().0.into();
        if ended.saturating_add(KEPT_FOR.as_millis() as u64) >= now {
            return Ok(());
        }
        let id = job.id.clone();
        let forget = move |batch: &mut crate::storage::Batch<'_>| {
            tables::DELETION_JOB.delete(batch, &id);
            tables::DELETION_MEMBER.delete_prefix(batch, (&id,));
        };
        self.storage().commit(Commit::silent(forget)).await?;
        Ok(())
    }

    /// Gives back the disk space of what was removed.
    pub(super) async fn reclaim(&self, reclaim: &mut Reclaim) -> ApiResult<()> {
        let (rooms, mut removed) = (self.clone(), std::mem::take(reclaim));
        let done = tokio::task::spawn_blocking(move || removed.run(&rooms)).await;
        Ok(done.map_err(crate::error::ApiError::internal)??)
    }
}

//! Work that goes on after its request was answered, and can be asked about for a while.
//!
//! A row says what is to be done before it begins, so that what a restart interrupts begins again. Every such work is
//! therefore one that may be done twice.

use std::{future::Future, time::Duration};

use rand::{Rng, distr::Alphanumeric};
use ruma::{MilliSecondsSinceUnixEpoch, UInt, UserId};
use serde_json::Value;

use super::store::{TaskRow, TaskStatus};
use crate::{
    ApiError, ApiResult,
    clock::SharedClock,
    storage::{Commit, Storage, tables},
};

/// For how long it can be asked what came of something.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Letters of an id.
const ID_LENGTH: usize = 16;

/// The work. Clones share it.
#[derive(Clone)]
pub struct Tasks {
    storage: Storage,
    clock: SharedClock,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct NewTask<'a> {
    /// What is done.
    pub action: &'static str,
    /// The user or room it is done to.
    pub subject: &'a str,
    /// The administrator who wants it.
    pub wanted_by: &'a UserId,
    /// What the request said.
    pub request: Value,
}

impl Tasks {
    pub(super) fn new(storage: Storage, clock: SharedClock) -> Self {
        Self { storage, clock }
    }

    /// Writes down what is to be done, and forgets what was done long ago. Returns its id.
    pub async fn begin(&self, new: NewTask<'_>) -> ApiResult<String> {
        let id: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(ID_LENGTH)
            .map(char::from)
            .collect();
        let now = self.clock.now();
        let row = TaskRow {
            action: new.action.to_owned(),
            subject: new.subject.to_owned(),
            wanted_by: new.wanted_by.to_string(),
            request: new.request.to_string(),
            status: TaskStatus::Active,
            result: "{}".to_owned(),
            error: None,
            started: now,
        };
        let old = self.all().await?;
        let key = id.clone();
        let commit = Commit::silent(move |batch| {
            for (id, row) in old {
                if row.status != TaskStatus::Active && later(row.started) < now {
                    tables::ADMIN_TASK.delete(batch, &id);
                }
            }
            tables::ADMIN_TASK.put(batch, &key, &row);
        });
        self.storage.commit(commit).await?;
        Ok(id)
    }

    /// Does the work of a row and writes down what came of it.
    pub async fn carry_out(
        &self,
        id: &str,
        work: impl Future<Output = ApiResult<Value>> + Send,
    ) -> ApiResult {
        let outcome = work.await;
        let Some(mut row) = self.get(id).await? else {
            return Ok(());
        };
        match outcome {
            Ok(result) => {
                row.status = TaskStatus::Complete;
                row.result = result.to_string();
            }
            Err(error) => {
                tracing::warn!(
                    action = row.action,
                    subject = row.subject,
                    "work for an administrator failed: {error:?}"
                );
                row.status = TaskStatus::Failed;
                row.error = Some(error.message().to_owned());
            }
        }
        self.put(id, row).await
    }

    /// Writes a row.
    pub(super) async fn put(&self, id: &str, row: TaskRow) -> ApiResult {
        let key = id.to_owned();
        let commit = Commit::silent(move |batch| tables::ADMIN_TASK.put(batch, &key, &row));
        self.storage.commit(commit).await?;
        Ok(())
    }

    /// One piece of work.
    pub async fn get(&self, id: &str) -> ApiResult<Option<TaskRow>> {
        let id = id.to_owned();
        self.storage
            .read(move |snapshot| Ok::<_, ApiError>(tables::ADMIN_TASK.get(snapshot, &id)?))
            .await
    }

    /// All of it, by id.
    pub async fn all(&self) -> ApiResult<Vec<(String, TaskRow)>> {
        self.storage
            .read(|snapshot| {
                let rows = tables::ADMIN_TASK.scan(snapshot, ())?;
                Ok::<_, ApiError>(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}

/// Until when something that began then is remembered.
fn later(started: MilliSecondsSinceUnixEpoch) -> MilliSecondsSinceUnixEpoch {
    let kept = UInt::try_from(KEPT.as_millis()).unwrap_or(UInt::MAX);
    MilliSecondsSinceUnixEpoch(started.get().saturating_add(kept))
}

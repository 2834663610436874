//! Sends delayed events when their time has come, and forgets old ones.

use std::time::Duration;

use super::{Delayed, store::DelayedEventRow};
use crate::{
    ApiResult,
    jobs::Jobs,
    storage::{Batch, Commit, tables},
};

/// How long the timer sleeps at most: clocks are set now and then.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long it waits after something went wrong on this side.
const AFTER_AN_ERROR: Duration = Duration::from_secs(1);
/// Events that are sent in one go.
const AT_ONCE: usize = 32;
/// How long it is remembered how an event ended.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Delayed {
    /// Sends what is due until the server stops.
    pub async fn run(self, jobs: Jobs) {
        while !jobs.is_stopping() {
            let sleep = self.send_due().await.unwrap_or_else(|error| {
                tracing::error!("delayed events could not be sent: {error:?}");
                AFTER_AN_ERROR
            });
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                () = self.inner.changed.notified() => {}
                () = jobs.stopping() => return,
            }
        }
    }

    /// Sends what is due and returns how long it takes until something else is.
    pub(super) async fn send_due(&self) -> ApiResult<Duration> {
        loop {
            let now = self.now();
            let due = self
                .read(move |_, snapshot| {
                    let mut due = Vec::new();
                    for key in tables::DELAYED_DUE.scan(snapshot, ())?.take(AT_ONCE) {
                        due.push(key?.0);
                    }
                    Ok(due)
                })
                .await?;
            let next = due.iter().find(|(at, _)| *at > now).map(|(at, _)| *at);
            let ready = due.into_iter().filter(|(at, _)| *at <= now);
            let sent = futures::future::join_all(ready.map(async |(_, id)| self.fire(&id).await));
            let sent = sent.await;
            let is_done = sent.len() < AT_ONCE;
            sent.into_iter().collect::<ApiResult<Vec<()>>>()?;
            if is_done {
                let wait = next.map_or(LONGEST_SLEEP, |at| Duration::from_millis(at - now));
                return Ok(wait.min(LONGEST_SLEEP));
            }
        }
    }

    /// Forgets how events ended a week ago.
    pub async fn forget_old(&self) -> ApiResult {
        let limit = self.now().saturating_sub(REMEMBERED.as_millis() as u64);
        let old: Vec<(String, DelayedEventRow)> = self
            .read(move |_, snapshot| {
                let mut old = Vec::new();
                for row in tables::DELAYED_EVENT.scan(snapshot, ())? {
                    let (id, row) = row?;
                    if row.outcome.as_ref().is_some_and(|end| end.at < limit) {
                        old.push((id, row));
                    }
                }
                Ok(old)
            })
            .await?;
        if !old.is_empty() {
            let delete = move |batch: &mut Batch<'_>| {
                for (id, row) in &old {
                    row.delete(batch, id);
                }
            };
            let commit = Commit::silent(delete).ephemeral();
            self.inner.storage.commit(commit).await?;
        }
        Ok(())
    }
}

//! Work that goes on beside requests, and the end of all work.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The first pause before a job that panicked runs again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The server's background jobs, and its wish to stop. Clones share them.
#[derive(Clone, Default)]
pub struct Jobs {
    stopping: CancellationToken,
    running: TaskTracker,
}

impl Jobs {
    /// Starts a job that runs until it is done or the server stops. `job` makes it anew should it panic; it may hold
    /// work across [`Jobs::stopping`] only if it ends soon after.
    pub fn spawn<F>(&self, name: &'static str, mut job: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stopping = self.stopping.clone();
        self.running.spawn(async move {
            let mut pause = FIRST_PAUSE;
            while AssertUnwindSafe(job()).catch_unwind().await.is_err() {
                tracing::error!(
                    job = name,
                    "a background job panicked; it starts again in {pause:?}"
                );
                if stopping
                    .run_until_cancelled(tokio::time::sleep(pause))
                    .await
                    .is_none()
                {
                    break;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        });
    }

    /// Starts something that ends by itself, such as a connection, and that the server waits for when it stops.
    pub fn track(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(task);
    }

    /// Resolves when the server begins to stop. Requests that wait for something answer then.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// Whether the server has begun to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Tells everything to stop, without waiting for it.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Waits until every job has ended, but no longer than `patience`; says whether they have.
    pub async fn ended(&self, patience: Duration) -> bool {
        self.running.close();
        tokio::time::timeout(patience, self.running.wait())
            .await
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn a_job_that_panics_runs_again() {
        let jobs = Jobs::default();
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        jobs.spawn("shaky", move || {
            let run = counted.fetch_add(1, Ordering::Relaxed);
            async move { assert!(run >= 2, "not yet") }
        });
        assert!(jobs.ended(Duration::from_secs(60)).await);
        assert_eq!(runs.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn jobs_end_when_the_server_stops() {
        let jobs = Jobs::default();
        let waiting = jobs.clone();
        jobs.spawn("patient", move || {
            let waiting = waiting.clone();
            async move { waiting.stopping().await }
        });
        jobs.stop();
        assert!(jobs.is_stopping());
        assert!(jobs.ended(Duration::from_secs(60)).await);
    }
}

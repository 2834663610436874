//! Threads for work that takes long and that nobody else should notice: hashing passwords, drawing thumbnails.
//!
//! They stand behind everything else the server does when there are too few processors for both. A whole school that
//! signs in at once waits for its own passwords, and messages go on as before.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::{ApiError, ApiResult};

/// How far these threads stand behind others. At ten, one of ours gets a tenth of what one of the others gets.
/// [nice(2)](https://man7.org/linux/man-pages/man2/nice.2.html)
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// Some threads and what waits for them. Clones share them; they end with the last clone.
#[derive(Clone)]
pub struct Workers {
    jobs: mpsc::UnboundedSender<Job>,
}

impl Workers {
    /// Starts threads with this name.
    pub fn start(name: &str, threads: usize) -> Self {
        let (jobs, waiting) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let waiting = Arc::clone(&waiting);
            let started = thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || work(&waiting));
            if let Err(error) = started {
                tracing::error!(%error, name, "a thread cannot be started");
            }
        }
        Self { jobs }
    }

    /// Has a thread do something, in the order of asking. What nobody waits for any more is not begun.
    ///
    /// # Errors
    ///
    /// `M_UNKNOWN` with status 500 when the work panics or there is no thread.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> ApiResult<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            if !answer.is_closed() {
                // Whoever hangs up meanwhile does not want the answer.
                drop(answer.send(work()));
            }
        });
        // Where there is no thread, the job is dropped and with it what would answer.
        drop(self.jobs.send(job));
        answered.await.map_err(ApiError::internal)
    }
}

fn work(waiting: &Mutex<mpsc::UnboundedReceiver<Job>>) {
    step_back();
    // One of the threads waits for the next job and the others for this one to have it.
    let next = || waiting.lock().blocking_recv();
    while let Some(job) = next() {
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("work in the background panicked");
        }
    }
}

/// Lets others go first. Without that everything works too.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "a thread keeps its priority");
    }
}

#[cfg(test)]
mod tests {
    use super::Workers;

    #[tokio::test]
    async fn work_is_done_and_a_panic_is_an_error_of_its_own() {
        let workers = Workers::start("test", 1);
        assert!(workers.run(|| panic!("as it may happen")).await.is_err());
        assert_eq!(workers.run(|| 6 * 7).await.unwrap(), 42);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_begun() {
        let workers = Workers::start("test", 1);
        let (begin, wait) = std::sync::mpsc::channel::<()>();
        let busy = tokio::spawn({
            let workers = workers.clone();
            async move { workers.run(move || wait.recv()).await }
        });
        let (begun, was_begun) = std::sync::mpsc::channel();
        let given_up = workers.run(move || begun.send(()));
        assert!(futures::poll!(Box::pin(given_up)).is_pending());
        begin.send(()).unwrap();
        busy.await.unwrap().unwrap().unwrap();
        workers.run(|| ()).await.unwrap();
        assert!(was_begun.try_recv().is_err());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn its_threads_stand_behind_others() {
        let workers = Workers::start("test", 1);
        let niceness = workers.run(|| rustix::process::getpriority_process(None));
        assert_eq!(niceness.await.unwrap().unwrap(), super::NICENESS);
    }
}

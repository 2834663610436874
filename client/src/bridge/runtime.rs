//! The session's threads.

use std::{io, thread, time::Duration};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    command::{AccountCommand, Command, Commands},
    update::Update,
};
use crate::session::{self, Config};

/// Updates that may wait for the UI thread before the session waits too.
const UPDATES: usize = 1024;
/// Syncing, decoding and database work for one person.
const WORKERS: usize = 2;
/// How long closing the session may take. Each of its steps has a limit of its own; on a shared computer, removing the
/// data is the last of them.
const SHUTDOWN: Duration = Duration::from_secs(12);
/// How long tasks may take to end that the session has left behind. Some of the SDK wait for what will not come any more.
const LAST_TASKS: Duration = Duration::from_millis(200);
/// Between looks at them.
const LOOK: Duration = Duration::from_millis(5);

/// The running session, seen from the views' side.
pub struct Backend {
    runtime: Runtime,
    commands: Commands,
    session: JoinHandle<()>,
}

impl Backend {
    /// Starts the session on threads of its own.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(config: Config) -> io::Result<(Self, mpsc::Receiver<Update>)> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("session")
            .enable_all()
            .build()?;
        let (commands, envelopes) = Commands::channel();
        let (updates, receiver) = mpsc::channel(UPDATES);
        let session = runtime.spawn(session::run(config, envelopes, updates));
        Ok((
            Self {
                runtime,
                commands,
                session,
            },
            receiver,
        ))
    }

    /// Where views send their commands.
    #[must_use]
    pub fn commands(&self) -> Commands {
        self.commands.clone()
    }

    /// Closes the session cleanly. Call it after the window is gone: it waits, though not for ever.
    pub fn shut_down(self) {
        self.commands
            .send(Command::Account(AccountCommand::Shutdown));
        let Self {
            runtime, session, ..
        } = self;
        let ended = thread::spawn(move || {
            runtime.block_on(async {
                if timeout(SHUTDOWN, session).await.is_err() {
                    tracing::warn!("the session did not end in time");
                }
                if timeout(LAST_TASKS, last_tasks()).await.is_err() {
                    let left = Handle::current().metrics().num_alive_tasks();
                    tracing::debug!(left, "some tasks are ended with their threads");
                }
            });
            runtime.shutdown_background();
        });
        if ended.join().is_err() {
            tracing::error!("the session ended with a panic");
        }
    }
}

/// Ends when no task is left. The databases answer no more once the threads are being closed, and tasks of the SDK that
/// wait for such an answer end with a panic.
async fn last_tasks() {
    let metrics = Handle::current().metrics();
    while metrics.num_alive_tasks() > 0 {
        sleep(LOOK).await;
    }
}

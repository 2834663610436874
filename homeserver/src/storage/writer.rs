//! The one thread that writes.
//!
//! Every change is a [`Commit`]: it is given consecutive stream positions, fills the shared batch, and is acknowledged
//! when the batch is on disk. The thread takes whatever waits (up to a bound), so that all waiting commits share one
//! write and one fsync. A position is published only after its batch is durable, therefore every position up to the
//! published one can be read and none is missing.
//!
//! A commit with `durable = false` (receipts, presence, typing) asks for no fsync of its own. After a power failure the
//! positions of such commits may be lost although clients have seen them; [`super::Storage::open`] therefore continues
//! well beyond the last stored position, so that no position is ever given to two different changes.
//!
//! When a write fails, the state of the disk is unknown and the process ends; at the next start the log decides.

use std::sync::{
    Arc,
    mpsc::{Receiver, SyncSender, sync_channel},
};

use rocksdb::WriteOptions;
use tokio::sync::{oneshot, watch};

use super::{Batch, Change, Error, Observer, Result, options::Database, tables::STREAM_POSITION};
use crate::ids::StreamPos;

/// Commits that may wait before senders have to.
const QUEUE: usize = 4096;
/// Commits of one group at most.
const GROUP_COMMITS: usize = 256;
/// Bytes of one group, checked after each commit.
const GROUP_BYTES: usize = 1 << 20;
/// Positions that may be given out without an fsync, far below the gap left at opening.
const UNSYNCED_POSITIONS: u64 = super::POSITION_GAP / 2;

/// Fills the batch, knowing the first of the commit's positions. Runs on the writer thread: no reads, no waiting.
pub type Fill = Box<dyn FnOnce(&mut Batch<'_>, StreamPos) + Send>;

/// One atomic change.
pub struct Commit {
    /// How many consecutive stream positions the change takes.
    pub positions: u32,
    /// Whether the change must survive a power failure once acknowledged.
    pub durable: bool,
    /// What to write.
    pub fill: Fill,
    /// What waiting sessions have to look at, told before the position is published. Each counts for the position that
    /// is its offset from the commit's first.
    pub changes: Vec<(u32, Change)>,
}

impl Commit {
    /// A durable change of one position.
    pub fn new(fill: impl FnOnce(&mut Batch<'_>, StreamPos) + Send + 'static) -> Self {
        Self {
            positions: 1,
            durable: true,
            fill: Box::new(fill),
            changes: Vec::new(),
        }
    }

    /// A durable change that no stream shows.
    pub fn silent(fill: impl FnOnce(&mut Batch<'_>) + Send + 'static) -> Self {
        Self {
            positions: 0,
            durable: true,
            fill: Box::new(|batch, _| fill(batch)),
            changes: Vec::new(),
        }
    }

    /// The same change without an fsync of its own.
    pub fn ephemeral(mut self) -> Self {
        self.durable = false;
        self
    }

    /// Announces a change at the commit's first position. Nobody is woken before that is published, so the commit has one.
    pub fn changing(mut self, change: Change) -> Self {
        self.positions = self.positions.max(1);
        self.changes.push((0, change));
        self
    }
}

struct Queued {
    commit: Commit,
    ack: oneshot::Sender<Result<StreamPos>>,
}

/// The way to the writer thread. Dropping it ends the thread once everything queued is written.
pub(super) struct Writer {
    queue: Option<SyncSender<Queued>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        db: Arc<Database>,
        next: StreamPos,
        published: watch::Sender<StreamPos>,
        sync: bool,
    ) -> Result<(Self, Arc<Observers>)> {
        let (queue, waiting) = sync_channel(QUEUE);
        let observers = Arc::new(Observers::default());
        let thread = Thread {
            db,
            waiting,
            next,
            published,
            observers: Arc::clone(&observers),
            sync,
            unsynced: 0,
        };
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || thread.run())
            .map_err(|_| Error::Closed)?;
        Ok((
            Self {
                queue: Some(queue),
                thread: Some(thread),
            },
            observers,
        ))
    }

    /// Queues a commit. The receiver gets its first position once it is on disk.
    pub(super) fn submit(&self, commit: Commit) -> Result<oneshot::Receiver<Result<StreamPos>>> {
        let (ack, receiver) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(Error::Closed)?;
        queue
            .send(Queued { commit, ack })
            .map_err(|_| Error::Closed)?;
        Ok(receiver)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        // The database is closed when this returns, so that it can be opened again.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the writer thread panicked");
        }
    }
}

/// Who is told of changes.
#[derive(Default)]
pub(super) struct Observers(pub(super) parking_lot::RwLock<Vec<Arc<dyn Observer>>>);

struct Thread {
    db: Arc<Database>,
    waiting: Receiver<Queued>,
    next: StreamPos,
    published: watch::Sender<StreamPos>,
    observers: Arc<Observers>,
    sync: bool,
    unsynced: u64,
}

impl Thread {
    fn run(mut self) {
        while let Ok(first) = self.waiting.recv() {
            self.write_group(first);
        }
    }

    fn write_group(&mut self, first: Queued) {
        let db = Arc::clone(&self.db);
        let mut batch = Batch::new(&db);
        let mut durable = false;
        let mut acks = Vec::new();
        let mut changes = Vec::new();
        let mut position = self.next;
        let mut queued = Some(first);
        while let Some(Queued { commit, ack }) = queued {
            (commit.fill)(&mut batch, position);
            durable |= commit.durable;
            changes.extend(
                commit
                    .changes
                    .into_iter()
                    .map(|(offset, change)| (position.plus(offset.into()), change)),
            );
            acks.push((ack, position));
            position = position.plus(commit.positions.into());
            let full = acks.len() >= GROUP_COMMITS || batch.size() >= GROUP_BYTES;
            queued = if full {
                None
            } else {
                self.waiting.try_recv().ok()
            };
        }
        let last = StreamPos(position.0.saturating_sub(1));
        STREAM_POSITION.put(&mut batch, (), &last);
        match batch.finish() {
            Ok(batch) => self.write(batch, durable, position),
            Err(error) => {
                tracing::error!(%error, "a group of commits could not be encoded and was refused");
                acks.into_iter().for_each(|(ack, _)| {
                    drop(ack.send(Err(Error::Corrupt("a row cannot be encoded"))));
                });
                return;
            }
        }
        for observer in self.observers.0.read().iter() {
            observer.committed(&changes);
        }
        self.next = position;
        self.published.send_replace(last);
        for (ack, position) in acks {
            // The request may have gone away; the change stays.
            drop(ack.send(Ok(position)));
        }
    }

    fn write(&mut self, batch: rocksdb::WriteBatch, durable: bool, next: StreamPos) {
        self.unsynced += next.0 - self.next.0;
        let sync = self.sync && (durable || self.unsynced >= UNSYNCED_POSITIONS);
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        if let Err(error) = self.db.write_opt(batch, &options) {
            tracing::error!(%error, "the database cannot be written; the server stops, its log decides at the next start");
            std::process::exit(74);
        }
        if sync {
            self.unsynced = 0;
        }
    }
}

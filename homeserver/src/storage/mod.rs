//! The database: typed tables over one RocksDB, one writer thread, snapshots for readers.
//!
//! Reads are synchronous and come from a [`Snapshot`]; code that reads runs on a blocking thread
//! ([`Storage::read`]). Changes are [`Commit`]s and go through the writer thread only, see [`writer`].

mod batch;
mod doorbell;
mod interner;
mod key;
mod migrate;
mod options;
mod table;
pub mod tables;
mod value;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::watch;

pub use self::{
    batch::Batch,
    doorbell::{Doorbell, Listener},
    interner::{Interner, state_key_pair},
    key::{Key, KeyOf, PrefixOf},
    options::Family,
    table::{Scan, Table},
    value::{Record, Value, decode_record, encode_record},
    writer::{Commit, Fill},
};
use self::{
    options::Database,
    writer::{Observers, Writer},
};
use crate::ids::{RoomNid, StreamPos, UserNid};

/// Why the database did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// RocksDB failed.
    #[error("the database failed: {0}")]
    Rocks(rocksdb::Error),
    /// RocksDB cannot open its files.
    #[error(
        "the database {path} cannot be opened. If it is damaged, restore a backup, as administration.md says: {reason}"
    )]
    Unopened {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: rocksdb::Error,
    },
    /// A row is not what its table says.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(&'static str),
    /// The same, with the table.
    #[error("table {table}: {error}")]
    Table {
        /// The table's name.
        table: &'static str,
        /// What is wrong.
        error: Box<Error>,
    },
    /// The database was written by a newer version.
    #[error(
        "the database has schema version {found}, this program knows up to {known}: use a newer program"
    )]
    TooNew {
        /// The version found.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// The server is stopping.
    #[error("the database is closed")]
    Closed,
}

impl Error {
    fn in_table(self, table: &'static str) -> Self {
        Self::Table {
            table,
            error: Box::new(self),
        }
    }
}

impl From<rocksdb::Error> for Error {
    fn from(error: rocksdb::Error) -> Self {
        Self::Rocks(error)
    }
}

/// What the database answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing changed, for sessions that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// An event was appended to a room.
    Event {
        /// The room.
        room: RoomNid,
        /// Whether it moves the room up in clients' lists.
        bump: bool,
    },
    /// Receipts or typing of a room.
    Ephemeral(RoomNid),
    /// A user's membership in a room, beside the event that changed it.
    Membership {
        /// The room.
        room: RoomNid,
        /// The member.
        user: UserNid,
        /// Whether the user receives the room's events from here on.
        joined: bool,
    },
    /// Something of one user: account data, to-device messages, keys, an invite.
    User(UserNid),
    /// Whether a user is online. It concerns those who share a room with them.
    Presence(UserNid),
}

/// Told of every change on the writer thread, after it is on disk and before its position is published. Must be quick.
pub trait Observer: Send + Sync {
    /// The changes of one group in stream order.
    fn committed(&self, changes: &[(StreamPos, Change)]);
}

/// Positions left unused at every opening, see [`writer`].
const POSITION_GAP: u64 = 1_000_000;

/// How to open the database.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// Whether acknowledged durable commits survive a power failure. Off only in benchmarks.
    pub sync: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { sync: true }
    }
}

/// The open database. Clones share it.
#[derive(Clone)]
pub struct Storage {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    observers: Arc<Observers>,
    published: watch::Receiver<StreamPos>,
    interner: Interner,
    epoch: u32,
    path: PathBuf,
    db: Arc<Database>,
}

impl Storage {
    /// Opens the database in `path`, making it where there is none.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Self> {
        let db = Arc::new(options::open(path)?);
        migrate::run(&db)?;
        let snapshot = Snapshot::new(&db);
        let epoch = tables::EPOCH.get(&snapshot, ())?.unwrap_or(1);
        let last = match tables::STREAM_POSITION.get(&snapshot, ())? {
            Some(stored) => stored.plus(POSITION_GAP),
            None => StreamPos::ZERO,
        };
        drop(snapshot);
        let mut batch = Batch::new(&db);
        tables::STREAM_POSITION.put(&mut batch, (), &last);
        write_synced(&db, batch)?;
        let (publish, published) = watch::channel(last);
        let (writer, observers) =
            Writer::start(Arc::clone(&db), last.plus(1), publish, options.sync)?;
        let interner = Interner::open(Arc::clone(&db))?;
        let inner = Inner {
            writer,
            observers,
            published,
            interner,
            epoch,
            path: path.to_owned(),
            db,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The database as it is now.
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot::new(&self.inner.db)
    }

    /// Runs reading code on a blocking thread over one snapshot.
    pub async fn read<T, E>(
        &self,
        read: impl FnOnce(&Snapshot<'_>) -> std::result::Result<T, E> + Send + 'static,
    ) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let storage = self.clone();
        let done = tokio::task::spawn_blocking(move || read(&storage.snapshot())).await;
        match done {
            Ok(result) => result,
            Err(stopped) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
            Err(_) => Err(Error::Closed.into()),
        }
    }

    /// Makes a change and waits until it is on disk. Returns its first stream position.
    pub async fn commit(&self, commit: Commit) -> Result<StreamPos> {
        self.submit(commit)?.await
    }

    /// Queues a change. It takes its place in the stream now; the receipt tells when it is on disk.
    pub fn submit(&self, commit: Commit) -> Result<Receipt> {
        Ok(Receipt(self.inner.writer.submit(commit)?))
    }

    /// Makes a change from a blocking thread, and waits until it is on disk.
    pub fn commit_blocking(&self, commit: Commit) -> Result<StreamPos> {
        self.inner
            .writer
            .submit(commit)?
            .blocking_recv()
            .map_err(|_| Error::Closed)?
    }

    /// The newest position that can be read completely. Read it before taking a snapshot.
    pub fn position(&self) -> StreamPos {
        *self.inner.published.borrow()
    }

    /// Follows the published position.
    pub fn positions(&self) -> watch::Receiver<StreamPos> {
        self.inner.published.clone()
    }

    /// Numbers for texts.
    pub fn interner(&self) -> &Interner {
        &self.inner.interner
    }

    /// Which life of the database this is; a restored backup begins a new one, and sync tokens of others are void.
    pub fn epoch(&self) -> u32 {
        self.inner.epoch
    }

    /// The folder of the database.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Tells `observer` of every change from now on.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.inner.observers.0.write().push(observer);
    }

    /// Brings everything that was written into files of its own family.
    pub fn flush(&self) -> Result<()> {
        for family in Family::ALL {
            let family = self.inner.db.cf_handle(family.name());
            let family = family.ok_or(Error::Corrupt("a column family is missing"))?;
            self.inner.db.flush_cf(family)?;
        }
        Ok(())
    }

    /// How many bytes the files of a family have.
    pub fn disk_bytes(&self, family: Family) -> Result<u64> {
        self.property(family, "rocksdb.total-sst-files-size")
    }

    /// How many rows a family has, roughly.
    pub fn estimated_rows(&self, family: Family) -> Result<u64> {
        self.property(family, "rocksdb.estimate-num-keys")
    }

    fn property(&self, family: Family, name: &str) -> Result<u64> {
        let family = self.inner.db.cf_handle(family.name());
        let family = family.ok_or(Error::Corrupt("a column family is missing"))?;
        let value = self.inner.db.property_int_value_cf(family, name)?;
        Ok(value.unwrap_or(0))
    }

    /// Frees the disk of rows that were removed between two keys of a family. Takes long; not for async code.
    fn compact(&self, family: Family, from: &[u8], to: &[u8]) -> Result<()> {
        let family = self.inner.db.cf_handle(family.name());
        let family = family.ok_or(Error::Corrupt("a column family is missing"))?;
        self.inner.db.compact_range_cf(family, Some(from), Some(to));
        Ok(())
    }

    /// A consistent copy of the database in `target`, made of hard links while the server goes on.
    pub fn checkpoint(&self, target: &Path) -> Result<()> {
        Ok(rocksdb::checkpoint::Checkpoint::new(&*self.inner.db)?.create_checkpoint(target)?)
    }
}

/// The promise of a queued change.
pub struct Receipt(tokio::sync::oneshot::Receiver<Result<StreamPos>>);

impl Future for Receipt {
    type Output = Result<StreamPos>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0)
            .poll(context)
            .map(|done| done.unwrap_or(Err(Error::Closed)))
    }
}

/// Begins a new life of the database in `path`, which no server has open: clients resync instead of missing events.
pub fn begin_epoch(path: &Path) -> Result<u32> {
    let db = options::open(path)?;
    let epoch = tables::EPOCH.get(&Snapshot::new(&db), ())?.unwrap_or(1) + 1;
    let mut batch = Batch::new(&db);
    tables::EPOCH.put(&mut batch, (), &epoch);
    write_synced(&db, batch)?;
    Ok(epoch)
}

/// Runs `check` over the database in `path` without the right to change it.
pub fn inspect<T, E: From<Error>>(
    path: &Path,
    check: impl FnOnce(&Snapshot<'_>) -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    let db = options::open_read_only(path)?;
    check(&Snapshot::new(&db))
}

fn write_synced(db: &Database, batch: Batch<'_>) -> Result<()> {
    let mut options = rocksdb::WriteOptions::default();
    options.set_sync(true);
    Ok(db.write_opt(batch.finish()?, &options)?)
}

/// The database at one moment.
pub struct Snapshot<'d> {
    db: &'d Database,
    raw: rocksdb::SnapshotWithThreadMode<'d, Database>,
}

impl<'d> Snapshot<'d> {
    fn new(db: &'d Database) -> Self {
        Self {
            db,
            raw: db.snapshot(),
        }
    }

    /// How many rows each table has.
    #[cfg(test)]
    pub(crate) fn row_counts(&self) -> std::collections::BTreeMap<&'static str, usize> {
        let mut counts = std::collections::BTreeMap::new();
        for (name, family, prefix) in tables::ALL {
            let family = self.family(*family).unwrap();
            let mode = rocksdb::IteratorMode::From(&[*prefix], rocksdb::Direction::Forward);
            let rows = self.raw.iterator_cf(family, mode);
            let count = rows
                .take_while(|row| row.as_ref().unwrap().0.first() == Some(prefix))
                .count();
            if count > 0 {
                counts.insert(*name, count);
            }
        }
        counts
    }

    /// Whether a text stands in any row.
    #[cfg(test)]
    pub(crate) fn has_text(&self, text: &str) -> bool {
        let has = |bytes: &[u8]| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        Family::ALL.into_iter().any(|family| {
            let family = self.family(family).unwrap();
            let mut rows = self.raw.iterator_cf(family, rocksdb::IteratorMode::Start);
            rows.any(|row| row.is_ok_and(|(key, value)| has(&key) || has(&value)))
        })
    }

    fn family(&self, family: Family) -> Result<&'d rocksdb::ColumnFamily> {
        self.db
            .cf_handle(family.name())
            .ok_or(Error::Corrupt("a column family is missing"))
    }
}

#[cfg(test)]
mod tests;

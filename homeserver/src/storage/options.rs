//! How RocksDB is opened: one column family per tuning class, not per table.

use std::path::Path;

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode,
    DBWithThreadMode, LogLevel, Options, SingleThreaded,
};

use super::{Error, Result};

/// The database handle. Families are fixed at opening, so the single-threaded mode is enough; reads and writes may come
/// from any thread in either mode.
pub(super) type Database = DBWithThreadMode<SingleThreaded>;

/// A column family: tables that are read and written alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Event bodies: large, compressible, point reads.
    Events,
    /// Identifiers of events: point reads.
    EventIds,
    /// Rows in stream order: range scans.
    Timeline,
    /// Room state: shared tree nodes and the current state.
    State,
    /// Authorisation edges between events.
    Auth,
    /// Summaries and members: small and hot.
    Rooms,
    /// Interned texts: hot.
    Interned,
    /// Accounts, sessions, devices.
    Users,
    /// What belongs to one user.
    UserData,
    /// Receipts.
    Receipts,
    /// Keys, backups, to-device messages.
    E2ee,
    /// Queues that are emptied from the front.
    Outbox,
    /// Events received and not yet processed.
    Inbound,
    /// Media and the server's own few rows.
    Meta,
    /// The search index: lists that are read as a whole.
    Search,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 15] = [
        Self::Events,
        Self::EventIds,
        Self::Timeline,
        Self::State,
        Self::Auth,
        Self::Rooms,
        Self::Interned,
        Self::Users,
        Self::UserData,
        Self::Receipts,
        Self::E2ee,
        Self::Outbox,
        Self::Inbound,
        Self::Meta,
        Self::Search,
    ];

    /// The name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::EventIds => "event_ids",
            Self::Timeline => "timeline",
            Self::State => "state",
            Self::Auth => "auth",
            Self::Rooms => "rooms",
            Self::Interned => "interned",
            Self::Users => "users",
            Self::UserData => "user_data",
            Self::Receipts => "receipts",
            Self::E2ee => "e2ee",
            Self::Outbox => "outbox",
            Self::Inbound => "inbound",
            Self::Meta => "meta",
            Self::Search => "search",
        }
    }

    fn options(self, cache: &Cache) -> Options {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(cache);
        blocks.set_bloom_filter(10.0, false);
        blocks.set_optimize_filters_for_memory(true);
        blocks.set_format_version(6);
        let mut options = Options::default();
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_write_buffer_size(8 << 20);
        match self {
            Self::Events => {
                blocks.set_block_size(16 << 10);
                options.set_write_buffer_size(16 << 20);
                options.set_bottommost_compression_type(DBCompressionType::Zstd);
            }
            Self::Timeline | Self::UserData | Self::Receipts => blocks.set_block_size(8 << 10),
            Self::Search => {
                blocks.set_block_size(8 << 10);
                options.set_bottommost_compression_type(DBCompressionType::Zstd);
            }
            // Hashes do not compress.
            Self::EventIds => options.set_compression_type(DBCompressionType::None),
            _ => {}
        }
        options.set_block_based_table_factory(&blocks);
        options
    }
}

/// Bytes of the block cache all families share.
const BLOCK_CACHE: usize = 64 << 20;
/// Bytes of unflushed rows over all families; a family is flushed early when they are reached.
const MEMTABLES: usize = 48 << 20;

fn options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_db_write_buffer_size(MEMTABLES);
    options.set_max_total_wal_size(128 << 20);
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_max_open_files(1024);
    options.set_max_background_jobs(2);
    options.set_bytes_per_sync(1 << 20);
    options.set_keep_log_file_num(3);
    options.set_max_log_file_size(4 << 20);
    options.set_log_level(LogLevel::Warn);
    options
}

fn families(wanted: impl Fn(&str) -> bool) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(BLOCK_CACHE);
    let mut families: Vec<_> = Family::ALL
        .iter()
        .filter(|family| wanted(family.name()))
        .map(|family| ColumnFamilyDescriptor::new(family.name(), family.options(&cache)))
        .collect();
    families.push(ColumnFamilyDescriptor::new("default", Options::default()));
    families
}

/// Opens the database, making it and its families where they are missing.
pub(super) fn open(path: &Path) -> Result<Database> {
    Database::open_cf_descriptors(&options(), path, families(|_| true))
        .map_err(|reason| unopened(path, reason))
}

fn unopened(path: &Path, reason: rocksdb::Error) -> Error {
    Error::Unopened {
        path: path.to_owned(),
        reason,
    }
}

/// Opens the database without the right to change it, for checks of backups.
pub(super) fn open_read_only(path: &Path) -> Result<Database> {
    let mut options = options();
    options.create_if_missing(false);
    options.create_missing_column_families(false);
    // A backup of an older version lacks the families that came later.
    let present = Database::list_cf(&options, path).map_err(|reason| unopened(path, reason))?;
    Database::open_cf_descriptors_read_only(
        &options,
        path,
        families(|name| present.iter().any(|present| present == name)),
        false,
    )
    .map_err(|reason| unopened(path, reason))
}

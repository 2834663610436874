//! Uploaded files.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#content-repository)
//!
//! A file is stored once, under the BLAKE3 hash of its content (SHA-256 takes four times as long, and on a small computer
//! most of an upload), however often it is uploaded; a row says what a media id stands for. The file reaches the disk before the row is written, so a row always has its file. A file without a row,
//! left by a crash in between, is removed at the next start.

mod animation;
mod blobs;
mod bucket;
mod contents;
mod download;
mod foreign;
mod inventory;
mod ladder;
mod orphans;
mod picture;
mod pieces;
mod preview;
mod quarantine;
mod removal;
mod reservation;
mod resize;
pub mod routes;
pub mod store;
mod thumbnail;
mod upload;

use std::{path::Path, sync::Arc, time::Duration};

use ruma::OwnedServerName;
use tokio::sync::{Mutex, RwLock, Semaphore, watch};

use self::{
    blobs::Blobs, bucket::Bucket, contents::Contents, inventory::Ledger, store::ContentHash,
};
pub use self::{
    contents::File,
    download::{Stored, is_media_id},
    foreign::NOBODY,
    inventory::{MediaInfo, Usage},
    ladder::{Fit, ThumbnailRequest},
    preview::PreviewRequest,
    removal::Unused,
    thumbnail::Thumbnail,
    upload::Upload,
};
use crate::{
    Config,
    clock::SharedClock,
    config::MediaStore,
    flights::Flights,
    outbound::Outbound,
    storage::{self, Storage},
    workers::Workers,
};

/// Pictures decoded at the same time: each may take a few hundred megabytes.
const PICTURES_AT_ONCE: usize = 2;

/// The service. Clones share it.
#[derive(Clone)]
pub struct Media {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    clock: SharedClock,
    server_name: OwnedServerName,
    settings: Settings,
    contents: Contents,
    /// Who may have a picture in memory.
    pictures: Semaphore,
    painters: Workers,
    flights: Flights<ContentHash>,
    previewing: Flights<ContentHash>,
    outbound: Outbound,
    ledger: Ledger,
    /// Held shared from when a content gets its name until its row is written; held alone while one is deleted.
    placing: RwLock<()>,
    /// Held while an address is given out or filled.
    reserving: Mutex<()>,
    /// Told when the file of an address has come.
    arrivals: watch::Sender<()>,
}

/// What the configuration says about files.
#[derive(Clone, Debug)]
struct Settings {
    max_upload: u64,
    quota: Option<u64>,
    keep_local: Option<Duration>,
    keep_remote: Option<Duration>,
    url_previews: bool,
}

/// Why the store of files cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used.
    #[error("the media folder cannot be used: {0}")]
    Folder(#[from] std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The settings of the bucket make no sense.
    #[error("[media.s3] cannot be used: {0:#}")]
    Bucket(anyhow::Error),
}

impl Media {
    /// Opens the store of files and removes what a crash has left in `folder`. Reads the folder's whole list of files:
    /// call it before requests are served.
    pub fn open(
        storage: Storage,
        clock: SharedClock,
        outbound: Outbound,
        config: &Config,
        folder: &Path,
    ) -> Result<Self, OpenError> {
        let media = &config.media;
        let blobs = Blobs::open(folder)?;
        let bucket = match (media.store, &media.s3) {
            (MediaStore::S3, Some(s3)) => {
                Some(Bucket::new(s3, &config.outbound).map_err(OpenError::Bucket)?)
            }
            _ => {
                blobs.remove_orphans(&storage.snapshot())?;
                None
            }
        };
        inventory::complete(&storage, &config.server_name)?;
        let settings = Settings {
            max_upload: media.max_upload.bytes(),
            quota: media.quota.map(|quota| quota.bytes()),
            keep_local: media.keep_local.map(|keep| keep.0),
            keep_remote: media.keep_remote.map(|keep| keep.0),
            url_previews: media.url_previews,
        };
        let inner = Inner {
            storage,
            clock,
            server_name: config.server_name.clone(),
            settings,
            contents: Contents::new(blobs, bucket),
            pictures: Semaphore::new(PICTURES_AT_ONCE),
            painters: Workers::start("pictures", PICTURES_AT_ONCE),
            flights: Flights::default(),
            previewing: Flights::default(),
            outbound,
            ledger: Ledger::default(),
            placing: RwLock::default(),
            reserving: Mutex::default(),
            arrivals: watch::Sender::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The size of the largest file that can be uploaded, in bytes.
    pub fn max_upload(&self) -> u64 {
        self.inner.settings.max_upload
    }
}

#[cfg(test)]
mod tests;

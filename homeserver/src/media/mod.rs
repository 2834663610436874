//! Uploaded files.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#content-repository)
//!
//! A file is stored once, under the SHA-256 of its content, however often it is uploaded; a row says what a media id
//! stands for. The file reaches the disk before the row is written, so a row always has its file. A file without a row,
//! left by a crash in between, is removed at the next start.

mod blobs;
mod download;
mod foreign;
mod ladder;
mod picture;
mod reservation;
pub mod routes;
pub mod store;
mod thumbnail;
mod upload;

use std::{path::Path, sync::Arc};

use ruma::{OwnedServerName, ServerName};
use tokio::sync::{Mutex, Semaphore, watch};

use self::{blobs::Blobs, store::ContentHash};
pub use self::{
    download::{File, Stored, is_media_id},
    foreign::NOBODY,
    ladder::{Fit, ThumbnailRequest},
    thumbnail::Thumbnail,
    upload::Upload,
};
use crate::{
    clock::SharedClock,
    flights::Flights,
    storage::{self, Storage},
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
    max_upload: u64,
    blobs: Blobs,
    pictures: Semaphore,
    flights: Flights<ContentHash>,
    /// Held while an address is given out or filled.
    reserving: Mutex<()>,
    /// Told when the file of an address has come.
    arrivals: watch::Sender<()>,
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
}

impl Media {
    /// Opens the store of files in `folder` and removes what a crash has left there. Reads the folder's whole list of
    /// files: call it before requests are served.
    pub fn open(
        storage: Storage,
        clock: SharedClock,
        server_name: &ServerName,
        folder: &Path,
        max_upload: u64,
    ) -> Result<Self, OpenError> {
        let blobs = Blobs::open(folder)?;
        blobs.remove_orphans(&storage.snapshot())?;
        let inner = Inner {
            storage,
            clock,
            server_name: server_name.to_owned(),
            max_upload,
            blobs,
            pictures: Semaphore::new(PICTURES_AT_ONCE),
            flights: Flights::default(),
            reserving: Mutex::default(),
            arrivals: watch::Sender::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The size of the largest file that can be uploaded, in bytes.
    pub fn max_upload(&self) -> u64 {
        self.inner.max_upload
    }
}

#[cfg(test)]
mod tests;

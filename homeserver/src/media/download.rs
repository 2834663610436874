//! Finding files and reading them.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::PathBuf,
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use ruma::{OwnedServerName, ServerName, api::error::ErrorKind};
use tokio_util::io::ReaderStream;

use super::{File, Media, blobs, store::MediaRow, upload::blocking};
use crate::{
    ApiError, ApiResult,
    storage::{Commit, tables},
};

/// Files up to this size are read whole, in one hop to a blocking thread.
const READ_WHOLE: u64 = 1024 * 1024;
/// The longest time that somebody may wait for a file.
const MAX_PATIENCE: Duration = Duration::from_secs(60);
/// How exact it is remembered when a file was last fetched.
const ACCESS_PRECISION_MS: u64 = 24 * 60 * 60 * 1000;
/// Bytes read at once of larger files.
const READ_SIZE: usize = 256 * 1024;

/// A file that was uploaded.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What is known about it.
    pub row: MediaRow,
    /// The content.
    pub file: File,
}

impl Stored {
    /// A text that names the content and nothing else.
    pub fn content_name(&self) -> String {
        blobs::hex(&self.row.hash)
    }
}

impl Media {
    /// The file with an `mxc://` address. For one that is reserved and not uploaded yet it waits some time.
    pub async fn find(
        &self,
        server_name: &ServerName,
        media_id: &str,
        patience: Duration,
    ) -> ApiResult<Stored> {
        if !is_media_id(media_id) {
            return Err(not_found());
        }
        // Before the first look, so that no arrival falls in between.
        let mut arrivals = self.inner.arrivals.subscribe();
        if let Some(stored) = self.find_now(server_name, media_id).await? {
            return Ok(stored);
        }
        let arrived = async {
            loop {
                arrivals.changed().await.map_err(ApiError::internal)?;
                if let Some(stored) = self.find_now(server_name, media_id).await? {
                    return Ok(stored);
                }
            }
        };
        let patience = patience.min(MAX_PATIENCE);
        tokio::time::timeout(patience, arrived)
            .await
            .unwrap_or_else(|_| Err(not_yet_uploaded()))
    }

    /// The file, or nothing where there will be one.
    async fn find_now(
        &self,
        server_name: &ServerName,
        media_id: &str,
    ) -> ApiResult<Option<Stored>> {
        let (server_name, media_id) = (server_name.to_owned(), media_id.to_owned());
        let this = self.clone();
        self.inner
            .storage
            .read(move |snapshot| {
                let Some(row) = tables::MEDIA.get(snapshot, (&server_name, &media_id))? else {
                    let is_local = server_name == this.inner.server_name;
                    let is_reserved = is_local && this.is_reserved(snapshot, &media_id)?;
                    return if is_reserved {
                        Ok(None)
                    } else {
                        Err(not_found())
                    };
                };
                if tables::QUARANTINED_CONTENT.contains(snapshot, row.hash)? {
                    return Err(not_found());
                }
                let fetched = tables::MEDIA_ACCESS.get(snapshot, (&server_name, &media_id))?;
                this.note_access(server_name, media_id, fetched);
                let file = this.inner.contents.file(&row.hash, row.size);
                Ok(Some(Stored { row, file }))
            })
            .await
    }

    /// Remembers that a file was fetched, to a day.
    pub(super) fn note_access(
        &self,
        server_name: OwnedServerName,
        media_id: String,
        before: Option<u64>,
    ) {
        let now = u64::from(self.inner.clock.now().get());
        if before.is_some_and(|before| now < before.saturating_add(ACCESS_PRECISION_MS)) {
            return;
        }
        let commit = Commit::silent(move |batch| {
            tables::MEDIA_ACCESS.put(batch, (server_name, media_id), &now);
        });
        if let Err(error) = self.inner.storage.submit(commit.ephemeral()) {
            tracing::warn!(%error, "when a file was fetched could not be written");
        }
    }
}

/// Some bytes of a file on the disk, as the body of an answer.
pub(super) async fn read_file(path: PathBuf, range: Range<u64>) -> ApiResult<Body> {
    let length = range.end.saturating_sub(range.start);
    if length <= READ_WHOLE {
        return Ok(Body::from(
            blocking(move || read_whole(&path, range.start, length)).await?,
        ));
    }
    let file = blocking(move || {
        let mut file = fs::File::open(path)?;
        file.seek(SeekFrom::Start(range.start))?;
        Ok(file)
    })
    .await?;
    let rest = tokio::io::AsyncReadExt::take(tokio::fs::File::from_std(file), length);
    Ok(Body::from_stream(ReaderStream::with_capacity(
        rest, READ_SIZE,
    )))
}

fn read_whole(path: &std::path::Path, start: u64, length: u64) -> io::Result<Bytes> {
    let mut file = fs::File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// Whether a text could be the id of a file. Ids never reach the file system, and still have only the letters that the specification allows.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#security-considerations-5)
pub fn is_media_id(media_id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !media_id.is_empty() && media_id.bytes().all(allowed)
}

fn not_yet_uploaded() -> ApiError {
    let message = "The file has not been uploaded yet.";
    ApiError::new(
        StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::NotYetUploaded,
        message,
    )
}

pub(super) fn not_found() -> ApiError {
    ApiError::not_found("There is no such file.")
}

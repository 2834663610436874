//! Finding files and reading them.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::PathBuf,
};

use axum::body::Body;
use bytes::Bytes;
use ruma::ServerName;
use tokio_util::io::ReaderStream;

use super::{Media, blobs, store::MediaRow, upload::blocking};
use crate::{ApiError, ApiResult, storage::tables};

/// Files up to this size are read whole, in one hop to a blocking thread.
const READ_WHOLE: u64 = 1024 * 1024;
/// Bytes read at once of larger files.
const READ_SIZE: usize = 256 * 1024;

/// A file on the disk.
#[derive(Clone, Debug, Default)]
pub struct File {
    pub(super) path: PathBuf,
    /// Bytes.
    pub size: u64,
}

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
    /// The file with an `mxc://` address.
    pub async fn find(&self, server_name: &ServerName, media_id: &str) -> ApiResult<Stored> {
        if !is_media_id(media_id) {
            return Err(not_found());
        }
        let key = (server_name.to_owned(), media_id.to_owned());
        let this = self.clone();
        self.inner
            .storage
            .read(move |snapshot| {
                let row = tables::MEDIA.get(snapshot, key)?.ok_or_else(not_found)?;
                let file = File {
                    path: this.inner.blobs.path(&row.hash),
                    size: row.size,
                };
                Ok(Stored { row, file })
            })
            .await
    }
}

impl File {
    /// Some bytes of the file, as the body of an answer.
    pub async fn read(&self, range: Range<u64>) -> ApiResult<Body> {
        let path = self.path.clone();
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
}

fn read_whole(path: &std::path::Path, start: u64, length: u64) -> io::Result<Bytes> {
    let mut file = fs::File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// Ids never reach the file system, and still have only the letters that the specification allows.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#security-considerations-5)
fn is_media_id(media_id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !media_id.is_empty() && media_id.bytes().all(allowed)
}

fn not_found() -> ApiError {
    ApiError::not_found("There is no such file.")
}

//! Receiving a file.

use std::io;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use rand::{Rng, distr::Alphanumeric};
use ruma::OwnedMxcUri;

use super::{
    Media,
    blobs::{Incoming, Received},
    store::MediaRow,
};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{Commit, tables},
};

/// Bytes collected before they are written: each write is a hop to a blocking thread.
const WRITE_SIZE: usize = 256 * 1024;
/// Letters of a media id: as hard to guess as a key.
const MEDIA_ID_LENGTH: usize = 24;
/// Bytes of the longest content type or file name kept.
const MAX_TEXT_LENGTH: usize = 255;

/// A file that somebody uploads.
pub struct Upload {
    /// Who.
    pub uploader: UserNid,
    /// What the content is said to be.
    pub content_type: Option<String>,
    /// What the file is called.
    pub filename: Option<String>,
    /// Bytes, if the client says so in advance.
    pub announced_size: Option<u64>,
    /// The content.
    pub body: Body,
}

impl Media {
    /// Stores a file as it comes in, without ever having the whole of it in memory.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav3upload)
    pub async fn upload(&self, upload: Upload) -> ApiResult<OwnedMxcUri> {
        let media_id = new_media_id();
        let uri = self.uri(&media_id);
        let (row, received) = self.take(upload).await?;
        self.keep(media_id, row, received).await?;
        Ok(uri)
    }

    /// Receives a file without giving it an id yet.
    pub(super) async fn take(&self, upload: Upload) -> ApiResult<(MediaRow, Received)> {
        check_text("Content-Type", upload.content_type.as_deref())?;
        check_text("filename", upload.filename.as_deref())?;
        let limit = self.inner.max_upload;
        if upload.announced_size.is_some_and(|size| size > limit) {
            return Err(self.too_large());
        }
        let received = self.receive(upload.body).await?;
        let row = MediaRow {
            hash: received.hash,
            size: received.size,
            content_type: upload.content_type,
            filename: upload.filename,
            uploader: upload.uploader,
            created: self.inner.clock.now(),
        };
        Ok((row, received))
    }

    /// Has an id stand for a file: first the file is on the disk, then the row.
    pub(super) async fn keep(
        &self,
        media_id: String,
        row: MediaRow,
        received: Received,
    ) -> ApiResult {
        let this = self.clone();
        blocking(move || this.inner.blobs.keep(received)).await?;
        let server_name = self.inner.server_name.clone();
        let commit = Commit::silent(move |batch| {
            tables::RESERVED_MEDIA.delete(batch, &media_id);
            tables::RESERVED_MEDIA_OF_USER.delete(batch, (row.uploader, &media_id));
            tables::MEDIA_OF_CONTENT.put(batch, (row.hash, &server_name, &media_id), &());
            tables::MEDIA.put(batch, (server_name, media_id), &row);
        });
        self.inner.storage.commit(commit).await?;
        Ok(())
    }

    /// The address of a media id of this server.
    pub(super) fn uri(&self, media_id: &str) -> OwnedMxcUri {
        OwnedMxcUri::from(format!("mxc://{}/{media_id}", self.inner.server_name))
    }

    async fn receive(&self, body: Body) -> ApiResult<Received> {
        let this = self.clone();
        let mut incoming = blocking(move || this.inner.blobs.create()).await?;
        let mut stream = body.into_data_stream();
        let mut collected = BytesMut::new();
        while let Some(bytes) = stream.try_next().await.map_err(broken_body)? {
            let size = incoming.size() + (collected.len() + bytes.len()) as u64;
            if size > self.inner.max_upload {
                return Err(self.too_large());
            }
            collected.extend_from_slice(&bytes);
            if collected.len() >= WRITE_SIZE {
                incoming = write(incoming, collected.split().freeze()).await?;
            }
        }
        blocking(move || {
            incoming.write(&collected)?;
            incoming.finish()
        })
        .await
    }

    fn too_large(&self) -> ApiError {
        let limit = self.inner.max_upload;
        ApiError::too_large(format!(
            "The file is larger than the limit of {limit} bytes (m.upload.size)."
        ))
    }
}

async fn write(mut incoming: Incoming, bytes: Bytes) -> ApiResult<Incoming> {
    blocking(move || {
        incoming.write(&bytes)?;
        Ok(incoming)
    })
    .await
}

/// Runs file work on a blocking thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> ApiResult<T> {
    let done = tokio::task::spawn_blocking(work)
        .await
        .map_err(ApiError::internal)?;
    done.map_err(ApiError::internal)
}

fn broken_body(error: axum::Error) -> ApiError {
    let message = "The body ended before the file was complete.";
    ApiError::bad_request(ruma::api::error::ErrorKind::Unknown, message).because(error)
}

fn check_text(what: &str, text: Option<&str>) -> ApiResult {
    if text.is_some_and(|text| text.len() > MAX_TEXT_LENGTH || text.chars().any(char::is_control)) {
        let message = format!("{what} may have {MAX_TEXT_LENGTH} bytes and no control characters.");
        return Err(ApiError::invalid_param(message));
    }
    Ok(())
}

pub(super) fn new_media_id() -> String {
    let letters = rand::rng().sample_iter(Alphanumeric).take(MEDIA_ID_LENGTH);
    letters.map(char::from).collect()
}

//! Receiving a file.

use std::{io, time::Duration};

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::TryStreamExt;
use http::StatusCode;
use rand::{Rng, distr::Alphanumeric};
use ruma::{OwnedMxcUri, OwnedServerName, api::error::ErrorKind};
use tokio::time::timeout;

use super::{Media, blobs::Incoming, inventory::put_of_user, pieces::Unwritten, store::MediaRow};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{Commit, tables},
};

/// Letters of a media id: as hard to guess as a key.
const MEDIA_ID_LENGTH: usize = 24;
/// Bytes of the longest content type or file name kept.
const MAX_TEXT_LENGTH: usize = 255;
/// How long a client may pause within a file.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

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

/// A file that was received and has no id yet.
pub(super) struct Taken {
    incoming: Incoming,
    /// What is not written yet.
    rest: Unwritten,
    content_type: Option<String>,
    filename: Option<String>,
    uploader: UserNid,
}

impl Media {
    /// Stores a file as it comes in, without ever having the whole of it in memory.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav3upload)
    pub async fn upload(&self, upload: Upload) -> ApiResult<OwnedMxcUri> {
        let media_id = new_media_id();
        let uri = self.uri(&media_id);
        let taken = self.take(upload, false).await?;
        self.keep(media_id, taken).await?;
        Ok(uri)
    }

    /// Receives a file without giving it an id yet. `read_again` says that somebody waits for it already.
    pub(super) async fn take(&self, upload: Upload, read_again: bool) -> ApiResult<Taken> {
        check_text("Content-Type", upload.content_type.as_deref())?;
        check_text("filename", upload.filename.as_deref())?;
        let limit = self.inner.settings.max_upload;
        if upload.announced_size.is_some_and(|size| size > limit) {
            return Err(self.too_large());
        }
        if let Some(size) = upload.announced_size {
            // Whoever may not store it is told before they have sent it. It is counted once it has come.
            drop(self.charge(upload.uploader, size).await?);
        }
        let (incoming, rest) = self.receive(upload.body, read_again).await?;
        Ok(Taken {
            incoming,
            rest,
            content_type: upload.content_type,
            filename: upload.filename,
            uploader: upload.uploader,
        })
    }

    /// Has an id of this server stand for a file.
    pub(super) async fn keep(&self, media_id: String, taken: Taken) -> ApiResult {
        let own = self.inner.server_name.clone();
        self.keep_as(own, media_id, taken).await?;
        Ok(())
    }

    /// Has an address stand for a file: first the file is on the disk, then the row.
    pub(super) async fn keep_as(
        &self,
        server_name: OwnedServerName,
        media_id: String,
        taken: Taken,
    ) -> ApiResult<MediaRow> {
        let Taken {
            incoming,
            rest,
            content_type,
            filename,
            uploader,
        } = taken;
        let size = incoming.size() + rest.length() as u64;
        let charge = self.charge(uploader, size).await?;
        let placing = self.inner.placing.read().await;
        let local = self.inner.contents.local();
        // Usually the one hop to a blocking thread that an upload takes.
        let (hash, received) = blocking(move || {
            let received = incoming.finish(rest)?;
            let hash = received.hash;
            match local {
                Some(folder) => folder.keep(received).map(|()| (hash, None)),
                None => Ok((hash, Some(received))),
            }
        })
        .await?;
        if let Some(received) = received {
            self.inner.contents.keep(received).await?;
        }
        let row = MediaRow {
            hash,
            size,
            content_type,
            filename,
            uploader,
            created: self.inner.clock.now(),
        };
        let (written, is_own) = (row.clone(), server_name == self.inner.server_name);
        let commit = Commit::silent(move |batch| {
            let row = written;
            tables::MEDIA_OF_CONTENT.put(batch, (row.hash, &server_name, &media_id), &());
            if is_own {
                tables::RESERVED_MEDIA.delete(batch, &media_id);
                tables::RESERVED_MEDIA_OF_USER.delete(batch, (row.uploader, &media_id));
                put_of_user(batch, &media_id, &row);
            }
            tables::MEDIA.put(batch, (server_name, media_id), &row);
        });
        self.inner.storage.commit(commit).await?;
        drop(placing);
        if let Some(charge) = charge {
            charge.stored();
        }
        Ok(row)
    }

    /// The address of a media id of this server.
    pub(super) fn uri(&self, media_id: &str) -> OwnedMxcUri {
        OwnedMxcUri::from(format!("mxc://{}/{media_id}", self.inner.server_name))
    }

    /// Receives a body. What came last is not written yet.
    async fn receive(&self, body: Body, read_again: bool) -> ApiResult<(Incoming, Unwritten)> {
        let (mut incoming, mut unwritten) = self.inner.contents.create(read_again);
        let mut stream = body.into_data_stream();
        while let Some(mut bytes) = next(&mut stream, LONGEST_PAUSE).await? {
            let size = incoming.size() + (unwritten.length() + bytes.len()) as u64;
            if size > self.inner.settings.max_upload {
                return Err(self.too_large());
            }
            while !bytes.is_empty() {
                if unwritten.is_full() {
                    (incoming, unwritten) = blocking(move || {
                        incoming.write(&mut unwritten)?;
                        Ok((incoming, unwritten))
                    })
                    .await?;
                }
                unwritten.add(&mut bytes);
            }
        }
        Ok((incoming, unwritten))
    }

    fn too_large(&self) -> ApiError {
        let limit = self.inner.settings.max_upload;
        ApiError::too_large(format!(
            "The file is larger than the limit of {limit} bytes (m.upload.size)."
        ))
    }
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

/// The next part of a body, unless the client has gone silent.
async fn next(stream: &mut BodyDataStream, longest_pause: Duration) -> ApiResult<Option<Bytes>> {
    let part = timeout(longest_pause, stream.try_next()).await;
    part.map_err(|_| too_slow())?.map_err(broken_body)
}

fn too_slow() -> ApiError {
    let message = "The file did not arrive in time.";
    ApiError::new(StatusCode::REQUEST_TIMEOUT, ErrorKind::Unknown, message)
}

fn broken_body(error: axum::Error) -> ApiError {
    let message = "The body ended before the file was complete.";
    ApiError::bad_request(ErrorKind::Unknown, message).because(error)
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

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn client_that_goes_silent_is_given_up() {
        let begun = stream::iter([Ok::<_, io::Error>("a picture's first half")]);
        let mut body = Body::from_stream(begun.chain(stream::pending())).into_data_stream();
        let pause = Duration::from_millis(50);
        assert!(next(&mut body, pause).await.unwrap().is_some());
        let given_up = next(&mut body, pause).await.unwrap_err();
        assert_eq!(given_up.status(), StatusCode::REQUEST_TIMEOUT);
    }
}

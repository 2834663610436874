//! Thumbnails: made when first asked for, kept beside the pictures.

use std::{fs, io, path::PathBuf};

use image::ImageFormat;
use ruma::api::error::ErrorKind;

use super::{
    Media,
    download::{File, Stored},
    ladder::{Rung, ThumbnailRequest},
    picture::{self, PictureError},
    store::ContentHash,
};
use crate::{ApiError, ApiResult};

/// Formats thumbnails are kept in, with the ends of their names.
const KEPT: [(ImageFormat, &str); 2] = [(ImageFormat::Jpeg, "jpg"), (ImageFormat::Png, "png")];

/// A smaller picture, or the picture itself when it is small.
#[derive(Clone, Debug)]
pub struct Thumbnail {
    /// The file.
    pub file: File,
    /// Its type.
    pub content_type: &'static str,
    /// A text that names the content and nothing else.
    pub content_name: String,
}

impl Media {
    /// A picture in about the size asked for, never smaller unless the picture is.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediathumbnailservernamemediaid)
    pub async fn thumbnail(
        &self,
        stored: Stored,
        request: ThumbnailRequest,
    ) -> ApiResult<Thumbnail> {
        let Some(rung) = Rung::for_request(request) else {
            return self.original(stored).await;
        };
        if let Some(kept) = self.kept_thumbnail(&stored, rung).await? {
            return Ok(kept);
        }
        let batch = rung.batch();
        let _flight = self.inner.flights.board(stored.row.hash).await;
        if let Some(kept) = self.kept_thumbnail(&stored, rung).await? {
            return Ok(kept);
        }
        let _turn = self
            .inner
            .pictures
            .acquire()
            .await
            .map_err(ApiError::internal)?;
        let (this, path, hash) = (self.clone(), stored.file.path.clone(), stored.row.hash);
        let format = blocking(move || {
            let shrunk = picture::shrink(&fs::read(path)?, batch)?;
            for (rung, encoded) in &shrunk.smaller {
                let path = this.thumbnail_path(&hash, *rung, encoded.format);
                this.inner.blobs.write_thumbnail(&path, &encoded.bytes)?;
            }
            Ok(shrunk.format)
        })
        .await?;
        let kept = self.kept_thumbnail(&stored, rung).await?;
        Ok(kept.unwrap_or_else(|| whole(stored, format)))
    }

    fn thumbnail_path(&self, hash: &ContentHash, rung: Rung, format: ImageFormat) -> PathBuf {
        let end = KEPT
            .iter()
            .find(|(kept, _)| *kept == format)
            .map_or("jpg", |(_, end)| end);
        self.inner
            .blobs
            .thumbnail_path(hash, &format!("{}.{end}", rung.name()))
    }

    async fn kept_thumbnail(&self, stored: &Stored, rung: Rung) -> ApiResult<Option<Thumbnail>> {
        let this = self.clone();
        let hash = stored.row.hash;
        let name = thumbnail_name(stored, rung);
        blocking(move || {
            for (format, _) in KEPT {
                let path = this.thumbnail_path(&hash, rung, format);
                match fs::metadata(&path) {
                    // Nothing is what a power failure may leave of a thumbnail.
                    Ok(found) if found.len() == 0 => {}
                    Ok(found) => {
                        let file = File {
                            path,
                            size: found.len(),
                        };
                        let content_type = format.to_mime_type();
                        return Ok(Some(Thumbnail {
                            file,
                            content_type,
                            content_name: name,
                        }));
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(None)
        })
        .await
    }

    /// The picture itself, when no thumbnail is as large as asked for.
    async fn original(&self, stored: Stored) -> ApiResult<Thumbnail> {
        let path = stored.file.path.clone();
        let format = blocking(move || {
            let reader = image::ImageReader::open(path)?.with_guessed_format()?;
            reader
                .format()
                .ok_or(MakeError::Picture(PictureError::NotAPicture(None)))
        })
        .await?;
        Ok(whole(stored, format))
    }
}

fn whole(stored: Stored, format: ImageFormat) -> Thumbnail {
    Thumbnail {
        content_type: format.to_mime_type(),
        content_name: stored.content_name(),
        file: stored.file,
    }
}

fn thumbnail_name(stored: &Stored, rung: Rung) -> String {
    format!("{}-{}", stored.content_name(), rung.name())
}

/// Why a thumbnail cannot be made or kept.
#[derive(Debug, thiserror::Error)]
enum MakeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Picture(#[from] PictureError),
}

impl From<MakeError> for ApiError {
    fn from(error: MakeError) -> Self {
        match error {
            MakeError::Io(error) => Self::internal(error),
            MakeError::Picture(PictureError::TooLarge(width, height)) => Self::too_large(format!(
                "The picture has too many pixels for a thumbnail: {width} × {height}."
            )),
            MakeError::Picture(error) => {
                let message = "Thumbnails are made of PNG, JPEG, GIF and WebP pictures only, and this is none.";
                Self::bad_request(ErrorKind::Unknown, message).because(error)
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MakeError> + Send + 'static,
) -> ApiResult<T> {
    let done = tokio::task::spawn_blocking(work)
        .await
        .map_err(ApiError::internal)?;
    Ok(done?)
}

//! Thumbnails: made when first asked for, kept beside the pictures.

use std::{fs, io};

use image::ImageFormat;
use ruma::api::error::ErrorKind;

use super::{
    Media,
    download::{File, Stored},
    ladder::{Rung, ThumbnailRequest},
    picture::{self, Encoded, Made, PictureError},
    store::ContentHash,
};
use crate::{ApiError, ApiResult};

/// A picture in one of its sizes.
pub(super) type Variant = (ContentHash, Rung);

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
        let variant = (stored.row.hash, rung);
        if let Some(kept) = self.kept_thumbnail(&stored, rung).await? {
            return Ok(kept);
        }
        let _flight = self.inner.flights.board(variant).await;
        if let Some(kept) = self.kept_thumbnail(&stored, rung).await? {
            return Ok(kept);
        }
        let _turn = self
            .inner
            .pictures
            .acquire()
            .await
            .map_err(ApiError::internal)?;
        let path = stored.file.path.clone();
        let made =
            blocking(move || picture::shrink(&fs::read(path)?, rung).map_err(MakeError::from))
                .await?;
        match made {
            Made::SmallEnough(format) => Ok(whole(stored, format)),
            Made::Smaller(encoded) => self.keep_thumbnail(stored, rung, encoded).await,
        }
    }

    async fn kept_thumbnail(&self, stored: &Stored, rung: Rung) -> ApiResult<Option<Thumbnail>> {
        let this = self.clone();
        let hash = stored.row.hash;
        let name = thumbnail_name(stored, rung);
        blocking(move || {
            for (format, end) in KEPT {
                let path = this
                    .inner
                    .blobs
                    .thumbnail_path(&hash, &format!("{}.{end}", rung.name()));
                match fs::metadata(&path) {
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

    async fn keep_thumbnail(
        &self,
        stored: Stored,
        rung: Rung,
        made: Encoded,
    ) -> ApiResult<Thumbnail> {
        let end = KEPT
            .iter()
            .find(|(format, _)| *format == made.format)
            .map_or("jpg", |(_, end)| end);
        let path = self
            .inner
            .blobs
            .thumbnail_path(&stored.row.hash, &format!("{}.{end}", rung.name()));
        let thumbnail = Thumbnail {
            file: File {
                path: path.clone(),
                size: made.bytes.len() as u64,
            },
            content_type: made.format.to_mime_type(),
            content_name: thumbnail_name(&stored, rung),
        };
        let this = self.clone();
        blocking(move || Ok(this.inner.blobs.write_thumbnail(&path, &made.bytes)?)).await?;
        Ok(thumbnail)
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

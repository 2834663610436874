//! Thumbnails: made when first asked for, kept beside the pictures.

use image::ImageFormat;
use ruma::api::error::ErrorKind;

use super::{
    File, Media, animation,
    download::Stored,
    ladder::{Rung, ThumbnailRequest},
    picture::{self, Encoded, PictureError},
};
use crate::{ApiError, ApiResult};

/// Formats thumbnails are kept in, with the ends of their names.
const KEPT: [(ImageFormat, &str); 2] = [(ImageFormat::Jpeg, "jpg"), (ImageFormat::Png, "png")];
/// The format of those that move.
const MOVING: [(ImageFormat, &str); 1] = [(ImageFormat::Gif, "gif")];

/// A smaller picture, or the picture itself when it is small.
#[derive(Clone, Debug)]
pub struct Thumbnail {
    /// The file.
    pub file: File,
    /// Its type.
    pub content_type: &'static str,
    /// What it may be called.
    pub filename: &'static str,
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
        let rung = Rung::for_request(request);
        if request.animated
            && let Some(moving) = self.moving(&stored, rung).await?
        {
            return Ok(moving);
        }
        if let Some(rung) = Rung::odd_crop(request) {
            return self.cropped(&stored, rung).await;
        }
        match rung {
            Some(rung) => self.still(&stored, rung).await,
            None => self.original(&stored).await,
        }
    }

    async fn still(&self, stored: &Stored, rung: Rung) -> ApiResult<Thumbnail> {
        let name = rung.name();
        if let Some(kept) = self.kept(stored, &name, &KEPT).await? {
            return Ok(kept);
        }
        let _flight = self.inner.flights.board(stored.row.hash).await;
        if let Some(kept) = self.kept(stored, &name, &KEPT).await? {
            return Ok(kept);
        }
        let batch = rung.batch();
        let shrunk = self
            .draw(stored, move |bytes| picture::shrink(bytes, batch))
            .await?;
        for (rung, encoded) in shrunk.smaller {
            self.keep_picture(stored, &rung.name(), encoded).await?;
        }
        if let Some(kept) = self.kept(stored, &name, &KEPT).await? {
            return Ok(kept);
        }
        if shrunk.is_animated {
            return self.first_frame(stored).await;
        }
        Ok(whole(stored, shrunk.format))
    }

    /// The picture itself, when no thumbnail is as large as asked for. Of one that moves the first frame: whoever does
    /// not ask for an animation must not get one.
    async fn original(&self, stored: &Stored) -> ApiResult<Thumbnail> {
        let (format, is_animated) = self
            .draw(stored, |bytes| {
                let format = picture::open(bytes)?.format;
                Ok((format, animation::is_animated(bytes, format)))
            })
            .await?;
        if is_animated {
            let _flight = self.inner.flights.board(stored.row.hash).await;
            return self.first_frame(stored).await;
        }
        Ok(whole(stored, format))
    }

    async fn first_frame(&self, stored: &Stored) -> ApiResult<Thumbnail> {
        const NAME: &str = "still";
        if let Some(kept) = self.kept(stored, NAME, &KEPT).await? {
            return Ok(kept);
        }
        let frame = self.draw(stored, picture::still).await?;
        self.keep_picture(stored, NAME, frame).await?;
        let kept = self.kept(stored, NAME, &KEPT).await?;
        kept.ok_or_else(|| ApiError::internal(anyhow::anyhow!("a thumbnail just made is missing")))
    }

    /// An animation in about the size asked for; none of what does not move.
    async fn moving(&self, stored: &Stored, rung: Option<Rung>) -> ApiResult<Option<Thumbnail>> {
        if let Some(rung) = rung {
            let name = format!("{}-animated", rung.name());
            if let Some(kept) = self.kept(stored, &name, &MOVING).await? {
                return Ok(Some(kept));
            }
            let _flight = self.inner.flights.board(stored.row.hash).await;
            let small = self
                .draw(stored, move |bytes| animation::shrink(bytes, rung))
                .await?;
            if let Some(small) = small {
                self.keep_picture(stored, &name, small).await?;
                return self.kept(stored, &name, &MOVING).await;
            }
        }
        let moving = self
            .draw(stored, move |bytes| {
                let opened = picture::open(bytes)?;
                // One that is larger than asked for could not be made small.
                let is_small = rung.is_none_or(|rung| !opened.is_larger_than(rung));
                let format = opened.format;
                Ok((is_small && animation::is_animated(bytes, format)).then_some(format))
            })
            .await?;
        Ok(moving.map(|format| whole(stored, format)))
    }

    /// The middle of a picture in a shape that is no square.
    async fn cropped(&self, stored: &Stored, rung: Rung) -> ApiResult<Thumbnail> {
        let Encoded { bytes, format } = self
            .draw(stored, move |bytes| picture::crop_to(bytes, rung))
            .await?;
        Ok(Thumbnail {
            file: File::in_memory(bytes.into()),
            content_type: format.to_mime_type(),
            filename: filename(format),
            content_name: format!("{}-{}", stored.content_name(), rung.name()),
        })
    }

    /// Does something with the pixels of a file, a few at a time.
    async fn draw<T: Send + 'static>(
        &self,
        stored: &Stored,
        work: impl FnOnce(&[u8]) -> Result<T, PictureError> + Send + 'static,
    ) -> ApiResult<T> {
        let _turn = self
            .inner
            .pictures
            .acquire()
            .await
            .map_err(ApiError::internal)?;
        let bytes = stored.file.bytes().await?;
        let done = self.inner.painters.run(move || work(&bytes)).await?;
        done.map_err(Into::into)
    }

    async fn keep_picture(&self, stored: &Stored, name: &str, picture: Encoded) -> ApiResult {
        let end = KEPT
            .iter()
            .chain(&MOVING)
            .find(|(format, _)| *format == picture.format)
            .map_or("jpg", |(_, end)| end);
        let variant = format!("{name}.{end}");
        self.inner
            .contents
            .put_thumbnail(&stored.row.hash, &variant, picture.bytes)
            .await
    }

    async fn kept(
        &self,
        stored: &Stored,
        name: &str,
        formats: &[(ImageFormat, &str)],
    ) -> ApiResult<Option<Thumbnail>> {
        let variants: Vec<_> = formats
            .iter()
            .map(|(_, end)| format!("{name}.{end}"))
            .collect();
        let found = self
            .inner
            .contents
            .thumbnail(&stored.row.hash, &variants)
            .await?;
        Ok(found.map(|(index, file)| {
            let format = formats[index].0;
            Thumbnail {
                file,
                content_type: format.to_mime_type(),
                filename: filename(format),
                content_name: format!("{}-{}", stored.content_name(), variants[index]),
            }
        }))
    }
}

fn whole(stored: &Stored, format: ImageFormat) -> Thumbnail {
    Thumbnail {
        content_type: format.to_mime_type(),
        filename: filename(format),
        content_name: stored.content_name(),
        file: stored.file.clone(),
    }
}

fn filename(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "thumbnail.png",
        ImageFormat::Gif => "thumbnail.gif",
        ImageFormat::WebP => "thumbnail.webp",
        _ => "thumbnail.jpg",
    }
}

impl From<PictureError> for ApiError {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::TooLarge(width, height) => Self::too_large(format!(
                "The picture has too many pixels for a thumbnail: {width} × {height}."
            )),
            PictureError::NotAPicture(_) => {
                let message = "Thumbnails are made of PNG, JPEG, GIF and WebP pictures only, and this is none.";
                Self::bad_request(ErrorKind::Unknown, message).because(error)
            }
        }
    }
}

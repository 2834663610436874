//! What pages on the web say of themselves.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediapreview_url)

mod charset;
mod page;

use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Method, StatusCode, header};
use ruma::{MilliSecondsSinceUnixEpoch, UInt, api::error::ErrorKind};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use self::page::Page;
use super::{
    Media, NOBODY, Upload, picture,
    removal::before,
    store::{ContentHash, PreviewRow},
    upload::new_media_id,
};
use crate::{
    ApiError, ApiResult,
    outbound::{Answer, Call, Origin, OutboundError},
    storage::{Commit, tables},
};

/// How long a preview is good.
const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long it is kept: its picture is shown by clients that asked before.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long fetching a page or a picture may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of the largest page that is looked at.
const MAX_PAGE: usize = 5 * 1024 * 1024;
/// Bytes of the largest picture that is shown.
const MAX_PICTURE: u64 = 10 * 1024 * 1024;
/// Redirects that are followed.
const REDIRECTS: u8 = 5;
/// Bytes of the longest address that is looked at.
const MAX_ADDRESS: usize = 4096;
/// What somebody wants to know.
#[derive(Clone, Debug)]
pub struct PreviewRequest {
    /// The address.
    pub url: String,
    /// At which time the page is meant.
    pub at: Option<MilliSecondsSinceUnixEpoch>,
    /// In which languages, as the header says it.
    pub languages: Option<String>,
}

/// A picture that a preview shows.
struct Picture {
    media_id: String,
    size: u64,
    content_type: String,
    dimensions: (u32, u32),
}

impl Media {
    /// What a page on the web says of itself, as JSON.
    pub async fn preview(&self, request: PreviewRequest) -> ApiResult<String> {
        if !self.inner.settings.url_previews {
            return Err(ApiError::unrecognized());
        }
        if request.url.len() > MAX_ADDRESS {
            return Err(ApiError::invalid_param("The address is too long."));
        }
        let key = key(&request);
        let now = self.inner.clock.now();
        let at = request.at.map_or(now, |at| at.min(now));
        if let Some(row) = self.known(key, at).await? {
            return Ok(row.answer);
        }
        let _flight = self.inner.previewing.board(key).await;
        if let Some(row) = self.known(key, at).await? {
            return Ok(row.answer);
        }
        let (answer, picture) = self.look_at(&request).await?;
        let row = PreviewRow {
            answer: Value::Object(answer).to_string(),
            image: picture.map(|picture| picture.media_id),
            fetched: now,
            expires: later(now, LIFETIME),
        };
        self.remember(key, row.clone()).await?;
        Ok(row.answer)
    }

    /// What is remembered of a page, if it was good then.
    async fn known(
        &self,
        key: ContentHash,
        at: MilliSecondsSinceUnixEpoch,
    ) -> ApiResult<Option<PreviewRow>> {
        let row = self.preview_row(key).await?;
        Ok(row.filter(|row| at < row.expires))
    }

    async fn preview_row(&self, key: ContentHash) -> ApiResult<Option<PreviewRow>> {
        self.inner
            .storage
            .read(move |snapshot| Ok::<_, ApiError>(tables::URL_PREVIEW.get(snapshot, key)?))
            .await
    }

    async fn remember(&self, key: ContentHash, row: PreviewRow) -> ApiResult {
        let before = self.preview_row(key).await?;
        let commit = Commit::silent(move |batch| tables::URL_PREVIEW.put(batch, key, &row));
        self.inner.storage.commit(commit).await?;
        if let Some(image) = before.and_then(|row| row.image) {
            self.delete(&self.inner.server_name, &image).await?;
        }
        Ok(())
    }

    /// Forgets previews that were made long ago, with their pictures.
    pub(super) async fn expire_previews(&self) -> ApiResult {
        let long_ago = before(self.inner.clock.now(), KEPT);
        let old: Vec<(ContentHash, PreviewRow)> = self
            .inner
            .storage
            .read(move |snapshot| {
                let mut old = Vec::new();
                for row in tables::URL_PREVIEW.scan(snapshot, ())? {
                    let (key, row) = row?;
                    if row.fetched < long_ago {
                        old.push((key, row));
                    }
                }
                Ok::<_, ApiError>(old)
            })
            .await?;
        for (key, row) in old {
            if let Some(image) = row.image {
                self.delete(&self.inner.server_name, &image).await?;
            }
            let commit = Commit::silent(move |batch| tables::URL_PREVIEW.delete(batch, key));
            self.inner.storage.commit(commit).await?;
        }
        Ok(())
    }

    async fn look_at(
        &self,
        request: &PreviewRequest,
    ) -> ApiResult<(Map<String, Value>, Option<Picture>)> {
        let answer = self
            .fetch(&request.url, request.languages.as_deref(), MAX_PAGE)
            .await
            .map_err(refusal)?;
        if !answer.status.is_success() {
            return Err(unreachable(format!(
                "The page answers with status {}.",
                answer.status.as_u16()
            )));
        }
        let content_type = content_type(&answer);
        if content_type.starts_with("image/") {
            let picture = self.store_picture(&answer).await?;
            let mut shown = Map::new();
            if let Some(picture) = &picture {
                self.show_picture(&mut shown, picture);
            }
            return Ok((shown, picture));
        }
        if !matches!(&*content_type, "text/html" | "application/xhtml+xml") {
            return Ok((Map::new(), None));
        }
        let page = tokio::task::spawn_blocking(move || {
            let declared = answer
                .headers
                .get(header::CONTENT_TYPE)
                .and_then(|value| value.to_str().ok());
            let text = charset::decode(&answer.body, declared);
            Page::read(&text, &answer.url)
        });
        let page = page.await.map_err(ApiError::internal)?;
        let picture = match &page.image {
            Some(image) => self.fetch_picture(image.as_str()).await,
            None => None,
        };
        let mut shown = page.properties;
        // What the page says of its picture is true of the one at its own address.
        shown.retain(|name, _| !name.starts_with("og:image"));
        if let Some(picture) = &picture {
            if let Some(alt) = page.image_alt {
                shown.insert("og:image:alt".to_owned(), alt.into());
            }
            self.show_picture(&mut shown, picture);
        }
        Ok((shown, picture))
    }

    async fn fetch(
        &self,
        url: &str,
        languages: Option<&str>,
        at_most: usize,
    ) -> Result<Answer, OutboundError> {
        let languages = languages.and_then(|languages| HeaderValue::from_str(languages).ok());
        let call = Call::new(Method::GET, url, Origin::User)?
            .within(TIMEOUT)
            .at_most(at_most)
            .following(REDIRECTS)
            .header(
                header::ACCEPT_LANGUAGE,
                languages.unwrap_or(HeaderValue::from_static("en")),
            );
        self.inner.outbound.send(call).await
    }

    /// The picture at an address. Without one the preview has none.
    async fn fetch_picture(&self, url: &str) -> Option<Picture> {
        let at_most = MAX_PICTURE.min(self.inner.settings.max_upload);
        let answer = self.fetch(url, None, at_most as usize).await;
        let answer = answer.ok().filter(|answer| answer.status.is_success())?;
        match self.store_picture(&answer).await {
            Ok(picture) => picture,
            Err(error) => {
                tracing::debug!(%error, "the picture of a page could not be stored");
                None
            }
        }
    }

    /// Stores a picture, if it is one.
    async fn store_picture(&self, answer: &Answer) -> ApiResult<Option<Picture>> {
        let bytes = answer.body.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let opened = picture::open(&bytes).ok()?;
            Some((opened.format, opened.size()))
        });
        let Some((format, dimensions)) = opened.await.map_err(ApiError::internal)? else {
            return Ok(None);
        };
        let (media_id, size) = (new_media_id(), answer.body.len() as u64);
        let content_type = format.to_mime_type().to_owned();
        let upload = Upload {
            uploader: NOBODY,
            content_type: Some(content_type.clone()),
            filename: None,
            announced_size: Some(size),
            body: Body::from(answer.body.clone()),
        };
        let taken = self.take(upload, true).await?;
        self.keep(media_id.clone(), taken).await?;
        Ok(Some(Picture {
            media_id,
            size,
            content_type,
            dimensions,
        }))
    }

    fn show_picture(&self, shown: &mut Map<String, Value>, picture: &Picture) {
        let (width, height) = picture.dimensions;
        for (name, value) in [
            ("og:image", self.uri(&picture.media_id).as_str().into()),
            ("og:image:type", picture.content_type.as_str().into()),
            ("og:image:width", width.into()),
            ("og:image:height", height.into()),
            ("matrix:image:size", Value::from(picture.size)),
        ] {
            shown.insert(name.to_owned(), value);
        }
    }
}

fn key(request: &PreviewRequest) -> ContentHash {
    let mut digest = Sha256::new();
    digest.update(&request.url);
    digest.update([0]);
    digest.update(request.languages.as_deref().unwrap_or_default());
    digest.finalize().into()
}

fn content_type(answer: &Answer) -> String {
    let value = answer.headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok());
    // What says nothing about itself is most likely a page.
    let essence = text.unwrap_or("text/html").split(';').next();
    essence.unwrap_or_default().trim().to_ascii_lowercase()
}

fn refusal(error: OutboundError) -> ApiError {
    match error {
        OutboundError::InvalidAddress => ApiError::invalid_param(
            "url has to be an address that begins with http:// or https://.",
        ),
        OutboundError::PrivateAddress => {
            ApiError::forbidden("This server looks at no addresses in private networks.")
        }
        other => unreachable(format!("The page cannot be looked at: {other}.")),
    }
}

fn unreachable(message: String) -> ApiError {
    ApiError::new(StatusCode::BAD_GATEWAY, ErrorKind::Unknown, message)
}

fn later(time: MilliSecondsSinceUnixEpoch, by: Duration) -> MilliSecondsSinceUnixEpoch {
    let by = UInt::try_from(by.as_millis()).unwrap_or(UInt::MAX);
    MilliSecondsSinceUnixEpoch(time.get().saturating_add(by))
}

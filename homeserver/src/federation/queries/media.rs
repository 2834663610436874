//! Files of other servers.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#content-repository)

use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, Response, StatusCode, header};
use hyper::body::Incoming;
use ruma::{
    ServerName,
    api::{error::ErrorKind, federation::authenticated_media::get_content},
    http_headers::ContentDisposition,
};
use tokio::time::timeout;

use super::{
    multipart::{MultipartError, Parts},
    not_had,
};
use crate::{
    ApiError, ApiResult,
    federation::{
        Federation, Limits, RequestError,
        channel::{collect, next_bytes},
        client,
    },
    media::{self, Media, Stored, Upload, is_media_id},
};

/// The longest time that somebody may wait for a file that is not uploaded yet.
const MAX_PATIENCE: Duration = Duration::from_secs(60);
/// How long another server may take besides, until the file begins to come.
const LATENCY: Duration = Duration::from_secs(10);
/// How long a whole file may take.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Bytes of a refusal.
const REFUSAL: usize = 64 * 1024;

/// A file that begins to come.
struct Coming {
    headers: HeaderMap,
    body: Body,
}

impl Federation {
    /// A file of another server: what is kept here, or else fetched and kept. Who asks at the same time waits for the
    /// same fetch.
    pub async fn file(
        &self,
        media: &Media,
        (server, media_id): (&ServerName, &str),
        patience: Duration,
    ) -> ApiResult<Stored> {
        if let Some(stored) = media.find_fetched(server, media_id).await? {
            return Ok(stored);
        }
        if !is_media_id(media_id) {
            return Err(ApiError::not_found("There is no such file."));
        }
        let _flight = self
            .inner
            .files
            .board((server.to_owned(), media_id.to_owned()))
            .await;
        if let Some(stored) = media.find_fetched(server, media_id).await? {
            return Ok(stored);
        }
        let coming = self
            .fetch_file(server, media_id, patience.min(MAX_PATIENCE))
            .await?;
        let disposition = coming.headers.get(header::CONTENT_DISPOSITION);
        let disposition =
            disposition.and_then(|value| ContentDisposition::try_from(value.as_bytes()).ok());
        let upload = Upload {
            uploader: media::NOBODY,
            content_type: text(&coming.headers, header::CONTENT_TYPE),
            filename: disposition
                .and_then(|disposition| disposition.filename)
                .filter(|name| is_short(name)),
            announced_size: None,
            body: coming.body,
        };
        let kept = timeout(LONGEST, media.keep_fetched(server, media_id, upload)).await;
        let kept = kept.map_err(|_| broken(server))?;
        kept.map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            status if status.is_server_error() => error,
            _ => broken(server).because(error),
        })
    }

    async fn fetch_file(
        &self,
        server: &ServerName,
        media_id: &str,
        patience: Duration,
    ) -> ApiResult<Coming> {
        let mut request = get_content::v1::Request::new(media_id.to_owned());
        request.timeout_ms = patience;
        let limits = Limits::QUERY.within(patience + LATENCY);
        let answer = self.stream(server, request, limits).await;
        let answer = answer.map_err(|error| not_had(server, "the file", error))?;
        if answer.status() == StatusCode::OK {
            return self
                .unpack(answer, limits)
                .await
                .map_err(|error| broken(server).because(error));
        }
        match refusal(server, answer).await {
            // Servers from before version 1.11 give files to anybody.
            error if is_unrecognized(&error) => self.fetch_openly(server, media_id, limits).await,
            error => Err(refused(server, error)),
        }
    }

    /// By the endpoint that took no signature.
    async fn fetch_openly(
        &self,
        server: &ServerName,
        media_id: &str,
        limits: Limits,
    ) -> ApiResult<Coming> {
        // Neither of the two has letters that mean something in a path.
        let path = format!("/_matrix/media/v3/download/{server}/{media_id}?allow_remote=false");
        let answer = self
            .inner
            .peers
            .stream_unsigned(server, &path, limits)
            .await;
        let answer = answer.map_err(|error| not_had(server, "the file", error))?;
        if answer.status() != StatusCode::OK {
            return Err(refused(server, refusal(server, answer).await));
        }
        let (parts, body) = answer.into_parts();
        Ok(Coming {
            headers: parts.headers,
            body: plain(body),
        })
    }

    /// Reads up to the file, or goes to where it is.
    async fn unpack(&self, answer: Response<Incoming>, limits: Limits) -> anyhow::Result<Coming> {
        let (parts, mut body) = answer.into_parts();
        let mut multipart = Parts::new(&parts.headers)?;
        let headers = loop {
            if let Some(headers) = multipart.head()? {
                break headers;
            }
            let bytes = next_bytes(&mut body)
                .await?
                .ok_or(MultipartError::Incomplete)?;
            multipart.feed(&bytes);
        };
        let Some(location) = headers.get(header::LOCATION) else {
            return Ok(Coming {
                headers,
                body: unpacked(multipart, body),
            });
        };
        let uri = location.to_str()?.parse()?;
        let answer = timeout(limits.patience, self.inner.web.get(uri)).await;
        let (parts, body) = answer.context("it took too long to answer")??.into_parts();
        let mut headers = headers;
        for name in [header::CONTENT_TYPE, header::CONTENT_DISPOSITION] {
            if let Some(value) = parts.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        Ok(Coming {
            headers,
            body: plain(body),
        })
    }
}

/// The content of the second part as it comes.
fn unpacked(multipart: Parts, body: Incoming) -> Body {
    Body::from_stream(stream::try_unfold(
        (multipart, body),
        |(mut multipart, mut body)| async move {
            loop {
                let content = multipart.content();
                if !content.is_empty() {
                    return Ok(Some((content, (multipart, body))));
                }
                if multipart.is_complete() {
                    return Ok(None);
                }
                match next_bytes(&mut body).await? {
                    Some(bytes) => multipart.feed(&bytes),
                    None => return Err(anyhow::Error::from(MultipartError::Incomplete)),
                }
            }
        },
    ))
}

fn plain(body: Incoming) -> Body {
    Body::from_stream(stream::try_unfold(body, |mut body| async move {
        let bytes: Option<Bytes> = next_bytes(&mut body).await?;
        Ok::<_, anyhow::Error>(bytes.map(|bytes| (bytes, body)))
    }))
}

/// What another server says instead of sending a file.
async fn refusal(server: &ServerName, answer: Response<Incoming>) -> RequestError {
    let (parts, body) = answer.into_parts();
    let body = collect(body, REFUSAL).await.unwrap_or_default();
    let answer = Response::from_parts(parts, body);
    match client::understand::<get_content::v1::Request>(server, answer) {
        Err(error) => error,
        Ok(_) => RequestError::Malformed {
            server: server.to_owned(),
            reason: "it has an unusual status".to_owned(),
        },
    }
}

/// Whether a server does not know the endpoint, be it that it says so in Matrix's words or as a plain web server.
fn is_unrecognized(error: &RequestError) -> bool {
    let Some(refusal) = error.refusal() else {
        return false;
    };
    // Proxies before a server know only some paths, and say so in words of their own.
    let is_plain = refusal.error_kind().is_none()
        && matches!(
            refusal.status_code,
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
        );
    is_plain || refusal.error_kind() == Some(&ErrorKind::Unrecognized)
}

fn refused(server: &ServerName, error: RequestError) -> ApiError {
    match error.refusal().and_then(|refusal| refusal.error_kind()) {
        Some(ErrorKind::TooLarge) => too_large(),
        Some(ErrorKind::NotYetUploaded) => {
            let message = "The file has not been uploaded yet.";
            ApiError::new(
                StatusCode::GATEWAY_TIMEOUT,
                ErrorKind::NotYetUploaded,
                message,
            )
        }
        _ => not_had(server, "the file", error),
    }
}

fn too_large() -> ApiError {
    let message = "The file is larger than this server takes from others.";
    ApiError::new(StatusCode::BAD_GATEWAY, ErrorKind::TooLarge, message)
}

fn broken(server: &ServerName) -> ApiError {
    ApiError::not_found(format!("The file could not be fetched from {server}."))
}

/// A header, if it is one that could be stored.
fn text(headers: &HeaderMap, name: http::HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    is_short(text).then(|| text.to_owned())
}

fn is_short(text: &str) -> bool {
    text.len() <= 255 && !text.chars().any(char::is_control)
}

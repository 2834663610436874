//! Downloading files and thumbnails.

use std::time::Duration;

use axum::extract::State;
use http::HeaderMap;
use ruma::{
    ServerName, UInt,
    api::client::authenticated_media::{
        get_content, get_content_as_filename, get_content_thumbnail,
    },
    media::Method,
};

use super::answer::Content;
use crate::{
    ApiError, ApiResult, Server,
    http::{Raw, Session, Streamed},
    media::{Fit, Stored, ThumbnailRequest},
};

/// Sends a file.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaid)
pub(super) async fn download(
    State(server): State<Server>,
    _session: Session,
    Streamed {
        request, headers, ..
    }: Streamed<get_content::v1::Request>,
) -> ApiResult<Raw> {
    let file = (&*request.server_name, request.media_id.as_str());
    let stored = find(&server, file, request.timeout_ms).await?;
    send(stored, None, &headers).await
}

/// Sends a file under another name.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaidfilename)
pub(super) async fn download_as(
    State(server): State<Server>,
    _session: Session,
    Streamed {
        request, headers, ..
    }: Streamed<get_content_as_filename::v1::Request>,
) -> ApiResult<Raw> {
    let file = (&*request.server_name, request.media_id.as_str());
    let stored = find(&server, file, request.timeout_ms).await?;
    send(stored, Some(request.filename), &headers).await
}

/// A file of this server, or one that another server gives out.
pub(super) async fn find(
    server: &Server,
    (server_name, media_id): (&ServerName, &str),
    patience: Duration,
) -> ApiResult<Stored> {
    if server_name == server.config.server_name {
        server.media.find(server_name, media_id, patience).await
    } else {
        let media = &server.media;
        server
            .federation
            .file(media, (server_name, media_id), patience)
            .await
    }
}

pub(super) async fn send(
    stored: Stored,
    filename: Option<String>,
    headers: &HeaderMap,
) -> ApiResult<Raw> {
    let content = Content {
        name: stored.content_name(),
        content_type: stored.row.content_type,
        filename: filename.or(stored.row.filename),
        file: stored.file,
    };
    content.answer(headers).await.map(Raw)
}

/// Sends a smaller picture of a picture. Animations stand still unless the client wants them to move.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediathumbnailservernamemediaid)
pub(super) async fn thumbnail(
    State(server): State<Server>,
    _session: Session,
    Streamed {
        request, headers, ..
    }: Streamed<get_content_thumbnail::v1::Request>,
) -> ApiResult<Raw> {
    let wanted = wanted(
        (request.width, request.height),
        request.method,
        request.animated,
    )?;
    let file = (&*request.server_name, request.media_id.as_str());
    let stored = find(&server, file, request.timeout_ms).await?;
    send_thumbnail(&server, stored, wanted, &headers).await
}

/// What a thumbnail has to be like.
pub(super) fn wanted(
    (width, height): (UInt, UInt),
    method: Option<Method>,
    animated: Option<bool>,
) -> ApiResult<ThumbnailRequest> {
    Ok(ThumbnailRequest {
        width: pixels(width),
        height: pixels(height),
        fit: fit(method)?,
        animated: animated == Some(true),
    })
}

pub(super) async fn send_thumbnail(
    server: &Server,
    stored: Stored,
    wanted: ThumbnailRequest,
    headers: &HeaderMap,
) -> ApiResult<Raw> {
    let thumbnail = server.media.thumbnail(stored, wanted).await?;
    let content = Content {
        name: thumbnail.content_name,
        content_type: Some(thumbnail.content_type.to_owned()),
        filename: Some(thumbnail.filename.to_owned()),
        file: thumbnail.file,
    };
    content.answer(headers).await.map(Raw)
}

fn pixels(side: UInt) -> u32 {
    u32::try_from(side).unwrap_or(u32::MAX)
}

fn fit(method: Option<Method>) -> ApiResult<Fit> {
    match method {
        None | Some(Method::Scale) => Ok(Fit::Scale),
        Some(Method::Crop) => Ok(Fit::Crop),
        Some(_) => Err(ApiError::invalid_param(
            "The method of a thumbnail is \"crop\" or \"scale\".",
        )),
    }
}

//! Previews of pages on the web.

use axum::extract::State;
use http::{HeaderMap, header};
use ruma::{
    MilliSecondsSinceUnixEpoch,
    api::client::{authenticated_media, media},
};
use serde_json::value::RawValue;

use crate::{
    ApiError, ApiResult, Server,
    http::{Raw, Session, Streamed, json},
    media::PreviewRequest,
};

/// Says what a page on the web says of itself.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediapreview_url)
pub(super) async fn preview(
    State(server): State<Server>,
    _session: Session,
    Streamed {
        request, headers, ..
    }: Streamed<authenticated_media::get_media_preview::v1::Request>,
) -> ApiResult<Raw> {
    answer(&server, (request.url, request.ts), &headers).await
}

/// The same at its older path.
#[expect(
    deprecated,
    reason = "clients still call this endpoint and deserve the right answer"
)]
pub(super) async fn legacy(
    State(server): State<Server>,
    _session: Session,
    Streamed {
        request, headers, ..
    }: Streamed<media::get_media_preview::v3::Request>,
) -> ApiResult<Raw> {
    answer(&server, (request.url, request.ts), &headers).await
}

async fn answer(
    server: &Server,
    (url, at): (String, Option<MilliSecondsSinceUnixEpoch>),
    headers: &HeaderMap,
) -> ApiResult<Raw> {
    let languages = headers.get(header::ACCEPT_LANGUAGE);
    let languages = languages.and_then(|value| value.to_str().ok());
    let request = PreviewRequest {
        url,
        at,
        languages: languages.map(str::to_owned),
    };
    let text = server.media.preview(request).await?;
    let answer = RawValue::from_string(text).map_err(ApiError::internal)?;
    json(&answer).map(Raw)
}

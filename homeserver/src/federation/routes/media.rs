//! [Files of this server](https://spec.matrix.org/v1.19/server-server-api/#content-repository).

use axum::{Router, body::Body, extract::State, response::Response};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderValue, header};
use rand::{Rng, distr::Alphanumeric};
use ruma::{
    UInt,
    api::federation::authenticated_media::{get_content, get_content_thumbnail},
    media::Method,
};

use crate::{
    ApiError, ApiResult, Server,
    http::{Raw, RouterExt, Signed},
    media::{File, Fit, ThumbnailRequest, routes::answer::disposition},
};

/// Letters of a boundary, so many that no file has them by accident.
const BOUNDARY_LENGTH: usize = 40;

pub(super) fn router() -> Router<Server> {
    Router::new().ruma_route(download).ruma_route(thumbnail)
}

/// Sends a file.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1mediadownloadmediaid)
async fn download(
    State(server): State<Server>,
    Signed { request, .. }: Signed<get_content::v1::Request>,
) -> ApiResult<Raw> {
    let name = &server.config.server_name;
    let stored = server
        .media
        .find(name, &request.media_id, request.timeout_ms)
        .await?;
    answer(
        &stored.file,
        stored.row.content_type.as_deref(),
        stored.row.filename,
    )
    .await
}

/// Sends a smaller picture of a picture.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1mediathumbnailmediaid)
async fn thumbnail(
    State(server): State<Server>,
    Signed { request, .. }: Signed<get_content_thumbnail::v1::Request>,
) -> ApiResult<Raw> {
    let pixels = |side: UInt| u32::try_from(side).unwrap_or(u32::MAX);
    let wanted = ThumbnailRequest {
        animated: request.animated == Some(true),
        width: pixels(request.width),
        height: pixels(request.height),
        fit: match request.method {
            Some(Method::Crop) => Fit::Crop,
            None | Some(Method::Scale) => Fit::Scale,
            Some(_) => {
                return Err(ApiError::invalid_param(
                    "The method of a thumbnail is \"crop\" or \"scale\".",
                ));
            }
        },
    };
    let name = &server.config.server_name;
    let stored = server
        .media
        .find(name, &request.media_id, request.timeout_ms)
        .await?;
    let thumbnail = server.media.thumbnail(stored, wanted).await?;
    answer(&thumbnail.file, Some(thumbnail.content_type), None).await
}

/// Two parts: an empty object, and the file.
async fn answer(
    file: &File,
    content_type: Option<&str>,
    filename: Option<String>,
) -> ApiResult<Raw> {
    let letters = rand::rng().sample_iter(Alphanumeric).take(BOUNDARY_LENGTH);
    let boundary: String = letters.map(char::from).collect();
    let content_type = content_type.unwrap_or("application/octet-stream");
    let head = format!(
        "\r\n--{boundary}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--{boundary}\r\n\
         Content-Type: {content_type}\r\nContent-Disposition: {}\r\n\r\n",
        disposition(content_type, filename)
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let length = file.size + (head.len() + tail.len()) as u64;
    let content = file.read(0..file.size).await?;
    let around = |text: String| stream::once(async { Ok::<_, axum::Error>(Bytes::from(text)) });
    let body = around(head)
        .chain(content.into_data_stream())
        .chain(around(tail));
    let mut response = Response::new(Body::from_stream(body));
    let kind = HeaderValue::from_str(&format!("multipart/mixed; boundary={boundary}"));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind.map_err(ApiError::internal)?);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(Raw(response))
}

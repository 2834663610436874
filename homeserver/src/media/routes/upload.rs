//! Uploading, and how much.

use axum::extract::State;
use http::{HeaderMap, header};
use ruma::{
    UInt,
    api::client::{
        authenticated_media::get_media_config,
        media::{create_content, create_content_async, create_mxc_uri},
    },
};

use crate::{
    ApiResult, Server,
    http::{Raw, Ruma, Session, Streamed, json},
    media::Upload,
};

/// Stores a file.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav3upload)
pub(super) async fn upload(
    State(server): State<Server>,
    session: Session,
    Streamed {
        request,
        headers,
        body,
    }: Streamed<create_content::v3::Request>,
) -> ApiResult<create_content::v3::Response> {
    let upload = Upload {
        uploader: session.user,
        content_type: request.content_type,
        filename: request.filename,
        announced_size: announced_size(&headers),
        body,
    };
    Ok(create_content::v3::Response::new(
        server.media.upload(upload).await?,
    ))
}

/// Gives out an address for a file that comes later.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav1create)
pub(super) async fn create(
    State(server): State<Server>,
    session: Session,
    Ruma(_): Ruma<create_mxc_uri::v1::Request>,
) -> ApiResult<create_mxc_uri::v1::Response> {
    let (uri, expires) = server.media.reserve(session.user).await?;
    let mut response = create_mxc_uri::v1::Response::new(uri);
    response.unused_expires_at = Some(expires);
    Ok(response)
}

/// Stores the file of an address that was given out before.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixmediav3uploadservernamemediaid)
pub(super) async fn upload_to(
    State(server): State<Server>,
    session: Session,
    Streamed {
        request,
        headers,
        body,
    }: Streamed<create_content_async::v3::Request>,
) -> ApiResult<Raw> {
    let upload = Upload {
        uploader: session.user,
        content_type: request.content_type,
        filename: request.filename,
        announced_size: announced_size(&headers),
        body,
    };
    server
        .media
        .fill(&request.server_name, request.media_id, upload)
        .await?;
    // Ruma's own empty answer cannot be constructed.
    Ok(Raw(json(&serde_json::json!({}))?))
}

fn announced_size(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Tells the largest size of a file.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediaconfig)
pub(super) async fn config(
    State(server): State<Server>,
    _session: Session,
    Ruma(_): Ruma<get_media_config::v1::Request>,
) -> ApiResult<get_media_config::v1::Response> {
    Ok(get_media_config::v1::Response::new(max_upload(&server)))
}

pub(super) fn max_upload(server: &Server) -> UInt {
    UInt::new(server.media.max_upload()).unwrap_or(UInt::MAX)
}

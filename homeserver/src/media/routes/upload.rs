//! Uploading, and how much.

use axum::extract::State;
use http::header;
use ruma::{
    UInt,
    api::client::{authenticated_media::get_media_config, media::create_content},
};

use crate::{
    ApiError, ApiResult, Server,
    http::{Ruma, Session, Streamed},
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
    if session.is_suspended {
        return Err(ApiError::forbidden(
            "A suspended account may not upload files.",
        ));
    }
    let announced = headers.get(header::CONTENT_LENGTH);
    let upload = Upload {
        uploader: session.user,
        content_type: request.content_type,
        filename: request.filename,
        announced_size: announced.and_then(|size| size.to_str().ok()?.parse().ok()),
        body,
    };
    Ok(create_content::v3::Response::new(
        server.media.upload(upload).await?,
    ))
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

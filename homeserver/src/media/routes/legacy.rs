//! The endpoints that took no access token. They know only files from before they were closed, and this server never
//! had any.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#client-behaviour-12)
#![expect(
    deprecated,
    reason = "clients still call these endpoints and deserve the right answer"
)]

use axum::extract::State;
use ruma::api::client::media::{
    get_content, get_content_as_filename, get_content_thumbnail, get_media_config,
};

use super::upload::max_upload;
use crate::{
    ApiError, ApiResult, Server,
    http::{Raw, Ruma, Session},
};

/// Tells the largest size of a file.
pub(super) async fn config(
    State(server): State<Server>,
    _session: Session,
    Ruma(_): Ruma<get_media_config::v3::Request>,
) -> ApiResult<get_media_config::v3::Response> {
    Ok(get_media_config::v3::Response::new(max_upload(&server)))
}

/// Has no file.
pub(super) async fn download(
    State(_): State<Server>,
    Ruma(_): Ruma<get_content::v3::Request>,
) -> ApiResult<Raw> {
    Err(closed())
}

/// Has no file.
pub(super) async fn download_as(
    State(_): State<Server>,
    Ruma(_): Ruma<get_content_as_filename::v3::Request>,
) -> ApiResult<Raw> {
    Err(closed())
}

/// Has no picture.
pub(super) async fn thumbnail(
    State(_): State<Server>,
    Ruma(_): Ruma<get_content_thumbnail::v3::Request>,
) -> ApiResult<Raw> {
    Err(closed())
}

fn closed() -> ApiError {
    let message = "Files are available from /_matrix/client/v1/media only, with an access token.";
    ApiError::not_found(message)
}

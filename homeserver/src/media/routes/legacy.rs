//! The endpoints that take no access token. They know only files from before they were closed, and this server never
//! had any; the configuration can open them again for old clients.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#client-behaviour-12)
#![expect(
    deprecated,
    reason = "clients still call these endpoints and deserve the right answer"
)]

use axum::extract::State;
use ruma::{
    ServerName,
    api::client::media::{
        get_content, get_content_as_filename, get_content_thumbnail, get_media_config,
    },
};

use super::{content, upload::max_upload};
use crate::{
    ApiError, ApiResult, Server,
    http::{Raw, Ruma, Session, Streamed},
};

/// Tells the largest size of a file.
pub(super) async fn config(
    State(server): State<Server>,
    _session: Session,
    Ruma(_): Ruma<get_media_config::v3::Request>,
) -> ApiResult<get_media_config::v3::Response> {
    Ok(get_media_config::v3::Response::new(max_upload(&server)))
}

/// Sends a file, where that is allowed.
pub(super) async fn download(
    State(server): State<Server>,
    Streamed {
        request, headers, ..
    }: Streamed<get_content::v3::Request>,
) -> ApiResult<Raw> {
    check(&server, &request.server_name, request.allow_remote)?;
    let file = (&*request.server_name, request.media_id.as_str());
    let stored = content::find(&server, file, request.timeout_ms).await?;
    content::send(stored, None, &headers).await
}

/// Sends a file under another name, where that is allowed.
pub(super) async fn download_as(
    State(server): State<Server>,
    Streamed {
        request, headers, ..
    }: Streamed<get_content_as_filename::v3::Request>,
) -> ApiResult<Raw> {
    check(&server, &request.server_name, request.allow_remote)?;
    let file = (&*request.server_name, request.media_id.as_str());
    let stored = content::find(&server, file, request.timeout_ms).await?;
    content::send(stored, Some(request.filename), &headers).await
}

/// Sends a smaller picture of a picture, where that is allowed.
pub(super) async fn thumbnail(
    State(server): State<Server>,
    Streamed {
        request, headers, ..
    }: Streamed<get_content_thumbnail::v3::Request>,
) -> ApiResult<Raw> {
    check(&server, &request.server_name, request.allow_remote)?;
    let wanted = content::wanted(
        (request.width, request.height),
        request.method,
        request.animated,
    )?;
    let file = (&*request.server_name, request.media_id.as_str());
    let stored = content::find(&server, file, request.timeout_ms).await?;
    content::send_thumbnail(&server, stored, wanted, &headers).await
}

fn check(server: &Server, name: &ServerName, allow_remote: bool) -> ApiResult {
    if !server.config.media.unauthenticated {
        return Err(ApiError::not_found(
            "Files are available from /_matrix/client/v1/media only, with an access token.",
        ));
    }
    if !allow_remote && name != server.config.server_name {
        return Err(ApiError::not_found("The file is not of this server."));
    }
    Ok(())
}

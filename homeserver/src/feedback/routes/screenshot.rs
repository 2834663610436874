//! The picture that comes with a report.

use std::io::Cursor;

use axum::body::Body;
use base64::{Engine, prelude::BASE64_STANDARD};
use image::{ImageFormat, ImageReader};
use ruma::OwnedMxcUri;
use serde::Deserialize;

use crate::{ApiError, ApiResult, Server, http::Session, media::Upload};

/// Bytes of the largest picture.
const MAX_SIZE: usize = 1024 * 1024;
/// Pixels of its longer side.
const MAX_SIDE: u32 = 4096;

/// A picture: itself, or the address of one that the user has uploaded.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Screenshot {
    /// PNG in Base64.
    Png(String),
    /// The address.
    Mxc(OwnedMxcUri),
}

impl Screenshot {
    /// Where the picture is from now on.
    pub(super) async fn keep(self, server: &Server, session: &Session) -> ApiResult<OwnedMxcUri> {
        match self {
            Self::Png(text) => store(server, session, &text).await,
            Self::Mxc(uri) => check_own(server, session, uri).await,
        }
    }
}

async fn store(server: &Server, session: &Session, text: &str) -> ApiResult<OwnedMxcUri> {
    if session.is_suspended {
        return Err(ApiError::suspended());
    }
    // Four characters of Base64 are three bytes.
    if text.len() / 4 * 3 > MAX_SIZE {
        return Err(ApiError::too_large("\"screenshot\" may be a PNG of 1 MiB."));
    }
    let picture = BASE64_STANDARD
        .decode(text)
        .map_err(|_| ApiError::invalid_param("\"screenshot\" is not valid Base64."))?;
    check_picture(&picture)?;
    let upload = Upload {
        uploader: session.user,
        content_type: Some("image/png".to_owned()),
        filename: Some("feedback.png".to_owned()),
        announced_size: Some(picture.len() as u64),
        body: Body::from(picture),
    };
    server.media.upload(upload).await
}

fn check_picture(picture: &[u8]) -> ApiResult {
    // Only the header is read.
    let size = ImageReader::with_format(Cursor::new(picture), ImageFormat::Png).into_dimensions();
    let (width, height) =
        size.map_err(|_| ApiError::invalid_param("\"screenshot\" is not a PNG."))?;
    if width.max(height) > MAX_SIDE {
        return Err(ApiError::too_large(
            "\"screenshot\" may have 4096 pixels on its longer side.",
        ));
    }
    Ok(())
}

async fn check_own(server: &Server, session: &Session, uri: OwnedMxcUri) -> ApiResult<OwnedMxcUri> {
    let unknown =
        || ApiError::invalid_param("\"screenshot\" is not a file that you uploaded here.");
    let (server_name, media_id) = uri.parts().map_err(|_| unknown())?;
    let info = server.media.info(server_name, media_id).await?;
    let is_own = info.is_some_and(|info| {
        info.server_name == server.config.server_name && info.row.uploader == session.user
    });
    if is_own { Ok(uri) } else { Err(unknown()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let picture = image::DynamicImage::new_luma8(width, height);
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn pictures_of_windows_are_taken() {
        check_picture(&png(1366, 768)).unwrap();
    }

    #[test]
    fn other_files_and_huge_pictures_are_refused() {
        assert!(check_picture(b"GIF89a").is_err());
        assert!(check_picture(&png(4097, 1)).is_err());
    }
}

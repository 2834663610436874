//! Files to be sent.

use matrix_sdk::{
    attachment::{AttachmentInfo, BaseAudioInfo, BaseFileInfo, BaseImageInfo, BaseVideoInfo},
    ruma::UInt,
};

use mime_guess::{Mime, mime};

use crate::{
    bridge::{command::FileSource, trouble::Trouble},
    session::picture,
};

/// How many bytes it has.
pub(super) async fn size_of(file: &FileSource) -> Result<u64, Trouble> {
    match file {
        FileSource::Bytes { bytes, .. } => Ok(bytes.len() as u64),
        FileSource::Path(path) => {
            let found = tokio::fs::metadata(path).await.map_err(unreadable)?;
            Ok(found.len())
        }
    }
}

fn unreadable(error: std::io::Error) -> Trouble {
    tracing::info!(%error, "a file to send cannot be read");
    Trouble::FileUnreadable
}

/// Its name, and what is in it.
pub(super) async fn read(file: FileSource) -> Result<(String, Vec<u8>), Trouble> {
    match file {
        FileSource::Bytes { name, bytes } => Ok((name, bytes.to_vec())),
        FileSource::Path(path) => {
            let name = path
                .file_name()
                .ok_or(Trouble::FileUnreadable)?
                .to_string_lossy()
                .into_owned();
            let bytes = tokio::fs::read(&path).await.map_err(unreadable)?;
            Ok((name, bytes))
        }
    }
}

/// What others need to know before they have the file: its type, size and, for pictures, the pixels to reserve. What is
/// a picture by its name only is sent as a file.
pub(super) async fn describe(bytes: Vec<u8>, mime: Mime) -> (Vec<u8>, Mime, AttachmentInfo) {
    let size = UInt::try_from(bytes.len()).ok();
    let info = match mime.type_() {
        mime::IMAGE => return describe_picture(bytes, mime, size).await,
        mime::VIDEO => AttachmentInfo::Video(BaseVideoInfo {
            size,
            ..BaseVideoInfo::default()
        }),
        mime::AUDIO => AttachmentInfo::Audio(BaseAudioInfo {
            size,
            ..BaseAudioInfo::default()
        }),
        _ => AttachmentInfo::File(BaseFileInfo { size }),
    };
    (bytes, mime, info)
}

async fn describe_picture(
    bytes: Vec<u8>,
    mime: Mime,
    size: Option<UInt>,
) -> (Vec<u8>, Mime, AttachmentInfo) {
    let (bytes, dimensions) = picture::dimensions(bytes).await;
    let Some((width, height)) = dimensions else {
        let info = AttachmentInfo::File(BaseFileInfo { size });
        return (bytes, mime::APPLICATION_OCTET_STREAM, info);
    };
    let info = BaseImageInfo {
        width: Some(width.into()),
        height: Some(height.into()),
        size,
        ..BaseImageInfo::default()
    };
    (bytes, mime, AttachmentInfo::Image(info))
}

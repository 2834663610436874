//! Files to be sent.

use matrix_sdk::{
    attachment::{AttachmentInfo, BaseAudioInfo, BaseFileInfo, BaseImageInfo, BaseVideoInfo},
    ruma::UInt,
};

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

/// What others need to know before they have the file: its kind, size and, for pictures, the pixels to reserve.
pub(super) async fn describe(bytes: Vec<u8>, kind: &str) -> (Vec<u8>, AttachmentInfo) {
    let size = UInt::try_from(bytes.len()).ok();
    if kind != "image" {
        let info = match kind {
            "video" => AttachmentInfo::Video(BaseVideoInfo {
                size,
                ..BaseVideoInfo::default()
            }),
            "audio" => AttachmentInfo::Audio(BaseAudioInfo {
                size,
                ..BaseAudioInfo::default()
            }),
            _ => AttachmentInfo::File(BaseFileInfo { size }),
        };
        return (bytes, info);
    }
    let (bytes, dimensions) = picture::dimensions(bytes).await;
    let (width, height) = dimensions.unzip();
    let info = BaseImageInfo {
        width: width.map(UInt::from),
        height: height.map(UInt::from),
        size,
        ..BaseImageInfo::default()
    };
    (bytes, AttachmentInfo::Image(info))
}

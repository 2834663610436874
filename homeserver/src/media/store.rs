//! Rows of media.

use ruma::MilliSecondsSinceUnixEpoch;
use serde::{Deserialize, Serialize};

use crate::{ids::UserNid, records};

/// BLAKE3 hash of a file's content. Files of earlier versions keep the SHA-256 they were named after.
pub type ContentHash = [u8; 32];

/// What a media id stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRow {
    /// The content.
    pub hash: ContentHash,
    /// Bytes of the content.
    pub size: u64,
    /// What the uploader said the content is.
    pub content_type: Option<String>,
    /// What the uploader called the file.
    pub filename: Option<String>,
    /// Who uploaded it.
    pub uploader: UserNid,
    /// When.
    pub created: MilliSecondsSinceUnixEpoch,
}

/// An address without a file yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedMediaRow {
    /// Who may upload the file.
    pub user: UserNid,
    /// Until when.
    pub expires: MilliSecondsSinceUnixEpoch,
}

/// Why nobody may fetch a content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineRow {
    /// The administrator who decided so.
    pub by: String,
    /// When.
    pub at: MilliSecondsSinceUnixEpoch,
}

/// What a page on the web says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRow {
    /// The answer: a JSON object.
    pub answer: String,
    /// The media id of its picture.
    pub image: Option<String>,
    /// When it was fetched.
    pub fetched: MilliSecondsSinceUnixEpoch,
    /// Until when it is good.
    pub expires: MilliSecondsSinceUnixEpoch,
}

records!(
    MediaRow = 1,
    ReservedMediaRow = 1,
    QuarantineRow = 1,
    PreviewRow = 1,
);

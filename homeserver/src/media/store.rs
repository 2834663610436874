//! Rows of media.

use ruma::MilliSecondsSinceUnixEpoch;
use serde::{Deserialize, Serialize};

use crate::{ids::UserNid, records};

/// SHA-256 of a file's content.
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

records!(MediaRow = 1, ReservedMediaRow = 1);

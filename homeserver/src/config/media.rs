//! `[media]`: uploaded files.

use serde::Deserialize;

use super::{ConfigError, units::ByteSize};

/// Uploaded files.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// The largest file that can be uploaded.
    pub max_upload: ByteSize,
    /// Where the files are kept.
    pub store: MediaStore,
}

/// Where uploaded files are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaStore {
    /// In the data directory.
    #[default]
    File,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            max_upload: ByteSize::mebibytes(100),
            store: MediaStore::File,
        }
    }
}

impl Media {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.max_upload.bytes() == 0 {
            let reason =
                "with a limit of nothing no file can be uploaded; write for example \"100 MiB\"";
            return Err(ConfigError::invalid("media.max_upload", reason));
        }
        Ok(())
    }
}

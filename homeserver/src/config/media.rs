//! `[media]`: uploaded files.

use std::fmt;

use serde::Deserialize;

use super::{
    ConfigError,
    units::{ByteSize, Period},
};

/// Uploaded files.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// The largest file that can be uploaded.
    pub max_upload: ByteSize,
    /// How much one user may upload in all; as much as they want without.
    pub quota: Option<ByteSize>,
    /// How long a file of this server is kept that nobody fetches; for ever without.
    pub keep_local: Option<Period>,
    /// How long a copy of another server's file is kept that nobody fetches; for ever without.
    pub keep_remote: Option<Period>,
    /// Whether clients may ask what a page on the web says of itself.
    pub url_previews: bool,
    /// Whether files can be had without an access token, too, from the endpoints that were closed in 2024.
    pub unauthenticated: bool,
    /// Where the files are kept.
    pub store: MediaStore,
    /// The bucket, if they are kept in one.
    pub s3: Option<S3>,
}

/// Where uploaded files are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaStore {
    /// In the data directory.
    #[default]
    File,
    /// In a bucket of an S3 service.
    S3,
}

/// A bucket of an S3 service.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// The address of the service.
    pub endpoint: String,
    /// The name of the bucket.
    pub bucket: String,
    /// The region, where the service has some.
    #[serde(default = "default_region")]
    pub region: String,
    /// The name of the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
    /// Whether the bucket is named in the path rather than in front of the host, as most services beside Amazon's want.
    #[serde(default)]
    pub path_style: bool,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

impl Default for Media {
    fn default() -> Self {
        Self {
            max_upload: ByteSize::mebibytes(100),
            quota: None,
            keep_local: None,
            keep_remote: None,
            url_previews: false,
            unauthenticated: false,
            store: MediaStore::File,
            s3: None,
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
        match (self.store, &self.s3) {
            (MediaStore::S3, None) => {
                let reason = "to keep files in a bucket, say in [media.s3] which: endpoint, bucket, access_key_id, secret_access_key";
                Err(ConfigError::invalid("media.store", reason))
            }
            (_, Some(s3)) => s3.validate(),
            (MediaStore::File, None) => Ok(()),
        }
    }
}

impl S3 {
    fn validate(&self) -> Result<(), ConfigError> {
        let is_address =
            self.endpoint.starts_with("https://") || self.endpoint.starts_with("http://");
        if !is_address {
            let reason = "write an address such as \"https://s3.example.org\"";
            return Err(ConfigError::invalid("media.s3.endpoint", reason));
        }
        if self.bucket.is_empty() {
            let reason = "write the name of the bucket";
            return Err(ConfigError::invalid("media.s3.bucket", reason));
        }
        Ok(())
    }
}

//! Contents in a bucket of an S3 service.

use std::{ops::Range, path::Path as FilePath, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    Certificate, ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload,
    WriteMultipart, aws::AmazonS3Builder, path::Path,
};
use tokio::io::AsyncReadExt;

use super::{blobs, store::ContentHash};
use crate::{
    ApiError, ApiResult,
    config::{Outbound, S3},
};

/// Bytes of a part of a large file. S3 takes no smaller ones than 5 MiB, except the last.
const PART_SIZE: usize = 8 * 1024 * 1024;
/// Parts on their way at the same time.
const PARTS_AT_ONCE: usize = 4;
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A bucket. Clones share it.
#[derive(Clone)]
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
}

/// An object in a bucket, whether it exists or not.
#[derive(Clone, Debug)]
pub(super) struct Object {
    store: Arc<dyn ObjectStore>,
    path: Path,
}

impl Bucket {
    /// The bucket of the configuration. Nothing is asked of it yet.
    pub(super) fn new(config: &S3, outbound: &Outbound) -> anyhow::Result<Self> {
        let mut options = ClientOptions::new()
            .with_timeout(TIMEOUT)
            .with_allow_http(config.endpoint.starts_with("http://"))
            .with_allow_invalid_certificates(!outbound.verify_tls);
        for path in &outbound.extra_ca {
            for certificate in Certificate::from_pem_bundle(&std::fs::read(path)?)? {
                options = options.with_root_certificate(certificate);
            }
        }
        let store = AmazonS3Builder::new()
            .with_endpoint(&config.endpoint)
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_access_key_id(&config.access_key_id)
            .with_secret_access_key(&config.secret_access_key)
            .with_virtual_hosted_style_request(!config.path_style)
            .with_client_options(options)
            .build()?;
        Ok(Self {
            store: Arc::new(store),
        })
    }

    /// A content.
    pub(super) fn content(&self, hash: &ContentHash) -> Object {
        self.object(sharded(&blobs::hex(hash)))
    }

    /// A smaller picture made of a content.
    pub(super) fn thumbnail(&self, hash: &ContentHash, variant: &str) -> Object {
        let name = sharded(&blobs::hex(hash));
        self.object(format!("thumbnails/{name}-{variant}"))
    }

    /// The contents that were written before a time in milliseconds, in no particular order. Whatever else is in the
    /// bucket is passed over.
    pub(super) fn contents_before(&self, before: u64) -> BoxStream<'_, ApiResult<ContentHash>> {
        let contents = self
            .store
            .list(None)
            .try_filter_map(move |meta| async move {
                let written = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
                let hash = meta.location.filename().and_then(blobs::parse_hex);
                let is_content =
                    |hash: &ContentHash| *meta.location.as_ref() == *sharded(&blobs::hex(hash));
                Ok(hash.filter(is_content).filter(|_| written < before))
            });
        contents.map_err(failed).boxed()
    }

    fn object(&self, name: String) -> Object {
        Object {
            store: Arc::clone(&self.store),
            path: Path::from(name),
        }
    }

    /// Removes a content and the pictures made of it.
    pub(super) async fn delete(&self, hash: &ContentHash) -> ApiResult {
        let name = blobs::hex(hash);
        let folder = Path::from(format!("thumbnails/{}/{}", &name[..2], &name[2..4]));
        let listed: Vec<_> = self
            .store
            .list(Some(&folder))
            .try_collect()
            .await
            .map_err(failed)?;
        for meta in listed {
            let is_of_content = meta
                .location
                .filename()
                .is_some_and(|file| file.starts_with(&name));
            if is_of_content {
                self.store.delete(&meta.location).await.map_err(failed)?;
            }
        }
        match self.store.delete(&self.content(hash).path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

impl Object {
    /// Its size, if it exists.
    pub(super) async fn size(&self) -> ApiResult<Option<u64>> {
        match self.store.head(&self.path).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes it in one request.
    pub(super) async fn put(&self, bytes: PutPayload) -> ApiResult {
        self.store.put(&self.path, bytes).await.map_err(failed)?;
        Ok(())
    }

    /// Writes it from a file, a large one in parts, never having the whole of it in memory.
    pub(super) async fn upload(&self, from: &FilePath) -> ApiResult {
        let mut file = tokio::fs::File::open(from)
            .await
            .map_err(ApiError::internal)?;
        let first = read_part(&mut file).await?;
        if first.len() < PART_SIZE {
            return self.put(first.into()).await;
        }
        let upload = self.store.put_multipart(&self.path).await.map_err(failed)?;
        let mut parts = WriteMultipart::new_with_chunk_size(upload, PART_SIZE);
        let mut part = first;
        let sent = async {
            while !part.is_empty() {
                parts
                    .wait_for_capacity(PARTS_AT_ONCE)
                    .await
                    .map_err(failed)?;
                parts.put(part);
                part = read_part(&mut file).await?;
            }
            Ok(())
        };
        match sent.await {
            Ok(()) => parts.finish().await.map(drop).map_err(failed),
            Err(error) => {
                if let Err(abort) = parts.abort().await {
                    tracing::warn!(%abort, "parts of a file stay in the bucket");
                }
                Err(error)
            }
        }
    }

    /// Some bytes, as the body of an answer.
    pub(super) async fn read(&self, range: Range<u64>) -> ApiResult<Body> {
        if range.is_empty() {
            return Ok(Body::empty());
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let result = self.store.get_opts(&self.path, options).await;
        Ok(Body::from_stream(result.map_err(failed)?.into_stream()))
    }

    /// All of it.
    pub(super) async fn get(&self) -> ApiResult<Bytes> {
        let result = self.store.get(&self.path).await.map_err(failed)?;
        result.bytes().await.map_err(failed)
    }
}

/// The next part of a file, which is shorter than a part only at its end.
async fn read_part(file: &mut tokio::fs::File) -> ApiResult<Bytes> {
    let mut part = Vec::with_capacity(PART_SIZE);
    file.take(PART_SIZE as u64)
        .read_to_end(&mut part)
        .await
        .map_err(ApiError::internal)?;
    Ok(part.into())
}

fn failed(error: object_store::Error) -> ApiError {
    ApiError::internal(error)
}

/// `abcd…` as `ab/cd/abcd…`.
fn sharded(name: &str) -> String {
    format!("{}/{}/{name}", &name[..2], &name[2..4])
}

#[cfg(test)]
impl Bucket {
    /// A bucket that is gone with the test.
    pub(super) fn in_memory() -> Self {
        Self {
            store: Arc::new(object_store::memory::InMemory::new()),
        }
    }

    /// The names of its objects, sorted.
    pub(super) async fn names(&self) -> Vec<String> {
        let listed: Vec<_> = self.store.list(None).try_collect().await.unwrap();
        let mut names: Vec<String> = listed
            .iter()
            .map(|meta| meta.location.to_string())
            .collect();
        names.sort();
        names
    }
}

//! Where contents are: in a folder, or in a bucket of an S3 service.
//!
//! In both a content is named after the BLAKE3 hash of it, and smaller pictures made of it after the content. A file is
//! always received into the folder first, since its name is known only when all of it has come.

use std::{ops::Range, path::PathBuf};

use axum::body::Body;
use bytes::Bytes;

use super::{
    blobs::{Blobs, Incoming, Received},
    bucket::{Bucket, Object},
    pieces::Unwritten,
    store::ContentHash,
    upload::blocking,
};
use crate::ApiResult;

/// The contents of all files. Clones share them.
#[derive(Clone)]
pub(super) struct Contents {
    /// Where files are received, and kept if there is no bucket.
    folder: Blobs,
    bucket: Option<Bucket>,
}

/// A file that can be read.
#[derive(Clone, Debug, Default)]
pub struct File {
    source: Source,
    /// Bytes.
    pub size: u64,
}

#[derive(Clone, Debug)]
enum Source {
    Disk(PathBuf),
    Bucket(Object),
    Memory(Bytes),
}

impl Default for Source {
    fn default() -> Self {
        Self::Memory(Bytes::new())
    }
}

impl Contents {
    pub(super) fn new(folder: Blobs, bucket: Option<Bucket>) -> Self {
        Self { folder, bucket }
    }

    /// The bucket, if there is one.
    pub(super) fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    /// A new file to receive into, and nothing of it yet. `read_again` says that the file will be read at once.
    pub(super) fn create(&self, read_again: bool) -> (Incoming, Unwritten) {
        let read_again = read_again || self.bucket.is_some();
        (self.folder.create(), self.folder.unwritten(read_again))
    }

    /// Gives a received file its name. The same content twice is one file.
    pub(super) async fn keep(&self, received: Received) -> ApiResult {
        match &self.bucket {
            Some(bucket) => {
                let object = bucket.content(&received.hash);
                if object.size().await? != Some(received.size) {
                    object.upload(received.path()).await?;
                }
                Ok(())
            }
            None => {
                let folder = self.folder.clone();
                blocking(move || folder.keep(received)).await
            }
        }
    }

    /// Whether a received file gets its name here and now, without a network in between.
    pub(super) fn local(&self) -> Option<Blobs> {
        self.bucket.is_none().then(|| self.folder.clone())
    }

    /// A content.
    pub(super) fn file(&self, hash: &ContentHash, size: u64) -> File {
        let source = match &self.bucket {
            Some(bucket) => Source::Bucket(bucket.content(hash)),
            None => Source::Disk(self.folder.path(hash)),
        };
        File { source, size }
    }

    /// The first of some smaller pictures that is there, with its place among them.
    pub(super) async fn thumbnail(
        &self,
        hash: &ContentHash,
        variants: &[String],
    ) -> ApiResult<Option<(usize, File)>> {
        let Some(bucket) = &self.bucket else {
            let (folder, hash, variants) = (self.folder.clone(), *hash, variants.to_vec());
            let found = blocking(move || folder.find_thumbnail(&hash, &variants)).await?;
            return Ok(found.map(|(index, path, size)| {
                let source = Source::Disk(path);
                (index, File { source, size })
            }));
        };
        for (index, variant) in variants.iter().enumerate() {
            let object = bucket.thumbnail(hash, variant);
            if let Some(size) = object.size().await? {
                let source = Source::Bucket(object);
                return Ok(Some((index, File { source, size })));
            }
        }
        Ok(None)
    }

    /// Keeps a smaller picture.
    pub(super) async fn put_thumbnail(
        &self,
        hash: &ContentHash,
        variant: &str,
        bytes: Vec<u8>,
    ) -> ApiResult {
        match &self.bucket {
            Some(bucket) => bucket.thumbnail(hash, variant).put(bytes.into()).await,
            None => {
                let (folder, path) = (
                    self.folder.clone(),
                    self.folder.thumbnail_path(hash, variant),
                );
                blocking(move || folder.write_thumbnail(&path, &bytes)).await
            }
        }
    }

    /// Removes a content and the pictures made of it.
    pub(super) async fn delete(&self, hash: ContentHash) -> ApiResult {
        match &self.bucket {
            Some(bucket) => bucket.delete(&hash).await,
            None => {
                let folder = self.folder.clone();
                blocking(move || folder.delete(&hash)).await
            }
        }
    }
}

impl File {
    /// A file that is in memory.
    pub(super) fn in_memory(bytes: Bytes) -> Self {
        Self {
            size: bytes.len() as u64,
            source: Source::Memory(bytes),
        }
    }

    /// Some bytes of the file, as the body of an answer.
    pub async fn read(&self, range: Range<u64>) -> ApiResult<Body> {
        match &self.source {
            Source::Disk(path) => super::download::read_file(path.clone(), range).await,
            Source::Bucket(object) => object.read(range).await,
            Source::Memory(bytes) => {
                let within = |at: u64| (at as usize).min(bytes.len());
                let range = within(range.start)..within(range.end);
                Ok(Body::from(bytes.slice(range)))
            }
        }
    }

    /// The whole file. Only for files that are known to be small enough.
    pub(super) async fn bytes(&self) -> ApiResult<Bytes> {
        match &self.source {
            Source::Disk(path) => {
                let path = path.clone();
                blocking(move || std::fs::read(path)).await.map(Bytes::from)
            }
            Source::Bucket(object) => object.get().await,
            Source::Memory(bytes) => Ok(bytes.clone()),
        }
    }
}

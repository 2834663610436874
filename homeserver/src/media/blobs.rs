//! The folder of files, named after their content.
//!
//! `ab/cd/abcd…` holds contents, `thumbnails/ab/cd/abcd…-variant` smaller pictures made of them, `tmp` files that are
//! not complete. Only a complete and synced file gets its name.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use sha2::{Digest, Sha256};

use super::{OpenError, store::ContentHash};
use crate::storage::{Snapshot, tables};

/// The folder.
pub(super) struct Blobs {
    folder: PathBuf,
    next_name: AtomicU64,
}

/// A file that is being received.
pub(super) struct Incoming {
    file: File,
    path: PathBuf,
    digest: Sha256,
    size: u64,
    is_kept: bool,
}

/// A file that was received whole, under its temporary name.
pub(super) struct Received {
    pub(super) hash: ContentHash,
    pub(super) size: u64,
    path: PathBuf,
    is_kept: bool,
}

impl Blobs {
    /// Uses a folder, making what is missing. Incomplete files of an earlier run go.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let temporary = folder.join("tmp");
        if temporary.exists() {
            fs::remove_dir_all(&temporary)?;
        }
        fs::create_dir_all(&temporary)?;
        fs::create_dir_all(folder.join("thumbnails"))?;
        Ok(Self {
            folder: folder.to_owned(),
            next_name: AtomicU64::new(0),
        })
    }

    /// Where a content is, or would be.
    pub(super) fn path(&self, hash: &ContentHash) -> PathBuf {
        self.folder.join(sharded(&hex(hash)))
    }

    /// Where a smaller picture is, or would be.
    pub(super) fn thumbnail_path(&self, hash: &ContentHash, variant: &str) -> PathBuf {
        let name = sharded(&hex(hash));
        self.folder
            .join("thumbnails")
            .join(format!("{name}-{variant}"))
    }

    /// A new file to receive into.
    pub(super) fn create(&self) -> io::Result<Incoming> {
        let path = self.temporary_path();
        let file = File::create_new(&path)?;
        Ok(Incoming {
            file,
            path,
            digest: Sha256::new(),
            size: 0,
            is_kept: false,
        })
    }

    /// Gives a received file its name. The same content twice is one file.
    pub(super) fn keep(&self, mut received: Received) -> io::Result<()> {
        let target = self.path(&received.hash);
        if !target.exists() {
            place(&received.path, &target)?;
            received.is_kept = true;
        }
        // Also for a file that was there: whoever brought it may not have come to this line yet.
        sync_name(&target)
    }

    /// Writes a file that can be made again. Nobody ever finds half of it under its name, save after a power failure
    /// an empty file.
    pub(super) fn write_thumbnail(&self, target: &Path, bytes: &[u8]) -> io::Result<()> {
        let path = self.temporary_path();
        fs::write(&path, bytes)
            .and_then(|()| place(&path, target))
            .inspect_err(|_| discard(&path))
    }

    fn temporary_path(&self) -> PathBuf {
        let number = self.next_name.fetch_add(1, Ordering::Relaxed);
        self.folder.join("tmp").join(number.to_string())
    }

    /// Removes contents that no media id stands for.
    pub(super) fn remove_orphans(&self, snapshot: &Snapshot<'_>) -> Result<(), OpenError> {
        for path in files_of_shards(&self.folder)? {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(parse_hex);
            let Some(hash) = name else { continue };
            if tables::MEDIA_OF_CONTENT
                .scan(snapshot, (hash,))?
                .next()
                .is_none()
            {
                tracing::info!(path = %path.display(), "removing a file whose upload was not completed");
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

impl Incoming {
    /// Adds bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// The bytes so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Has everything on the disk.
    pub(super) fn finish(mut self) -> io::Result<Received> {
        self.file.sync_all()?;
        self.is_kept = true;
        Ok(Received {
            hash: std::mem::take(&mut self.digest).finalize().into(),
            size: self.size,
            path: self.path.clone(),
            is_kept: false,
        })
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.is_kept {
            discard(&self.path);
        }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if !self.is_kept {
            discard(&self.path);
        }
    }
}

fn discard(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "a temporary file cannot be removed");
    }
}

/// Moves a file to its name.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::rename(from, to)
}

/// Has the name of a file on the disk, and those of the two folders it is in, which may be new.
fn sync_name(path: &Path) -> io::Result<()> {
    for folder in path.ancestors().skip(1).take(3) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// `abcd…` as `ab/cd/abcd…`: no folder grows beyond what file systems like.
fn sharded(name: &str) -> String {
    format!("{}/{}/{name}", &name[..2], &name[2..4])
}

pub(super) fn hex(hash: &ContentHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_hex(text: &str) -> Option<ContentHash> {
    let mut hash = ContentHash::default();
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// Every file two folders deep in folders with names of two letters.
fn files_of_shards(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = vec![folder.to_owned()];
    for _ in 0..2 {
        let mut below = Vec::new();
        for folder in folders {
            let entries = fs::read_dir(folder)?;
            for entry in entries {
                let entry = entry?;
                if entry.file_name().len() == 2 && entry.file_type()?.is_dir() {
                    below.push(entry.path());
                }
            }
        }
        folders = below;
    }
    let mut files = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(folder)? {
            files.push(entry?.path());
        }
    }
    Ok(files)
}

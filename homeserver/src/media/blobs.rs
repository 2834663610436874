//! The folder of files, named after their content.
//!
//! `ab/abcd…` holds contents, `thumbnails/ab/abcd…-variant` smaller pictures made of them, `tmp` files that are not
//! complete. Only a complete and synced file gets its name. Folders are few, so that nearly every file finds its own
//! there: making one costs as much as writing a small file.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, IoSlice, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use blake3::Hasher;
use parking_lot::Mutex;
use rustix::fs::OFlags;

use super::{
    OpenError,
    pieces::{Idle, Unwritten},
    store::ContentHash,
};
use crate::storage::{Snapshot, tables};

/// The folder. Clones share it.
#[derive(Clone)]
pub(super) struct Blobs {
    inner: Arc<Folder>,
}

struct Folder {
    path: PathBuf,
    next_name: AtomicU64,
    /// Folders whose names are known to be on the disk.
    synced: Mutex<HashSet<PathBuf>>,
    idle: Idle,
    /// Whether files may be written past the kernel's cache: not every file system takes that.
    direct: AtomicBool,
}

/// A file that is being received.
pub(super) struct Incoming {
    file: Option<File>,
    path: PathBuf,
    digest: Hasher,
    size: u64,
    folder: Blobs,
    /// Whether the file is open for whole blocks only.
    direct: bool,
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
        let thumbnails = folder.join("thumbnails");
        fs::create_dir_all(&thumbnails)?;
        flatten(folder)?;
        flatten(&thumbnails)?;
        let inner = Folder {
            path: folder.to_owned(),
            next_name: AtomicU64::new(0),
            synced: Mutex::default(),
            idle: Idle::default(),
            direct: AtomicBool::new(true),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Where a content is, or would be.
    pub(super) fn path(&self, hash: &ContentHash) -> PathBuf {
        self.inner.path.join(shelved(&hex(hash)))
    }

    /// Where a smaller picture is, or would be.
    pub(super) fn thumbnail_path(&self, hash: &ContentHash, variant: &str) -> PathBuf {
        let name = shelved(&hex(hash));
        self.inner
            .path
            .join("thumbnails")
            .join(format!("{name}-{variant}"))
    }

    /// A new file to receive into, made with the first bytes.
    pub(super) fn create(&self) -> Incoming {
        Incoming {
            file: None,
            path: self.temporary_path(),
            digest: Hasher::new(),
            size: 0,
            folder: self.clone(),
            direct: false,
        }
    }

    /// Nothing of a file yet. One that is read again at once is better written through the kernel's cache.
    pub(super) fn unwritten(&self, read_again: bool) -> Unwritten {
        let direct = !read_again && self.inner.direct.load(Ordering::Relaxed);
        Unwritten::new(&self.inner.idle, direct)
    }

    fn create_file(&self, path: &Path, direct: bool) -> io::Result<(File, bool)> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        if direct {
            let flags = OFlags::DIRECT.bits().cast_signed();
            match options.clone().custom_flags(flags).open(path) {
                Ok(file) => return Ok((file, true)),
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    self.give_up_direct(&error);
                }
                Err(error) => return Err(error),
            }
            // Some systems make the file before they refuse it.
            options.create_new(false).create(true).truncate(true);
        }
        Ok((options.open(path)?, false))
    }

    fn give_up_direct(&self, error: &io::Error) {
        if self.inner.direct.swap(false, Ordering::Relaxed) {
            tracing::info!(%error, "the file system of media takes files through the kernel's cache only");
        }
    }

    /// Gives a received file its name. The same content twice is one file.
    pub(super) fn keep(&self, mut received: Received) -> io::Result<()> {
        let target = self.path(&received.hash);
        if !target.exists() {
            place(&received.path, &target)?;
            received.is_kept = true;
        }
        // Also for a file that was there: whoever brought it may not have come to this line yet.
        self.sync_name(&target)
    }

    /// Has the name of a file on the disk, and that of the folder it is in if it may be new.
    fn sync_name(&self, path: &Path) -> io::Result<()> {
        let Some(folder) = path.parent() else {
            return Ok(());
        };
        // The name of a folder stays once it is there, so it is synced once.
        let is_known = self.inner.synced.lock().contains(folder);
        let depth = if is_known { 1 } else { 2 };
        for folder in path.ancestors().skip(1).take(depth) {
            File::open(folder)?.sync_all()?;
        }
        if !is_known {
            self.inner.synced.lock().insert(folder.to_owned());
        }
        Ok(())
    }

    /// The first of some smaller pictures that is there: its place among them, its path and its size.
    pub(super) fn find_thumbnail(
        &self,
        hash: &ContentHash,
        variants: &[String],
    ) -> io::Result<Option<(usize, PathBuf, u64)>> {
        for (index, variant) in variants.iter().enumerate() {
            let path = self.thumbnail_path(hash, variant);
            match fs::metadata(&path) {
                // Nothing is what a power failure may leave of a thumbnail.
                Ok(found) if found.len() == 0 => {}
                Ok(found) => return Ok(Some((index, path, found.len()))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Removes a content and the pictures made of it.
    pub(super) fn delete(&self, hash: &ContentHash) -> io::Result<()> {
        let name = hex(hash);
        let pictures = self.thumbnail_path(hash, "");
        let folder = pictures.parent().unwrap_or(&pictures);
        match fs::read_dir(folder) {
            Ok(entries) => {
                for entry in entries {
                    let entry = entry?;
                    if entry.file_name().to_string_lossy().starts_with(&name) {
                        fs::remove_file(entry.path())?;
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        match fs::remove_file(self.path(hash)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
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
        let number = self.inner.next_name.fetch_add(1, Ordering::Relaxed);
        self.inner.path.join("tmp").join(number.to_string())
    }

    /// Removes contents that no media id stands for.
    pub(super) fn remove_orphans(&self, snapshot: &Snapshot<'_>) -> Result<(), OpenError> {
        for shelf in shelves(&self.inner.path)? {
            for path in entries(&shelf)? {
                let name = path.file_name().and_then(|name| name.to_str());
                let Some(hash) = name.and_then(parse_hex) else {
                    continue;
                };
                let mut addresses = tables::MEDIA_OF_CONTENT.scan(snapshot, (hash,))?;
                if addresses.next().is_none() {
                    tracing::info!(path = %path.display(), "removing a file whose upload was not completed");
                    fs::remove_file(&path)?;
                }
            }
        }
        Ok(())
    }
}

impl Incoming {
    /// Writes what has come. Only the last part may end within a block.
    pub(super) fn write(&mut self, unwritten: &mut Unwritten) -> io::Result<()> {
        for slice in unwritten.slices() {
            self.digest.update(&slice);
        }
        let (at, length) = (self.size, unwritten.length() as u64);
        self.size += length;
        let blocks = unwritten.blocks();
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let (file, direct) = self.folder.create_file(&self.path, blocks.is_some())?;
                self.direct = direct;
                none.insert(file)
            }
        };
        let written = match blocks {
            Some(blocks) if self.direct => write_blocks(file, blocks, at + length),
            _ => write_slices(file, &mut unwritten.slices()),
        };
        match written {
            Err(error) if self.direct && error.kind() == io::ErrorKind::InvalidInput => {
                self.folder.give_up_direct(&error);
                self.direct = false;
                *file = OpenOptions::new().write(true).open(&self.path)?;
                file.seek(SeekFrom::Start(at))?;
                write_slices(file, &mut unwritten.slices())?;
                file.set_len(self.size)?;
            }
            written => written?,
        }
        unwritten.clear();
        Ok(())
    }

    /// The bytes so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Writes the last part and has everything on the disk. An empty file is one too.
    pub(super) fn finish(mut self, mut unwritten: Unwritten) -> io::Result<Received> {
        self.write(&mut unwritten)?;
        let received = Received {
            hash: self.digest.finalize().into(),
            size: self.size,
            path: self.path.clone(),
            is_kept: false,
        };
        if let Some(file) = self.file.take() {
            file.sync_all()?;
        }
        Ok(received)
    }
}

impl Received {
    /// Where the file is until it gets its name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Once it is received whole, it is no longer ours.
        if self.file.is_some() {
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

/// Writes whole blocks, and ends the file where its bytes end.
fn write_blocks(file: &mut File, blocks: &[u8], end: u64) -> io::Result<()> {
    file.write_all(blocks)?;
    if file.stream_position()? != end {
        file.set_len(end)?;
    }
    Ok(())
}

fn write_slices(file: &mut File, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    let mut slices = slices;
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn discard(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "a temporary file cannot be removed");
    }
}

/// Moves a file to its name. Its folder is usually there.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    match (fs::rename(from, to), to.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            fs::rename(from, to)
        }
        (done, _) => done,
    }
}

/// `abcd…` as `ab/abcd…`: no folder grows beyond what file systems like.
fn shelved(name: &str) -> String {
    format!("{}/{name}", &name[..2])
}

pub(super) fn hex(hash: &ContentHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn parse_hex(text: &str) -> Option<ContentHash> {
    let mut hash = ContentHash::default();
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// Takes files out of the folders within folders that they were in once: `ab/cd/abcd…` becomes `ab/abcd…`.
fn flatten(folder: &Path) -> io::Result<()> {
    for shelf in shelves(folder)? {
        for inner in shelves(&shelf)? {
            for file in entries(&inner)? {
                if let Some(name) = file.file_name() {
                    fs::rename(&file, shelf.join(name))?;
                }
            }
            fs::remove_dir(inner)?;
        }
    }
    Ok(())
}

/// The folders in a folder whose names have two letters.
fn shelves(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = entries(folder)?;
    found.retain(|path| path.file_name().is_some_and(|name| name.len() == 2) && path.is_dir());
    Ok(found)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Blobs, parse_hex};

    #[test]
    fn files_of_the_old_folders_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let name = "abcdef00".repeat(8);
        let (content, small) = (
            folder.path().join("ab/cd"),
            folder.path().join("thumbnails/ab/cd"),
        );
        fs::create_dir_all(&content).unwrap();
        fs::create_dir_all(&small).unwrap();
        fs::write(content.join(&name), "lilac").unwrap();
        fs::write(small.join(format!("{name}-32x32.jpg")), "li").unwrap();
        let hash = parse_hex(&name).unwrap();
        for _ in 0..2 {
            let blobs = Blobs::open(folder.path()).unwrap();
            assert_eq!(fs::read_to_string(blobs.path(&hash)).unwrap(), "lilac");
            let thumbnail = blobs.thumbnail_path(&hash, "32x32.jpg");
            assert_eq!(fs::read_to_string(thumbnail).unwrap(), "li");
        }
        assert!(!content.exists());
    }
}

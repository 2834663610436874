//! Copying, linking and comparing the files of backups.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::{File, MANIFEST, make_private_dir};

/// A folder for a backup made at `now`, in milliseconds since 1970.
pub(super) fn unused_name(dir: &Path, now: u64) -> PathBuf {
    let name = format!("backup-{now:013}");
    let mut path = dir.join(&name);
    for n in 2.. {
        if !path.exists() {
            break;
        }
        path = dir.join(format!("{name}-{n}"));
    }
    path
}

/// Every file below `root`, with its path from there.
fn walk(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Puts the files of one folder into another, as hard links where that is possible.
pub(super) fn link_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    for path in walk(from).with_context(|| format!("cannot read {}", from.display()))? {
        let target = to.join(path.strip_prefix(from)?);
        // Uploads that are not complete belong to nobody.
        if path.strip_prefix(from)?.starts_with("tmp") {
            continue;
        }
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        if fs::hard_link(&path, &target).is_err() {
            match fs::copy(&path, &target) {
                // Deleted since the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => drop(done.with_context(|| format!("cannot copy {}", path.display()))?),
            }
        }
    }
    Ok(())
}

/// Copies the files of one folder into another.
pub(super) fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    make_private_dir(to)?;
    for path in walk(from)? {
        let target = to.join(path.strip_prefix(from)?);
        if let Some(folder) = target.parent() {
            make_private_dir(folder)?;
        }
        fs::copy(&path, &target).with_context(|| format!("cannot copy {}", path.display()))?;
    }
    Ok(())
}

/// Names, sizes and hashes of all files.
pub(super) fn describe(root: &Path) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    for path in walk(root)? {
        let name = path
            .strip_prefix(root)?
            .to_string_lossy()
            .replace('\\', "/");
        let (size, sha256) = hash(&path)?;
        files.push(File {
            path: name,
            size,
            sha256,
        });
    }
    Ok(files)
}

/// Whether a file is what the manifest says.
pub(super) fn compare(root: &Path, file: &File) -> anyhow::Result<()> {
    let inside = Path::new(&file.path);
    if inside.is_absolute() || inside.components().any(|part| part.as_os_str() == "..") {
        bail!(
            "{MANIFEST} names a file outside of the backup: {}",
            file.path
        );
    }
    let path = root.join(inside);
    let (size, sha256) = hash(&path)?;
    if size != file.size || sha256 != file.sha256 {
        bail!(
            "{} is damaged: its content is not what was backed up",
            path.display()
        );
    }
    Ok(())
}

fn hash(path: &Path) -> anyhow::Result<(u64, String)> {
    let mut file =
        fs::File::open(path).with_context(|| format!("{} is missing", path.display()))?;
    let mut digest = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        size += read as u64;
        digest.update(&buffer[..read]);
    }
    Ok((
        size,
        digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    ))
}

/// Brings every file and folder below `root` to the disk.
pub(super) fn sync_tree(root: &Path) -> anyhow::Result<()> {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                fs::File::open(&path)?.sync_all()?;
            }
        }
        sync_folder(&folder)?;
    }
    Ok(())
}

/// Brings the names in a folder to the disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

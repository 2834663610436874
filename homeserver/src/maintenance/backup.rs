//! Backups: a checkpoint of the database with media, keys and configuration in one folder.
//!
//! A backup is written to `NAME.partial` and renamed when everything in it is on disk, so a folder without that ending
//! is complete. `manifest.json` names every file with its size and SHA-256. Files that never change (tables of the
//! database, media) are hard links where the file system allows.

mod files;
mod restore;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

pub use self::restore::{RestoreOptions, Restored, restore};
use super::{check, make_private_dir};
use crate::storage::{Storage, inspect, tables};

/// The version of the layout.
const LAYOUT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const PARTIAL: &str = "partial";
const DATABASE: &str = "db";
/// Folders of the data directory that belong to a backup beside the database.
const FOLDERS: [&str; 2] = [MEDIA, KEYS];
const MEDIA: &str = "media";
const KEYS: &str = "keys";
const CONFIG: &str = "config.toml";
/// Marks a backup that was not in order when it was verified, and says why.
const DAMAGED: &str = "damaged.txt";

/// What a backup holds.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Manifest {
    layout: u32,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// The server's name.
    pub server_name: String,
    /// The program that made it.
    pub program: String,
    /// The life of the database.
    pub epoch: u32,
    files: Vec<File>,
}

/// A file of a backup.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
struct File {
    /// The path inside the backup, with `/`.
    path: String,
    size: u64,
    sha256: String,
}

impl Manifest {
    /// Bytes in all files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    fn read(backup: &Path) -> anyhow::Result<Self> {
        let path = backup.join(MANIFEST);
        let json = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Self = serde_json::from_slice(&json)
            .with_context(|| format!("{} is damaged", path.display()))?;
        if manifest.layout > LAYOUT {
            bail!(
                "{} was made by a newer program: use that to restore it",
                backup.display()
            );
        }
        Ok(manifest)
    }
}

/// Where a server keeps what is backed up.
pub struct Source<'a> {
    /// The open database.
    pub storage: &'a Storage,
    /// The server's name.
    pub server_name: &'a str,
    /// The data directory.
    pub data_dir: &'a Path,
    /// The configuration file.
    pub config: Option<&'a Path>,
}

/// Makes a backup in `dir` while the server goes on, and returns its folder. `now` is in milliseconds since 1970.
pub fn create(source: &Source<'_>, dir: &Path, now: u64) -> anyhow::Result<PathBuf> {
    make_private_dir(dir)?;
    let target = files::unused_name(dir, now);
    let partial = target.with_extension(PARTIAL);
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    make_private_dir(&partial)?;
    let made = fill(source, &partial, now);
    if let Err(error) = made {
        // What is left of it would only take space.
        fs::remove_dir_all(&partial)
            .with_context(|| format!("cannot remove {}", partial.display()))?;
        return Err(error);
    }
    fs::rename(&partial, &target)?;
    files::sync_folder(dir)?;
    Ok(target)
}

fn fill(source: &Source<'_>, partial: &Path, now: u64) -> anyhow::Result<()> {
    source.storage.checkpoint(&partial.join(DATABASE))?;
    let (media, keys) = (source.data_dir.join(MEDIA), source.data_dir.join(KEYS));
    if media.exists() {
        files::link_tree(&media, &partial.join(MEDIA))?;
    }
    if keys.exists() {
        files::copy_tree(&keys, &partial.join(KEYS))?;
    }
    if let Some(config) = source.config {
        fs::copy(config, partial.join(CONFIG))
            .with_context(|| format!("cannot copy {}", config.display()))?;
    }
    let manifest = Manifest {
        layout: LAYOUT,
        created: now,
        server_name: source.server_name.to_owned(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        epoch: source.storage.epoch(),
        files: files::describe(partial)?,
    };
    fs::write(
        partial.join(MANIFEST),
        serde_json::to_vec_pretty(&manifest)?,
    )?;
    files::sync_tree(partial)
}

/// The complete backups in a folder, oldest first.
pub fn list(dir: &Path) -> anyhow::Result<Vec<(PathBuf, Manifest)>> {
    let mut found = Vec::new();
    if !dir.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        let partial = path
            .extension()
            .is_some_and(|extension| extension == PARTIAL);
        if !partial && path.join(MANIFEST).is_file() {
            found.push((path.clone(), Manifest::read(&path)?));
        }
    }
    found.sort_by_key(|(path, manifest)| (manifest.created, path.clone()));
    Ok(found)
}

/// Checks every file of a backup, opens its database and checks that too.
pub fn verify(backup: &Path) -> anyhow::Result<check::Report> {
    let manifest = Manifest::read(backup)?;
    for file in &manifest.files {
        files::compare(backup, file)?;
    }
    inspect(&backup.join(DATABASE), |snapshot| {
        let epoch = tables::EPOCH.get(snapshot, ())?.unwrap_or(1);
        if epoch != manifest.epoch {
            bail!(
                "the database of {} is not the one that was backed up",
                backup.display()
            );
        }
        Ok(check::check(snapshot)?)
    })
}

/// Notes that a backup is not in order.
pub fn mark_damaged(backup: &Path, why: &str) -> anyhow::Result<()> {
    let mark = backup.join(DAMAGED);
    fs::write(&mark, why).with_context(|| format!("cannot write {}", mark.display()))
}

/// Whether a backup was marked as damaged.
pub fn is_damaged(backup: &Path) -> bool {
    backup.join(DAMAGED).exists()
}

/// Removes all but the newest `keep` backups and returns those that are gone. The newest one always stays, and so does
/// the newest one that is not marked as damaged.
pub fn prune(dir: &Path, keep: usize) -> anyhow::Result<Vec<PathBuf>> {
    let backups = list(dir)?;
    let surplus = backups.len().saturating_sub(keep.max(1));
    let good = backups.iter().rposition(|(path, _)| !is_damaged(path));
    let mut gone = Vec::new();
    for (at, (path, _)) in backups.into_iter().enumerate().take(surplus) {
        if Some(at) == good {
            continue;
        }
        fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        gone.push(path);
    }
    Ok(gone)
}

#[cfg(test)]
mod tests;

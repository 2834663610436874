//! Putting a backup in place.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::bail;
use ruma::ServerName;

use super::{CONFIG, DATABASE, FOLDERS, files, make_private_dir, verify};
use crate::{
    maintenance::check_owner,
    storage::{begin_epoch, inspect},
};

/// How to restore.
#[derive(Clone, Copy, Debug)]
pub struct RestoreOptions<'a> {
    /// The server that the data is put in place for.
    pub server_name: &'a ServerName,
    /// Whether data that is there may be moved aside.
    pub replace: bool,
    /// The time, in milliseconds since 1970.
    pub now: u64,
}

/// What was done with the data that was there before.
#[derive(Debug)]
pub struct Restored {
    /// Where the former data is now, if there was any.
    pub former: Option<PathBuf>,
    /// The configuration file of the backup, which is not put in place by itself.
    pub config: Option<PathBuf>,
    /// The new life of the database.
    pub epoch: u32,
}

/// Verifies a backup and puts it into a data directory whose server is stopped. The database begins a new life there,
/// so that clients start over instead of missing what came after the backup.
pub fn restore(
    backup: &Path,
    data_dir: &Path,
    options: RestoreOptions<'_>,
) -> anyhow::Result<Restored> {
    let report = verify(backup)?;
    if !report.is_clean() {
        bail!(
            "{} is damaged: {}",
            backup.display(),
            report.problems.join("; ")
        );
    }
    inspect(&backup.join(DATABASE), |snapshot| {
        check_owner(snapshot, options.server_name)
    })?;
    if data_dir.join("admin.sock").exists() && super::super::is_served(data_dir) {
        bail!(
            "the server of {} is running: stop it first",
            data_dir.display()
        );
    }
    let former = set_aside(data_dir, options)?;
    make_private_dir(data_dir)?;
    for part in [DATABASE].into_iter().chain(FOLDERS) {
        let from = backup.join(part);
        if from.exists() {
            files::copy_tree(&from, &data_dir.join(part))?;
        }
    }
    files::sync_tree(data_dir)?;
    let epoch = begin_epoch(&data_dir.join(DATABASE))?;
    let config = Some(backup.join(CONFIG)).filter(|path| path.exists());
    Ok(Restored {
        former,
        config,
        epoch,
    })
}

/// Moves what is there to a folder beside it.
fn set_aside(data_dir: &Path, options: RestoreOptions<'_>) -> anyhow::Result<Option<PathBuf>> {
    let parts: Vec<_> = [DATABASE]
        .into_iter()
        .chain(FOLDERS)
        .filter(|part| data_dir.join(part).exists())
        .collect();
    if parts.is_empty() {
        return Ok(None);
    }
    if !options.replace {
        bail!(
            "{} holds data: add --replace to move it aside and restore over it",
            data_dir.display()
        );
    }
    let former = data_dir.join(format!("before-restore-{:013}", options.now));
    make_private_dir(&former)?;
    for part in parts {
        fs::rename(data_dir.join(part), former.join(part))?;
    }
    Ok(Some(former))
}

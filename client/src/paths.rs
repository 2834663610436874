//! Where the program keeps its files.

use std::{
    env,
    path::{Path, PathBuf},
};

use directories::ProjectDirs;

/// The join file with which whoever prepares a computer names its server.
const JOIN_FILE: &str = "academy.fialka";

/// The two folders of one person.
#[derive(Debug, Clone)]
pub struct Paths {
    /// `settings.toml`.
    pub config_dir: PathBuf,
    /// Accounts with their databases and secrets.
    pub data_dir: PathBuf,
}

impl Paths {
    /// The folders the system means for this (e.g. `~/.config/fialka` and `~/.local/share/fialka`), or both below
    /// the given one.
    ///
    /// # Errors
    /// When the system knows no home for this person.
    pub fn find(below: Option<PathBuf>) -> anyhow::Result<Self> {
        if let Some(folder) = below {
            return Ok(Self {
                config_dir: folder.clone(),
                data_dir: folder,
            });
        }
        let dirs = ProjectDirs::from("", "", "Fialka").ok_or_else(|| {
            anyhow::anyhow!("This account has no home folder; give one with --data-dir.")
        })?;
        Ok(Self {
            config_dir: dirs.config_dir().to_owned(),
            data_dir: dirs.data_local_dir().to_owned(),
        })
    }
}

/// The join file of this computer, if it was prepared with one: beside the program, or in `/etc/fialka`.
#[must_use]
pub fn prepared_join_file() -> Option<PathBuf> {
    let program = env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent);
    let system = cfg!(unix).then_some(Path::new("/etc/fialka"));
    let places = beside.into_iter().chain(system);
    places
        .map(|folder| folder.join(JOIN_FILE))
        .find(|file| file.is_file())
}

//! Where the program keeps its files.

use std::path::PathBuf;

use directories::ProjectDirs;

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

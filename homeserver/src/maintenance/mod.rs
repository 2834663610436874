//! Looking after a database that no server has open, or that one goes on using: checks and backups.

pub mod backup;
pub mod check;
mod owner;

use std::{fs, os::unix::fs::DirBuilderExt, path::Path};

use anyhow::Context;

pub use self::owner::check_owner;

/// Whether a running server holds the database of a data directory.
pub fn is_served(data_dir: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(data_dir.join("admin.sock")).is_ok()
}

/// Makes a directory, and those above it that are missing, into which only their owner can look.
pub fn make_private_dir(path: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make the directory {}", path.display()))
}

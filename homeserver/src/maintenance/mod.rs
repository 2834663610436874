//! Looking after a database that no server has open, or that one goes on using: checks and backups.

pub mod backup;
pub mod check;
mod owner;

use std::path::Path;

pub use self::owner::check_owner;

/// Whether a running server holds the database of a data directory.
pub fn is_served(data_dir: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(data_dir.join("admin.sock")).is_ok()
}

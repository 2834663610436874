//! Hands files and links to the program that the system has for them.

use std::{
    ffi::OsStr,
    io,
    process::{Child, Command, Stdio},
};

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use crate::memory;

/// What hands a file or a link on, on each system.
const OPENER: &str = if cfg!(windows) {
    "explorer"
} else if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};

/// Begins to open a file or a link. What comes back ends when it was handed on.
///
/// # Errors
/// When the system has nothing that hands it on.
pub fn open(what: impl AsRef<OsStr>) -> io::Result<Child> {
    let mut command = Command::new(OPENER);
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    memory::keep_from(&mut command);
    command
        .arg(what)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

//! Removing files that something may still have open for a moment. Only Windows minds.

use std::{
    fs::{self, DirEntry},
    io,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a database takes at most to be closed after the last who used it is gone.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);
/// What Windows answers while a file is open: `ERROR_SHARING_VIOLATION`.
const IN_USE: i32 = 32;

/// Removes a file. Blocks while it is in use.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    patiently(|| fs::remove_file(path))
}

/// Removes a folder and all that is in it. Blocks while a file in it is in use; what cannot be removed at all keeps
/// nothing else from being removed.
pub(super) fn remove_folder(path: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let mut outcome = Ok(());
    for entry in entries {
        outcome = outcome.and(entry.and_then(|entry| remove_entry(&entry)));
    }
    outcome.and_then(|()| patiently(|| fs::remove_dir(path)))
}

fn remove_entry(entry: &DirEntry) -> io::Result<()> {
    if entry.file_type()?.is_dir() {
        remove_folder(&entry.path())
    } else {
        remove_file(&entry.path())
    }
}

fn patiently(remove: impl Fn() -> io::Result<()>) -> io::Result<()> {
    let started = Instant::now();
    loop {
        match remove() {
            Err(error) if is_in_use(&error) && started.elapsed() < PATIENCE => sleep(PAUSE),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(()),
        }
    }
}

fn is_in_use(error: &io::Error) -> bool {
    cfg!(windows) && error.raw_os_error() == Some(IN_USE)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::remove_folder;

    #[test]
    fn a_folder_goes_with_all_that_is_in_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("account");
        fs::create_dir_all(folder.join("sounds/deep")).unwrap();
        for file in ["state", "sounds/sound-1.ogg", "sounds/deep/x"] {
            fs::write(folder.join(file), "x").unwrap();
        }
        remove_folder(&folder).unwrap();
        assert!(!folder.exists());
        remove_folder(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_leads_to_stays() {
        let parent = tempfile::tempdir().unwrap();
        let (folder, other) = (parent.path().join("account"), parent.path().join("other"));
        fs::create_dir(&folder).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(other.join("x"), "x").unwrap();
        std::os::unix::fs::symlink(&other, folder.join("link")).unwrap();
        remove_folder(&folder).unwrap();
        assert!(other.join("x").exists());
    }
}

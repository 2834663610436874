//! What an account takes on the disk of this computer, and making it less.

use std::{fs, io, path::Path, time::Duration};

use matrix_sdk::{Client, media::MediaRetentionPolicy};

use super::{account_store::AccountStore, removal::remove_file};
use crate::bridge::{trouble::Trouble, update::Answer};

/// The databases that can be filled again from the server. Without any of the others the session is lost.
const CACHES: [&str; 2] = ["matrix-sdk-event-cache.sqlite3", "matrix-sdk-media.sqlite3"];

/// With less than this, databases cannot be written.
const ROOM: usize = 1024 * 1024;

/// Measures the account's folder.
pub(super) async fn measure(store: &AccountStore, account: &str) -> Result<Answer, Trouble> {
    let folder = store.database(account);
    let bytes = store.blocking(move |_| size_of(&folder)).await?;
    Ok(Answer::Storage(bytes))
}

/// Forgets pictures and files that can be loaded again.
pub(super) async fn clear(
    client: &Client,
    store: &AccountStore,
    account: &str,
) -> Result<Answer, Trouble> {
    let media = client.media();
    let usual = media.media_retention_policy().await?;
    let nothing = MediaRetentionPolicy::empty().with_last_access_expiry(Some(Duration::ZERO));
    media.set_media_retention_policy(nothing).await?;
    let cleaned = media.clean().await;
    media.set_media_retention_policy(usual).await?;
    cleaned?;
    measure(store, account).await
}

/// Whether something can still be written beside the account's databases.
pub(super) async fn has_room(store: &AccountStore, folder: &Path) -> bool {
    let path = folder.join("room");
    let tried = store.blocking(move |_| {
        let written = fs::write(&path, vec![0; ROOM]);
        if path.exists() {
            fs::remove_file(&path)?;
        }
        written
    });
    tried.await != Err(Trouble::DiskFull)
}

/// Removes the databases that only save loading, when the folder cannot be opened as it is. Tells whether there was
/// any.
pub(super) fn remove_caches(folder: &Path) -> io::Result<bool> {
    let mut removed = false;
    for name in CACHES {
        for ending in ["", "-wal", "-shm"] {
            let file = folder.join(format!("{name}{ending}"));
            removed |= file.exists();
            remove_file(&file)?;
        }
    }
    Ok(removed)
}

fn size_of(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let facts = entry.metadata()?;
        bytes += match facts.is_dir() {
            true => size_of(&entry.path())?,
            false => facts.len(),
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_weighs_what_its_files_weigh() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), [0; 100]).unwrap();
        fs::create_dir(folder.path().join("sounds")).unwrap();
        fs::write(folder.path().join("sounds/b"), [0; 23]).unwrap();
        assert_eq!(size_of(folder.path()).unwrap(), 123);
    }

    #[test]
    fn only_caches_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["matrix-sdk-crypto.sqlite3", "matrix-sdk-state.sqlite3"] {
            fs::write(path(name), "kept").unwrap();
        }
        assert!(!remove_caches(folder.path()).unwrap());
        fs::write(path("matrix-sdk-media.sqlite3-wal"), "gone").unwrap();
        assert!(remove_caches(folder.path()).unwrap());
        assert!(!path("matrix-sdk-media.sqlite3-wal").exists());
        assert!(path("matrix-sdk-crypto.sqlite3").exists());
    }
}

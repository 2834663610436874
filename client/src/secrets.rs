//! Where secrets rest: the system's keyring, or a file only its owner can read.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::bridge::secret::Secret;

/// The name under which the keyring shows our entries.
const SERVICE: &str = "Fialka";

/// Keeps one secret per account. All calls may block (the keyring may even ask the person): call them off the UI
/// thread.
#[derive(Debug, Clone)]
pub struct Vault {
    folder: PathBuf,
    use_keyring: bool,
}

impl Vault {
    /// A vault whose files, if it needs any, are in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf, use_keyring: bool) -> Self {
        Self {
            folder,
            use_keyring,
        }
    }

    /// Keeps a secret under a name, replacing an older one.
    ///
    /// # Errors
    /// When neither the keyring nor the disk takes it.
    pub fn keep(&self, name: &str, secret: &Secret) -> io::Result<()> {
        if self.use_keyring {
            match keep_in_keyring(name, secret) {
                Ok(()) => return remove_file(&self.file(name)),
                Err(error) => tracing::info!(%error, "no keyring, secrets go to a private file"),
            }
        }
        write_private(&self.file(name), secret.reveal().as_bytes())
    }

    /// Finds a secret again.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Secret> {
        if let Ok(text) = fs::read_to_string(self.file(name)) {
            return Some(Secret::new(text));
        }
        if !self.use_keyring {
            return None;
        }
        let entry = keyring::v1::Entry::new(SERVICE, name).ok()?;
        entry.get_password().ok().map(Secret::new)
    }

    /// Whether a secret is in a file, because no keyring took it.
    #[must_use]
    pub fn is_in_file(&self, name: &str) -> bool {
        self.file(name).exists()
    }

    /// Forgets a secret wherever it is.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        if self.use_keyring
            && let Err(error) =
                keyring::v1::Entry::new(SERVICE, name).and_then(|entry| entry.delete_credential())
        {
            tracing::debug!(%error, "nothing to forget in the keyring");
        }
        remove_file(&self.file(name))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.secret"))
    }
}

/// Some keyrings accept and forget: only what can be read back is kept.
fn keep_in_keyring(name: &str, secret: &Secret) -> anyhow::Result<()> {
    let entry = keyring::v1::Entry::new(SERVICE, name)?;
    entry.set_password(secret.reveal())?;
    anyhow::ensure!(
        entry.get_password()? == secret.reveal(),
        "the keyring does not give back what it got"
    );
    Ok(())
}

/// Writes a file that nobody else can read, whole or not at all.
///
/// # Errors
/// When the disk does not take it.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let temporary = path.with_extension("new");
    remove_file(&temporary)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_and_can_be_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(folder.path().to_owned(), false);
        vault.keep("a", &Secret::new("one")).unwrap();
        vault.keep("a", &Secret::new("two")).unwrap();
        assert_eq!(vault.find("a"), Some(Secret::new("two")));
        assert!(vault.is_in_file("a") && !vault.is_in_file("b"));
        vault.forget("a").unwrap();
        vault.forget("a").unwrap();
        assert_eq!(vault.find("a"), None);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        Vault::new(folder.path().to_owned(), false)
            .keep("a", &Secret::new("x"))
            .unwrap();
        let mode = fs::metadata(folder.path().join("a.secret"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

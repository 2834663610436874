//! Certificate authorities of the academy's own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use reqwest::Certificate;

use super::Config;

/// Where the authorities are kept that join files have brought. They count for this program only.
pub(super) fn folder(config: &Config) -> PathBuf {
    config.data_dir.join("trusted")
}

/// Reads the extra certificate authorities. One that cannot be read is skipped and logged: most servers will still
/// be reachable.
pub(super) fn extra_roots(config: &Config) -> Vec<Certificate> {
    let mut roots = Vec::new();
    for path in config.extra_ca.iter().cloned().chain(pinned(config)) {
        match read_bundle(&path) {
            Ok(certificates) => roots.extend(certificates),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot read a certificate authority");
            }
        }
    }
    roots
}

fn pinned(config: &Config) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(config));
    let paths = entries.into_iter().flatten().flatten();
    paths.map(|entry| entry.path()).collect()
}

fn read_bundle(path: &Path) -> anyhow::Result<Vec<Certificate>> {
    Ok(Certificate::from_pem_bundle(&fs::read(path)?)?)
}

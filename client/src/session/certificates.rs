//! Certificate authorities of the academy's own.

use std::path::Path;

use reqwest::Certificate;

use super::Config;

/// Reads the extra certificate authorities. One that cannot be read is skipped and logged: most servers will still
/// be reachable.
pub(super) fn extra_roots(config: &Config) -> Vec<Certificate> {
    let mut roots = Vec::new();
    for path in &config.extra_ca {
        match read_bundle(path) {
            Ok(certificates) => roots.extend(certificates),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot read a certificate authority");
            }
        }
    }
    roots
}

fn read_bundle(path: &Path) -> anyhow::Result<Vec<Certificate>> {
    Ok(Certificate::from_pem_bundle(&std::fs::read(path)?)?)
}

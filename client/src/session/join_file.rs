//! The file that brings a computer into an academy: where its server is, and whom to trust.

use std::{fs, io::Read as _, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Config, certificates, server};
use crate::{
    bridge::{secret::Secret, trouble::Trouble, update::Answer},
    secrets::write_private,
};

/// The version this program understands.
const VERSION: u64 = 1;
/// No join file is larger.
const SIZE_LIMIT: u64 = 64 * 1024;

/// What is in the file; whatever else is there is for newer programs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct JoinFile {
    version: u64,
    server_name: String,
    address: String,
    #[serde(default)]
    addresses: Vec<String>,
    ca_fingerprint: Option<String>,
    ca_certificate: Option<String>,
    registration_token: Option<String>,
}

/// Opens a join file: trusts the academy's certificate authority from now on, in this program only, and looks for the
/// server at each of its addresses.
pub(super) async fn open(config: &Config, file: &Path) -> Result<Answer, Trouble> {
    let (config, path) = (config.clone(), file.to_owned());
    let read = tokio::task::spawn_blocking(move || {
        let file = parse(&read(&path)?)?;
        pin(&config, &file)?;
        Ok::<_, Trouble>((file, certificates::extra_roots(&config)))
    });
    let (file, roots) = read
        .await
        .map_err(|error| Trouble::Other(error.to_string()))??;
    let mut trouble = Trouble::NoConnection;
    for address in std::iter::once(&file.address).chain(&file.addresses) {
        match server::check(address, roots.clone()).await {
            Ok(mut found) => {
                found.name.clone_from(&file.server_name);
                return Ok(Answer::Joined {
                    server: found,
                    token: file.registration_token.map(Secret::new),
                });
            }
            Err(other) => trouble = other,
        }
    }
    Err(trouble)
}

fn read(path: &Path) -> Result<Vec<u8>, Trouble> {
    let unreadable = |_| Trouble::JoinFileUnreadable(path.display().to_string());
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(SIZE_LIMIT)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<JoinFile, Trouble> {
    let file: JoinFile = serde_json::from_slice(bytes).map_err(|_| Trouble::JoinFileInvalid)?;
    if file.version > VERSION {
        return Err(Trouble::JoinFileNewer);
    }
    Ok(file)
}

/// Keeps the certificate authority under its fingerprint, after checking that the fingerprint is right.
fn pin(config: &Config, file: &JoinFile) -> Result<(), Trouble> {
    let Some(pem) = &file.ca_certificate else {
        return Ok(());
    };
    let fingerprint = fingerprint(pem).ok_or(Trouble::JoinFileInvalid)?;
    let said = file.ca_fingerprint.as_deref();
    let said = said.map(|said| said.trim_start_matches("sha256:").to_lowercase());
    if said.is_some_and(|said| said != fingerprint) {
        return Err(Trouble::JoinFileInvalid);
    }
    let place = certificates::folder(config).join(format!("{fingerprint}.pem"));
    write_private(&place, pem.as_bytes()).map_err(|error| {
        tracing::error!(%error, "the certificate authority was not kept");
        Trouble::LocalData
    })
}

/// SHA-256 of the first certificate in a PEM text, in hex.
fn fingerprint(pem: &str) -> Option<String> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).ok()?;
    let hash = Sha256::digest(der);
    Some(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nRmlhbGth\n-----END CERTIFICATE-----\n";
    /// SHA-256 of "Fialka".
    const FINGERPRINT: &str = "5cbcf75f32bfdad58f73937cf8b64c953c7f08c8ffb2f72afd34c2b12230f2fb";

    fn config(folder: &Path) -> Config {
        Config {
            data_dir: folder.to_owned(),
            use_keyring: false,
            extra_ca: Vec::new(),
            device_name: String::new(),
        }
    }

    fn file(fingerprint: &str) -> JoinFile {
        let text = serde_json::json!({
            "version": 1,
            "server_name": "campus.example",
            "address": "https://campus.example:8448",
            "ca_fingerprint": format!("sha256:{fingerprint}"),
            "ca_certificate": PEM,
            "registration_token": "7K2M",
            "something": "newer",
        });
        parse(text.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_authority_is_kept_for_this_program() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        pin(&config, &file(FINGERPRINT)).unwrap();
        let kept = certificates::folder(&config).join(format!("{FINGERPRINT}.pem"));
        assert_eq!(fs::read_to_string(kept).unwrap(), PEM);
    }

    #[test]
    fn a_certificate_that_is_not_the_one_named_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let refused = pin(&config, &file(&"0".repeat(64)));
        assert_eq!(refused, Err(Trouble::JoinFileInvalid));
        assert!(!certificates::folder(&config).exists());
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let refused = read(Path::new("/nowhere/academy.fialka"));
        let name = "/nowhere/academy.fialka".to_owned();
        assert_eq!(refused, Err(Trouble::JoinFileUnreadable(name)));
    }

    #[test]
    fn files_of_newer_programs_are_refused_with_words() {
        let text = br#"{"version":2,"server_name":"a","address":"https://a"}"#;
        assert_eq!(parse(text), Err(Trouble::JoinFileNewer));
        assert_eq!(parse(b"%PDF-1.7"), Err(Trouble::JoinFileInvalid));
    }
}

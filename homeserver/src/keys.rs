//! The key this server signs its events with: `keys/signing.key`.
//!
//! The file has one line, `ed25519 VERSION KEY`, where KEY is a PKCS#8 document in unpadded base64.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use rand::{Rng, distr::Alphanumeric};
use ruma::signatures::Ed25519KeyPair;

/// Where the key is.
pub fn path(keys_dir: &Path) -> PathBuf {
    keys_dir.join("signing.key")
}

/// Reads the key.
pub fn load(keys_dir: &Path) -> anyhow::Result<Ed25519KeyPair> {
    let path = path(keys_dir);
    let text = fs::read_to_string(&path).with_context(|| {
        format!(
            "cannot read the signing key {}; \"fialka-server init\" makes one",
            path.display()
        )
    })?;
    parse(&text).with_context(|| format!("the signing key {} is not valid", path.display()))
}

/// Makes a key that only the owner of the file can read. Never replaces one: other servers would not believe it.
pub fn create(keys_dir: &Path) -> anyhow::Result<()> {
    let path = path(keys_dir);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write the signing key {}", path.display()))?;
    file.write_all(generate().as_bytes())?;
    file.sync_all()?;
    Ok(())
}

fn generate() -> String {
    let version: String = rand::rng()
        .sample_iter(Alphanumeric)
        .take(6)
        .map(char::from)
        .collect();
    let key = BASE64_STANDARD_NO_PAD.encode(&*Ed25519KeyPair::generate());
    format!("ed25519 a_{version} {key}\n")
}

fn parse(text: &str) -> anyhow::Result<Ed25519KeyPair> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [algorithm, version, key] = parts[..] else {
        bail!("it has to be \"ed25519 VERSION KEY\"")
    };
    if algorithm != "ed25519" {
        bail!("its algorithm is \"{algorithm}\", not \"ed25519\"");
    }
    let document = BASE64_STANDARD_NO_PAD.decode(key.trim_end_matches('='))?;
    Ed25519KeyPair::from_der(&document, version.to_owned()).map_err(|error| anyhow!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path()).unwrap();
        let first = load(dir.path()).unwrap();
        assert!(first.version().starts_with("a_"));
        assert!(create(dir.path()).is_err());
        assert_eq!(load(dir.path()).unwrap().public_key(), first.public_key());
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for text in [
            "",
            "ed25519 a_1",
            "rsa a_1 AAAA",
            "ed25519 a_1 AAAA",
            "ed25519 a_1 ???",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

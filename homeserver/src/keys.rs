//! The key this server signs its events with: `keys/signing.key`.
//!
//! The file has one line, `ed25519 VERSION KEY`, where KEY is a PKCS#8 document in unpadded base64. Keys before it stand
//! in `keys/old.keys`, one a line as `ed25519 VERSION PUBLIC_KEY MILLISECONDS`, with the time each was last used:
//! without them nobody could verify what they have signed.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use rand::{Rng, distr::Alphanumeric};
use ruma::{MilliSecondsSinceUnixEpoch, UInt, signatures::Ed25519KeyPair};

use crate::federation::OldKey;

/// Where the key is.
pub fn path(keys_dir: &Path) -> PathBuf {
    keys_dir.join("signing.key")
}

/// Reads the key.
pub fn load(keys_dir: &Path) -> anyhow::Result<Ed25519KeyPair> {
    let path = path(keys_dir);
    let text = fs::read_to_string(&path).with_context(|| match path.try_exists() {
        Ok(false) => format!(
            "the signing key {} is missing: take keys/ out of a backup (only a server without a database makes a key)",
            path.display()
        ),
        _ => format!("cannot read the signing key {}", path.display()),
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

fn old_path(keys_dir: &Path) -> PathBuf {
    keys_dir.join("old.keys")
}

/// Reads the keys that were used before.
pub fn load_old(keys_dir: &Path) -> anyhow::Result<Vec<OldKey>> {
    let path = old_path(keys_dir);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let keys: anyhow::Result<_> = lines.map(parse_old).collect();
    keys.with_context(|| format!("{} is not valid", path.display()))
}

/// Makes a new key and keeps the public half of the one before, which was in use until `now`. The server must not run.
pub fn rotate(keys_dir: &Path, now: MilliSecondsSinceUnixEpoch) -> anyhow::Result<()> {
    let before = load(keys_dir)?;
    let mut old = match fs::read_to_string(old_path(keys_dir)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error.into()),
    };
    let public = BASE64_STANDARD_NO_PAD.encode(before.public_key());
    old.push_str(&format!(
        "ed25519 {} {public} {}\n",
        before.version(),
        now.get()
    ));
    // The old key first: a crash in between leaves the key in both files, and it is still in use.
    replace(&old_path(keys_dir), &old)?;
    replace(&path(keys_dir), &generate())
}

/// Replaces a file as a whole.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .with_context(|| format!("cannot write {}", new.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))?;
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn parse_old(line: &str) -> anyhow::Result<OldKey> {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let ["ed25519", version, key, expired] = parts[..] else {
        bail!("a line has to be \"ed25519 VERSION PUBLIC_KEY MILLISECONDS\"")
    };
    let key = BASE64_STANDARD_NO_PAD.decode(key.trim_end_matches('='))?;
    let expired = expired
        .parse()
        .ok()
        .and_then(UInt::new)
        .context("the time is no number")?;
    Ok(OldKey {
        id: format!("ed25519:{version}"),
        key,
        expired: MilliSecondsSinceUnixEpoch(expired),
    })
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
    fn a_key_that_was_replaced_is_still_known() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path()).unwrap();
        assert_eq!(load_old(dir.path()).unwrap(), []);
        let first = load(dir.path()).unwrap();
        for time in [1_000_u32, 2_000] {
            rotate(dir.path(), MilliSecondsSinceUnixEpoch(time.into())).unwrap();
        }
        let old = load_old(dir.path()).unwrap();
        assert_eq!(old.len(), 2);
        assert_eq!(old[0].id, format!("ed25519:{}", first.version()));
        assert_eq!(old[0].key, first.public_key());
        assert_eq!(old[0].expired.get(), UInt::from(1_000_u32));
        assert_ne!(load(dir.path()).unwrap().version(), first.version());
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

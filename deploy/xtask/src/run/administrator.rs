//! The account that `cargo xtask run` makes for whoever tries Fialka out.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::{Context as _, Result};

use crate::workspace::Program;

pub(super) const NAME: &str = "admin";
const RANDOM_BYTES: usize = 12;

/// Adds the administrator to the running homeserver unless the account is there already, and returns the password.
/// `user` starts `fialka-server user`.
pub(super) fn add(data_dir: &Path, user: impl Fn() -> Program) -> Result<String> {
    let password = kept_secret(&data_dir.join("administrator"))?;
    if !user().args(["show", NAME]).succeeds() {
        let add = user()
            .args(["add", NAME, "--admin"])
            .run_with_input(&format!("{password}\n"));
        add.context("the administrator could not be added")?;
    }
    Ok(password)
}

/// Made up on first use and kept in a file that only its owner can read.
pub(super) fn kept_secret(path: &Path) -> Result<String> {
    if path.is_file() {
        return Ok(fs::read_to_string(path)?.trim().to_owned());
    }
    let secret = random_text()?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{secret}").with_context(|| format!("cannot write {}", path.display()))?;
    Ok(secret)
}

fn random_text() -> Result<String> {
    let mut bytes = [0; RANDOM_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

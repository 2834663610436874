//! The certificate of a server that has an authority of its own: made anew long before it ends.

use std::{
    fs, io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use http::Uri;

use super::Authority;
use crate::Config;

/// Names and addresses of this machine itself.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// How old a certificate gets; it would be good for a year.
const RENEWED_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Makes a new certificate if the server's is one of its own authority's and a month old. Whether it did. Listeners
/// take it over by themselves, and clients trust the authority, so nobody notices.
pub fn renew_certificate(config: &Config, now: SystemTime) -> anyhow::Result<bool> {
    let keys = config.keys_dir();
    let (cert_path, key_path) = (keys.join("server.pem"), keys.join("server.key"));
    let is_served = config.listen.iter().any(|listen| {
        listen
            .tls()
            .is_some_and(|files| is_same(files.cert, &cert_path) && is_same(files.key, &key_path))
    });
    let authority_key = read(&keys.join("campus-ca.key"))?;
    let authority = read(&keys.join("campus-ca.pem"))?;
    let (Some(authority_key), Some(authority)) = (authority_key, authority) else {
        return Ok(false);
    };
    // Somebody may have put a certificate of another authority there.
    let chain = read(&cert_path)?.unwrap_or_default();
    let written = cert_path.metadata().and_then(|file| file.modified());
    let age = written
        .ok()
        .and_then(|written| now.duration_since(written).ok());
    if age.unwrap_or_default() < RENEWED_AFTER {
        return Ok(false);
    }
    if !is_served || !chain.trim_end().ends_with(authority.trim_end()) {
        return Ok(false);
    }
    let authority = Authority::load(authority, &authority_key)?;
    let certificate = authority.certify(&names(config))?;
    replace(&key_path, &certificate.key)?;
    replace(&cert_path, &certificate.chain)?;
    Ok(true)
}

/// Whether two paths lead to the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// Everything that the server's certificate has to be valid for: the server's name, where clients reach it, and this
/// machine.
pub fn names(config: &Config) -> Vec<String> {
    let own = config.server_name.host().to_owned();
    let campus = &config.campus;
    let addresses = campus.address.iter().chain(&campus.addresses);
    let hosts =
        addresses.filter_map(|address| Some(address.parse::<Uri>().ok()?.host()?.to_owned()));
    let mut names: Vec<String> = Vec::new();
    for name in std::iter::once(own)
        .chain(hosts)
        .chain(LOCAL.map(str::to_owned))
    {
        let name = name.trim_matches(['[', ']']).to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Replaces a file as a whole: whoever reads it meanwhile finds the one or the other.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let unfinished = path.with_extension("new");
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

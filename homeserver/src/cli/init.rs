//! `fialka-server init`: everything a new server needs, made once.

mod authority;

use std::{
    fs,
    net::IpAddr,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use rand::{Rng, distr::Alphanumeric};
use ruma::OwnedServerName;

use self::authority::Authority;
use crate::keys;

#[derive(Args)]
pub(super) struct Init {
    /// The name of the homeserver: the part of user ids behind the colon. It can never change.
    #[arg(long, value_name = "NAME")]
    server_name: OwnedServerName,
    /// Where the server keeps everything.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Also make a certificate authority, a certificate and a join file, for a network without the internet.
    #[arg(long)]
    lan: bool,
    /// With --lan: addresses and names the server is reached at besides its name.
    #[arg(long = "address", value_name = "ADDRESS", requires = "lan")]
    addresses: Vec<String>,
}

impl Init {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let config = self.data_dir.join("config.toml");
        if config.exists() {
            bail!(
                "{} exists already: this data directory is in use",
                config.display()
            );
        }
        prepare_data_dir(&self.data_dir)?;
        // The configuration is read from other working directories too.
        let data_dir = self.data_dir.canonicalize()?;
        if self.lan {
            self.make_certificates(&data_dir)?;
        }
        let config = data_dir.join("config.toml");
        write_private(&config, &self.config(&data_dir))?;
        println!(
            "Start the server with: fialka-server serve --config {}",
            config.display()
        );
        Ok(())
    }

    fn make_certificates(&self, data_dir: &Path) -> anyhow::Result<()> {
        let authority = Authority::create(self.server_name.as_str())?;
        let certificate = authority.certify(&self.names())?;
        let keys_dir = data_dir.join("keys");
        write_private(&keys_dir.join("campus-ca.key"), &authority.key_pem())?;
        write_private(&keys_dir.join("campus-ca.pem"), authority.pem())?;
        write_private(&keys_dir.join("server.key"), &certificate.key)?;
        write_private(&keys_dir.join("server.pem"), &certificate.chain)?;
        let join_file = data_dir.join(format!("{}.fialka", self.server_name.host()));
        write_private(&join_file, &self.join_file(&authority)?)?;
        println!("People join with this file: {}", join_file.display());
        Ok(())
    }

    /// Everything the server's certificate has to be valid for.
    fn names(&self) -> Vec<String> {
        let mut names = vec![self.server_name.host().trim_matches(['[', ']']).to_owned()];
        names.extend(self.addresses.iter().cloned());
        names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        names.dedup();
        names
    }

    /// What a client needs to find the server and to know that it is the right one.
    fn join_file(&self, authority: &Authority) -> anyhow::Result<String> {
        let host = self
            .addresses
            .first()
            .map_or(self.server_name.host(), String::as_str);
        let host = match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => host.to_owned(),
        };
        let contents = serde_json::json!({
            "version": 1,
            "server_name": self.server_name,
            "address": format!("https://{host}:8448"),
            "ca_fingerprint": format!("sha256:{}", authority.fingerprint()),
            "ca_certificate": authority.pem(),
        });
        Ok(serde_json::to_string_pretty(&contents)? + "\n")
    }

    fn config(&self, data_dir: &Path) -> String {
        let secret: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(40)
            .map(char::from)
            .collect();
        let mut text = format!(
            "# The Fialka homeserver. docs/administration.md describes every key.\n\
             server_name = {}\n\
             data_dir = {}\n\n\
             [[listen]]\n\
             address = \"0.0.0.0:8008\"\n",
            quoted(self.server_name.as_str()),
            quoted(&data_dir.display().to_string()),
        );
        if self.lan {
            text += "\n[[listen]]\n\
                     address = \"0.0.0.0:8448\"\n\
                     tls_cert = \"keys/server.pem\"\n\
                     tls_key = \"keys/server.key\"\n";
        }
        text += &format!(
            "\n[registration]\nmode = \"token\"\nshared_secret = {}\n",
            quoted(&secret)
        );
        if self.lan {
            text += "\n[federation]\n\
                     allow_private_addresses = true\n\
                     extra_ca = [\"keys/campus-ca.pem\"]\n";
        }
        text
    }
}

/// Makes the directories and the signing key that a new data directory lacks. A directory that has a database already
/// gets no new key: other servers would not believe it.
pub(super) fn prepare_data_dir(data_dir: &Path) -> anyhow::Result<()> {
    make_private_dir(data_dir)?;
    for dir in ["keys", "db", "media", "backups"] {
        make_private_dir(&data_dir.join(dir))?;
    }
    let keys_dir = data_dir.join("keys");
    let has_database = fs::read_dir(data_dir.join("db"))?.next().is_some();
    if !has_database && !keys::path(&keys_dir).exists() {
        keys::create(&keys_dir)?;
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn make_private_dir(path: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make the directory {}", path.display()))
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn init(dir: &Path, lan: bool) -> Init {
        Init {
            server_name: "campus.example".try_into().unwrap(),
            data_dir: dir.join("data"),
            lan,
            addresses: Vec::new(),
        }
    }

    #[test]
    fn a_new_server_has_a_valid_configuration() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path(), false).run().unwrap();
        let config = Config::load(&dir.path().join("data/config.toml")).unwrap();
        assert_eq!(config.server_name, "campus.example");
        assert!(keys::load(&config.keys_dir()).is_ok());
        assert_eq!(
            fs::metadata(&config.data_dir).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }

    #[test]
    fn a_data_directory_is_not_made_twice() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path(), false).run().unwrap();
        let before = fs::read(dir.path().join("data/keys/signing.key")).unwrap();
        assert!(init(dir.path(), false).run().is_err());
        assert_eq!(
            fs::read(dir.path().join("data/keys/signing.key")).unwrap(),
            before
        );
    }

    #[test]
    fn a_database_without_its_key_gets_no_new_one() {
        let dir = tempfile::tempdir().unwrap();
        prepare_data_dir(dir.path()).unwrap();
        let key = keys::path(&dir.path().join("keys"));
        fs::write(dir.path().join("db/CURRENT"), "").unwrap();
        fs::remove_file(&key).unwrap();
        prepare_data_dir(dir.path()).unwrap();
        assert!(!key.exists());
    }

    #[test]
    fn a_campus_gets_a_certificate_and_a_join_file() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path(), true).run().unwrap();
        let config = Config::load(&dir.path().join("data/config.toml")).unwrap();
        crate::http::Listener::check_tls(config.listen[1].tls().unwrap()).unwrap();
        let text = fs::read_to_string(dir.path().join("data/campus.example.fialka")).unwrap();
        let join: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(join["address"], "https://campus.example:8448");
        assert_eq!(
            join["ca_fingerprint"].as_str().unwrap().len(),
            "sha256:".len() + 64
        );
    }
}

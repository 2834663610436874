//! `fialka-server init`: everything a new server needs, made once.

use std::{
    fs,
    net::IpAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use rand::{Rng, distr::Alphanumeric};
use ruma::OwnedServerName;

use super::owner::require_owner;
use crate::{
    Config,
    join::{self, Authority, JoinFile},
    keys,
    maintenance::make_private_dir,
};

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
    /// With --lan: a folder with campus-ca.pem and campus-ca.key of another server of the campus, whose authority this
    /// one is to have too. Both are copied, so that the certificate can be renewed here.
    #[arg(long, value_name = "DIR", requires = "lan")]
    authority: Option<PathBuf>,
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
        require_owner(&self.data_dir)?;
        prepare_data_dir(&self.data_dir)?;
        // The configuration is read from other working directories too.
        let data_dir = self.data_dir.canonicalize()?;
        let config = data_dir.join("config.toml");
        let text = self.config(&data_dir);
        if self.lan {
            self.make_certificates(&Config::parse(&text, [])?)?;
        }
        write_private(&config, &text)?;
        if self.lan {
            Self::write_join_file(&data_dir, &text)?;
        }
        println!(
            "Start the server with: fialka-server serve --config {}",
            config.display()
        );
        Ok(())
    }

    fn make_certificates(&self, config: &Config) -> anyhow::Result<()> {
        let authority = match &self.authority {
            Some(folder) => shared_authority(folder)?,
            None => Authority::create(config.server_name.as_str())?,
        };
        let certificate = authority.certify(&join::names(config))?;
        let keys_dir = config.keys_dir();
        write_private(&keys_dir.join("campus-ca.key"), &authority.key_pem())?;
        write_private(&keys_dir.join("campus-ca.pem"), authority.pem())?;
        write_private(&keys_dir.join("server.key"), &certificate.key)?;
        write_private(&keys_dir.join("server.pem"), &certificate.chain)?;
        Ok(())
    }

    fn write_join_file(data_dir: &Path, config: &str) -> anyhow::Result<()> {
        let config = Config::parse(config, [])?;
        let name = format!("{}.fialka", config.server_name.host());
        let path = data_dir.join(name);
        write_private(&path, &JoinFile::of(&config)?.to_text()?)?;
        println!("People join with this file: {}", path.display());
        Ok(())
    }

    /// Where clients reach the server: the addresses that were given, or else its name.
    fn client_addresses(&self) -> Vec<String> {
        let mut hosts: Vec<&str> = self.addresses.iter().map(String::as_str).collect();
        if hosts.is_empty() {
            hosts.push(self.server_name.host());
        }
        let url = |host: &str| match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("https://[{address}]:8448"),
            _ => format!("https://{host}:8448"),
        };
        hosts.into_iter().map(url).collect()
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
        text += "\n[server_notices]\nlocalpart = \"notices\"\n";
        if self.lan {
            text += "\n[federation]\n\
                     allow_private_addresses = true\n\
                     extra_ca = [\"keys/campus-ca.pem\"]\n";
            let addresses = self.client_addresses();
            let (first, others) = addresses.split_first().unzip();
            text += "\n[campus]\nannounce = true\n";
            if let Some(first) = first {
                text += &format!("address = {}\n", quoted(first));
            }
            if let Some(others) = others.filter(|others| !others.is_empty()) {
                let others: Vec<String> = others.iter().map(|other| quoted(other)).collect();
                text += &format!("addresses = [{}]\n", others.join(", "));
            }
        }
        text
    }
}

/// The authority of another server of the campus.
fn shared_authority(folder: &Path) -> anyhow::Result<Authority> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let (pem, key) = (read("campus-ca.pem")?, read("campus-ca.key")?);
    Authority::load(pem, &key).with_context(|| format!("no authority in {}", folder.display()))
}

/// Makes the directories and the signing key that a new data directory lacks. A directory that has a database already
/// gets no new key: other servers would not believe it.
pub(super) fn prepare_data_dir(data_dir: &Path) -> anyhow::Result<()> {
    make_private_dir(data_dir)?;
    for dir in ["keys", "db", "media", "backups"] {
        make_private_dir(&data_dir.join(dir))?;
    }
    let keys_dir = data_dir.join("keys");
    let database = data_dir.join("db");
    let has_database = fs::read_dir(&database)
        .with_context(|| format!("cannot read {}", database.display()))?
        .next()
        .is_some();
    if !has_database && !keys::path(&keys_dir).exists() {
        keys::create(&keys_dir)?;
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn init(dir: &Path, lan: bool) -> Init {
        Init {
            server_name: "campus.example".try_into().unwrap(),
            data_dir: dir.join("data"),
            lan,
            addresses: Vec::new(),
            authority: None,
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
    fn a_certificate_of_the_own_authority_is_renewed_and_another_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path(), true).run().unwrap();
        let config = Config::load(&dir.path().join("data/config.toml")).unwrap();
        let certificate = config.keys_dir().join("server.pem");
        let before = fs::read_to_string(&certificate).unwrap();
        let made = certificate.metadata().unwrap().modified().unwrap();
        assert!(!join::renew_certificate(&config, made).unwrap());
        let later = made + std::time::Duration::from_secs(40 * 24 * 60 * 60);
        assert!(join::renew_certificate(&config, later).unwrap());
        let after = fs::read_to_string(&certificate).unwrap();
        assert_ne!(before, after);
        crate::http::Listener::check_tls(config.listen[1].tls().unwrap()).unwrap();
        fs::write(&certificate, "of another authority").unwrap();
        assert!(!join::renew_certificate(&config, later).unwrap());
    }

    #[test]
    fn two_servers_of_a_campus_have_one_authority() {
        use rustls::{client::danger::ServerCertVerifier, pki_types::pem::PemObject};

        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        init(first.path(), true).run().unwrap();
        let keys = |dir: &Path| dir.join("data/keys");
        let other = Init {
            server_name: "b2.campus.example".try_into().unwrap(),
            authority: Some(keys(first.path())),
            ..init(second.path(), true)
        };
        other.run().unwrap();
        let read = |dir: &Path, name: &str| fs::read_to_string(keys(dir).join(name)).unwrap();
        let authority = read(first.path(), "campus-ca.pem");
        assert_eq!(read(second.path(), "campus-ca.pem"), authority);
        // Whoever trusts the authority trusts the second server, too.
        let pems = |text: &str| {
            rustls::pki_types::CertificateDer::pem_slice_iter(text.as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .unwrap()
        };
        let mut roots = rustls::RootCertStore::empty();
        for root in pems(&authority) {
            roots.add(root).unwrap();
        }
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            rustls::client::WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
                .build()
                .unwrap();
        let chain = pems(&read(second.path(), "server.pem"));
        let name = rustls::pki_types::ServerName::try_from("b2.campus.example").unwrap();
        let now = rustls::pki_types::UnixTime::now();
        verifier
            .verify_server_cert(&chain[0], &chain[1..], &name, &[], now)
            .unwrap();
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

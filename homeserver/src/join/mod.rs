//! How clients find this server where nothing is known of it: the join file, and discovery on the local network.

mod announce;
mod authority;
mod certificate;
pub mod routes;

use std::{fmt::Write as _, fs, io};

use anyhow::Context;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::{
    announce::announce,
    authority::Authority,
    certificate::{names, renew_certificate},
};
use crate::{Config, config::Listen};

/// The version of the format. Clients refuse greater ones.
const VERSION: u32 = 1;
/// Where HTTPS and HTTP need no port.
const HTTPS_PORT: u16 = 443;

/// What a client needs to find the server and to know that it is the right one: a `.fialka` file, in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinFile {
    /// The version of the format.
    pub version: u32,
    /// The name of the homeserver.
    pub server_name: String,
    /// Where clients reach it.
    pub address: String,
    /// Further addresses to try.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// SHA-256 of the certificate authority's certificate: `sha256:` and hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_fingerprint: Option<String>,
    /// That certificate in PEM; without one the server's certificate is a public one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<String>,
    /// A code to register with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_token: Option<String>,
}

impl JoinFile {
    /// What the configuration and the keys of a server say.
    pub fn of(config: &Config) -> anyhow::Result<Self> {
        let path = config.keys_dir().join("campus-ca.pem");
        let authority = match fs::read_to_string(&path) {
            Ok(pem) => Some(pem),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let fingerprint = authority
            .as_deref()
            .map(|pem| fingerprint(pem).with_context(|| format!("cannot use {}", path.display())))
            .transpose()?;
        Ok(Self {
            version: VERSION,
            server_name: config.server_name.to_string(),
            address: address(config),
            addresses: config.campus.addresses.clone(),
            ca_fingerprint: fingerprint.map(|digits| format!("sha256:{digits}")),
            ca_certificate: authority,
            registration_token: None,
        })
    }

    /// The file's text.
    pub fn to_text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Where clients reach the server: as configured, or what its listeners let one guess.
fn address(config: &Config) -> String {
    if let Some(address) = config
        .campus
        .address
        .as_ref()
        .or(config.well_known.client.as_ref())
    {
        return address.clone();
    }
    let host = config.server_name.host();
    match main_listener(config) {
        Some(listen) if listen.tls().is_some() => match listen.address.port() {
            HTTPS_PORT => format!("https://{host}"),
            port => format!("https://{host}:{port}"),
        },
        Some(listen) => format!("http://{host}:{}", listen.address.port()),
        None => format!("https://{host}"),
    }
}

/// The listener for clients: the first one with TLS, or else the first one.
fn main_listener(config: &Config) -> Option<&Listen> {
    let listen = &config.listen;
    listen
        .iter()
        .find(|listen| listen.tls().is_some())
        .or(listen.first())
}

/// SHA-256 of the first certificate in a PEM text, in hexadecimal.
fn fingerprint(pem: &str) -> anyhow::Result<String> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| anyhow::anyhow!("it is no certificate in PEM: {error}"))?;
    let digest = Sha256::digest(&certificate);
    Ok(digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a text cannot fail");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join_file(more: &str) -> JoinFile {
        let text = format!("server_name = \"campus.example\"\ndata_dir = \"/nowhere\"\n{more}");
        JoinFile::of(&Config::parse(&text, []).unwrap()).unwrap()
    }

    #[test]
    fn the_address_is_what_is_configured() {
        let configured = "[campus]\naddress = \"https://10.0.0.5:8448\"";
        assert_eq!(join_file(configured).address, "https://10.0.0.5:8448");
        let known = "[well_known]\nclient = \"https://chat.campus.example\"";
        assert_eq!(join_file(known).address, "https://chat.campus.example");
    }

    #[test]
    fn without_configuration_the_address_follows_from_the_listeners() {
        let tls = "[[listen]]\naddress = \"0.0.0.0:8008\"\n[[listen]]\naddress = \"0.0.0.0:8448\"\ntls_cert = \"a\"\ntls_key = \"b\"";
        assert_eq!(join_file(tls).address, "https://campus.example:8448");
        let plain = "[[listen]]\naddress = \"0.0.0.0:8008\"";
        assert_eq!(join_file(plain).address, "http://campus.example:8008");
    }

    #[test]
    fn a_server_with_a_public_certificate_names_no_authority() {
        let text = join_file("").to_text().unwrap();
        assert!(
            !text.contains("ca_") && !text.contains("registration_token"),
            "{text}"
        );
    }
}

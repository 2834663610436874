//! A certificate authority for a network that has none.

use std::time::Duration;

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::clock::{Clock, SystemClock};

const DAY: Duration = Duration::from_secs(86_400);
/// How long clients can trust the authority they were given once.
const AUTHORITY_DAYS: u32 = 3_652;
/// How long a server's certificate is valid.
const CERTIFICATE_DAYS: u32 = 365;

/// The authority of a campus.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, in PEM.
pub struct Certificate {
    /// The server's certificate and the authority's.
    pub chain: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// A new authority, named after the server it is made for.
    pub fn create(server_name: &str) -> anyhow::Result<Self> {
        let mut params = params(server_name);
        valid_for(&mut params, AUTHORITY_DAYS);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self { issuer, pem })
    }

    /// An authority that was made before, for this server or another one of the campus.
    pub fn load(pem: String, key: &str) -> anyhow::Result<Self> {
        let key = KeyPair::from_pem(key).context("the authority's key cannot be read")?;
        let name =
            name_in(&pem).context("the certificate is not of an authority that Fialka made")?;
        let issuer = Issuer::new(params(&name), key);
        Ok(Self { issuer, pem })
    }

    /// A certificate for a server that is reached at these names and addresses.
    pub fn certify(&self, names: &[String]) -> anyhow::Result<Certificate> {
        let mut params = CertificateParams::new(names)?;
        if let Some(name) = names.first() {
            params
                .distinguished_name
                .push(DnType::CommonName, name.as_str());
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        valid_for(&mut params, CERTIFICATE_DAYS);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Certificate {
            chain: certificate.pem() + &self.pem,
            key: key.serialize_pem(),
        })
    }

    /// Its certificate in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its key in PEM.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }
}

/// What the name of an authority ends in.
const SUFFIX: &str = " campus authority";

/// The name of the server that an authority was made for, from its certificate: the text that ends in [`SUFFIX`].
fn name_in(pem: &str) -> Option<String> {
    const UTF8_STRING: u8 = 0x0c;
    let body = pem.lines().filter(|line| !line.starts_with("-----"));
    let der = BASE64_STANDARD.decode(body.collect::<String>()).ok()?;
    let at = der
        .windows(SUFFIX.len())
        .position(|window| window == SUFFIX.as_bytes())?;
    let end = at + SUFFIX.len();
    // A text is a tag that no name contains, its length and its bytes.
    let begin = (3..=at).rev().find(|&begin| {
        let header = &der[begin - 3..begin];
        usize::from(header[2]) == end - begin
            && (header[1] == UTF8_STRING || header[..2] == [UTF8_STRING, 0x81])
    })?;
    String::from_utf8(der[begin..at].to_vec()).ok()
}

/// What an authority is called, which its certificates repeat.
fn params(server_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("{server_name}{SUFFIX}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn valid_for(params: &mut CertificateParams, days: u32) {
    let now = SystemClock::new()
        .now()
        .to_system_time()
        .unwrap_or(std::time::UNIX_EPOCH);
    // A classroom PC's clock may be behind.
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * days).into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_known_by_its_certificate() {
        for name in ["b", "campus.example", &"long".repeat(40)] {
            let authority = Authority::create(name).unwrap();
            assert_eq!(name_in(authority.pem()).as_deref(), Some(name));
        }
    }
}

//! A certificate authority for a network that has none.

use std::{fmt::Write, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use sha2::{Digest, Sha256};

use crate::clock::{Clock, SystemClock};

const DAY: Duration = Duration::from_secs(86_400);
/// How long clients can trust the authority they were given once.
const AUTHORITY_DAYS: u32 = 3_652;
/// How long a server's certificate is valid.
const CERTIFICATE_DAYS: u32 = 365;

pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, in PEM.
pub(super) struct Certificate {
    /// The server's certificate and the authority's.
    pub(super) chain: String,
    pub(super) key: String,
}

impl Authority {
    /// A new authority, named after the server it is made for.
    pub(super) fn create(server_name: &str) -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(
            DnType::CommonName,
            format!("{server_name} campus authority"),
        );
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid_for(&mut params, AUTHORITY_DAYS);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let pem = issuer.pem();
        Ok(Self { issuer, pem })
    }

    /// A certificate for a server that is reached at these names and addresses.
    pub(super) fn certify(&self, names: &[String]) -> anyhow::Result<Certificate> {
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

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    pub(super) fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// SHA-256 of the certificate, in hexadecimal.
    pub(super) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.issuer.der());
        digest.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a text cannot fail");
            text
        })
    }
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

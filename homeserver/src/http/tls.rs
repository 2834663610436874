//! TLS for listeners: versions 1.2 and 1.3.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use anyhow::{Context, ensure};
use parking_lot::Mutex;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// A certificate with its key, from files that may be replaced while the server runs.
pub(super) struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    loaded: Mutex<Loaded>,
}

struct Loaded {
    certified: Arc<CertifiedKey>,
    /// When the files were last written, as far as the system says.
    written: Written,
}

type Written = [Option<SystemTime>; 2];

impl Certificate {
    /// Reads a certificate and its key.
    pub(super) fn load(files: TlsFiles<'_>) -> anyhow::Result<Arc<Self>> {
        let (cert, key) = (files.cert.clone(), files.key.clone());
        let loaded = Loaded {
            written: written(&cert, &key),
            certified: certified(&cert, &key)?,
        };
        Ok(Arc::new(Self {
            cert,
            key,
            loaded: Mutex::new(loaded),
        }))
    }

    /// What accepts connections with it.
    pub(super) fn acceptor(self: &Arc<Self>) -> anyhow::Result<TlsAcceptor> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files again if they were replaced; whether they were. What cannot be used leaves everything as it is.
    pub(super) fn reload(&self) -> anyhow::Result<bool> {
        let now = written(&self.cert, &self.key);
        if self.loaded.lock().written == now {
            return Ok(false);
        }
        let certified = certified(&self.cert, &self.key)?;
        *self.loaded.lock() = Loaded {
            certified,
            written: now,
        };
        Ok(true)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.loaded.lock().certified))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.cert).finish()
    }
}

fn written(cert: &Path, key: &Path) -> Written {
    [cert, key].map(|path| path.metadata().and_then(|file| file.modified()).ok())
}

fn certified(cert: &Path, key: &Path) -> anyhow::Result<Arc<CertifiedKey>> {
    let certificates = certificates(cert)?;
    let key = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("cannot read the TLS key {}", key.display()))?;
    let certified = CertifiedKey::from_der(certificates, key, &ring::default_provider())
        .with_context(|| format!("the certificate {} does not fit its key", cert.display()))?;
    Ok(Arc::new(certified))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read the TLS certificate {}", path.display()))?;
    ensure!(
        !certificates.is_empty(),
        "the TLS certificate {} holds no certificate",
        path.display()
    );
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    #[test]
    fn a_certificate_that_was_replaced_is_used_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (
            folder.path().join("cert.pem"),
            folder.path().join("key.pem"),
        );
        let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let write = |path: &Path, text: String, at: u64| {
            fs::write(path, text).unwrap();
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(begin + Duration::from_secs(at)).unwrap();
        };
        let make = || rcgen::generate_simple_self_signed(["b.example".to_owned()]).unwrap();
        let (first, second) = (make(), make());
        write(&cert, first.cert.pem(), 1);
        write(&key, first.signing_key.serialize_pem(), 1);
        let files = TlsFiles {
            cert: &cert,
            key: &key,
        };
        let certificate = Certificate::load(files).unwrap();
        let used = |certificate: &Certificate| certificate.loaded.lock().certified.cert[0].to_vec();
        assert!(!certificate.reload().unwrap());
        // Only one of the two is there yet.
        write(&key, second.signing_key.serialize_pem(), 2);
        assert!(certificate.reload().is_err());
        assert_eq!(used(&certificate), first.cert.der().to_vec());
        write(&cert, second.cert.pem(), 2);
        assert!(certificate.reload().unwrap());
        assert_eq!(used(&certificate), second.cert.der().to_vec());
    }
}

//! TLS for listeners: versions 1.2 and 1.3.

use std::{path::Path, sync::Arc};

use anyhow::{Context, ensure};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// Reads a certificate and its key.
pub(super) fn acceptor(files: TlsFiles<'_>) -> anyhow::Result<TlsAcceptor> {
    let certificates = certificates(files.cert)?;
    let key = PrivateKeyDer::from_pem_file(files.key)
        .with_context(|| format!("cannot read the TLS key {}", files.key.display()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .with_context(|| {
            format!(
                "the certificate {} does not fit its key",
                files.cert.display()
            )
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
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

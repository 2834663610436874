//! `[[listen]]`: the addresses HTTP is served on.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use serde::Deserialize;

use super::{ConfigError, units};

/// One address.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address and port.
    #[serde(deserialize_with = "units::socket")]
    pub address: SocketAddr,
    /// The certificate chain in PEM; with it and `tls_key` the listener speaks TLS.
    pub tls_cert: Option<PathBuf>,
    /// The certificate's key in PEM.
    pub tls_key: Option<PathBuf>,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<IpAddr>,
}

/// The two files of a TLS listener.
#[derive(Clone, Copy, Debug)]
pub struct TlsFiles<'a> {
    /// The certificate chain.
    pub cert: &'a PathBuf,
    /// Its key.
    pub key: &'a PathBuf,
}

impl Listen {
    /// The certificate and its key, when this listener speaks TLS.
    pub fn tls(&self) -> Option<TlsFiles<'_>> {
        let (cert, key) = self.tls_cert.as_ref().zip(self.tls_key.as_ref())?;
        Some(TlsFiles { cert, key })
    }

    pub(super) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.tls_cert.iter_mut().chain(&mut self.tls_key)
    }

    pub(super) fn validate(&self, index: usize) -> Result<(), ConfigError> {
        if self.tls_cert.is_some() == self.tls_key.is_some() {
            return Ok(());
        }
        let missing = if self.tls_cert.is_some() {
            "tls_key"
        } else {
            "tls_cert"
        };
        let reason = "a TLS listener needs both tls_cert and tls_key; a plain one has neither";
        Err(ConfigError::invalid(
            format!("listen[{index}].{missing}"),
            reason,
        ))
    }
}

/// Plain HTTP on this machine only.
pub(super) fn default_listeners() -> Vec<Listen> {
    vec![Listen {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8008)),
        tls_cert: None,
        tls_key: None,
        trusted_proxies: Vec::new(),
    }]
}

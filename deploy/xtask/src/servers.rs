//! Homeservers started for a test or a benchmark: on loopback, with limits off and data thrown away afterwards.

pub(crate) mod fialka;
pub(crate) mod moto;
mod postgres;
pub(crate) mod synapse;

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::id,
};

use anyhow::{Context as _, Result};

/// The secret that registers administrators on servers started here.
pub(crate) const SHARED_SECRET: &str = "only for tests on loopback";

/// A running homeserver.
pub(crate) struct Homeserver {
    /// What it is called in output.
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// The processes whose resources count as its own; their children count too.
    pub(crate) process_ids: Vec<u32>,
}

impl Homeserver {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A folder for servers' data that is removed when this is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(purpose: &str) -> Result<Self> {
        let folder = env::temp_dir().join(format!("fialka-{purpose}-{}", id()));
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self(folder))
    }

    /// A new folder inside.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.0.join(name);
        fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }

    /// The registration of the application service that servers with this folder know, if it is there when they start.
    pub(crate) fn registration(&self) -> PathBuf {
        self.0.join("registration.yaml")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} could not be removed: {error}", self.0.display());
        }
    }
}

/// A port nobody listens on at the moment.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

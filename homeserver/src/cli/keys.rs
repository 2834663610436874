//! `fialka-server keys`

use anyhow::bail;
use clap::{Args, Subcommand};

use super::{ConfigFile, owner::require_owner};
use crate::{
    clock::{Clock, SystemClock},
    keys, maintenance,
};

#[derive(Args)]
pub(super) struct Keys {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Sign with a new key from the next start on; the server must not be running.
    Rotate,
}

impl Keys {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let Action::Rotate = self.action;
        let config = self.file.load()?;
        require_owner(&config.data_dir)?;
        if maintenance::is_served(&config.data_dir) {
            bail!("the server is running and would go on signing with the old key; stop it first");
        }
        let keys_dir = config.keys_dir();
        keys::rotate(&keys_dir, SystemClock::new().now())?;
        let key = keys::load(&keys_dir)?;
        println!(
            "the server signs with the key ed25519:{} from now on",
            key.version()
        );
        Ok(())
    }
}

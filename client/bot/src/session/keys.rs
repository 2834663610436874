//! Encryption: the bot's device is signed by its owner, its keys are kept on the server, and what opens them is in a
//! file that only the bot may read.

use std::path::Path;

use anyhow::{Result, bail};
use matrix_sdk::{Client, encryption::recovery::RecoveryState};

use crate::private;

const RECOVERY_FILE: &str = "recovery.key";

/// Sets up what is missing, and opens the key storage again when the device is new.
pub(crate) async fn secure(client: &Client, data_dir: &Path) -> Result<()> {
    let encryption = client.encryption();
    encryption.wait_for_e2ee_initialization_tasks().await;
    let path = data_dir.join(RECOVERY_FILE);
    let recovery = encryption.recovery();
    match (recovery.state(), private::read(&path)?) {
        (RecoveryState::Enabled, Some(_)) => {}
        (RecoveryState::Incomplete, Some(key)) => recovery.recover(key.trim()).await?,
        // Without the file nothing could open the keys of another device, so there is a new one.
        (RecoveryState::Enabled | RecoveryState::Incomplete, None) => {
            let key = recovery.reset_key().await?;
            private::write(&path, &key)?;
        }
        (RecoveryState::Disabled, _) => {
            let key = recovery.enable().await?;
            private::write(&path, &key)?;
        }
        // Setting it up again would make the key in the file worthless.
        (RecoveryState::Unknown, _) => {
            bail!("the server did not tell whether there is a key storage")
        }
    }
    Ok(())
}

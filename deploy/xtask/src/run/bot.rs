//! The room bot that `cargo xtask run` starts beside the homeserver.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::administrator::kept_secret;

/// What the bot starts with, and what the server has to know about it.
pub(super) struct Bot {
    pub(super) config: PathBuf,
    /// With this the bot registers itself, whoever else may register.
    pub(super) shared_secret: String,
}

/// Makes the bot's folder and configuration on first use. What an administrator writes into them stays.
pub(super) fn prepare(data_dir: &Path, homeserver: &str) -> Result<Bot> {
    let folder = data_dir.join("bot");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let secret_file = folder.join("shared_secret");
    let shared_secret = kept_secret(&secret_file)?;
    let config = folder.join("bot.toml");
    if !config.is_file() {
        let text = format!(
            "# docs/bot.md explains what else can stand here.\n\
             homeserver = {homeserver:?}\n\
             data_dir = {:?}\n\
             shared_secret_file = {:?}\n",
            folder.join("data"),
            secret_file,
        );
        fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
    }
    Ok(Bot {
        config,
        shared_secret,
    })
}

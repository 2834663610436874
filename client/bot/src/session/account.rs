//! The bot's account: made at the first start, signed in once, restored afterwards.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use matrix_sdk::{
    Client, SqliteStoreConfig,
    authentication::matrix::MatrixSession,
    config::RequestConfig,
    encryption::{BackupDownloadStrategy, EncryptionSettings},
};
use rand::{Rng, distr::Alphanumeric};
use reqwest::Certificate;

use super::registration;
use crate::{config::Config, private};

const DEVICE_NAME: &str = "Fialka bot";
/// What people see of it.
static PICTURE: &[u8] = include_bytes!("avatar.png");

/// A signed-in client.
pub(crate) async fn sign_in(config: &Config) -> Result<Client> {
    private::make_folder(&config.data_dir)
        .with_context(|| format!("cannot make {}", config.data_dir.display()))?;
    let client = build(config).await?;
    let session_file = config.data_dir.join("session.json");
    if let Some(session) = private::read(&session_file)? {
        let session: MatrixSession = serde_json::from_str(&session)
            .context("session.json is damaged; remove it to sign in anew")?;
        client.restore_session(session).await?;
        return Ok(client);
    }
    let password = password(config)?;
    log_in(&client, config, &password).await?;
    let session = client
        .matrix_auth()
        .session()
        .context("the server gave no session")?;
    private::write(&session_file, &serde_json::to_string(&session)?)?;
    client
        .account()
        .set_display_name(Some(&config.display_name))
        .await?;
    show_picture(&client).await;
    Ok(client)
}

/// Gives the account a picture, unless somebody has. Nothing depends on it.
async fn show_picture(client: &Client) {
    let account = client.account();
    let given = match account.get_avatar_url().await {
        Ok(None) => account
            .upload_avatar(&mime::IMAGE_PNG, PICTURE.to_vec())
            .await
            .map(|_| ()),
        Ok(Some(_)) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = given {
        tracing::info!(%error, "the account has no picture");
    }
}

/// Signs in, after registering if the account does not exist.
async fn log_in(client: &Client, config: &Config, password: &str) -> Result<()> {
    let log_in = || async {
        client
            .matrix_auth()
            .login_username(&config.user, password)
            .initial_device_display_name(DEVICE_NAME)
            .send()
            .await
    };
    let Err(refused) = log_in().await else {
        return Ok(());
    };
    if refused.as_client_api_error().is_none() {
        return Err(refused).with_context(|| format!("{} cannot be reached", config.homeserver));
    }
    if config.password_file.is_some() {
        return Err(refused).context("the password in password_file is not accepted");
    }
    registration::register(client, config, password).await?;
    log_in().await.context("the new account cannot sign in")?;
    Ok(())
}

/// The configured password, or one made up at the first start and kept before it is used.
fn password(config: &Config) -> Result<String> {
    if let Some(password) = config.password()? {
        return Ok(password);
    }
    let path = config.data_dir.join("password");
    if let Some(password) = private::read(&path)? {
        return Ok(password.trim().to_owned());
    }
    let password = random_text(32);
    private::write(&path, &password)?;
    Ok(password)
}

fn random_text(length: usize) -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(length)
        .map(char::from)
        .collect()
}

async fn build(config: &Config) -> Result<Client> {
    // Random, so there is nothing for a slow key derivation to protect.
    let key_file = config.data_dir.join("store.key");
    let key = match private::read(&key_file)? {
        Some(key) => key.trim().to_owned(),
        None => {
            let key = random_text(32);
            private::write(&key_file, &key)?;
            key
        }
    };
    let key: [u8; 32] = key.as_bytes().try_into().context("store.key is damaged")?;
    let encryption = EncryptionSettings {
        auto_enable_cross_signing: true,
        auto_enable_backups: true,
        backup_download_strategy: BackupDownloadStrategy::AfterDecryptionFailure,
    };
    let databases =
        SqliteStoreConfig::with_low_memory_config(config.data_dir.join("matrix")).key(Some(&key));
    let client = Client::builder()
        .homeserver_url(&config.homeserver)
        .sqlite_store_with_config_and_cache_path(databases, None::<&Path>)
        .add_root_certificates(certificates(config)?)
        .with_encryption_settings(encryption)
        // What is worth another try is tried again here, at its time.
        .request_config(RequestConfig::new().disable_retry())
        .build()
        .await;
    client.with_context(|| format!("{} cannot be reached", config.homeserver))
}

/// The extra certificate authorities.
pub(super) fn certificates(config: &Config) -> Result<Vec<Certificate>> {
    let mut roots = Vec::new();
    for path in &config.extra_ca {
        let pem = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let found = Certificate::from_pem_bundle(&pem)?;
        if found.is_empty() {
            bail!("{} holds no certificate", path.display());
        }
        roots.extend(found);
    }
    Ok(roots)
}

//! What stays on this computer of an account.
//!
//! `DATA/accounts/ID/` holds the databases, encrypted with a random key; `account.json` beside them says whose they
//! are. Key and access token are in the vault. `DATA/last.json` remembers what to fill in at the next
//! sign-in.

use std::{fs, io, path::PathBuf};

use matrix_sdk::{
    SessionMeta, SessionTokens,
    authentication::matrix::MatrixSession,
    ruma::{OwnedDeviceId, OwnedUserId},
};
use rand::{Rng, distr::Alphanumeric};
use serde::{Deserialize, Serialize};

use super::{Config, removal::remove_folder};
use crate::{
    bridge::{secret::Secret, trouble::Trouble},
    secrets::{Vault, write_private},
};

/// What encrypts the databases. Random, so there is nothing for a slow key derivation to protect.
pub(super) type DatabaseKey = [u8; 32];

/// An account kept on this computer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) user_id: OwnedUserId,
    pub(super) device_id: OwnedDeviceId,
    pub(super) base_url: String,
    pub(super) shared_computer: bool,
}

/// The secret part: what opens the databases and the session.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Keys {
    pub(super) database: DatabaseKey,
    pub(super) tokens: SessionTokens,
}

/// What was used last, to be filled in next time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct LastUsed {
    pub(super) server: Option<String>,
    pub(super) user: Option<String>,
}

/// A folder for an account that is not signed in yet.
pub(super) struct NewFolder {
    pub(super) id: String,
    pub(super) path: PathBuf,
    pub(super) key: DatabaseKey,
}

impl Account {
    /// The session in the SDK's terms.
    pub(super) fn session(&self, tokens: SessionTokens) -> MatrixSession {
        let meta = SessionMeta {
            user_id: self.user_id.clone(),
            device_id: self.device_id.clone(),
        };
        MatrixSession { meta, tokens }
    }
}

/// The accounts on disk. All calls block; the session makes them on the blocking pool.
#[derive(Debug, Clone)]
pub(super) struct AccountStore {
    data_dir: PathBuf,
    vault: Vault,
}

impl AccountStore {
    pub(super) fn new(config: &Config) -> Self {
        let vault = Vault::new(config.data_dir.join("secrets"), config.use_keyring);
        Self {
            data_dir: config.data_dir.clone(),
            vault,
        }
    }

    /// Runs a blocking call of the store where it disturbs nobody.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Trouble> {
        let store = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                tracing::error!(%error, "the account's files cannot be read or written");
                Err(match error.kind() {
                    io::ErrorKind::StorageFull => Trouble::DiskFull,
                    _ => Trouble::LocalData,
                })
            }
            Err(error) => Err(Trouble::Other(error.to_string())),
        }
    }

    /// A fresh folder and key.
    pub(super) fn new_folder(&self) -> NewFolder {
        let id = random_id();
        NewFolder {
            path: self.database(&id),
            id,
            key: rand::random(),
        }
    }

    /// The folder of an account's databases.
    pub(super) fn database(&self, id: &str) -> PathBuf {
        self.accounts().join(id)
    }

    /// Where sounds of an account lie while they are played.
    pub(super) fn sounds(&self, id: &str) -> PathBuf {
        self.database(id).join("sounds")
    }

    /// Keeps an account, so that the next start finds it. On a shared computer nothing of it can be opened again:
    /// the keys stay in memory.
    pub(super) fn keep(&self, account: &Account, keys: &Keys) -> io::Result<()> {
        if !account.shared_computer {
            self.keep_keys(&account.id, keys)?;
        }
        write_private(
            &self.description(&account.id),
            &serde_json::to_vec_pretty(account)?,
        )?;
        let user = (!account.shared_computer).then(|| account.user_id.localpart().to_owned());
        let last = LastUsed {
            server: Some(account.base_url.clone()),
            user,
        };
        write_private(
            &self.data_dir.join("last.json"),
            &serde_json::to_vec_pretty(&last)?,
        )
    }

    /// Changes whether others use this computer: then the keys stay in memory only.
    pub(super) fn set_shared(&self, account: &Account, keys: &Keys) -> io::Result<()> {
        if account.shared_computer {
            self.vault.forget(&account.id)?;
        }
        self.keep(account, keys)
    }

    /// Replaces an account's keys, when the server has given new tokens.
    pub(super) fn keep_keys(&self, id: &str, keys: &Keys) -> io::Result<()> {
        self.vault
            .keep(id, &Secret::new(serde_json::to_string(keys)?))
    }

    /// The same for an account that may have become one on a shared computer since.
    pub(super) fn renew_keys(&self, id: &str, keys: &Keys) -> io::Result<()> {
        match self.describe(id) {
            Some(account) if !account.shared_computer => self.keep_keys(id, keys),
            _ => Ok(()),
        }
    }

    /// Whether an account's keys are in a file, because no keyring took them.
    pub(super) fn has_keys_in_file(&self, id: &str) -> bool {
        self.vault.is_in_file(id)
    }

    /// The account kept here, if it can be opened. Left-overs of a failed sign-in or of a shared computer that was
    /// switched off are removed. An account whose keys are not at hand stays: the keyring may only be locked.
    pub(super) fn find(&self) -> io::Result<Option<(Account, Keys)>> {
        let mut found = None;
        for id in self.ids()? {
            match self.describe(&id) {
                Some(account) if !account.shared_computer => found = found.or(self.open(account)),
                _ => self.wipe(&id)?,
            }
        }
        Ok(found)
    }

    /// Removes every account but this one, after it has signed in.
    pub(super) fn wipe_others(&self, kept: &str) -> io::Result<()> {
        for id in self.ids()? {
            if id != kept {
                self.wipe(&id)?;
            }
        }
        Ok(())
    }

    fn ids(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.accounts()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn describe(&self, id: &str) -> Option<Account> {
        let account: Account =
            serde_json::from_slice(&fs::read(self.description(id)).ok()?).ok()?;
        (account.id == id).then_some(account)
    }

    fn open(&self, account: Account) -> Option<(Account, Keys)> {
        let keys = self
            .vault
            .find(&account.id)
            .and_then(|text| serde_json::from_str(text.reveal()).ok());
        if keys.is_none() {
            tracing::warn!("the keys of the account on this computer are not at hand");
        }
        Some((account, keys?))
    }

    /// What to fill in at the next sign-in.
    pub(super) fn last_used(&self) -> LastUsed {
        let read = || serde_json::from_slice(&fs::read(self.data_dir.join("last.json")).ok()?).ok();
        read().unwrap_or_default()
    }

    /// Removes everything of an account.
    pub(super) fn wipe(&self, id: &str) -> io::Result<()> {
        let forgotten = self.vault.forget(id);
        remove_folder(&self.database(id)).and(forgotten)
    }

    fn accounts(&self) -> PathBuf {
        self.data_dir.join("accounts")
    }

    fn description(&self, id: &str) -> PathBuf {
        self.database(id).join("account.json")
    }
}

fn random_id() -> String {
    let letters = rand::rng().sample_iter(Alphanumeric).take(16);
    letters
        .map(|letter| char::from(letter.to_ascii_lowercase()))
        .collect()
}

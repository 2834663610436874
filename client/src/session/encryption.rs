//! Message keys without a word about keys: set up with the password at registration, opened with it at sign-in.

use std::time::Duration;

use futures_util::StreamExt;
use matrix_sdk::{
    Client, Error,
    encryption::{
        CrossSigningResetAuthType,
        recovery::{RecoveryError, RecoveryState},
        secret_storage::SecretStorageError,
    },
    ruma::{
        UInt,
        api::{client::backup::get_latest_backup_info, error::ErrorKind},
    },
};
use matrix_sdk_base::BaseClient;
use tokio::time::timeout;

use super::{
    connection::RETRY,
    devices::{self, with_password},
    outbox::Outbox,
};
use crate::bridge::{
    secret::Secret,
    trouble::Trouble,
    update::{Answer, KeyStorage, Update},
};

/// An answer about the keys before, still on its way, throws new ones away; then they are made again.
const ATTEMPTS: usize = 3;

/// How long the first sync waits for [`introduce`].
const PATIENCE: Duration = Duration::from_secs(10);

/// How long somebody who has typed a password waits for an overloaded server.
const UNLOCKING: Duration = Duration::from_secs(60);

/// Tells the server the keys of a device it does not know, before the first sync and before anything else is made of
/// them: a new one, or one whose program was ended before it came to that. The sync, as it tells them, and a new backup,
/// as it is signed, would take two locks of the SDK in opposite order and could wait for each other for ever.
pub(super) async fn introduce(client: &Client, base: &BaseClient) {
    let introduced = async {
        let machine = base.olm_machine().await.clone();
        let Some(machine) = machine else {
            return Ok(());
        };
        let account = machine.store().load_account().await.map_err(Error::from)?;
        if account.is_some_and(|account| account.shared()) {
            return Ok(());
        }
        let encryption = client.encryption();
        encryption.wait_for_e2ee_initialization_tasks().await;
        let keys = machine.upload_device_keys().await;
        let Some((id, request)) = keys.map_err(Error::from)? else {
            return Ok(());
        };
        let answer = client.send(request).await?;
        machine.mark_request_as_sent(&id, &answer).await?;
        Ok::<_, Error>(())
    };
    match timeout(PATIENCE, introduced).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the keys of this device are told by the sync"),
        Err(_) => tracing::warn!("the keys of this device are told by the sync"),
    }
}

/// Settles the key storage after sign-in, then reports its state for as long as the session lives.
pub(super) async fn watch(client: Client, password: Option<Secret>, outbox: Outbox) {
    outbox.send(Update::KeyStorage(KeyStorage::Working)).await;
    client
        .encryption()
        .wait_for_e2ee_initialization_tasks()
        .await;
    if let Some(password) = password {
        settle_when_connected(&client, &password).await;
    }
    let states = client.encryption().recovery().state_stream();
    futures_util::pin_mut!(states);
    while let Some(state) = states.next().await {
        outbox.send(Update::KeyStorage(shown(&state))).await;
    }
}

/// Opens the key storage with what somebody typed, or makes one, for which it has to be the password.
pub(super) async fn unlock(client: &Client, secret: &Secret) -> Result<Answer, Trouble> {
    let recovery = client.encryption().recovery();
    if recovery.state() == RecoveryState::Disabled {
        devices::check_password(client, secret).await?;
        settle(client, secret).await?;
        return match recovery.state() {
            RecoveryState::Enabled => Ok(Answer::Done),
            other => Err(Trouble::Other(format!("the key storage is {other:?}"))),
        };
    }
    let opened = timeout(UNLOCKING, recovery.recover(secret.reveal().trim())).await;
    opened.map_err(|_| Trouble::NoConnection)??;
    Ok(Answer::Done)
}

/// Lets the new password open the key storage. Tells whether it does: a storage that is not open here, and does not open
/// with the old password, stays as it is.
pub(super) async fn follow_password(client: &Client, old: &Secret, new: &Secret) -> bool {
    let recovery = client.encryption().recovery();
    let followed = match recovery.state() {
        RecoveryState::Enabled => recovery.reset_key().with_passphrase(new.reveal()).await,
        // A new storage made without the keys would be an empty one in the place of theirs.
        RecoveryState::Incomplete | RecoveryState::Unknown => {
            let reset = recovery.recover_and_reset(old.reveal());
            reset.with_passphrase(new.reveal()).await
        }
        RecoveryState::Disabled => {
            if let Err(trouble) = settle(client, new).await {
                tracing::info!(?trouble, "no key storage was made");
            }
            // There is none that opens with another password.
            return true;
        }
    };
    if let Err(error) = &followed {
        tracing::warn!(%error, "the key storage does not open with the new password");
    }
    followed.is_ok()
}

/// Without a connection, it is done when there is one again: nobody could do it later without the password.
async fn settle_when_connected(client: &Client, password: &Secret) {
    while let Err(trouble) = settle(client, password).await {
        tracing::info!(?trouble, "the key storage was not opened with the password");
        if trouble != Trouble::NoConnection {
            return;
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn settle(client: &Client, password: &Secret) -> Result<(), Trouble> {
    let recovery = client.encryption().recovery();
    for _ in 0..ATTEMPTS {
        if recovery.state() == RecoveryState::Incomplete {
            match recovery.recover(password.reveal()).await {
                Ok(()) => {}
                // The password is right, what it opens is not.
                Err(RecoveryError::SecretStorage(
                    error @ SecretStorageError::ImportError { .. },
                )) => tracing::info!(%error, "the key storage does not hold these keys"),
                Err(error) => return Err(error.into()),
            }
        }
        if recovery.state() == RecoveryState::Enabled {
            return Ok(());
        }
        if !has_all_secrets(client).await {
            if !nobody_has_them(client).await? {
                return Ok(());
            }
            begin_anew(client, password).await?;
        }
        // The key it returns is a second way in; people have their password.
        recovery.enable().with_passphrase(password.reveal()).await?;
    }
    Ok(())
}

/// Whether this computer holds what the key storage is to keep. A backup it did not make is somebody else's.
async fn has_all_secrets(client: &Client) -> bool {
    let encryption = client.encryption();
    let signing = encryption.cross_signing_status().await;
    signing.is_some_and(|keys| keys.is_complete()) && encryption.backups().are_enabled().await
}

/// Whether the keys the server knows are lost to everybody, and nothing with them: the program that made them ended
/// before it had stored them, so that no other computer is there and the backup is empty.
async fn nobody_has_them(client: &Client) -> Result<bool, Trouble> {
    if !client.encryption().recovery().is_last_device().await? {
        return Ok(false);
    }
    match client
        .send(get_latest_backup_info::v3::Request::new())
        .await
    {
        Ok(backup) => Ok(backup.count == UInt::MIN),
        Err(error) if error.client_api_error_kind() == Some(&ErrorKind::NotFound) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Replaces the person's keys and the backup by new ones.
async fn begin_anew(client: &Client, password: &Secret) -> Result<(), Trouble> {
    tracing::info!("the message keys were never stored: new ones are made");
    let Some(reset) = client.encryption().recovery().reset_identity().await? else {
        return Ok(());
    };
    let auth = match reset.auth_type() {
        CrossSigningResetAuthType::Uiaa(begun) => with_password(client, begun, password),
        CrossSigningResetAuthType::OAuth(_) => None,
    };
    reset.reset(auth).await?;
    Ok(())
}

fn shown(state: &RecoveryState) -> KeyStorage {
    match state {
        RecoveryState::Unknown => KeyStorage::Working,
        RecoveryState::Enabled => KeyStorage::Ready,
        // There is nothing a password could open.
        RecoveryState::Disabled => KeyStorage::Off,
        RecoveryState::Incomplete => KeyStorage::Locked,
    }
}

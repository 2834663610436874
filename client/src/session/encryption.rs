//! Message keys without a word about keys: set up with the password at registration, opened with it at sign-in.

use futures_util::StreamExt;
use matrix_sdk::{Client, encryption::recovery::RecoveryState};

use super::outbox::Outbox;
use crate::bridge::{
    secret::Secret,
    trouble::Trouble,
    update::{KeyStorage, Update},
};

/// Settles the key storage after sign-in, then reports its state for as long as the session lives.
pub(super) async fn watch(client: Client, password: Option<Secret>, outbox: Outbox) {
    outbox.send(Update::KeyStorage(KeyStorage::Working)).await;
    client
        .encryption()
        .wait_for_e2ee_initialization_tasks()
        .await;
    if let Some(password) = password
        && let Err(trouble) = settle(&client, &password).await
    {
        tracing::info!(?trouble, "the key storage was not opened with the password");
    }
    let states = client.encryption().recovery().state_stream();
    futures_util::pin_mut!(states);
    while let Some(state) = states.next().await {
        outbox.send(Update::KeyStorage(shown(&state))).await;
    }
}

/// Opens the key storage with what somebody typed.
pub(super) async fn unlock(client: &Client, secret: &Secret) -> Result<(), Trouble> {
    client
        .encryption()
        .recovery()
        .recover(secret.reveal().trim())
        .await?;
    Ok(())
}

async fn settle(client: &Client, password: &Secret) -> Result<(), Trouble> {
    let recovery = client.encryption().recovery();
    match recovery.state() {
        RecoveryState::Incomplete => recovery.recover(password.reveal()).await?,
        RecoveryState::Disabled | RecoveryState::Unknown => {
            // The key it returns is a second way in; people have their password.
            recovery.enable().with_passphrase(password.reveal()).await?;
        }
        RecoveryState::Enabled => {}
    }
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

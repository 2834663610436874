//! The own profile.

use std::path::PathBuf;

use matrix_sdk::Client;

use super::{
    account_store::{Account, AccountStore},
    room_settings,
};
use crate::{
    bridge::{trouble::Trouble, update::Answer},
    rows::{AccountRow, MediaKey, message::avatar_key},
};

/// What is known here without asking the server.
pub(super) async fn known(client: &Client, account: &Account, store: &AccountStore) -> AccountRow {
    let avatar = client
        .account()
        .get_cached_avatar_url()
        .await
        .ok()
        .flatten();
    row(account, store, (None, avatar.map(avatar_key))).await
}

/// What the server says.
pub(super) async fn fetched(
    client: &Client,
    account: &Account,
    store: &AccountStore,
) -> Result<AccountRow, Trouble> {
    let name = client.account().get_display_name().await?;
    // A server says that there is none with an error.
    let avatar = client.account().get_avatar_url().await.ok().flatten();
    Ok(row(account, store, (name, avatar.map(avatar_key))).await)
}

/// Changes the name others see; an empty one takes it away.
pub(super) async fn set_name(client: &Client, name: &str) -> Result<Answer, Trouble> {
    let name = Some(name.trim()).filter(|name| !name.is_empty());
    client.account().set_display_name(name).await?;
    Ok(Answer::Done)
}

/// Shows a picture file as the avatar, or none.
pub(super) async fn set_avatar(client: &Client, file: Option<PathBuf>) -> Result<Answer, Trouble> {
    let account = client.account();
    match file {
        Some(file) => {
            let png = room_settings::avatar(file).await?;
            account
                .upload_avatar(&mime_guess::mime::IMAGE_PNG, png)
                .await?;
        }
        None => account.set_avatar_url(None).await?,
    }
    Ok(Answer::Done)
}

async fn row(
    account: &Account,
    store: &AccountStore,
    (name, avatar): (Option<String>, Option<MediaKey>),
) -> AccountRow {
    let id = account.id.clone();
    let in_file = store.blocking(move |store| Ok(store.has_keys_in_file(&id)));
    AccountRow {
        user_id: account.user_id.clone(),
        server_name: account.user_id.server_name().to_owned(),
        name: name.unwrap_or_else(|| account.user_id.localpart().to_owned()),
        avatar,
        shared_computer: account.shared_computer,
        secrets_in_file: in_file.await.unwrap_or_default(),
    }
}

//! The own profile.

use matrix_sdk::Client;

use super::account_store::Account;
use crate::rows::{AccountRow, message::avatar_key};

/// What is known here without asking the server.
pub(super) async fn known(client: &Client, account: &Account) -> AccountRow {
    let avatar = client
        .account()
        .get_cached_avatar_url()
        .await
        .ok()
        .flatten();
    row(account, None, avatar.map(avatar_key))
}

/// What the server says. `None` when it does not.
pub(super) async fn fetched(client: &Client, account: &Account) -> Option<AccountRow> {
    let name = client.account().get_display_name().await.ok()?;
    // A server says that there is none with an error.
    let avatar = client.account().get_avatar_url().await.ok().flatten();
    Some(row(account, name, avatar.map(avatar_key)))
}

fn row(
    account: &Account,
    name: Option<String>,
    avatar: Option<crate::rows::MediaKey>,
) -> AccountRow {
    AccountRow {
        user_id: account.user_id.clone(),
        server_name: account.user_id.server_name().to_owned(),
        name: name.unwrap_or_else(|| account.user_id.localpart().to_owned()),
        avatar,
        shared_computer: account.shared_computer,
    }
}

//! Whose data a database holds.

use anyhow::ensure;
use ruma::ServerName;

use crate::storage::{Snapshot, tables};

/// Refuses the data of a server of another name: nobody could sign in, and nothing here would be of this server. Data
/// without any account may become anybody's.
pub fn check_owner(snapshot: &Snapshot<'_>, server_name: &ServerName) -> anyhow::Result<()> {
    let Some((user, _)) = tables::ACCOUNT.scan(snapshot, ())?.next().transpose()? else {
        return Ok(());
    };
    let user_id = tables::USER_TEXT.get(snapshot, user)?.unwrap_or_default();
    let owner = user_id.split_once(':').map_or("", |(_, owner)| owner);
    ensure!(
        owner == server_name,
        "this data belongs to {owner}; the configuration says server_name = \"{server_name}\", and the name of a server can never change"
    );
    Ok(())
}

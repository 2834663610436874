//! Changes of others' devices as both kinds of sync tell them.

use std::collections::BTreeSet;

use ruma::{OwnedUserId, api::client::sync::sync_events::DeviceLists};

use crate::{
    Server,
    error::ApiResult,
    ids::{StreamPos, UserNid},
    storage::Snapshot,
};

/// Whose keys a client has to ask for anew, and whose it can forget.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#tracking-the-device-list-for-a-user)
pub fn device_lists(
    server: &Server,
    snapshot: &Snapshot<'_>,
    user: UserNid,
    since: StreamPos,
    upto: StreamPos,
) -> ApiResult<DeviceLists> {
    let may_have_changed = |room| server.hub.room_changed(room, since);
    let lists = server
        .e2ee
        .device_lists(snapshot, user, (since, upto), &may_have_changed)?;
    let ids = |users: BTreeSet<UserNid>| -> ApiResult<Vec<OwnedUserId>> {
        let interner = server.storage.interner();
        Ok(users
            .into_iter()
            .map(|user| interner.user_id(user))
            .collect::<Result<_, _>>()?)
    };
    let mut section = DeviceLists::new();
    section.changed = ids(lists.changed)?;
    section.left = ids(lists.left)?;
    Ok(section)
}

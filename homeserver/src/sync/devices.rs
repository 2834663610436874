//! Changes of others' devices as both kinds of sync tell them.

use std::collections::BTreeSet;

use ruma::{OwnedUserId, api::client::sync::sync_events::DeviceLists};

use crate::{
    Server,
    error::ApiResult,
    ids::{RoomNid, StreamPos, UserNid},
    storage::{self, Snapshot, tables},
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
    let rooms = rooms_with_news(server, snapshot, user, since)?;
    let lists = server
        .e2ee
        .device_lists(snapshot, user, (since, upto), Some(&rooms))?;
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

/// The rooms of a user where somebody may have come or gone. Only the hub is asked, unless they left a room themselves:
/// an account in thousands of rooms need not go through all of them for every message.
fn rooms_with_news(
    server: &Server,
    snapshot: &Snapshot<'_>,
    user: UserNid,
    since: StreamPos,
) -> storage::Result<Vec<RoomNid>> {
    if !server.hub.user_changed(user, since) {
        return Ok(server.hub.rooms_with_events(user, since));
    }
    let mut rooms = Vec::new();
    for row in tables::USER_ROOM.scan(snapshot, (user,))? {
        let (_, room) = row?.0;
        if server.hub.room_changed(room, since) {
            rooms.push(room);
        }
    }
    Ok(rooms)
}

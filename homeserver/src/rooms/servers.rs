//! The other servers in a room: how many of their users are joined.
//!
//! This server's own users are not counted here, so a room that nobody from elsewhere is in has no rows and costs
//! nothing.

use std::collections::HashMap;

use ruma::{OwnedServerName, ServerName, UserId};

use super::{Rooms, rows::Membership, txn::Txn};
use crate::{
    error::ApiResult,
    ids::{RoomNid, StreamPos, UserNid},
    storage::{Result, Snapshot, tables},
};

/// How the numbers of joined users of other servers change.
pub(super) type Counts = HashMap<OwnedServerName, i64>;

impl Rooms {
    /// Since when this server is told what changes about a user of another one: the user last entered one of the rooms that
    /// they share then. Nothing if they share none.
    pub fn followed_since(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
    ) -> ApiResult<Option<StreamPos>> {
        let mut since = None;
        for row in tables::USER_ROOM.scan(snapshot, (user,))? {
            let ((_, room), row) = row?;
            if row.membership == Membership::Join && self.is_resident(snapshot, room)? {
                since = since.max(Some(row.joined_at));
            }
        }
        Ok(since)
    }
}

/// Counts a change of somebody's membership.
pub(super) fn count(txn: &mut Txn<'_>, user: &UserId, old: Option<Membership>, new: Membership) {
    let server = user.server_name();
    if server == txn.rooms.server_name() {
        return;
    }
    let by = i64::from(new == Membership::Join) - i64::from(old == Some(Membership::Join));
    if by != 0 {
        let remote = &mut txn.head.summary_mut().remote;
        *remote = remote.saturating_add_signed(by);
        *txn.servers.entry(server.to_owned()).or_default() += by;
    }
}

impl Txn<'_> {
    /// How many users of another server are joined, as this change leaves it.
    pub fn joined_from(&self, server: &ServerName) -> Result<u64> {
        let stored = tables::ROOM_SERVER.get(self.snapshot, (self.room, server))?;
        let by = self.servers.get(server).copied().unwrap_or_default();
        Ok(stored.unwrap_or_default().saturating_add_signed(by))
    }

    /// Writes the numbers that changed.
    pub(super) fn write_servers(&mut self) -> Result<()> {
        let room = self.room;
        let servers: Vec<OwnedServerName> = self.servers.keys().cloned().collect();
        for server in servers {
            let joined = self.joined_from(&server)?;
            self.write(move |batch, pos| match joined {
                0 => {
                    tables::ROOM_SERVER.delete(batch, (room, &server));
                    tables::SERVER_ROOM.delete(batch, (&server, room));
                }
                joined => {
                    tables::ROOM_SERVER.put(batch, (room, &server), &joined);
                    tables::SERVER_ROOM.put(batch, (&server, room), &pos);
                }
            });
        }
        self.servers.clear();
        Ok(())
    }
}

/// The other servers in a room.
pub fn servers_in(snapshot: &Snapshot<'_>, room: RoomNid) -> Result<Vec<OwnedServerName>> {
    let rows = tables::ROOM_SERVER.scan(snapshot, (room,))?;
    rows.map(|row| row.map(|((_, server), _)| server)).collect()
}

/// Whether users of another server are in a room.
pub fn is_in(snapshot: &Snapshot<'_>, room: RoomNid, server: &ServerName) -> Result<bool> {
    tables::ROOM_SERVER.contains(snapshot, (room, server))
}

/// The rooms that users of another server are in.
pub fn rooms_with(snapshot: &Snapshot<'_>, server: &ServerName) -> Result<Vec<RoomNid>> {
    let rows = tables::SERVER_ROOM.scan(snapshot, (server,))?;
    rows.map(|row| row.map(|((_, room), _)| room)).collect()
}

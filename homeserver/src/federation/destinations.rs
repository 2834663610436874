//! The other servers that this one has to do with, and whether they answer.

use std::{collections::BTreeSet, time::Duration};

use ruma::{MilliSecondsSinceUnixEpoch, OwnedServerName, ServerName, UInt};

use super::Federation;
use crate::{
    ids::{RoomNid, StreamPos},
    storage::{Result, Snapshot, tables},
};

/// How things stand with another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub server: OwnedServerName,
    /// Since when it does not answer.
    pub failing_since: Option<MilliSecondsSinceUnixEpoch>,
    /// When it was last asked in vain, and how long it is left alone from then on.
    pub left_alone: Option<(MilliSecondsSinceUnixEpoch, Duration)>,
    /// The last event that it was told, or that does not concern it.
    pub told: Option<StreamPos>,
}

impl Federation {
    /// The servers that share a room with this one, or that it sent something to, by name.
    pub fn known_servers(&self, snapshot: &Snapshot<'_>) -> Result<BTreeSet<OwnedServerName>> {
        let mut known = BTreeSet::new();
        for row in tables::DESTINATION.scan(snapshot, ())? {
            known.insert(row?.0);
        }
        for row in tables::SERVER_ROOM.scan(snapshot, ())? {
            known.insert(row?.0.0);
        }
        known.extend(self.inner.peers.backoffs.servers());
        Ok(known)
    }

    /// How things stand with a server; nothing if this one has nothing to do with it.
    pub fn standing(
        &self,
        snapshot: &Snapshot<'_>,
        server: &ServerName,
    ) -> Result<Option<Standing>> {
        let row = tables::DESTINATION.get(snapshot, server)?;
        let left_alone = self.inner.peers.backoffs.last_failure(server);
        if row.is_none() && left_alone.is_none() {
            let shares_a_room = tables::SERVER_ROOM.scan(snapshot, (server,))?.next();
            if shares_a_room.transpose()?.is_none() {
                return Ok(None);
            }
        }
        let failing_since = row
            .as_ref()
            .filter(|row| row.failing_since != 0)
            .and_then(|row| UInt::new(row.failing_since))
            .map(MilliSecondsSinceUnixEpoch);
        Ok(Some(Standing {
            server: server.to_owned(),
            failing_since: failing_since.or(left_alone.map(|(last, _)| last)),
            left_alone,
            told: row.map(|row| row.sent),
        }))
    }

    /// The rooms that a server's users are in, with the position at which its number of users there last changed.
    pub fn rooms_with(
        &self,
        snapshot: &Snapshot<'_>,
        server: &ServerName,
    ) -> Result<Vec<(RoomNid, StreamPos)>> {
        let rooms = tables::SERVER_ROOM.scan(snapshot, (server,))?;
        rooms
            .map(|row| row.map(|((_, room), pos)| (room, pos)))
            .collect()
    }

    /// Asks a server again at once that is left alone since it did not answer. Says whether it was.
    pub fn try_again(&self, server: &ServerName) -> bool {
        self.inner.keys.forget_failures(server);
        self.inner.peers.is_there(server)
    }
}

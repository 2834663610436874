//! Rooms that nobody on this server will ever look into again.

use std::time::Duration;

use super::DeletionOptions;
use crate::{
    error::ApiResult,
    ids::RoomNid,
    rooms::{Rooms, rows::Membership},
    storage::{Result, Snapshot, tables},
};

/// How long after its last event a room that everybody has left and forgotten goes.
const FORGOTTEN_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Rooms {
    /// Begins to delete the rooms that all users of this server have left and forgotten.
    pub(super) async fn delete_forgotten_rooms(&self) -> ApiResult<usize> {
        let found = self
            .read(|rooms, snapshot| {
                let mut found = Vec::new();
                for row in tables::ROOM.scan(snapshot, ())? {
                    let (room, _) = row?;
                    if !rooms.inner.closing.read().contains(&room)
                        && is_forgotten(snapshot, room)?
                        && rooms.is_quiet(snapshot, room)?
                    {
                        found.push(room);
                    }
                }
                Ok(found)
            })
            .await?;
        let count = found.len();
        for room in found {
            self.delete_room(room, DeletionOptions::default()).await?;
        }
        Ok(count)
    }

    /// Whether a room's last event is long past.
    fn is_quiet(&self, snapshot: &Snapshot<'_>, room: RoomNid) -> Result<bool> {
        let last = tables::TIMELINE.scan_back(snapshot, (room,))?.next();
        let Some((_, row)) = last.transpose()? else {
            return Ok(true);
        };
        let Some(event) = self.event(snapshot, row.event)? else {
            return Ok(true);
        };
        let sent: u64 = event.pdu.origin_server_ts().0.into();
        let now: u64 = self.clock().now().0.into();
        Ok(sent.saturating_add(FORGOTTEN_FOR.as_millis() as u64) < now)
    }
}

/// Whether every user of this server who has ever had to do with a room has left and forgotten it. Closed accounts count
/// as such.
fn is_forgotten(snapshot: &Snapshot<'_>, room: RoomNid) -> Result<bool> {
    for row in tables::MEMBER.scan(snapshot, (room,))? {
        let ((_, membership, user), _) = row?;
        let account = tables::ACCOUNT.get(snapshot, user)?;
        if account.is_none_or(|account| account.deactivated) {
            continue;
        }
        if !matches!(membership, Membership::Leave | Membership::Ban) {
            return Ok(false);
        }
        let row = tables::USER_ROOM.get(snapshot, (user, room))?;
        if row.is_some_and(|row| !row.forgotten) {
            return Ok(false);
        }
    }
    Ok(true)
}

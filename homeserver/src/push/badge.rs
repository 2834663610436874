//! How much of everything a user has not read.

use super::Unread;
use crate::{
    ids::UserNid,
    rooms::{Rooms, rows::Membership},
    storage::{Result, Snapshot, tables},
};

/// Unread messages in all rooms of a user; an invitation that waits for an answer counts as one.
pub(super) fn unread(rooms: &Rooms, snapshot: &Snapshot<'_>, user: UserNid) -> Result<u64> {
    let upto = rooms.storage().position();
    let mut unread = 0;
    for row in tables::USER_ROOM.scan(snapshot, (user,))? {
        let ((_, room), row) = row?;
        match row.membership {
            Membership::Join => {
                let count = Unread::count(rooms, snapshot, user, room, &row, upto)?;
                unread += count.total().notifications;
            }
            Membership::Invite => unread += 1,
            _ => {}
        }
    }
    Ok(unread)
}

//! How many rooms users of this server have entered, and how many invitations they have sent: who does far more of
//! either than people do is a bot.

use std::collections::BTreeSet;

use ruma::UserId;

use super::{
    Rooms,
    rows::Membership,
    txn::{NewEvent, StateChange, Txn},
};
use crate::{
    error::ApiResult,
    ids::{RoomNid, StreamPos, UserNid},
    storage::{Result, Snapshot, tables},
};

/// Notes that somebody of this server enters a room or invites somebody.
pub(super) fn note(
    txn: &Txn<'_>,
    new: &mut NewEvent,
    user_id: &UserId,
    change: &StateChange,
    (before, membership): (Option<Membership>, Membership),
) -> ApiResult<()> {
    let is_local = |user: &UserId| user.server_name() == txn.rooms.server_name();
    let interner = txn.rooms.storage().interner();
    let now = u64::from(txn.rooms.clock().now().get());
    if membership == Membership::Join && before != Some(membership) && is_local(user_id) {
        let (user, room) = (interner.user(user_id)?, txn.room);
        new.write(move |batch, _| tables::ROOM_ENTERED.put(batch, (user, now, room), &()));
    }
    let sender = new.event.pdu.sender();
    let is_new = change
        .event
        .as_ref()
        .is_some_and(|event| event.nid == new.event.nid);
    if membership == Membership::Invite && is_new && is_local(sender) {
        let sender = interner.user(sender)?;
        new.write(move |batch, pos| tables::INVITATION_SENT.put(batch, (sender, now, pos), &()));
    }
    Ok(())
}

impl Rooms {
    /// The rooms that a user has entered since a moment, in milliseconds, those they have left again included.
    pub fn rooms_entered_since(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        since: u64,
    ) -> Result<usize> {
        let to = (user, u64::MAX, RoomNid(0));
        let mut rooms = BTreeSet::new();
        for row in tables::ROOM_ENTERED.range(snapshot, (user, since, RoomNid(0)), to)? {
            let ((_, _, room), ()) = row?;
            rooms.insert(room);
        }
        Ok(rooms.len())
    }

    /// How many invitations a user has sent since a moment, in milliseconds.
    pub fn invitations_sent_since(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        since: u64,
    ) -> Result<usize> {
        let to = (user, u64::MAX, StreamPos::ZERO);
        let mut count = 0;
        for row in tables::INVITATION_SENT.range(snapshot, (user, since, StreamPos::ZERO), to)? {
            row?;
            count += 1;
        }
        Ok(count)
    }
}

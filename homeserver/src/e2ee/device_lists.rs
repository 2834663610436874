//! Whose devices have changed, for clients that keep a copy of the keys of everybody they talk to.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#tracking-the-device-list-for-a-user)
//!
//! Of every user only the newest change is kept: a client that has seen less needs to ask for the user's keys once,
//! however often they changed.

use std::collections::BTreeSet;

use roaring::RoaringBitmap;
use ruma::UserId;

use super::E2ee;
use crate::{
    ids::{EventNid, RoomNid, StateKeyNid, StreamPos, UserNid},
    rooms::{
        membership::sharing_a_room,
        project::membership_of,
        rows::{Membership, UserRoomRow},
    },
    storage::{self, Batch, Snapshot, tables},
};

/// What a client has to do about its copies of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceLists {
    /// Users whose keys have to be asked for.
    pub changed: BTreeSet<UserNid>,
    /// Users whose keys need not be followed any more, since no room is shared with them.
    pub left: BTreeSet<UserNid>,
}

/// Positions after the first, up to and including the second.
pub type Span = (StreamPos, StreamPos);

/// Notes that a user's devices or cross-signing keys changed. `previous` is the row this one replaces.
pub(super) fn put_change(
    batch: &mut Batch<'_>,
    user: UserNid,
    previous: Option<StreamPos>,
    pos: StreamPos,
) {
    if let Some(previous) = previous {
        tables::DEVICE_LIST_CHANGE.delete(batch, previous);
    }
    tables::DEVICE_LIST_CHANGE.put(batch, pos, &user);
    tables::DEVICE_LIST_LATEST.put(batch, user, &pos);
}

impl E2ee {
    /// What happened to the device lists that `user` follows. `rooms` are those that need a look; without them all of
    /// the user's, also those they have left.
    pub fn device_lists(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        span: Span,
        rooms: Option<&[RoomNid]>,
    ) -> storage::Result<DeviceLists> {
        let keys = changed_keys(snapshot, span)?;
        let mut moves = Moves::default();
        match rooms {
            Some(rooms) => {
                for room in rooms {
                    if let Some(row) = tables::USER_ROOM.get(snapshot, (user, *room))? {
                        self.collect_moves(snapshot, (*room, &row), span, &mut moves)?;
                    }
                }
            }
            None => {
                for row in tables::USER_ROOM.scan(snapshot, (user,))? {
                    let ((_, room), row) = row?;
                    self.collect_moves(snapshot, (room, &row), span, &mut moves)?;
                }
            }
        }
        let mut lists = DeviceLists {
            changed: signed_by(snapshot, user, span)?,
            left: BTreeSet::new(),
        };
        if keys.contains(user.0) {
            lists.changed.insert(user);
        }
        if keys.is_empty() && moves.came.is_empty() && moves.went.is_empty() {
            return Ok(lists);
        }
        // Whoever enters a room is told of their own devices, too: the others of them may have to share keys there.
        if moves.came.contains(user.0) {
            lists.changed.insert(user);
        }
        let sharing = sharing_a_room(snapshot, user)?;
        let mut went = moves.went - &sharing;
        went.remove(user.0);
        lists
            .changed
            .extend(((keys | moves.came) & sharing).iter().map(UserNid));
        lists.left.extend(went.iter().map(UserNid));
        Ok(lists)
    }

    /// Who came to share a room with its member, and who went.
    fn collect_moves(
        &self,
        snapshot: &Snapshot<'_>,
        (room, row): (RoomNid, &UserRoomRow),
        (since, upto): Span,
        moves: &mut Moves,
    ) -> storage::Result<()> {
        let has_left = row.was_joined && row.left_at > since && row.left_at <= upto;
        let is_member = row.membership == Membership::Join;
        let has_come = is_member && row.joined_at > since;
        if !is_member && !has_left {
            return Ok(());
        }
        // Also of a room that was left: who went before shares no room either.
        let until = if is_member { upto } else { row.left_at };
        let from = (room, since.plus(1), StateKeyNid(0));
        let to = (room, until.plus(1), StateKeyNid(0));
        for delta in tables::STATE_DELTA.range(snapshot, from, to)? {
            let ((_, _, key), (now, before)) = delta?;
            self.collect_move(snapshot, key, (before, now), moves)?;
        }
        if has_come {
            members(snapshot, room, &mut moves.came)?;
        }
        if has_left {
            members(snapshot, room, &mut moves.went)?;
        }
        Ok(())
    }

    fn collect_move(
        &self,
        snapshot: &Snapshot<'_>,
        key: StateKeyNid,
        (before, now): (EventNid, EventNid),
        moves: &mut Moves,
    ) -> storage::Result<()> {
        let interner = self.storage().interner();
        let (event_type, state_key) = interner.state_key_text(key)?;
        let Ok(member) = UserId::parse(&state_key) else {
            return Ok(());
        };
        if event_type != "m.room.member" {
            return Ok(());
        }
        let member = interner.user(&member)?.0;
        let was_joined = self.is_join(snapshot, before)?;
        match (was_joined, self.is_join(snapshot, now)?) {
            (false, true) => moves.came.insert(member),
            (true, false) => moves.went.insert(member),
            _ => false,
        };
        Ok(())
    }

    fn is_join(&self, snapshot: &Snapshot<'_>, event: EventNid) -> storage::Result<bool> {
        if event == EventNid(0) {
            return Ok(false);
        }
        let event = self.inner.rooms.known_event(snapshot, event)?;
        Ok(membership_of(&event) == Some(Membership::Join))
    }
}

/// Users who came into rooms and users who went.
#[derive(Default)]
struct Moves {
    came: RoaringBitmap,
    went: RoaringBitmap,
}

fn members(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    into: &mut RoaringBitmap,
) -> storage::Result<()> {
    for member in tables::MEMBER.scan(snapshot, (room, Membership::Join))? {
        into.insert(member?.0.2.0);
    }
    Ok(())
}

/// Everybody whose keys changed, whoever they are.
fn changed_keys(snapshot: &Snapshot<'_>, (since, upto): Span) -> storage::Result<RoaringBitmap> {
    let changes = tables::DEVICE_LIST_CHANGE.range(snapshot, since.plus(1), upto.plus(1))?;
    changes.map(|row| row.map(|(_, user)| user.0)).collect()
}

/// Users whose keys `user` signed, which only the user's own devices are told.
fn signed_by(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    (since, upto): Span,
) -> storage::Result<BTreeSet<UserNid>> {
    let from = (user, since.plus(1), UserNid(0));
    let to = (user, upto.plus(1), UserNid(0));
    let signed = tables::USER_SIGNATURE.range(snapshot, from, to)?;
    signed
        .map(|row| row.map(|((_, _, owner), ())| owner))
        .collect()
}

//! What one user may see of one room.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility)

use std::cell::OnceCell;

use ruma::{
    OwnedUserId, UserId,
    events::room::{history_visibility::HistoryVisibility, member::MembershipState},
};

use super::{
    Rooms,
    event::RoomEvent,
    project::membership_of,
    rows::{Membership, UserRoomRow},
    state::tree::StateRoot,
};
use crate::{
    account_data::IgnoredUsers,
    events::visibility::{self, Circumstances},
    ids::{RoomNid, UserNid},
    storage::{Result, Snapshot, tables},
};

/// A user looking at a room, as of a snapshot.
pub struct Viewer<'a> {
    rooms: &'a Rooms,
    snapshot: &'a Snapshot<'a>,
    /// The user.
    pub user: UserNid,
    /// The user's id.
    pub user_id: OwnedUserId,
    /// The user's relation to the room, if they ever had one.
    pub row: Option<UserRoomRow>,
    ignored: OnceCell<IgnoredUsers>,
}

impl<'a> Viewer<'a> {
    /// A user looking at a room.
    pub fn new(
        rooms: &'a Rooms,
        snapshot: &'a Snapshot<'a>,
        room: RoomNid,
        user_id: &UserId,
    ) -> Result<Self> {
        let user = rooms.storage().interner().user(user_id)?;
        let row = tables::USER_ROOM.get(snapshot, (user, room))?;
        Ok(Self {
            rooms,
            snapshot,
            user,
            user_id: user_id.to_owned(),
            row,
            ignored: OnceCell::new(),
        })
    }

    /// The same for a relation that is known already.
    pub fn with_row(
        rooms: &'a Rooms,
        snapshot: &'a Snapshot<'a>,
        user: UserNid,
        user_id: &UserId,
        row: UserRoomRow,
    ) -> Self {
        Self {
            rooms,
            snapshot,
            user,
            user_id: user_id.to_owned(),
            row: Some(row),
            ignored: OnceCell::new(),
        }
    }

    /// The user's membership now.
    pub fn membership(&self) -> Option<Membership> {
        self.row.as_ref().map(|row| row.membership)
    }

    /// The user's relation to a room they are in.
    pub(super) fn joined_row(&self) -> Option<&UserRoomRow> {
        self.row
            .as_ref()
            .filter(|row| row.membership == Membership::Join)
    }

    /// Whether the user is shown an event: whether they had access to it, and do not ignore its sender. State events of
    /// ignored users are shown, or the room would look different to the user.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
    pub fn may_see(&self, event: &RoomEvent) -> Result<bool> {
        Ok(self.had_access(event)? && !self.hides(event)? && !self.is_idle_redaction(event)?)
    }

    /// Whether an event is a redaction that removed nothing: what it names is not here, or its sender may not do that.
    /// Clients would believe it.
    /// [spec](https://spec.matrix.org/v1.19/rooms/v12/#handling-redactions)
    fn is_idle_redaction(&self, event: &RoomEvent) -> Result<bool> {
        let Some(id) = event.pdu.redacts() else {
            return Ok(false);
        };
        // Whoever sent it waits to see it.
        if event.pdu.sender() == self.user_id {
            return Ok(false);
        }
        let target = self.rooms.event_by_id(self.snapshot, id)?;
        let target = target.filter(|target| target.row.room == event.row.room);
        Ok(target.is_none_or(|target| !target.is_redacted()))
    }

    fn hides(&self, event: &RoomEvent) -> Result<bool> {
        if event.pdu.state_key().is_some() {
            return Ok(false);
        }
        Ok(self.ignored()?.has(event.pdu.sender()))
    }

    /// The users whom the user ignores.
    pub fn ignored(&self) -> Result<&IgnoredUsers> {
        if let Some(known) = self.ignored.get() {
            return Ok(known);
        }
        let ignored = IgnoredUsers::of(self.snapshot, self.user, &self.user_id)?;
        Ok(self.ignored.get_or_init(|| ignored))
    }

    /// Whether the room's history visibility lets the user see an event.
    pub fn had_access(&self, event: &RoomEvent) -> Result<bool> {
        // Nearly always: somebody who is in the room looks at what was sent since they came.
        if (self.row.as_ref()).is_some_and(|row| row.is_in_since(event.row.place)) {
            return Ok(true);
        }
        let (visibility, membership) = self.standing_in(event.row.state_before)?;
        let mut circumstances =
            Circumstances::constant(visibility, membership, self.joined_after(event));
        if event.row.state_after != event.row.state_before {
            (
                circumstances.visibility_after,
                circumstances.membership_after,
            ) = self.standing_in(event.row.state_after)?;
        }
        Ok(circumstances.allow())
    }

    /// The room's history visibility and the user's membership in some state.
    fn standing_in(&self, state: StateRoot) -> Result<(HistoryVisibility, MembershipState)> {
        let membership = self.membership_in(state)?;
        let visibility =
            self.rooms
                .state_event_at(self.snapshot, state, "m.room.history_visibility", "")?;
        let visibility =
            visibility::history_visibility(visibility.as_ref().map(|event| &event.pdu));
        Ok((visibility, membership.as_str().into()))
    }

    /// The user's membership in some state.
    pub(super) fn membership_in(&self, state: StateRoot) -> Result<Membership> {
        let user = self.user_id.as_str();
        let member = self
            .rooms
            .state_event_at(self.snapshot, state, "m.room.member", user)?;
        Ok(member
            .and_then(|event| membership_of(&event))
            .unwrap_or(Membership::Leave))
    }

    /// Whether the user was in the room at some time after the event.
    fn joined_after(&self, event: &RoomEvent) -> bool {
        self.row.as_ref().is_some_and(|row| match row.membership {
            Membership::Join => true,
            _ => event.row.place.pos <= row.left_at,
        })
    }
}

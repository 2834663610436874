//! Where a user may search: the rooms they have been in, each as far as they were.

use std::collections::{BTreeSet, HashMap};

use ruma::{OwnedRoomId, OwnedUserId, api::client::filter::RoomEventFilter};
use serde::Deserialize;

use crate::{
    account_data::IgnoredUsers,
    ids::{EventNid, RoomNid, UserNid},
    rooms::{
        Rooms,
        event::RoomEvent,
        gaps,
        rows::{LIVE, Membership, UserRoomRow},
        state::tree::StateRoot,
        viewer::Viewer,
    },
    storage::{Result, Snapshot, tables},
    sync::filter::takes_room,
};

/// Rooms before a room that are searched with it.
const PREDECESSORS: usize = 20;

/// A room a user may search.
pub(super) struct RoomScope {
    pub(super) room: RoomNid,
    /// Events from here on are hidden from the user.
    pub(super) end: EventNid,
    /// Events from here on up to the end are visible in any case; whether earlier ones are has to be looked up.
    pub(super) visible_from: EventNid,
    row: UserRoomRow,
}

/// The rooms a user may search that a filter takes.
pub(super) fn rooms(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    user: UserNid,
    filter: &RoomEventFilter,
    before: EventNid,
) -> Result<Vec<RoomScope>> {
    let wanted = wanted_rooms(rooms, snapshot, filter)?;
    let mut found = Vec::new();
    for entry in tables::USER_ROOM.scan(snapshot, (user,))? {
        let ((_, room), row) = entry?;
        let is_wanted = match &wanted {
            Some(wanted) => wanted.contains(&room),
            None => filter.not_rooms.is_empty() || takes_room(filter, &rooms.room_id(room)?),
        };
        if is_wanted {
            found.extend(RoomScope::of(snapshot, room, row, before)?);
        }
    }
    Ok(found)
}

/// The rooms that a filter names, with those they replaced.
fn wanted_rooms(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    filter: &RoomEventFilter,
) -> Result<Option<BTreeSet<RoomNid>>> {
    let Some(named) = &filter.rooms else {
        return Ok(None);
    };
    let mut wanted = BTreeSet::new();
    for id in named.iter().filter(|id| !filter.not_rooms.contains(id)) {
        let mut next = Some(id.clone());
        for _ in 0..=PREDECESSORS {
            let Some(id) = next.take().filter(|id| !filter.not_rooms.contains(id)) else {
                break;
            };
            let Some(room) = rooms.storage().interner().find_room(&id)? else {
                break;
            };
            if !wanted.insert(room) {
                break;
            }
            next = predecessor(rooms, snapshot, room)?;
        }
    }
    Ok(Some(wanted))
}

/// The room that a room replaced.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mroomcreate)
fn predecessor(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    room: RoomNid,
) -> Result<Option<OwnedRoomId>> {
    #[derive(Deserialize)]
    struct Content {
        predecessor: Option<Predecessor>,
    }
    #[derive(Deserialize)]
    struct Predecessor {
        room_id: OwnedRoomId,
    }
    let create = rooms.state_event(snapshot, room, "m.room.create", "")?;
    let content = create.and_then(|create| create.pdu.content_as::<Content>().ok());
    Ok(content
        .and_then(|content| content.predecessor)
        .map(|predecessor| predecessor.room_id))
}

impl RoomScope {
    fn of(
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        row: UserRoomRow,
        before: EventNid,
    ) -> Result<Option<Self>> {
        let (end, visible_from) = match row.membership {
            Membership::Join => {
                let joined = tables::TIMELINE.get(snapshot, (room, row.joined_at, LIVE))?;
                let joined = joined.map_or(row.event, |joined| joined.event);
                // Where history was fetched later, numbers do not tell what came first.
                let is_in_order = !gaps::has_any(snapshot, room)?;
                (before, if is_in_order { joined } else { before })
            }
            Membership::Leave | Membership::Ban
                if row.was_joined
                    && !row.forgotten
                    && row.left != EventNid(0)
                    // It may be about to go for good.
                    && tables::ROOM.contains(snapshot, room)? =>
            {
                // Their own leaving is the last they may see.
                (before.min(EventNid(row.left.0 + 1)), before)
            }
            _ => return Ok(None),
        };
        Ok(Some(Self {
            room,
            end,
            visible_from,
            row,
        }))
    }
}

/// Looks up whether a user may see events, remembering what it found for the states of rooms.
pub(super) struct Sight<'a> {
    rooms: &'a Rooms,
    snapshot: &'a Snapshot<'a>,
    user: UserNid,
    user_id: OwnedUserId,
    ignored: IgnoredUsers,
    seen: HashMap<(RoomNid, StateRoot), bool>,
}

impl<'a> Sight<'a> {
    pub(super) fn new(
        rooms: &'a Rooms,
        snapshot: &'a Snapshot<'a>,
        (user, user_id): (UserNid, OwnedUserId),
    ) -> Result<Self> {
        let ignored = IgnoredUsers::of(snapshot, user, &user_id)?;
        let seen = HashMap::new();
        Ok(Self {
            rooms,
            snapshot,
            user,
            user_id,
            ignored,
            seen,
        })
    }

    /// Whether the user ignores anybody.
    pub(super) fn ignores_somebody(&self) -> bool {
        !self.ignored.is_empty()
    }

    /// Whether the user ignores the sender of an event.
    pub(super) fn ignores(&self, event: &RoomEvent) -> bool {
        self.ignored.has(event.pdu.sender())
    }

    /// Whether the user may see an event of a room.
    pub(super) fn may_see(&mut self, scope: &RoomScope, event: &RoomEvent) -> Result<bool> {
        if !event.is_accepted() || self.ignores(event) {
            return Ok(false);
        }
        let viewer = || {
            let row = scope.row.clone();
            Viewer::with_row(self.rooms, self.snapshot, self.user, &self.user_id, row)
        };
        // What does not change the state is seen by whoever sees anything sent in that state.
        let state = event.row.state_before;
        if event.row.state_after != state || scope.row.membership != Membership::Join {
            return viewer().may_see(event);
        }
        if scope.row.is_in_since(event.row.place) {
            return Ok(true);
        }
        if let Some(seen) = self.seen.get(&(scope.room, state)) {
            return Ok(*seen);
        }
        let seen = viewer().may_see(event)?;
        self.seen.insert((scope.room, state), seen);
        Ok(seen)
    }
}

/// Whether a filter says more than which rooms are wanted.
pub(super) fn looks_at_events(filter: &RoomEventFilter) -> bool {
    !crate::sync::filter::takes_all(filter)
}

//! Which rooms a client looks at: windows of sorted lists, and rooms it has open.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use ruma::{
    OwnedRoomId, UInt,
    api::client::sync::sync_events::v5::{request::List, response},
};

use super::{Build, activity, filters::Filters};
use crate::{
    error::ApiResult,
    ids::{RoomNid, StreamPos},
    rooms::{
        invite_permission::ShownInvites,
        rows::{Membership, UserRoomRow},
    },
    storage::tables,
};

/// The most events of one room an answer has.
const MAX_TIMELINE: usize = 100;

/// What a client wants to know of a room.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) timeline_limit: usize,
    pub(super) required_state: Vec<(String, String)>,
    /// The lists the room is in, for extensions that name lists.
    pub(super) lists: Vec<String>,
}

impl Wanted {
    fn add(&mut self, limit: UInt, required_state: impl IntoIterator<Item = (String, String)>) {
        let limit = usize::try_from(limit)
            .unwrap_or(MAX_TIMELINE)
            .min(MAX_TIMELINE);
        self.timeline_limit = self.timeline_limit.max(limit);
        for entry in required_state {
            if !self.required_state.contains(&entry) {
                self.required_state.push(entry);
            }
        }
    }
}

/// A room of the user, with where it stands in lists.
pub(super) struct Candidate {
    pub(super) room: RoomNid,
    pub(super) row: UserRoomRow,
    pub(super) last_event: StreamPos,
}

/// The rooms to tell about, and the sizes of the lists.
pub(super) struct Windows {
    pub(super) rooms: Vec<(RoomNid, UserRoomRow, Wanted)>,
    pub(super) lists: BTreeMap<String, response::List>,
}

impl Build<'_> {
    /// The rooms in the client's windows and subscriptions.
    pub(super) fn windows(&self) -> ApiResult<Windows> {
        let candidates = self.candidates()?;
        let mut wanted: HashMap<RoomNid, Wanted> = HashMap::new();
        let mut lists = BTreeMap::new();
        for (name, list) in &self.ask.request.lists {
            let filters = Filters {
                known: list.filters.as_ref(),
                more: self.ask.more_filters.of(name),
            };
            let members = self.members_of(&candidates, filters)?;
            let mut answer = response::List::default();
            answer.count = UInt::try_from(members.len()).unwrap_or(UInt::MAX);
            lists.insert(name.clone(), answer);
            for room in window(list, &members) {
                let entry = wanted.entry(room).or_default();
                entry.add(
                    list.room_details.timeline_limit,
                    texts(&list.room_details.required_state),
                );
                entry.lists.push(name.clone());
            }
        }
        for (id, subscription) in &self.ask.request.room_subscriptions {
            if let Some(room) = self.subscribed(id)? {
                let entry = wanted.entry(room).or_default();
                entry.add(
                    subscription.timeline_limit,
                    texts(&subscription.required_state),
                );
            }
        }
        self.add_left(&mut wanted)?;
        let mut rooms = Vec::with_capacity(wanted.len());
        let mut rows: HashMap<_, _> = candidates
            .into_iter()
            .map(|candidate| (candidate.room, candidate.row))
            .collect();
        for (room, wanted) in wanted {
            let row = match rows.remove(&room) {
                Some(row) => Some(row),
                None => tables::USER_ROOM.get(self.snapshot, (self.ask.user, room))?,
            };
            rooms.extend(row.map(|row| (room, row, wanted)));
        }
        Ok(Windows { rooms, lists })
    }

    /// The rooms the user is in, invited to or knocks at, and those they were removed from, most recently active first.
    fn candidates(&self) -> ApiResult<Vec<Candidate>> {
        let mut found = Vec::new();
        let shown = ShownInvites::of(self.snapshot, self.ask.user, &self.ask.user_id)?;
        for row in tables::USER_ROOM.scan(self.snapshot, (self.ask.user,))? {
            let ((_, room), row) = row?;
            if row.membership == Membership::Invite {
                let invite = self.rooms.known_event(self.snapshot, row.event)?;
                if !shown.takes(invite.pdu.sender()) {
                    continue;
                }
            }
            if !self.is_too_new(&row) && self.is_candidate(&row)? {
                let last_event = activity::last_event(self.hub, self.snapshot, room, &row)?;
                found.push(Candidate {
                    room,
                    row,
                    last_event,
                });
            }
        }
        found.sort_by_key(|candidate| (std::cmp::Reverse(candidate.last_event), candidate.room));
        Ok(found)
    }

    /// Whether lists have a room. Who left by themselves knows it; who was removed may not.
    fn is_candidate(&self, row: &UserRoomRow) -> ApiResult<bool> {
        if row.last_event_of_deleted_room().is_some() {
            return Ok(false);
        }
        Ok(match row.membership {
            Membership::Join | Membership::Invite | Membership::Knock => true,
            Membership::Leave | Membership::Ban if !row.was_joined || row.forgotten => false,
            Membership::Ban => true,
            Membership::Leave => {
                let own = self.rooms.known_event(self.snapshot, row.event)?;
                own.pdu.sender() != self.ask.user_id
            }
        })
    }

    /// Whether a row says something that is for the next answer.
    fn is_too_new(&self, row: &UserRoomRow) -> bool {
        let since = match row.membership {
            Membership::Join => row.joined_at,
            _ => row.pos,
        };
        since > self.upto
    }

    fn members_of(
        &self,
        candidates: &[Candidate],
        filters: Filters<'_>,
    ) -> ApiResult<Vec<RoomNid>> {
        let mut members = Vec::new();
        for candidate in candidates {
            if self.takes(filters, candidate)? {
                members.push(candidate.room);
            }
        }
        Ok(members)
    }

    /// A room that may be subscribed to: one of the user's own, left ones included.
    fn subscribed(&self, id: &OwnedRoomId) -> ApiResult<Option<RoomNid>> {
        let Some(room) = self.rooms.storage().interner().find_room(id)? else {
            return Ok(None);
        };
        let row = tables::USER_ROOM.get(self.snapshot, (self.ask.user, room))?;
        Ok(row
            .filter(|row| !row.forgotten && !self.is_too_new(row))
            .map(|_| room))
    }

    /// Rooms the client knows and the user has left meanwhile: the client has to see that.
    fn add_left(&self, wanted: &mut HashMap<RoomNid, Wanted>) -> ApiResult<()> {
        let known = self.connection.rooms().iter();
        for (room, told) in known.filter(|(_, told)| told.upto < self.upto) {
            if wanted.contains_key(room) || !self.hub.room_changed(*room, told.upto) {
                continue;
            }
            let row = tables::USER_ROOM.get(self.snapshot, (self.ask.user, *room))?;
            let left = row.is_some_and(|row| {
                matches!(row.membership, Membership::Leave | Membership::Ban) && row.pos > told.upto
            });
            if left {
                let required_state = Arc::clone(&told.required_state);
                let entry = wanted.entry(*room).or_default();
                entry.timeline_limit = told.timeline_limit;
                entry.required_state = required_state.to_vec();
            }
        }
        Ok(())
    }
}

fn texts(
    required: &[(ruma::events::StateEventType, String)],
) -> impl Iterator<Item = (String, String)> {
    required
        .iter()
        .map(|(kind, state_key)| (kind.to_string(), state_key.clone()))
}

/// The rooms of a list that are in one of its ranges, which include both ends.
fn window(list: &List, members: &[RoomNid]) -> Vec<RoomNid> {
    if list.ranges.is_empty() {
        return Vec::new();
    }
    let inside = |at: usize| {
        let at = UInt::try_from(at).unwrap_or(UInt::MAX);
        list.ranges
            .iter()
            .any(|(first, last)| *first <= at && at <= *last)
    };
    members
        .iter()
        .enumerate()
        .filter(|(at, _)| inside(*at))
        .map(|(_, room)| *room)
        .collect()
}

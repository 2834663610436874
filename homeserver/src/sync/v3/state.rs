//! Which state events accompany a timeline.

use std::{collections::BTreeMap, sync::Arc};

use ruma::{OwnedUserId, api::client::filter::LazyLoadOptions};

use super::{Build, joined::senders};
use crate::{
    error::ApiResult,
    ids::{EventNid, RoomNid, StreamPos},
    rooms::{event::RoomEvent, project::membership_of, rows::Place, state::tree::StateRoot},
    sync::{
        filter,
        room_view::{self, Stretch},
    },
};

/// Which part of a room's state is asked for.
pub(super) struct Wanted<'a> {
    pub(super) room: RoomNid,
    /// What changed after this; everything if it is absent.
    pub(super) since: Option<StreamPos>,
    /// The position up to which the room is told.
    pub(super) upto: StreamPos,
    /// Members that the client needs to name the room.
    pub(super) heroes: &'a [OwnedUserId],
}

type Events = BTreeMap<EventNid, Arc<RoomEvent>>;

impl Build<'_> {
    /// The state at the start of the timeline (or at its end, if so asked), or what changed of it since.
    ///
    /// With lazily loaded members, only those who sent something in the timeline are told, beside changes.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#lazy-loading-room-members)
    pub(super) fn state_events(
        &self,
        wanted: &Wanted<'_>,
        stretch: &Stretch,
    ) -> ApiResult<Vec<Arc<RoomEvent>>> {
        let filter = &self.ask.filter.room.state;
        let lazy = !matches!(filter.lazy_load_options, LazyLoadOptions::Disabled);
        let at = self.state_position(wanted, stretch);
        let mut events = Events::new();
        match wanted.since {
            None => {
                for event in room_view::state_at(self.rooms, self.snapshot, wanted.room, at, !lazy)?
                {
                    events.insert(event.nid, event);
                }
            }
            Some(since) => {
                let changes = room_view::state_changes(self.snapshot, wanted.room, since, at)?;
                for (_, last) in changes.into_values() {
                    events.extend(self.state_event(last)?);
                }
            }
        }
        // What became state without an event in the timeline, when a room was entered or a fork of its history ended.
        let changes = room_view::state_changes(self.snapshot, wanted.room, at, wanted.upto)?;
        for (_, last) in changes.into_values() {
            if let Some((nid, event)) = self.state_event(last)?
                && event.row.place != Place::live(event.row.place.pos)
                && (wanted.since.is_some() || !lazy || membership_of(&event).is_none())
            {
                events.insert(nid, event);
            }
        }
        if lazy {
            self.add_lazy_members(wanted, stretch, &mut events)?;
        }
        if !self.ask.state_after {
            // What the timeline tells is not told twice, except at the start, where the state comes first.
            events.retain(|nid, _| !stretch.events.iter().any(|event| event.nid == *nid));
        }
        let room_id = self.rooms.room_id(wanted.room)?;
        let takes_room = filter::takes_room(filter, &room_id);
        Ok(events
            .into_values()
            .filter(|event| takes_room && filter::takes_event(filter, event))
            .collect())
    }

    /// A state event, unless there is none any more.
    fn state_event(&self, nid: EventNid) -> ApiResult<Option<(EventNid, Arc<RoomEvent>)>> {
        if nid == EventNid(0) {
            return Ok(None);
        }
        Ok(Some((nid, self.rooms.known_event(self.snapshot, nid)?)))
    }

    /// The position at which the state is told.
    fn state_position(&self, wanted: &Wanted<'_>, stretch: &Stretch) -> StreamPos {
        match stretch.events.first() {
            Some(first) if !self.ask.state_after => {
                StreamPos(first.row.place.pos.0.saturating_sub(1))
            }
            // Changes that the filter hides from the timeline are told as state.
            _ => wanted.upto,
        }
    }

    /// Adds the members that the client needs and does not have: those who sent something in the timeline and those who
    /// name the room; with the whole state, the user too.
    fn add_lazy_members(
        &self,
        wanted: &Wanted<'_>,
        stretch: &Stretch,
        events: &mut Events,
    ) -> ApiResult<()> {
        let mut told = self.lazy_members.lock();
        let is_member = |event: &RoomEvent| membership_of(event).is_some();
        for change in events.values().filter(|event| is_member(event)) {
            told.tell(change.nid, self.upto);
        }
        let keeps_redundant = matches!(
            self.ask.filter.room.state.lazy_load_options,
            LazyLoadOptions::Enabled {
                include_redundant_members: true
            }
        );
        for member in self.members_of(wanted, stretch)? {
            let is_known = told.tell(member.nid, self.upto);
            if keeps_redundant || wanted.since.is_none() || !is_known {
                events.insert(member.nid, member);
            }
        }
        // What the timeline tells need not be told again later.
        if !self.ask.state_after {
            for event in stretch.events.iter().filter(|event| is_member(event)) {
                told.tell(event.nid, self.upto);
            }
        }
        Ok(())
    }

    /// The member events of senders as of the first event of the timeline (or its last one), and of others as of now.
    fn members_of(&self, wanted: &Wanted<'_>, stretch: &Stretch) -> ApiResult<Vec<Arc<RoomEvent>>> {
        let mut members = Vec::new();
        let mut add = |root: StateRoot, user: &str| -> ApiResult<()> {
            let member = self
                .rooms
                .state_event_at(self.snapshot, root, "m.room.member", user)?;
            members.extend(member);
            Ok(())
        };
        if let (Some(first), Some(last)) = (stretch.events.first(), stretch.events.last()) {
            let root = if self.ask.state_after {
                last.row.state_after
            } else {
                first.row.state_before
            };
            for sender in senders(stretch) {
                add(root, sender.as_str())?;
            }
        }
        let own = wanted.since.is_none().then_some(&self.ask.user_id);
        let others = wanted.heroes.iter().chain(own);
        for user in others {
            let member = self.rooms.state_event(
                self.snapshot,
                wanted.room,
                "m.room.member",
                user.as_str(),
            )?;
            members.extend(member.filter(|member| member.row.place.pos <= wanted.upto));
        }
        Ok(members)
    }
}

//! Which state events accompany a timeline.

use std::{collections::BTreeMap, sync::Arc};

use ruma::api::client::filter::LazyLoadOptions;

use super::{Build, joined::senders};
use crate::{
    error::ApiResult,
    ids::{EventNid, RoomNid, StreamPos},
    rooms::event::RoomEvent,
    sync::{
        filter,
        room_view::{self, Stretch},
    },
};

impl Build<'_> {
    /// The state at the start of the timeline (or at its end, if so asked), or what changed of it since.
    ///
    /// With lazily loaded members, only those who sent something in the timeline are told, beside changes.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#lazy-loading-room-members)
    pub(super) fn state_events(
        &self,
        room: RoomNid,
        since: Option<StreamPos>,
        stretch: &Stretch,
    ) -> ApiResult<Vec<Arc<RoomEvent>>> {
        let wanted = &self.ask.filter.room.state;
        let lazy = !matches!(wanted.lazy_load_options, LazyLoadOptions::Disabled);
        let at = self.state_position(stretch);
        let mut events: BTreeMap<EventNid, Arc<RoomEvent>> = BTreeMap::new();
        match since {
            None => {
                for event in room_view::state_at(self.rooms, self.snapshot, room, at, !lazy)? {
                    events.insert(event.nid, event);
                }
            }
            Some(since) => {
                for (_, last) in
                    room_view::state_changes(self.snapshot, room, since, at)?.into_values()
                {
                    events.insert(last, self.rooms.known_event(self.snapshot, last)?);
                }
            }
        }
        if lazy {
            for event in self.members_of(stretch)? {
                events.insert(event.nid, event);
            }
        }
        if !self.ask.state_after {
            // What the timeline tells is not told twice, except at the start, where the state comes first.
            events.retain(|nid, _| !stretch.events.iter().any(|event| event.nid == *nid));
        }
        let room_id = self.rooms.room_id(room)?;
        let takes_room = filter::takes_room(wanted, &room_id);
        Ok(events
            .into_values()
            .filter(|event| takes_room && filter::takes_event(wanted, event))
            .collect())
    }

    /// The position at which the state is told.
    fn state_position(&self, stretch: &Stretch) -> StreamPos {
        if self.ask.state_after {
            return self.upto;
        }
        match stretch.events.first() {
            Some(first) => StreamPos(first.row.place.pos.0.saturating_sub(1)),
            // Changes that the filter hides from the timeline are told as state.
            None => self.upto,
        }
    }

    /// The member events of those who sent something in the timeline, as of its first event.
    fn members_of(&self, stretch: &Stretch) -> ApiResult<Vec<Arc<RoomEvent>>> {
        let Some(first) = stretch.events.first() else {
            return Ok(Vec::new());
        };
        let root = if self.ask.state_after {
            stretch
                .events
                .last()
                .map_or(first.row.state_after, |last| last.row.state_after)
        } else {
            first.row.state_before
        };
        let mut members = Vec::new();
        for sender in senders(stretch) {
            members.extend(self.rooms.state_event_at(
                self.snapshot,
                root,
                "m.room.member",
                sender.as_str(),
            )?);
        }
        Ok(members)
    }
}

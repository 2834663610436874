//! Rooms the user is in.

use std::{cell::Cell, collections::BTreeSet, sync::Arc};

use ruma::{
    UInt, UserId,
    api::client::{
        filter::EventFormat,
        sync::sync_events::{
            UnreadNotificationsCount,
            v3::{
                JoinedRoom, RoomAccountData, RoomSummary as SummarySection, State, StateEvents,
                Timeline,
            },
        },
    },
    events::AnySyncStateEvent,
    serde::Raw,
    uint,
};

use super::{Build, state::Wanted};
use crate::{
    error::{ApiError, ApiResult},
    events::Pdu,
    ids::{RoomNid, StreamPos},
    push::unread::{Count, Unread},
    rooms::{
        Rooms,
        event::RoomEvent,
        project::membership_of,
        rows::{Membership, Place, UserRoomRow},
        show::Show,
        viewer::Viewer,
    },
    sync::{
        account_data::datum_event,
        ephemeral, filter,
        room_view::{self, Stretch},
        token::timeline_token,
    },
};

/// How many events a timeline has unless the filter says otherwise.
const DEFAULT_LIMIT: usize = 10;
/// How many events a timeline has at most.
const MAX_LIMIT: usize = 100;

impl Build<'_> {
    /// What is new in a room the user is in; nothing if there is nothing.
    pub(super) fn joined(&self, room: RoomNid, row: &UserRoomRow) -> ApiResult<Option<JoinedRoom>> {
        // To somebody who just came everything is new.
        let since = self
            .ask
            .since
            .filter(|since| row.joined_at <= *since && row.joined_at <= self.upto);
        let viewer = Viewer::with_row(
            self.rooms,
            self.snapshot,
            self.ask.user,
            &self.ask.user_id,
            row.clone(),
        );
        let changed = since.is_none_or(|since| self.hub.room_changed(room, since));
        let mut joined = JoinedRoom::new();
        joined.state = self.as_state(Vec::new());
        if changed || self.ask.full_state {
            let mut stretch = self.stretch(room, &viewer, since, self.upto)?;
            // The client knows nothing of what was before, also where the filter hides all of it.
            stretch.limited |=
                self.ask.since.is_some() && since.is_none() && !stretch.begins_room();
            self.note_entries(room, since, &stretch)?;
            joined.summary = self.summary(room, since)?;
            let wanted = Wanted {
                room,
                since: since.filter(|_| !self.ask.full_state),
                upto: self.upto,
                heroes: &joined.summary.heroes,
            };
            joined.state = self.state(&wanted, &viewer, &stretch)?;
            joined.timeline = self.timeline(&viewer, stretch)?;
        }
        let wanted = &self.ask.filter.room.ephemeral;
        let after = since.unwrap_or(StreamPos::ZERO);
        let events = &mut joined.ephemeral.events;
        let room_id = self.rooms.room_id(room)?;
        let takes = |kind| filter::takes_room(wanted, &room_id) && filter::takes_type(wanted, kind);
        if takes("m.receipt") {
            events.extend(ephemeral::receipts(
                self.server,
                self.snapshot,
                room,
                self.told(),
                after,
                self.upto,
            )?);
        }
        if takes("m.typing") {
            events.extend(ephemeral::typing(self.server, room, self.told(), since)?);
        }
        self.add_account_data(&mut joined.account_data, room, since)?;
        let something = since.is_none()
            || !joined.timeline.events.is_empty()
            || joined.timeline.limited
            || !joined.state.is_empty()
            || !joined.ephemeral.events.is_empty()
            || !joined.account_data.events.is_empty();
        if !something {
            return Ok(None);
        }
        // Some clients, the Python SDK among them, read it in every answer.
        let end = || timeline_token(Rooms::end_at(self.upto));
        joined.timeline.prev_batch.get_or_insert_with(end);
        self.add_unread(&mut joined, room, row)?;
        Ok(Some(joined))
    }

    /// Notes who entered a room, since their presence is news then.
    fn note_entries(
        &self,
        room: RoomNid,
        since: Option<StreamPos>,
        stretch: &Stretch,
    ) -> ApiResult<()> {
        if self.ask.since.is_none() || !self.server.presence.is_enabled() {
            return Ok(());
        }
        let mut entered = self.entered.borrow_mut();
        if since.is_none() {
            entered.rooms.insert(room.0);
            return Ok(());
        }
        for event in &stretch.events {
            if membership_of(event) == Some(Membership::Join)
                && let Some(Ok(user)) = event.pdu.state_key().map(<&UserId>::try_from)
            {
                let user = self.rooms.storage().interner().user(user)?;
                entered.newcomers.insert(user.0);
            }
        }
        Ok(())
    }

    pub(super) fn add_account_data(
        &self,
        section: &mut RoomAccountData,
        room: RoomNid,
        since: Option<StreamPos>,
    ) -> ApiResult<()> {
        let all;
        let data = match since {
            // New to the user, though perhaps not to the client.
            None => {
                all = self
                    .server
                    .account_data
                    .all_in_room(self.snapshot, self.ask.user, room)?;
                &all
            }
            Some(_) => match self.data.rooms.get(&room) {
                Some(data) => data,
                None => return Ok(()),
            },
        };
        let wanted = &self.ask.filter.room.account_data;
        if !filter::takes_room(wanted, &self.rooms.room_id(room)?) {
            return Ok(());
        }
        for datum in data
            .iter()
            .filter(|datum| filter::takes_type(wanted, &datum.event_type))
        {
            section.events.push(datum_event(datum)?);
        }
        Ok(())
    }

    /// Unread counts, in threads of their own if the client knows such.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#receiving-notifications)
    fn add_unread(
        &self,
        joined: &mut JoinedRoom,
        room: RoomNid,
        row: &UserRoomRow,
    ) -> ApiResult<()> {
        let unread = Unread::count(
            self.rooms,
            self.snapshot,
            self.ask.user,
            room,
            row,
            self.upto,
        )?;
        if self.ask.filter.room.timeline.unread_thread_notifications {
            joined.unread_notifications = section(unread.main);
            for (root, count) in unread.threads {
                if let Ok(root) = root.try_into() {
                    joined
                        .unread_thread_notifications
                        .insert(root, section(count));
                }
            }
        } else {
            joined.unread_notifications = section(unread.total());
        }
        Ok(())
    }

    /// The newest events the client has not seen, up to a position. They begin after the last change of the state that the
    /// user may not see, which newcomers are told with the state.
    pub(super) fn stretch(
        &self,
        room: RoomNid,
        viewer: &Viewer<'_>,
        since: Option<StreamPos>,
        upto: StreamPos,
    ) -> ApiResult<Stretch> {
        let wanted = &self.ask.filter.room.timeline;
        let limit = wanted
            .limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(DEFAULT_LIMIT)
            .min(MAX_LIMIT);
        let from = since.map_or(Place::FIRST, Rooms::end_at);
        let room_id = self.rooms.room_id(room)?;
        let limit = if filter::takes_room(wanted, &room_id) {
            limit
        } else {
            0
        };
        // A timeline that passed over a change of the state would leave the client with the wrong one.
        let hidden = Cell::new(false);
        let take = |event: &RoomEvent| {
            if hidden.get() || event.pdu.state_key().is_some() && !viewer.may_see(event)? {
                hidden.set(true);
                return Ok(false);
            }
            Ok(filter::takes_event(wanted, event)
                && self.ask.relations.takes(self.rooms, self.snapshot, event)?)
        };
        let stretch = |to, limit| {
            room_view::stretch(
                self.rooms,
                self.snapshot,
                room,
                viewer,
                from,
                to,
                limit,
                take,
            )
        };
        let mut newest = stretch(Rooms::end_at(upto), limit)?;
        // Of a timeline that is filtered nothing was left out if the filter takes nothing that came before.
        if newest.limited && limit > 0 && newest.events.len() == limit && !filter::takes_all(wanted)
        {
            let before = stretch(newest.start, 1)?;
            newest.limited = before.limited || !before.events.is_empty();
        }
        if hidden.get() {
            newest.limited = true;
            if newest.events.is_empty() {
                newest.start = Rooms::end_at(upto);
            }
        }
        Ok(newest)
    }

    pub(super) fn timeline(&self, viewer: &Viewer<'_>, stretch: Stretch) -> ApiResult<Timeline> {
        // A client that is told every event sees by itself what refers to which.
        let bundle = stretch.limited;
        let mut timeline = Timeline::new();
        timeline.limited = stretch.limited;
        timeline.prev_batch = Some(timeline_token(stretch.start));
        timeline.events = self.show(&stretch.events, viewer, bundle)?;
        Ok(timeline)
    }

    /// The state the client needs to understand the timeline.
    pub(super) fn state(
        &self,
        wanted: &Wanted<'_>,
        viewer: &Viewer<'_>,
        stretch: &Stretch,
    ) -> ApiResult<State> {
        let events = self.state_events(wanted, stretch)?;
        Ok(self.as_state(self.show(&events, viewer, false)?))
    }

    /// State events under the name that the client asks for, which is there also when there are none.
    pub(super) fn as_state(&self, events: Vec<Raw<AnySyncStateEvent>>) -> State {
        let events = StateEvents::with_events(events);
        if self.ask.state_after {
            State::After(events)
        } else {
            State::Before(events)
        }
    }

    /// Events in the format that the client asks for.
    pub(super) fn show<T>(
        &self,
        events: &[Arc<RoomEvent>],
        viewer: &Viewer<'_>,
        bundle: bool,
    ) -> ApiResult<Vec<Raw<T>>> {
        let show = Show {
            device: Some(&self.ask.device),
            room_id: false,
            bundle,
        };
        match self.ask.filter.event_format {
            EventFormat::Federation => events.iter().map(|event| as_received(&event.pdu)).collect(),
            _ => self.rooms.show_all(self.snapshot, events, viewer, show),
        }
    }

    /// Counts and heroes, when something of them may have changed.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync_response-200_roomsummary)
    fn summary(&self, room: RoomNid, since: Option<StreamPos>) -> ApiResult<SummarySection> {
        let mut section = SummarySection::new();
        let Some(summary) = self.rooms.summary(self.snapshot, room)? else {
            return Ok(section);
        };
        if since.is_some_and(|since| summary.changed <= since) {
            return Ok(section);
        }
        section.joined_member_count = Some(summary.joined.try_into().unwrap_or(uint!(0)));
        section.invited_member_count = Some(summary.invited.try_into().unwrap_or(uint!(0)));
        if summary.name.is_none() && summary.alias.is_none() {
            section.heroes = self
                .rooms
                .heroes(self.snapshot, room, &summary, self.ask.user)?;
        }
        Ok(section)
    }
}

/// An event as servers exchange it, with the id that they do not send.
fn as_received<T>(pdu: &Pdu) -> ApiResult<Raw<T>> {
    let mut event: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(pdu.json()).map_err(ApiError::internal)?;
    event.insert("event_id".to_owned(), pdu.event_id().as_str().into());
    serde_json::value::to_raw_value(&event)
        .map(Raw::from_json)
        .map_err(ApiError::internal)
}

/// The senders of events.
pub(super) fn senders(stretch: &Stretch) -> BTreeSet<&UserId> {
    stretch
        .events
        .iter()
        .map(|event| event.pdu.sender())
        .collect()
}

fn section(count: Count) -> UnreadNotificationsCount {
    let mut section = UnreadNotificationsCount::new();
    section.notification_count = UInt::try_from(count.notifications).ok();
    section.highlight_count = UInt::try_from(count.highlights).ok();
    section
}

//! What a client is told of one room.

use std::{collections::BTreeMap, sync::Arc};

use ruma::{
    JsOption, OwnedMxcUri, UInt, UserId,
    api::client::sync::sync_events::v5::response::{Hero, Room},
    serde::Raw,
};
use serde::Deserialize;

use super::{Build, bump, connections::Told, lists::Wanted};
use crate::{
    error::{ApiError, ApiResult},
    ids::{EventNid, RoomNid, StreamPos},
    rooms::{
        Rooms,
        event::RoomEvent,
        rows::{Membership, Place, RoomSummary, UserRoomRow},
        show::Show,
        viewer::Viewer,
    },
    sync::{
        room_view::{self, Stretch},
        stripped,
        token::timeline_token,
    },
};

impl Build<'_> {
    /// What is new in a room; nothing if there is nothing.
    pub(super) fn room(
        &self,
        room: RoomNid,
        row: &UserRoomRow,
        wanted: &Wanted,
    ) -> ApiResult<Option<Room>> {
        let told = self.told.get(&room);
        // What was told before the user came (back) is not what a member sees.
        let told =
            told.filter(|told| row.membership != Membership::Join || row.joined_at <= told.upto);
        let more_wanted = told.is_some_and(|told| {
            told.timeline_limit < wanted.timeline_limit
                || *told.required_state != wanted.required_state
        });
        if let Some(told) = told
            && !more_wanted
            && !self.hub.room_changed(room, told.upto)
        {
            return Ok(None);
        }
        if let Some(event) = row.last_event_of_deleted_room() {
            return self.deleted(event, row, told);
        }
        if matches!(row.membership, Membership::Invite | Membership::Knock) {
            return self.outside(room, row, told);
        }
        self.inside(room, row, wanted, told)
    }

    /// A room the user is invited to or knocks at.
    fn outside(
        &self,
        room: RoomNid,
        row: &UserRoomRow,
        told: Option<&Told>,
    ) -> ApiResult<Option<Room>> {
        if told.is_some_and(|told| told.upto >= row.pos) {
            return Ok(None);
        }
        let mut answer = Room::new();
        answer.initial = Some(told.is_none());
        answer.invite_state = Some(stripped::stripped_state(
            self.rooms,
            self.snapshot,
            &self.ask.user_id,
            room,
            row,
        )?);
        answer.bump_stamp = UInt::try_from(row.pos.0).ok();
        if let Some(summary) = self.rooms.summary(self.snapshot, room)? {
            self.describe(&mut answer, room, &summary)?;
        }
        Ok(Some(answer))
    }

    /// A room that was deleted after the user had been taken out of it.
    fn deleted(
        &self,
        event: &str,
        row: &UserRoomRow,
        told: Option<&Told>,
    ) -> ApiResult<Option<Room>> {
        if told.is_none_or(|told| told.upto >= row.pos) {
            return Ok(None);
        }
        let parse = |json: &str| Raw::from_json_string(json.to_owned()).map_err(ApiError::internal);
        let mut answer = Room::new();
        answer.timeline.push(parse(event)?);
        answer.required_state.push(parse(event)?.cast_unchecked());
        answer.bump_stamp = UInt::try_from(row.pos.0).ok();
        Ok(Some(answer))
    }

    fn inside(
        &self,
        room: RoomNid,
        row: &UserRoomRow,
        wanted: &Wanted,
        told: Option<&Told>,
    ) -> ApiResult<Option<Room>> {
        let viewer = Viewer::with_row(
            self.rooms,
            self.snapshot,
            self.ask.user,
            &self.ask.user_id,
            row.clone(),
        );
        let upto = if row.membership == Membership::Join {
            self.upto
        } else {
            row.pos.min(self.upto)
        };
        let expands = told.is_some_and(|told| told.timeline_limit < wanted.timeline_limit);
        let since = told.map(|told| told.upto);
        let from = since
            .filter(|_| !expands)
            .map_or(Place::FIRST, Rooms::end_at);
        let stretch = room_view::stretch(
            self.rooms,
            self.snapshot,
            room,
            &viewer,
            from,
            Rooms::end_at(upto),
            wanted.timeline_limit,
            |_| true,
        )?;
        let state = self.required_state(room, upto, wanted, told, &stretch)?;
        let summary = self.rooms.summary(self.snapshot, room)?.unwrap_or_default();
        if told.is_some() && stretch.events.is_empty() && state.is_empty() && !stretch.limited {
            return Ok(None);
        }
        let show = Show {
            device: Some(&self.ask.device),
            room_id: false,
        };
        let mut answer = Room::new();
        answer.initial = told.is_none().then_some(true);
        answer.limited = stretch.limited && (told.is_some() || wanted.timeline_limit > 0);
        answer.prev_batch = Some(timeline_token(stretch.start));
        let live = stretch
            .events
            .iter()
            .filter(|event| since.is_some_and(|since| event.row.place.pos > since))
            .count();
        answer.num_live = Some(UInt::try_from(live).unwrap_or(UInt::MAX));
        for event in &stretch.events {
            answer
                .timeline
                .push(self.rooms.show(self.snapshot, event, &viewer, show)?);
        }
        for event in state.values() {
            answer
                .required_state
                .push(self.rooms.show(self.snapshot, event, &viewer, show)?);
        }
        let bump = bump::position(self.rooms, self.hub, self.snapshot, room, row)?;
        answer.bump_stamp = UInt::try_from(bump.0).ok();
        answer.unread_notifications = self.unread(room, row)?;
        if since.is_none_or(|since| summary.changed > since) {
            self.describe(&mut answer, room, &summary)?;
        }
        Ok(Some(answer))
    }

    /// Name, picture, counts and heroes.
    fn describe(&self, answer: &mut Room, room: RoomNid, summary: &RoomSummary) -> ApiResult<()> {
        answer.name = summary.name.clone().or_else(|| summary.alias.clone());
        answer.avatar = match &summary.avatar {
            Some(url) => JsOption::Some(OwnedMxcUri::from(url.as_str())),
            None => JsOption::Null,
        };
        answer.joined_count = UInt::try_from(summary.joined).ok();
        answer.invited_count = UInt::try_from(summary.invited).ok();
        answer.is_dm = self.direct_rooms()?.contains(&room).then_some(true);
        if answer.name.is_none() {
            let mut heroes = Vec::new();
            for hero in summary
                .heroes
                .iter()
                .filter(|hero| **hero != self.ask.user)
                .take(5)
            {
                heroes.push(self.hero(room, &self.rooms.storage().interner().user_id(*hero)?)?);
            }
            answer.heroes = Some(heroes);
        }
        Ok(())
    }

    fn hero(&self, room: RoomNid, user: &UserId) -> ApiResult<Hero> {
        #[derive(Default, Deserialize)]
        struct Content {
            displayname: Option<String>,
            avatar_url: Option<OwnedMxcUri>,
        }
        let event = self
            .rooms
            .state_event(self.snapshot, room, "m.room.member", user.as_str())?;
        let content: Content = event
            .and_then(|event| event.pdu.content_as().ok())
            .unwrap_or_default();
        let mut hero = Hero::new(user.to_owned());
        hero.name = content.displayname;
        hero.avatar = content.avatar_url;
        Ok(hero)
    }

    /// The state the client asked for: all of it the first time, then what changed of it and what it asks for newly.
    fn required_state(
        &self,
        room: RoomNid,
        upto: StreamPos,
        wanted: &Wanted,
        told: Option<&Told>,
        stretch: &Stretch,
    ) -> ApiResult<BTreeMap<EventNid, Arc<RoomEvent>>> {
        let mut found = BTreeMap::new();
        let mut add = |event: Arc<RoomEvent>| drop(found.insert(event.nid, event));
        if let Some(told) = told {
            for (_, last) in
                room_view::state_changes(self.snapshot, room, told.upto, upto)?.into_values()
            {
                let event = self.rooms.known_event(self.snapshot, last)?;
                if wanted
                    .required_state
                    .iter()
                    .any(|entry| self.takes_entry(entry, &event))
                {
                    add(event);
                }
            }
        }
        for entry in &wanted.required_state {
            if told.is_none_or(|told| !told.required_state.contains(entry)) {
                self.entry(room, entry)?.into_iter().for_each(&mut add);
            }
        }
        if wanted
            .required_state
            .iter()
            .any(|(kind, key)| kind == "m.room.member" && key == "$LAZY")
        {
            let last = stretch.events.last().map(|event| event.row.state_after);
            for event in &stretch.events {
                let sender = event.pdu.sender().as_str();
                let Some(state) = last else { continue };
                let member =
                    self.rooms
                        .state_event_at(self.snapshot, state, "m.room.member", sender)?;
                member.into_iter().for_each(&mut add);
            }
        }
        Ok(found)
    }

    /// The current state events an entry of `required_state` stands for.
    fn entry(
        &self,
        room: RoomNid,
        (kind, key): &(String, String),
    ) -> ApiResult<Vec<Arc<RoomEvent>>> {
        let key = match key.as_str() {
            "$LAZY" => return Ok(Vec::new()),
            "$ME" => self.ask.user_id.as_str(),
            key => key,
        };
        if kind != "*" && key != "*" {
            return Ok(self
                .rooms
                .state_event(self.snapshot, room, kind, key)?
                .into_iter()
                .collect());
        }
        let mut events = Vec::new();
        for (found_kind, found_key, nid) in self.rooms.current_state(self.snapshot, room, kind)? {
            if (kind == "*" || *kind == found_kind) && (key == "*" || key == found_key) {
                events.push(self.rooms.known_event(self.snapshot, nid)?);
            }
        }
        Ok(events)
    }

    fn takes_entry(&self, (kind, key): &(String, String), event: &RoomEvent) -> bool {
        let Some(state_key) = event.pdu.state_key() else {
            return false;
        };
        let key = match key.as_str() {
            "$ME" => self.ask.user_id.as_str(),
            key => key,
        };
        (kind == "*" || *kind == event.pdu.event_type().to_string())
            && (key == "*" || key == state_key)
    }
}

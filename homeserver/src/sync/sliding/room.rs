//! What a client is told of one room.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ruma::{
    JsOption, OwnedMxcUri, UInt, UserId,
    api::client::sync::sync_events::v5::response::{Hero, Room},
    serde::Raw,
};
use serde::Deserialize;

use super::{Build, activity, answer::RoomAnswer, connections::Told, lists::Wanted, past::Shown};
use crate::{
    error::{ApiError, ApiResult},
    ids::{EventNid, RoomNid, StreamPos},
    rooms::{
        Rooms,
        event::RoomEvent,
        project::membership_of,
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

/// Whether something happened to a user who has not been in the room since it was told of.
fn was_outside(row: &UserRoomRow, told: &Told) -> bool {
    row.membership != Membership::Join && row.pos > told.upto && row.left_at <= told.upto
}

/// Which state of a room is asked for.
struct Asked<'a> {
    room: RoomNid,
    /// What the user may see.
    shown: Shown,
    upto: StreamPos,
    told: Option<&'a Told>,
}

impl Build<'_> {
    /// What is new in a room; nothing if there is nothing.
    pub(super) fn room(
        &self,
        room: RoomNid,
        row: &UserRoomRow,
        wanted: &Wanted,
    ) -> ApiResult<Option<RoomAnswer>> {
        let told = self.connection.rooms().get(&room);
        // What was told before the user came (back) is not what a member sees.
        let told =
            told.filter(|told| row.membership != Membership::Join || row.joined_at <= told.upto);
        let more_wanted = told.is_some_and(|told| {
            told.timeline_limit < wanted.timeline_limit
                || *told.required_state != wanted.required_state
        });
        let direct_changed = match told {
            Some(told) if self.hub.user_changed(self.ask.user, told.upto) => {
                told.is_direct != self.is_direct(room)?
            }
            _ => false,
        };
        if let Some(told) = told
            && !more_wanted
            && !direct_changed
            && !self.hub.room_changed(room, told.upto)
        {
            return Ok(None);
        }
        let answer = if let Some(event) = row.last_event_of_deleted_room() {
            self.deleted(event, row, told)?
        } else if matches!(row.membership, Membership::Invite | Membership::Knock) {
            self.outside(room, row, told)?
        } else if told.is_some_and(|told| was_outside(row, told)) {
            self.turned_away(row)?
        } else {
            self.inside(room, row, wanted, told)?
        };
        let mut answer = match (answer, direct_changed) {
            (Some(answer), _) => answer,
            (None, true) => Room::new(),
            (None, false) => return Ok(None),
        };
        if direct_changed {
            answer.is_dm = Some(self.is_direct(room)?);
        }
        let expands = told.is_some_and(|told| told.timeline_limit < wanted.timeline_limit)
            && !answer.timeline.is_empty();
        // Heroes are told of rooms without a name.
        let is_unnamed = told.is_some() && answer.heroes.is_some();
        Ok(Some(RoomAnswer {
            expanded_timeline: expands,
            unnamed: is_unnamed.then_some(()),
            room: answer,
            membership: row.membership.as_str(),
            lists: Vec::new(),
        }))
    }

    /// A room in which nothing has happened but that the user has read something, perhaps on another device: a client
    /// that does not have the event that was read cannot count what is left.
    pub(super) fn only_counts(&self, room: RoomNid, row: &UserRoomRow) -> ApiResult<RoomAnswer> {
        let mut counts = Room::new();
        counts.unread_notifications = self.unread(room, row)?;
        Ok(RoomAnswer {
            expanded_timeline: false,
            room: counts,
            membership: row.membership.as_str(),
            lists: Vec::new(),
            unnamed: None,
        })
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
        answer.is_dm = self.is_direct(room)?.then_some(true);
        // What is not in the stripped state, such as who and how many are in the room, is not for those outside. Another
        // server has chosen that state if it was kept with the invitation: clients read the name there.
        if row.stripped_state.is_empty()
            && let Some(summary) = self.rooms.summary(self.snapshot, room)?
        {
            name(&mut answer, &summary);
        }
        Ok(Some(answer))
    }

    /// A room whose invitation or knock came to nothing, or from which a user was banned who was not in it: they see
    /// that, and nothing of what became of the room meanwhile.
    fn turned_away(&self, row: &UserRoomRow) -> ApiResult<Option<Room>> {
        let viewer = Viewer::with_row(
            self.rooms,
            self.snapshot,
            self.ask.user,
            &self.ask.user_id,
            row.clone(),
        );
        let own = [self.rooms.known_event(self.snapshot, row.event)?];
        let show = Show {
            device: Some(&self.ask.device),
            room_id: false,
            bundle: false,
        };
        let mut answer = Room::new();
        answer.timeline = self.rooms.show_all(self.snapshot, &own, &viewer, show)?;
        answer.required_state = self.rooms.show_all(self.snapshot, &own, &viewer, show)?;
        answer.num_live = Some(UInt::from(1_u32));
        answer.bump_stamp = UInt::try_from(row.pos.0).ok();
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
            |_| Ok(true),
        )?;
        let shown = self.shown(row)?;
        // Who was invited again after they left sees no changes of the time between.
        let seen_upto = match row.membership {
            Membership::Join => upto,
            _ => upto.min(row.left_at),
        };
        let asked = Asked {
            room,
            shown,
            upto: seen_upto,
            told,
        };
        let state = self.required_state(&asked, wanted, &stretch)?;
        let summary = self.rooms.summary(self.snapshot, room)?.unwrap_or_default();
        if told.is_some() && stretch.events.is_empty() && state.is_empty() && !stretch.limited {
            return Ok(None);
        }
        let show = Show {
            device: Some(&self.ask.device),
            room_id: false,
            bundle: true,
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
        let rooms = self.rooms;
        answer.timeline = rooms.show_all(self.snapshot, &stretch.events, &viewer, show)?;
        answer.required_state = rooms.show_all(self.snapshot, state.values(), &viewer, show)?;
        let bump = activity::bump_stamp(self.rooms, self.hub, self.snapshot, room, row)?;
        answer.bump_stamp = UInt::try_from(bump.0).ok();
        if row.membership != Membership::Join {
            // What became of the room since is not for those who left.
            if told.is_none() {
                self.describe_past(&mut answer, room, shown)?;
            }
            return Ok(Some(answer));
        }
        answer.unread_notifications = self.unread(room, row)?;
        let describes = match since {
            None => true,
            Some(since) => {
                summary.changed > since || self.hero_changed(room, &summary, since, upto)?
            }
        };
        if describes {
            self.describe(&mut answer, room, &summary)?;
        }
        Ok(Some(answer))
    }

    /// Whether one of those who name the room has another name or picture.
    fn hero_changed(
        &self,
        room: RoomNid,
        summary: &RoomSummary,
        since: StreamPos,
        upto: StreamPos,
    ) -> ApiResult<bool> {
        if summary.name.is_some() {
            return Ok(false);
        }
        let interner = self.rooms.storage().interner();
        for key in room_view::state_changes(self.snapshot, room, since, upto)?.into_keys() {
            let (kind, state_key) = interner.state_key_text(key)?;
            if kind != "m.room.member" {
                continue;
            }
            for hero in &summary.heroes {
                if interner.user_id(*hero)?.as_str() == state_key {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Name, picture, counts and heroes.
    fn describe(&self, answer: &mut Room, room: RoomNid, summary: &RoomSummary) -> ApiResult<()> {
        name(answer, summary);
        answer.joined_count = UInt::try_from(summary.joined).ok();
        answer.invited_count = UInt::try_from(summary.invited).ok();
        answer.is_dm = self.is_direct(room)?.then_some(true);
        if answer.name.is_none() {
            let heroes = self
                .rooms
                .heroes(self.snapshot, room, summary, self.ask.user)?;
            let heroes = heroes.iter().map(|hero| self.hero(room, hero));
            answer.heroes = Some(heroes.collect::<ApiResult<_>>()?);
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
        asked: &Asked<'_>,
        wanted: &Wanted,
        stretch: &Stretch,
    ) -> ApiResult<BTreeMap<EventNid, Arc<RoomEvent>>> {
        let mut found = BTreeMap::new();
        let mut add = |event: Arc<RoomEvent>| drop(found.insert(event.nid, event));
        let lazy = wanted
            .required_state
            .iter()
            .any(|(kind, key)| kind == "m.room.member" && key == "$LAZY");
        if let Some(told) = asked.told {
            let changes =
                room_view::state_changes(self.snapshot, asked.room, told.upto, asked.upto)?;
            for (_, last) in changes.into_values() {
                if last == EventNid(0) {
                    continue;
                }
                let event = self.rooms.known_event(self.snapshot, last)?;
                // Without a gap, clients keep their list of members by the changes.
                let is_lazy = lazy && !stretch.limited && membership_of(&event).is_some();
                let mut entries = wanted.required_state.iter();
                if is_lazy || entries.any(|entry| self.takes_entry(entry, &event)) {
                    add(event);
                }
            }
        }
        for entry in &wanted.required_state {
            if asked
                .told
                .is_none_or(|told| !told.required_state.contains(entry))
            {
                self.entry(asked, entry)?.into_iter().for_each(&mut add);
            }
        }
        if lazy && let Some(last) = stretch.events.last() {
            let mut users = BTreeSet::new();
            for event in &stretch.events {
                users.insert(event.pdu.sender().as_str());
                let target = event.pdu.state_key();
                users.extend(target.filter(|_| membership_of(event).is_some()));
            }
            for user in users {
                let state = last.row.state_after;
                let member =
                    self.rooms
                        .state_event_at(self.snapshot, state, "m.room.member", user)?;
                member.into_iter().for_each(&mut add);
            }
        }
        Ok(found)
    }

    /// The state events an entry of `required_state` stands for.
    fn entry(
        &self,
        asked: &Asked<'_>,
        (kind, key): &(String, String),
    ) -> ApiResult<Vec<Arc<RoomEvent>>> {
        let key = match key.as_str() {
            "$LAZY" => return Ok(Vec::new()),
            "$ME" => self.ask.user_id.as_str(),
            key => key,
        };
        if kind != "*" && key != "*" {
            let event = self.state_shown(asked.room, asked.shown, kind, key)?;
            return Ok(event.into_iter().collect());
        }
        let mut events = self.all_state_shown(asked.room, asked.shown, kind)?;
        events.retain(|event| key == "*" || event.pdu.state_key() == Some(key));
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

/// The room's name and picture.
fn name(answer: &mut Room, summary: &RoomSummary) {
    answer.name = summary.name.clone().or_else(|| summary.alias.clone());
    answer.avatar = match &summary.avatar {
        Some(url) => JsOption::Some(OwnedMxcUri::from(url.as_str())),
        None => JsOption::Null,
    };
}

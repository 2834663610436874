//! `GET /sync`.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)

mod joined;
mod others;
pub mod shape;
mod state;

use std::{cell::RefCell, sync::Arc};

use parking_lot::Mutex;
use ruma::{
    OwnedDeviceId, OwnedUserId,
    api::client::{
        filter::FilterDefinition,
        sync::sync_events::v3::{Response, Rooms as RoomsSection},
    },
    events::presence::PresenceEvent,
    serde::Raw,
};

use crate::{
    Server,
    account_data::IgnoredUsers,
    e2ee::TO_DEVICE_PAGE,
    error::ApiResult,
    hub::Hub,
    ids::{RoomNid, StreamPos, UserNid},
    presence::Entered,
    rooms::{
        Rooms,
        invite_permission::ShownInvites,
        relations::filter::RelationFilter,
        rows::{Membership, UserRoomRow},
    },
    storage::{Snapshot, tables},
    sync::{
        account_data::{self, AccountDataBy},
        devices,
        ephemeral::Told,
        filter,
        lazy::ToldMembers,
        presence,
        token::SyncToken,
    },
};

/// What a client asks for.
#[derive(Clone)]
pub struct Ask {
    /// The user.
    pub user: UserNid,
    /// The user's id.
    pub user_id: OwnedUserId,
    /// The device.
    pub device: OwnedDeviceId,
    /// What the client has seen; none at its first sync.
    pub since: Option<StreamPos>,
    /// Up to where the client has its messages from other devices.
    pub had_to_device: StreamPos,
    /// Whether to tell the whole state of every room.
    pub full_state: bool,
    /// Whether to tell the state after the timeline instead of before it.
    pub state_after: bool,
    /// What the client wants to see.
    pub filter: FilterDefinition,
    /// What it wants to see of relations in timelines.
    pub relations: RelationFilter,
}

/// An answer that is being put together, as of one snapshot.
struct Build<'a> {
    server: &'a Server,
    rooms: &'a Rooms,
    hub: &'a Hub,
    snapshot: &'a Snapshot<'a>,
    ask: &'a Ask,
    /// Everything up to here is told.
    upto: StreamPos,
    /// Account data that is new.
    data: AccountDataBy,
    /// Members the client was told already, should it load them lazily.
    lazy_members: Arc<Mutex<ToldMembers>>,
    /// Those of whom the user does not want to hear.
    ignored: IgnoredUsers,
    /// Whose presence is news because somebody entered a room.
    entered: RefCell<Entered>,
}

impl Ask {
    /// Everything after `since` up to `upto`. Runs on a blocking thread.
    pub fn answer(
        &self,
        server: &Server,
        snapshot: &Snapshot<'_>,
        upto: StreamPos,
    ) -> ApiResult<Response> {
        let (rooms, hub) = (&server.rooms, &server.hub);
        let messages = server.e2ee.to_device_since(
            snapshot,
            (self.user, &self.device),
            (self.had_to_device, upto),
            TO_DEVICE_PAGE,
        )?;
        let mut token = SyncToken::at(server.storage.epoch(), upto);
        // Where more messages wait than one answer takes, the token says how far they were told: rooms do not wait.
        token.to_device = (messages.upto < upto).then_some(messages.upto);
        let mut response = Response::new(token.to_string());
        response.to_device.events = messages.events;
        self.add_devices(server, snapshot, upto, &mut response)?;
        let data = account_data::account_data(server, snapshot, self.user, self.since, upto)?;
        for datum in data
            .global
            .iter()
            .filter(|datum| takes_datum(&self.filter, &datum.event_type))
        {
            response
                .account_data
                .events
                .push(account_data::datum_event(datum)?);
        }
        let build = Build {
            server,
            rooms,
            hub,
            snapshot,
            ask: self,
            upto,
            data,
            lazy_members: server.lazy_members.of(self.user, &self.device, self.since),
            ignored: IgnoredUsers::of(snapshot, self.user, &self.user_id)?,
            entered: RefCell::default(),
        };
        for (room, row) in build.candidates()? {
            build.add_room(&mut response.rooms, room, row)?;
        }
        response.presence.events = build.presence()?;
        Ok(response)
    }
}

impl Ask {
    /// The answer where nothing changed up to a position. Two point reads, so it may run on any thread.
    pub fn nothing_new(&self, server: &Server, upto: StreamPos) -> ApiResult<Response> {
        let token = SyncToken::at(server.storage.epoch(), upto);
        let mut response = Response::new(token.to_string());
        let keys =
            server
                .e2ee
                .claimable_keys(&server.storage.snapshot(), self.user, &self.device)?;
        response.device_one_time_keys_count = keys.counts();
        response.device_unused_fallback_key_types = Some(keys.unused_fallback_types());
        Ok(response)
    }

    fn add_devices(
        &self,
        server: &Server,
        snapshot: &Snapshot<'_>,
        upto: StreamPos,
        response: &mut Response,
    ) -> ApiResult<()> {
        let keys = server
            .e2ee
            .claimable_keys(snapshot, self.user, &self.device)?;
        response.device_one_time_keys_count = keys.counts();
        response.device_unused_fallback_key_types = Some(keys.unused_fallback_types());
        if let Some(since) = self.since {
            response.device_lists =
                devices::device_lists(server, snapshot, self.user, since, upto)?;
        }
        Ok(())
    }
}

/// Whether a filter takes global account data of a type.
fn takes_datum(filter: &FilterDefinition, kind: &str) -> bool {
    let wanted = &filter.account_data;
    wanted
        .types
        .as_ref()
        .is_none_or(|types| types.iter().any(|pattern| filter::matches(pattern, kind)))
        && !wanted
            .not_types
            .iter()
            .any(|pattern| filter::matches(pattern, kind))
}

impl Build<'_> {
    fn told(&self) -> Told<'_> {
        Told {
            user: self.ask.user,
            ignored: &self.ignored,
        }
    }

    /// The rooms that may have something new.
    fn candidates(&self) -> ApiResult<Vec<(RoomNid, UserRoomRow)>> {
        let user = self.ask.user;
        let mut found = Vec::new();
        match self.ask.since {
            Some(since) if !self.ask.full_state && !self.hub.user_changed(user, since) => {
                for room in self.hub.rooms_changed(user, since) {
                    found.extend(
                        tables::USER_ROOM
                            .get(self.snapshot, (user, room))?
                            .map(|row| (room, row)),
                    );
                }
            }
            _ => {
                for row in tables::USER_ROOM.scan(self.snapshot, (user,))? {
                    let ((_, room), row) = row?;
                    found.push((room, row));
                }
            }
        }
        Ok(found)
    }

    fn add_room(
        &self,
        section: &mut RoomsSection,
        room: RoomNid,
        row: UserRoomRow,
    ) -> ApiResult<()> {
        // A change after this answer's position is for the next one. A profile may change while somebody is in.
        let came = match row.membership {
            Membership::Join => row.joined_at,
            _ => row.pos,
        };
        if came > self.upto {
            return Ok(());
        }
        let id = self.rooms.room_id(room)?;
        let filter = &self.ask.filter.room;
        if !filter::is_listed(&id, filter.rooms.as_deref(), &filter.not_rooms) {
            return Ok(());
        }
        let is_new = self.ask.since.is_none_or(|since| row.pos > since);
        match row.membership {
            Membership::Join => {
                if let Some(joined) = self.joined(room, &row)? {
                    section.join.insert(id, joined);
                }
            }
            Membership::Invite if is_new && self.shows_invite(&row)? => {
                drop(section.invite.insert(id, self.invited(room, &row)?));
            }
            Membership::Knock if is_new => {
                drop(section.knock.insert(id, self.knocked(room, &row)?));
            }
            Membership::Leave | Membership::Ban => {
                let wanted = match self.ask.since {
                    // Nothing is left to show of a room that was deleted.
                    None => {
                        filter.include_leave
                            && row.last_event_of_deleted_room().is_none()
                            && !row.forgotten
                    }
                    // The user's other devices have to learn that a room is gone, however soon it was forgotten.
                    Some(_) => is_new,
                };
                if wanted {
                    section.leave.insert(id, self.left(room, &row)?);
                }
            }
            Membership::Invite | Membership::Knock => {}
        }
        Ok(())
    }

    /// Whether the user wants to be shown an invitation.
    fn shows_invite(&self, row: &UserRoomRow) -> ApiResult<bool> {
        let shown = ShownInvites::of(self.snapshot, self.ask.user, &self.ask.user_id)?;
        let invite = self.rooms.known_event(self.snapshot, row.event)?;
        Ok(shown.takes(invite.pdu.sender()))
    }

    /// Who came, went or says how they are, among those who share a room with the user.
    fn presence(&self) -> ApiResult<Vec<Raw<PresenceEvent>>> {
        let ask = self.ask;
        let told = presence::Told {
            user: ask.user,
            filter: &ask.filter.presence,
            ignored: &self.ignored,
        };
        let entered = self.entered.take();
        let nobody_entered = entered.rooms.is_empty() && entered.newcomers.is_empty();
        // The usual sync has nothing to tell of presence.
        if !presence::is_wanted(self.server, told.filter)
            || (nobody_entered
                && ask
                    .since
                    .is_some_and(|since| !self.server.presence.has_changed(since)))
        {
            return Ok(Vec::new());
        }
        presence::events(self.server, self.snapshot, &told, ask.since, &entered)
    }
}

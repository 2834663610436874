//! Simplified sliding sync (MSC4186): the rooms a client looks at, and what changed in them.
//!
//! Every request carries all its parameters; the connection remembers only what was told of each room.

mod activity;
mod answer;
pub mod connections;
pub(super) mod extensions;
mod filters;
mod lists;
mod past;
pub mod request;
mod room;

use std::{
    cell::OnceCell,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use ruma::{
    OwnedDeviceId, OwnedRoomId, OwnedUserId, UInt,
    api::client::sync::sync_events::{UnreadNotificationsCount, v5::Request},
};

pub use self::answer::Response;
use self::{
    connections::{Connection, Telling, Told},
    request::MoreFilters,
};
use crate::{
    Server,
    account_data::Scope,
    error::ApiResult,
    hub::Hub,
    ids::{RoomNid, StreamPos, UserNid},
    push::Unread,
    rooms::{
        Rooms,
        rows::{Membership, UserRoomRow},
    },
    storage::Snapshot,
};

/// What a client asks for.
pub struct Ask {
    /// The user.
    pub user: UserNid,
    /// The user's id.
    pub user_id: OwnedUserId,
    /// The device.
    pub device: OwnedDeviceId,
    /// The request.
    pub request: Request,
    /// Filters of the request's lists that it does not have.
    pub more_filters: MoreFilters,
}

/// An answer without its `pos`, and what it tells of each room.
pub struct Answer {
    /// The answer.
    pub response: Response,
    /// What the client knows once it has the answer.
    pub telling: Telling,
    /// Whether there is anything in it worth waking a client for.
    pub has_news: bool,
}

struct Build<'a> {
    server: &'a Server,
    rooms: &'a Rooms,
    hub: &'a Hub,
    snapshot: &'a Snapshot<'a>,
    ask: &'a Ask,
    connection: &'a Connection,
    upto: StreamPos,
    direct: OnceCell<HashSet<RoomNid>>,
}

impl Ask {
    /// What is new up to a position. Runs on a blocking thread.
    pub fn answer(
        &self,
        server: &Server,
        snapshot: &Snapshot<'_>,
        connection: &Connection,
        upto: StreamPos,
    ) -> ApiResult<Answer> {
        let (rooms, hub) = (&server.rooms, &server.hub);
        let build = Build {
            server,
            rooms,
            hub,
            snapshot,
            ask: self,
            connection,
            upto,
            direct: OnceCell::new(),
        };
        let windows = build.windows()?;
        let mut response = Response {
            txn_id: self.request.txn_id.clone(),
            lists: windows.lists,
            ..Response::default()
        };
        let mut telling = Telling::default();
        let (mut inside, mut joined) = (Vec::new(), Vec::new());
        for (room, row, wanted) in windows.rooms {
            if row.membership == Membership::Join {
                inside.push((room, wanted.lists.clone()));
            }
            if let Some(mut answer) = build.room(room, &row, &wanted)? {
                answer.lists = wanted.lists;
                response.rooms.insert(rooms.room_id(room)?, answer);
                let told = Told {
                    upto,
                    timeline_limit: wanted.timeline_limit,
                    required_state: Arc::new(wanted.required_state),
                    is_direct: build.is_direct(room)?,
                };
                telling.rooms.push((room, told));
            } else if row.membership == Membership::Join {
                joined.push((room, row, wanted.lists));
            }
        }
        response.extensions = build.extensions(&inside, &mut telling.beside)?;
        if response.extensions.receipts.is_empty() {
            joined.clear();
        }
        for (room, row, lists) in joined {
            let id = rooms.room_id(room)?;
            let receipts = response.extensions.receipts.rooms.get(&id);
            let reads = receipts.is_some_and(|receipts| build.is_reader(receipts));
            if reads && !response.rooms.contains_key(&id) {
                let mut counts = build.only_counts(room, &row)?;
                counts.lists = lists;
                response.rooms.insert(id, counts);
            }
        }
        let has_news = !response.rooms.is_empty() || extensions::has_news(&response.extensions);
        Ok(Answer {
            response,
            telling,
            has_news,
        })
    }
}

impl Build<'_> {
    /// Whether the user calls a room a direct chat.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#mdirect)
    fn is_direct(&self, room: RoomNid) -> ApiResult<bool> {
        if let Some(direct) = self.direct.get() {
            return Ok(direct.contains(&room));
        }
        let direct = self.direct_rooms()?;
        Ok(self.direct.get_or_init(|| direct).contains(&room))
    }

    fn direct_rooms(&self) -> ApiResult<HashSet<RoomNid>> {
        let content = self.server.account_data.get_at(
            self.snapshot,
            self.ask.user,
            Scope::Global,
            "m.direct",
        )?;
        let by_user: HashMap<String, Vec<OwnedRoomId>> = content
            .and_then(|content| serde_json::from_str(&content).ok())
            .unwrap_or_default();
        let mut rooms = HashSet::new();
        for id in by_user.into_values().flatten() {
            rooms.extend(self.rooms.storage().interner().find_room(&id)?);
        }
        Ok(rooms)
    }

    fn unread(&self, room: RoomNid, row: &UserRoomRow) -> ApiResult<UnreadNotificationsCount> {
        let count = Unread::count(
            self.rooms,
            self.snapshot,
            self.ask.user,
            room,
            row,
            self.upto,
        )?
        .total();
        let mut section = UnreadNotificationsCount::new();
        section.notification_count = UInt::try_from(count.notifications).ok();
        section.highlight_count = UInt::try_from(count.highlights).ok();
        Ok(section)
    }
}

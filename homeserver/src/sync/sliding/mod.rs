//! Simplified sliding sync (MSC4186): the rooms a client looks at, and what changed in them.
//!
//! Every request carries all its parameters; the connection remembers only what was told of each room.

mod bump;
pub mod connections;
pub(super) mod extensions;
mod lists;
mod room;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use ruma::{
    OwnedDeviceId, OwnedRoomId, OwnedUserId, UInt,
    api::client::sync::sync_events::{
        UnreadNotificationsCount,
        v5::{Request, Response, request::List},
    },
};

use self::connections::{Connection, Told};
use crate::{
    Server,
    account_data::Scope,
    error::{ApiError, ApiResult},
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
}

/// An answer without its `pos`, and what it tells of each room.
pub struct Answer {
    /// The answer.
    pub response: Response,
    /// What the client knows of each room once it has the answer.
    pub told: Vec<(RoomNid, Told)>,
    /// Whether there is anything in it worth waking a client for.
    pub has_news: bool,
}

struct Build<'a> {
    server: &'a Server,
    rooms: &'a Rooms,
    hub: &'a Hub,
    snapshot: &'a Snapshot<'a>,
    ask: &'a Ask,
    told: &'a HashMap<RoomNid, Told>,
    upto: StreamPos,
}

/// Refuses what makes no sense.
pub fn check(request: &Request) -> ApiResult<()> {
    let backwards = |list: &List| list.ranges.iter().any(|(first, last)| first > last);
    if request.lists.values().any(backwards) {
        return Err(ApiError::invalid_param(
            "A range of a list ends before it begins.",
        ));
    }
    Ok(())
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
            told: connection.rooms(),
            upto,
        };
        let windows = build.windows()?;
        let mut response = Response::new(String::new());
        response.txn_id.clone_from(&self.request.txn_id);
        response.lists = windows.lists;
        let mut told = Vec::new();
        let mut inside = Vec::new();
        for (room, row, wanted) in windows.rooms {
            if row.membership == Membership::Join {
                inside.push((room, wanted.lists.clone()));
            }
            if let Some(answer) = build.room(room, &row, &wanted)? {
                response.rooms.insert(rooms.room_id(room)?, answer);
                let required_state = Arc::new(wanted.required_state);
                told.push((
                    room,
                    Told {
                        upto,
                        timeline_limit: wanted.timeline_limit,
                        required_state,
                    },
                ));
            }
        }
        let since = connection.upto();
        response.extensions = build.extensions(&inside, &response.rooms, since)?;
        let has_news = !response.rooms.is_empty() || extensions::has_news(&response.extensions);
        Ok(Answer {
            response,
            told,
            has_news,
        })
    }
}

impl Build<'_> {
    /// The rooms the user calls direct chats.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#mdirect)
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

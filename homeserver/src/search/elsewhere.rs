//! The names of users of other servers.
//!
//! Nobody tells this server of an account elsewhere, but the rooms it is in say what people there are called. So the
//! names in a room are read when somebody in it searches, and kept as long as the room's state stays the same.

use std::sync::Arc;

use quick_cache::sync::Cache;
use roaring::RoaringBitmap;

use super::people::Person;
use crate::{
    ids::{RoomNid, UserNid},
    rooms::{
        Rooms,
        members::profile_of,
        rows::{Membership, RoomSummary},
    },
    storage::{Result, Snapshot, tables},
    users::Name,
};

/// Rooms whose people are kept in memory.
const CACHED_ROOMS: usize = 1_000;
/// People of other servers that are read of one room at most.
const MAX_PEOPLE: usize = 2_000;

/// A user of another server, as a room shows them.
pub(super) struct Stranger {
    /// Their number.
    pub(super) user: UserNid,
    /// How they are found.
    pub(super) name: Name,
    /// How they are shown.
    pub(super) person: Person,
}

type Strangers = Arc<Vec<Arc<Stranger>>>;

/// What is known of them.
pub(super) struct Elsewhere {
    rooms: Cache<RoomNid, ([u8; 16], Strangers)>,
}

impl Default for Elsewhere {
    fn default() -> Self {
        Self {
            rooms: Cache::new(CACHED_ROOMS),
        }
    }
}

impl Elsewhere {
    /// Those in some rooms whom a text finds, each once.
    pub(super) fn find(
        &self,
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        among: &RoaringBitmap,
        text: &str,
    ) -> Result<Vec<Arc<Stranger>>> {
        let (mut found, mut seen) = (Vec::new(), RoaringBitmap::new());
        for room in among.iter().map(RoomNid) {
            let Some(summary) = tables::ROOM.get(snapshot, room)? else {
                continue;
            };
            if summary.remote == 0 {
                continue;
            }
            for stranger in &*self.in_room(rooms, snapshot, room, &summary)? {
                if stranger.name.is_found_by(text) && seen.insert(stranger.user.0) {
                    found.push(Arc::clone(stranger));
                }
            }
        }
        Ok(found)
    }

    fn in_room(
        &self,
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        summary: &RoomSummary,
    ) -> Result<Strangers> {
        if let Some((state, strangers)) = self.rooms.get(&room)
            && state == summary.state
        {
            return Ok(strangers);
        }
        let mut strangers = Vec::new();
        for row in tables::MEMBER.scan(snapshot, (room, Membership::Join))? {
            let ((_, _, user), (event, _)) = row?;
            let user_id = rooms.storage().interner().user_id(user)?;
            if user_id.server_name() == rooms.server_name() {
                continue;
            }
            let shown = profile_of(&*rooms.known_event(snapshot, event)?);
            strangers.push(Arc::new(Stranger {
                user,
                name: Name::new(&user_id, shown.display_name.as_deref()),
                person: Person {
                    user_id,
                    display_name: shown.display_name,
                    avatar_url: shown.avatar_url,
                },
            }));
            if strangers.len() == MAX_PEOPLE {
                break;
            }
        }
        let strangers = Arc::new(strangers);
        self.rooms
            .insert(room, (summary.state, Arc::clone(&strangers)));
        Ok(strangers)
    }
}

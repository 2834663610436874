//! The user directory.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#user-directory)
//!
//! People are found by the beginnings of the words of their names, among those whom the user may know of: who shares a
//! room with them, and who is in a room that anybody may enter or read. Who is in a room is kept as a bitmap together
//! with the position of the room's last change; one that is out of date is read anew. So a keystroke costs a few
//! integers per room of the user, not a list of members. Users of other servers are those of [`super::elsewhere`].

use std::{cmp::Reverse, sync::Arc};

use parking_lot::RwLock;
use quick_cache::sync::Cache;
use roaring::RoaringBitmap;
use ruma::{OwnedMxcUri, OwnedUserId};

use super::{Search, elsewhere::Stranger};
use crate::{
    error::ApiResult,
    ids::{RoomNid, StreamPos, UserNid},
    rooms::{
        Rooms,
        event::RoomEvent,
        rows::{Membership, RoomSummary},
    },
    storage::{Result, Snapshot, tables},
    users::{Name, fold, profile_of},
};

/// Rooms whose members are kept in memory.
const CACHED_ROOMS: usize = 10_000;
/// People in one answer at most.
const MAX_LIMIT: usize = 100;

/// What is known of rooms for the directory.
pub(super) struct People {
    members: Cache<RoomNid, (StreamPos, Arc<RoaringBitmap>)>,
    /// Every room that has been open to the world since the start, and perhaps is no more.
    open: RwLock<RoaringBitmap>,
}

/// Somebody who was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The user.
    pub user_id: OwnedUserId,
    /// Their name.
    pub display_name: Option<String>,
    /// Their picture.
    pub avatar_url: Option<OwnedMxcUri>,
}

/// Who was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The best first.
    pub people: Vec<Person>,
    /// Whether there are more.
    pub limited: bool,
}

impl People {
    /// Looks for rooms that are open to the world.
    pub(super) fn load(rooms: &Rooms) -> Result<Self> {
        let mut open = RoaringBitmap::new();
        for row in tables::ROOM.scan(&rooms.storage().snapshot(), ())? {
            let (room, summary) = row?;
            if is_open(&summary) {
                open.insert(room.0);
            }
        }
        Ok(Self {
            members: Cache::new(CACHED_ROOMS),
            open: RwLock::new(open),
        })
    }

    /// Takes note of an event that may open a room. It may yet fail; what is noted here is looked at again.
    pub(super) fn note_state(&self, room: RoomNid, event: &RoomEvent) {
        let kind = event.pdu.event_type().to_string();
        if matches!(
            kind.as_str(),
            "m.room.join_rules" | "m.room.history_visibility"
        ) && !self.open.read().contains(room.0)
        {
            self.open.write().insert(room.0);
        }
    }

    fn members(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        summary: &RoomSummary,
    ) -> Result<Arc<RoaringBitmap>> {
        if let Some((changed, members)) = self.members.get(&room)
            && changed == summary.changed
        {
            return Ok(members);
        }
        let mut members = RoaringBitmap::new();
        for row in tables::MEMBER.scan(snapshot, (room, Membership::Join))? {
            members.insert(row?.0.2.0);
        }
        let members = Arc::new(members);
        self.members
            .insert(room, (summary.changed, Arc::clone(&members)));
        Ok(members)
    }

    /// Who is in some rooms.
    fn in_rooms(&self, snapshot: &Snapshot<'_>, rooms: &RoaringBitmap) -> Result<RoaringBitmap> {
        let mut found = RoaringBitmap::new();
        for room in rooms.iter().map(RoomNid) {
            if let Some(summary) = tables::ROOM.get(snapshot, room)? {
                found |= &*self.members(snapshot, room, &summary)?;
            }
        }
        Ok(found)
    }

    /// The rooms that are open to the world.
    fn open_rooms(&self, snapshot: &Snapshot<'_>) -> Result<RoaringBitmap> {
        let mut open = self.open.read().clone();
        for room in open.clone() {
            let summary = tables::ROOM.get(snapshot, RoomNid(room))?;
            if !summary.is_some_and(|summary| is_open(&summary)) {
                open.remove(room);
            }
        }
        Ok(open)
    }
}

fn is_open(summary: &RoomSummary) -> bool {
    summary.join_rule.as_deref() == Some("public")
        || summary.history_visibility.as_deref() == Some("world_readable")
}

impl Search {
    /// Searches people whom a user may know of.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3user_directorysearch)
    pub async fn people(&self, user: UserNid, text: String, limit: usize) -> ApiResult<Found> {
        let search = self.clone();
        self.inner
            .rooms
            .read(move |rooms, snapshot| {
                Ok(search.people_in(rooms, snapshot, user, &text, limit.min(MAX_LIMIT))?)
            })
            .await
    }

    fn people_in(
        &self,
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        text: &str,
        limit: usize,
    ) -> Result<Found> {
        let people = &self.inner.people;
        let own_rooms = rooms.rooms_of(snapshot, user, &[Membership::Join])?;
        let own_rooms: RoaringBitmap = own_rooms.into_iter().map(|room| room.0).collect();
        let open_rooms = people.open_rooms(snapshot)?;
        let mut named: Vec<(UserNid, Name, Option<Arc<Stranger>>)> = Vec::new();
        for (user, name) in self.inner.users.find_by_name(text) {
            named.push((user, name, None));
        }
        let all_rooms = &own_rooms | &open_rooms;
        let elsewhere = &self.inner.elsewhere;
        for stranger in elsewhere.find(rooms, snapshot, &all_rooms, text)? {
            named.push((stranger.user, stranger.name.clone(), Some(stranger)));
        }
        if named.is_empty() {
            return Ok(Found::default());
        }
        let mut sharing = people.in_rooms(snapshot, &own_rooms)?;
        sharing.remove(user.0);
        let in_the_open = people.in_rooms(snapshot, &open_rooms)?;
        named.retain(|(user, ..)| sharing.contains(user.0) || in_the_open.contains(user.0));
        let text = fold(text.trim());
        named.sort_by_cached_key(|(user, name, _)| Rank::of(&text, name, sharing.contains(user.0)));
        let limited = named.len() > limit;
        let mut people = Vec::with_capacity(named.len().min(limit));
        for (user, _, stranger) in named.into_iter().take(limit) {
            if let Some(stranger) = stranger {
                people.push(stranger.person.clone());
                continue;
            }
            let profile = profile_of(snapshot, user)?;
            people.push(Person {
                user_id: rooms.storage().interner().user_id(user)?,
                display_name: profile.display_name().map(str::to_owned),
                avatar_url: profile.avatar_url().map(ToOwned::to_owned),
            });
        }
        Ok(Found { people, limited })
    }
}

/// What comes first: who is called exactly so, then who shares a room, then whose name begins so; by name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_exact: Reverse<bool>,
    is_sharing: Reverse<bool>,
    begins_so: Reverse<bool>,
    name: String,
    id: String,
}

impl Rank {
    fn of(text: &str, name: &Name, is_sharing: bool) -> Self {
        let display_name = name.display_name.as_deref();
        let id = text.strip_prefix('@').unwrap_or(text);
        let is_exact = display_name == Some(text) || name.localpart == id || name.id == text;
        let begins_so = display_name.is_some_and(|name| name.starts_with(text))
            || name.localpart.starts_with(id);
        Self {
            is_exact: Reverse(is_exact),
            is_sharing: Reverse(is_sharing),
            begins_so: Reverse(begins_so),
            name: display_name.unwrap_or(&name.localpart).to_owned(),
            id: name.id.clone(),
        }
    }
}

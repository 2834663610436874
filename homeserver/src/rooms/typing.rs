//! Who is typing: kept in memory only, and gone when the server restarts.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#typing-notifications)
//!
//! A change takes a stream position, so that waiting sessions learn of it like of anything else, but writes no row. The
//! map is changed on the writer thread, before the position is published: whoever reads position N finds here
//! everything up to N.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;

use super::{Rooms, news::News};
use crate::{
    clock::SharedClock,
    error::ApiResult,
    ids::{RoomNid, StreamPos, UserNid},
    storage::{Change, Commit, Storage},
};

/// How long somebody counts as typing without saying so again, at most.
const MAX_TIMEOUT: Duration = Duration::from_secs(120);

/// Those who are typing in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypingUsers {
    /// The users.
    pub users: Vec<UserNid>,
    /// When this last changed.
    pub changed: StreamPos,
}

/// Who is typing where. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Typing {
    rooms: Arc<Mutex<HashMap<RoomNid, RoomTyping>>>,
}

#[derive(Default)]
struct RoomTyping {
    /// Each user with the clock's time at which they stop unless they go on.
    users: BTreeMap<UserNid, Duration>,
    changed: StreamPos,
    /// Whether a task waits for the first of them to stop.
    is_watched: bool,
}

impl Rooms {
    /// Notes that a member is typing for some time from now, or has stopped.
    pub async fn set_typing(
        &self,
        room: RoomNid,
        user: UserNid,
        timeout: Option<Duration>,
    ) -> ApiResult<()> {
        let typing = &self.inner.typing;
        let until = timeout.map(|timeout| self.clock().elapsed() + timeout.min(MAX_TIMEOUT));
        // Going on is no news.
        if typing.prolong(room, user, until) {
            return Ok(());
        }
        typing
            .commit(self.storage(), room, vec![(user, until)])
            .await?;
        self.tell(News::Typing {
            room,
            user,
            typing: until.is_some(),
        });
        if until.is_some() && typing.begin_watch(room) {
            let (typing, storage) = (typing.clone(), self.storage().clone());
            tokio::spawn(typing.watch(room, storage, Arc::clone(self.clock())));
        }
        Ok(())
    }

    /// Who is typing in a room.
    pub fn typing(&self, room: RoomNid) -> TypingUsers {
        let rooms = self.inner.typing.rooms.lock();
        rooms
            .get(&room)
            .map(|typing| TypingUsers {
                users: typing.users.keys().copied().collect(),
                changed: typing.changed,
            })
            .unwrap_or_default()
    }
}

impl Typing {
    /// Moves the time at which a user stops. Returns whether that was all there was to do.
    fn prolong(&self, room: RoomNid, user: UserNid, until: Option<Duration>) -> bool {
        let mut rooms = self.rooms.lock();
        let known = rooms
            .get_mut(&room)
            .and_then(|typing| typing.users.get_mut(&user));
        match (known, until) {
            (Some(known), Some(until)) => *known = until,
            (None, None) => {}
            _ => return false,
        }
        true
    }

    /// Lets users begin or stop, at a new stream position.
    async fn commit(
        &self,
        storage: &Storage,
        room: RoomNid,
        users: Vec<(UserNid, Option<Duration>)>,
    ) -> ApiResult<()> {
        let typing = self.clone();
        let commit = Commit::new(move |_, pos| typing.set(room, &users, pos));
        storage
            .commit(commit.ephemeral().changing(Change::Ephemeral(room)))
            .await?;
        Ok(())
    }

    fn set(&self, room: RoomNid, users: &[(UserNid, Option<Duration>)], pos: StreamPos) {
        let mut rooms = self.rooms.lock();
        let typing = rooms.entry(room).or_default();
        typing.changed = pos;
        for (user, until) in users {
            match until {
                Some(until) => {
                    typing.users.insert(*user, *until);
                }
                None => {
                    typing.users.remove(user);
                }
            }
        }
    }

    fn begin_watch(&self, room: RoomNid) -> bool {
        let mut rooms = self.rooms.lock();
        let typing = rooms.entry(room).or_default();
        !std::mem::replace(&mut typing.is_watched, true)
    }

    /// Lets users stop when their time is over, until nobody types in the room.
    async fn watch(self, room: RoomNid, storage: Storage, clock: SharedClock) {
        while let Some(first) = self.first_to_stop(room) {
            tokio::time::sleep(first.saturating_sub(clock.elapsed())).await;
            if self.expire(room, &storage, clock.elapsed()).await.is_err() {
                // The server is stopping.
                return;
            }
        }
    }

    /// When the next user stops. With nobody left the watch ends.
    fn first_to_stop(&self, room: RoomNid) -> Option<Duration> {
        let mut rooms = self.rooms.lock();
        let typing = rooms.get_mut(&room)?;
        let first = typing.users.values().min().copied();
        typing.is_watched = first.is_some();
        first
    }

    /// Lets those stop whose time is over.
    async fn expire(&self, room: RoomNid, storage: &Storage, now: Duration) -> ApiResult<()> {
        let over: Vec<_> = {
            let rooms = self.rooms.lock();
            let users = rooms
                .get(&room)
                .into_iter()
                .flat_map(|typing| &typing.users);
            users
                .filter(|(_, until)| **until <= now)
                .map(|(user, _)| (*user, None))
                .collect()
        };
        if over.is_empty() {
            return Ok(());
        }
        self.commit(storage, room, over).await
    }
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;
    use crate::rooms::testing::TestServer;

    #[tokio::test]
    async fn who_types_is_told_until_their_time_is_over() {
        let server = TestServer::new();
        let room = server.public_room("11").await;
        let bob = server.user(user_id!("@bob:local"));
        let rooms = &server.rooms;
        assert_eq!(rooms.typing(room), TypingUsers::default());
        let timeout = Duration::from_secs(30);
        rooms.set_typing(room, bob, Some(timeout)).await.unwrap();
        let began = rooms.typing(room);
        assert_eq!(began.users, [bob]);
        assert_eq!(began.changed, server.storage.position());

        rooms.set_typing(room, bob, Some(timeout)).await.unwrap();
        assert_eq!(rooms.typing(room), began, "going on is no news");

        server.clock.advance(timeout);
        let now = rooms.clock().elapsed();
        let typing = &rooms.inner.typing;
        typing.expire(room, &server.storage, now).await.unwrap();
        let over = rooms.typing(room);
        assert_eq!(over.users, []);
        assert!(over.changed > began.changed);
    }

    #[tokio::test]
    async fn who_stops_is_gone_at_once() {
        let server = TestServer::new();
        let room = server.public_room("11").await;
        let bob = server.user(user_id!("@bob:local"));
        let timeout = Some(Duration::from_secs(30));
        server.rooms.set_typing(room, bob, timeout).await.unwrap();
        server.rooms.set_typing(room, bob, None).await.unwrap();
        assert_eq!(server.rooms.typing(room).users, []);
    }
}

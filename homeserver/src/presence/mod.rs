//! Presence: who is online.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#presence)
//!
//! It is kept in memory only. A change takes a stream position, so that waiting sessions learn of it like of anything
//! else, but writes no row. The hub marks the rooms of the user whose presence changed, so that a poll needs to look at
//! its own rooms only, however many people are online. Only changes that people see as such wake others: that somebody is
//! active just now is told along with something else.

pub mod routes;
mod state;
mod viewer;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use roaring::RoaringBitmap;
use ruma::{OwnedDeviceId, UserId};
use serde_json::{Value, json, value::RawValue, value::to_raw_value};

pub use self::state::{Shown, State};
use self::{state::OfUser, viewer::Viewer};
use crate::{
    clock::SharedClock,
    error::{ApiError, ApiResult},
    hub::Hub,
    ids::{RoomNid, StreamPos, UserNid},
    rooms::rows::Membership,
    storage::{self, Change, Commit, Receipt, Snapshot, Storage, tables},
};

/// How often timeouts are looked for.
const TICK: Duration = Duration::from_secs(2);

/// Who is online. Clones share it.
#[derive(Clone)]
pub struct Presence {
    inner: Arc<Inner>,
}

struct Inner {
    enabled: bool,
    storage: Storage,
    clock: SharedClock,
    hub: Hub,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    users: HashMap<UserNid, OfUser>,
    /// Users by the position at which what others are shown of them last changed.
    by_change: BTreeMap<StreamPos, UserNid>,
}

/// Presence of a user at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Now {
    /// What others are shown.
    pub shown: Shown,
    /// How long ago they did something; the longest time there is where nobody knows.
    pub last_active_ago: Duration,
}

impl Now {
    /// The content of an `m.presence` event.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#mpresence)
    pub fn content(&self) -> Value {
        let mut content = json!({ "presence": self.shown.state.as_str() });
        if self.last_active_ago < Duration::MAX {
            content["last_active_ago"] = (self.last_active_ago.as_millis() as u64).into();
        }
        if self.shown.state == State::Online {
            content["currently_active"] = self.shown.currently_active.into();
        }
        if let Some(status_msg) = &self.shown.status_msg {
            content["status_msg"] = status_msg.as_str().into();
        }
        content
    }

    /// The event.
    pub fn event(&self, user_id: &UserId) -> ApiResult<Box<RawValue>> {
        let event = json!({ "type": "m.presence", "sender": user_id, "content": self.content() });
        to_raw_value(&event).map_err(ApiError::internal)
    }
}

/// A poll under way. While there is one, its device is connected.
pub struct PresentPoll {
    of: Option<(Presence, UserNid, OwnedDeviceId)>,
}

impl Drop for PresentPoll {
    fn drop(&mut self) {
        if let Some((presence, user, device)) = self.of.take() {
            let now = presence.inner.clock.elapsed();
            if let Some(known) = presence.inner.known.lock().users.get_mut(&user) {
                known.end_poll(&device, now);
            }
        }
    }
}

/// Whose presence a sync tells besides that which changed.
#[derive(Clone, Debug, Default)]
pub struct Entered {
    /// Rooms that the user has just entered: everybody there is news.
    pub rooms: RoaringBitmap,
    /// Users who have just entered a room the user is in.
    pub newcomers: RoaringBitmap,
}

impl Presence {
    /// Presence, or, where it is switched off, nobody's.
    pub fn new(storage: Storage, clock: SharedClock, hub: Hub, enabled: bool) -> Self {
        let inner = Inner {
            enabled,
            storage,
            clock,
            hub,
            known: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Whether people see of each other who is online.
    pub fn is_enabled(&self) -> bool {
        self.inner.enabled
    }

    /// A device polls, and wants to be shown like this meanwhile.
    pub async fn begin_poll(
        &self,
        user: UserNid,
        device: &OwnedDeviceId,
        wish: State,
    ) -> ApiResult<PresentPoll> {
        if !self.inner.enabled {
            return Ok(PresentPoll { of: None });
        }
        let now = self.inner.clock.elapsed();
        self.change(user, |known| known.begin_poll(device, wish, now));
        let poll = PresentPoll {
            of: Some((self.clone(), user, device.clone())),
        };
        self.tell(user).await?;
        Ok(poll)
    }

    /// A user says how they are.
    pub async fn set(
        &self,
        user: UserNid,
        device: &OwnedDeviceId,
        state: State,
        status_msg: Option<String>,
    ) -> ApiResult {
        if !self.inner.enabled {
            return Ok(());
        }
        let now = self.inner.clock.elapsed();
        self.change(user, |known| known.set(device, state, status_msg, now));
        self.tell(user).await
    }

    /// Another server says how one of its users is.
    pub async fn set_elsewhere(
        &self,
        user: UserNid,
        shown: Shown,
        active_ago: Duration,
    ) -> ApiResult {
        if !self.inner.enabled {
            return Ok(());
        }
        let now = self.inner.clock.elapsed();
        self.change(user, |known| known.set_elsewhere(shown, active_ago, now));
        self.tell(user).await
    }

    /// Users of whom something else is shown than at a position, or of whom anything is, and up to where that goes.
    pub fn changed_since(&self, since: Option<StreamPos>) -> (StreamPos, Vec<(UserNid, Now)>) {
        let upto = {
            let known = self.inner.known.lock();
            let last = known.by_change.last_key_value();
            last.map_or(StreamPos::ZERO, |(pos, _)| *pos)
        };
        let now = self.inner.clock.elapsed();
        let changed = self.candidates(since, &Entered::default(), now);
        (upto.max(since.unwrap_or_default()), changed)
    }

    /// Users in a room who are not offline, as far as is known.
    pub fn there_in(&self, room: RoomNid) -> Vec<(UserNid, Now)> {
        let (rooms, newcomers) = (RoaringBitmap::from_iter([room.0]), RoaringBitmap::new());
        let entered = Entered { rooms, newcomers };
        let now = self.inner.clock.elapsed();
        // Nothing has changed after the last position there is.
        self.candidates(Some(StreamPos::MAX), &entered, now)
    }

    /// A user does something that shows that they are there. Does not wait until others are told.
    pub fn act(&self, user: UserNid, device: &OwnedDeviceId) {
        if !self.inner.enabled {
            return;
        }
        let now = self.inner.clock.elapsed();
        {
            let mut known = self.inner.known.lock();
            // Somebody who never polls is not shown to be there.
            let Some(known) = known.users.get_mut(&user) else {
                return;
            };
            known.act(device, now);
        }
        if let Err(error) = self.submit(user) {
            tracing::warn!(%error, "a change of presence could not be told");
        }
    }

    /// The presence of a user, if anything is known.
    pub fn get(&self, user: UserNid) -> Option<Now> {
        let now = self.inner.clock.elapsed();
        let known = self.inner.known.lock();
        known.users.get(&user).map(|known| Now {
            shown: known.at(now),
            last_active_ago: known.active_ago(now),
        })
    }

    /// Looks for timeouts until the server stops.
    pub async fn run(self, jobs: crate::jobs::Jobs) {
        if !self.inner.enabled {
            return;
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = jobs.stopping() => return,
            }
            if let Err(error) = self.tick() {
                tracing::warn!(%error, "a change of presence could not be told");
            }
        }
    }

    /// Tells of those who became idle or went away.
    fn tick(&self) -> storage::Result<()> {
        let now = self.inner.clock.elapsed();
        let due: Vec<_> = {
            let mut known = self.inner.known.lock();
            let users = known.users.iter_mut();
            users
                .filter_map(|(user, known)| {
                    known.forget_gone(now);
                    (known.at(now) != known.shown).then_some(*user)
                })
                .collect()
        };
        for user in due {
            self.submit(user)?;
        }
        Ok(())
    }

    fn change(&self, user: UserNid, change: impl FnOnce(&mut OfUser)) {
        change(self.inner.known.lock().users.entry(user).or_default());
    }

    async fn tell(&self, user: UserNid) -> ApiResult {
        if let Some(told) = self.submit(user)? {
            told.await?;
        }
        Ok(())
    }

    /// Tells what has changed of a user, if anything has.
    fn submit(&self, user: UserNid) -> storage::Result<Option<Receipt>> {
        let now = self.inner.clock.elapsed();
        let wakes = {
            let known = self.inner.known.lock();
            let Some(known) = known.users.get(&user) else {
                return Ok(None);
            };
            let (shown, next) = (&known.shown, known.at(now));
            if *shown == next {
                return Ok(None);
            }
            shown.state != next.state || shown.status_msg != next.status_msg
        };
        let presence = self.clone();
        let commit = Commit::new(move |_, pos| presence.publish(user, pos)).ephemeral();
        let commit = if wakes {
            self.inner
                .hub
                .know_rooms(user, || rooms_of(&self.inner.storage.snapshot(), user))?;
            commit.changing(Change::Presence(user))
        } else {
            commit
        };
        self.inner.storage.submit(commit).map(Some)
    }

    /// On the writer thread, before the position is published: whoever has read position N finds here everything up to N.
    fn publish(&self, user: UserNid, pos: StreamPos) {
        let now = self.inner.clock.elapsed();
        let mut known = self.inner.known.lock();
        let Known { users, by_change } = &mut *known;
        let Some(of_user) = users.get_mut(&user) else {
            return;
        };
        of_user.shown = of_user.at(now);
        by_change.remove(&of_user.changed);
        of_user.changed = pos;
        by_change.insert(pos, user);
    }

    /// Users whose presence is news to a user: what changed after `since` of those who share a room with them, and those
    /// who are new to them. At a first sync: all who are not offline. The user themself is among them.
    pub fn news(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        since: Option<StreamPos>,
        entered: &Entered,
    ) -> ApiResult<Vec<(UserNid, Now)>> {
        let now = self.inner.clock.elapsed();
        let candidates = self.candidates(since, entered, now);
        let mut viewer = Viewer::new(&self.inner.hub, snapshot, user)?;
        let mut news = Vec::new();
        for (other, found) in candidates {
            if other == user || viewer.shares_room_with(other)? {
                news.push((other, found));
            }
        }
        Ok(news)
    }

    /// Whether anybody's presence changed after `since`.
    pub fn has_changed(&self, since: StreamPos) -> bool {
        let known = self.inner.known.lock();
        known.by_change.range(since.plus(1)..).next().is_some()
    }

    fn candidates(
        &self,
        since: Option<StreamPos>,
        entered: &Entered,
        now: Duration,
    ) -> Vec<(UserNid, Now)> {
        let known = self.inner.known.lock();
        let show = |user: &UserNid, of_user: &OfUser| {
            let found = Now {
                shown: of_user.shown.clone(),
                last_active_ago: of_user.active_ago(now),
            };
            (*user, found)
        };
        let is_there = |of_user: &OfUser| of_user.shown.state != State::Offline;
        let Some(since) = since else {
            let all = known.users.iter().filter(|(_, of_user)| is_there(of_user));
            return all.map(|(user, of_user)| show(user, of_user)).collect();
        };
        let changed = known.by_change.range(since.plus(1)..);
        let mut found: BTreeMap<UserNid, Now> = changed
            .filter_map(|(_, user)| Some(show(user, known.users.get(user)?)))
            .collect();
        let newcomers = entered.newcomers.iter().map(UserNid);
        let new = newcomers.filter_map(|user| Some((user, known.users.get(&user)?)));
        found.extend(
            new.filter(|(_, of_user)| is_there(of_user))
                .map(|(user, of_user)| show(&user, of_user)),
        );
        if !entered.rooms.is_empty() {
            let there = known.users.iter().filter(|(_, of_user)| is_there(of_user));
            let hub = &self.inner.hub;
            found.extend(
                there
                    .filter(|(user, _)| hub.may_be_in(**user, &entered.rooms))
                    .map(|(user, of_user)| show(user, of_user)),
            );
        }
        found.into_iter().collect()
    }

    /// The presence that a user may see of another, who has to share a room with them.
    pub fn visible(
        &self,
        snapshot: &Snapshot<'_>,
        viewer: UserNid,
        user: UserNid,
    ) -> ApiResult<bool> {
        if viewer == user {
            return Ok(true);
        }
        self.inner
            .hub
            .know_rooms(user, || rooms_of(snapshot, user))?;
        Viewer::new(&self.inner.hub, snapshot, viewer)?.shares_room_with(user)
    }
}

/// The rooms a user is in.
pub fn joined_rooms(snapshot: &Snapshot<'_>, user: UserNid) -> storage::Result<RoaringBitmap> {
    let mut rooms = RoaringBitmap::new();
    for row in tables::USER_ROOM.scan(snapshot, (user,))? {
        let ((_, room), row) = row?;
        if row.membership == Membership::Join {
            rooms.insert(room.0);
        }
    }
    Ok(rooms)
}

/// The rooms whose changes concern a user, as the hub keeps them.
fn rooms_of(snapshot: &Snapshot<'_>, user: UserNid) -> storage::Result<Vec<RoomNid>> {
    let mut rooms = Vec::new();
    for row in tables::USER_ROOM.scan(snapshot, (user,))? {
        let ((_, room), row) = row?;
        if matches!(
            row.membership,
            Membership::Join | Membership::Invite | Membership::Knock
        ) {
            rooms.push(room);
        }
    }
    Ok(rooms)
}

#[cfg(test)]
mod tests;

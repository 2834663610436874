//! Who waits for what.
//!
//! The hub remembers, in memory, the newest change of every room and every user, and wakes the users a change concerns.
//! It hears of changes on the writer thread *before* their position is published, so whoever has read position N finds
//! every change up to N here. A user is attached by their first poll and detached some time after the last one; in
//! between a poll registers nothing.
//!
//! A waiting session must attach first, then read the position, then build or wait: the watch keeps the newest value,
//! so a change in between is not missed.

mod echo;
mod order;
mod waker;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use roaring::RoaringBitmap;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    clock::SharedClock,
    ids::{RoomNid, StreamPos, UserNid},
    storage::{Change, Observer, Storage},
};

/// How long after the last poll a user stays attached.
const ATTACHED_FOR: Duration = Duration::from_secs(300);
/// The least time between two answers to a session, or two wakes of a user, for ephemeral changes alone.
const EPHEMERAL_PAUSE: Duration = Duration::from_secs(1);

/// The newest changes, and the sessions that wait for them.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    /// Where the stream stood at start: older changes are not remembered.
    start: StreamPos,
    rooms: RwLock<HashMap<RoomNid, Arc<RoomSlot>>>,
    users: RwLock<HashMap<UserNid, Arc<UserSlot>>>,
    wakes: mpsc::UnboundedSender<(StreamPos, Change)>,
    clock: SharedClock,
    /// What a session is sending to devices holds the lock of its access token for reading.
    to_device: Mutex<HashMap<String, Arc<tokio::sync::RwLock<()>>>>,
}

/// The newest changes of a room.
struct RoomSlot {
    event: AtomicU64,
    ephemeral: AtomicU64,
    /// The newest change of a member's presence.
    presence: AtomicU64,
    bump: AtomicU64,
    /// The last event, zero until it is known: one before the start is looked up.
    last_event: AtomicU64,
    online: Mutex<RoaringBitmap>,
}

/// The newest changes of a user, and the way to wake them.
struct UserSlot {
    change: AtomicU64,
    wake: watch::Sender<StreamPos>,
    /// Milliseconds of the clock at the last poll; zero while detached.
    polled: AtomicU64,
    /// The newest change of the user's own presence.
    presence: AtomicU64,
    /// The rooms whose events concern the user, as far as `knows_rooms`.
    rooms: Mutex<RoaringBitmap>,
    /// Whether all those rooms are there. They are kept up to date from then on.
    knows_rooms: AtomicBool,
    /// When each session was last told of ephemeral changes alone.
    pauses: Mutex<HashMap<String, Instant>>,
    /// What each session has sent lately.
    echoes: Mutex<HashMap<String, echo::Echo>>,
}

/// What there may be for a session that polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing.
    Nothing,
    /// Receipts, typing or presence, which can wait a moment.
    Ephemeral,
    /// Something to be told at once.
    Urgent,
}

impl Hub {
    /// A hub that hears of every change of `storage`. Must be called inside the runtime.
    pub fn start(storage: &Storage, clock: SharedClock) -> Self {
        let (wakes, queue) = mpsc::unbounded_channel();
        let inner = Inner {
            start: storage.position(),
            rooms: RwLock::default(),
            users: RwLock::default(),
            wakes,
            clock,
            to_device: Mutex::default(),
        };
        let hub = Self {
            inner: Arc::new(inner),
        };
        storage.observe(Arc::new(hub.clone()));
        tokio::spawn(waker::run(
            Arc::downgrade(&hub.inner),
            queue,
            storage.positions(),
        ));
        hub
    }

    /// Attaches a user who polls; `rooms` are asked for only when the user was not attached before.
    pub fn attach<E>(
        &self,
        user: UserNid,
        rooms: impl FnOnce() -> Result<Vec<RoomNid>, E>,
    ) -> Result<watch::Receiver<StreamPos>, E> {
        let slot = self.user(user);
        let now = self.now();
        if slot.polled.swap(now, Ordering::AcqRel) == 0 {
            // Listed rooms are read after the mark is set: a join in between is told through `Change::Membership`.
            let rooms = rooms().inspect_err(|_| slot.polled.store(0, Ordering::Release))?;
            for room in rooms {
                self.room(room).online.lock().insert(user.0);
                slot.rooms.lock().insert(room.0);
            }
            slot.knows_rooms.store(true, Ordering::Release);
        }
        Ok(slot.wake.subscribe())
    }

    /// Whether a user has polled lately.
    pub fn is_attached(&self, user: UserNid) -> bool {
        self.inner
            .users
            .read()
            .get(&user)
            .is_some_and(|slot| slot.polled.load(Ordering::Acquire) != 0)
    }

    /// Whether a room may have events after `since`.
    pub fn room_changed(&self, room: RoomNid, since: StreamPos) -> bool {
        self.room_position(room, |slot| &slot.event) > since
    }

    /// Whether a room may have receipts or typing after `since`.
    pub fn ephemeral_changed(&self, room: RoomNid, since: StreamPos) -> bool {
        self.room_position(room, |slot| &slot.ephemeral) > since
    }

    /// Whether something personal of a user may have changed after `since`.
    pub fn user_changed(&self, user: UserNid, since: StreamPos) -> bool {
        let users = self.inner.users.read();
        users.get(&user).map_or(self.inner.start, |slot| {
            StreamPos(slot.change.load(Ordering::Acquire))
        }) > since
    }

    /// The rooms of an attached user that may have something new after `since`.
    pub fn rooms_changed(&self, user: UserNid, since: StreamPos) -> Vec<RoomNid> {
        self.rooms_where(user, since, |slot| {
            let event = slot.event.load(Ordering::Acquire);
            event.max(slot.ephemeral.load(Ordering::Acquire))
        })
    }

    /// Those among them that may have events after `since`.
    pub fn rooms_with_events(&self, user: UserNid, since: StreamPos) -> Vec<RoomNid> {
        self.rooms_where(user, since, |slot| slot.event.load(Ordering::Acquire))
    }

    fn rooms_where(
        &self,
        user: UserNid,
        since: StreamPos,
        newest: impl Fn(&RoomSlot) -> u64,
    ) -> Vec<RoomNid> {
        let rooms = self.rooms_of(user);
        let slots = self.inner.rooms.read();
        let changed = |room: &RoomNid| {
            slots
                .get(room)
                .map_or(self.inner.start, |slot| StreamPos(newest(slot)))
                > since
        };
        rooms.iter().map(RoomNid).filter(changed).collect()
    }

    /// What may be new for an attached user after `since`.
    pub fn news(&self, user: UserNid, since: StreamPos) -> News {
        if self.user_changed(user, since) {
            return News::Urgent;
        }
        let rooms = self.rooms_changed(user, since);
        if rooms.iter().any(|room| self.room_changed(*room, since)) {
            News::Urgent
        } else if rooms.is_empty() {
            News::Nothing
        } else {
            News::Ephemeral
        }
    }

    /// Whether the presence of an attached user, or of somebody they share a room with, may have changed after `since`.
    pub fn presence_changed(&self, user: UserNid, since: StreamPos) -> bool {
        let slot = self.user(user);
        if slot.presence.load(Ordering::Acquire) > since.0 {
            return true;
        }
        let of_user = slot.rooms.lock().clone();
        let slots = self.inner.rooms.read();
        of_user.iter().any(|room| {
            slots
                .get(&RoomNid(room))
                .is_some_and(|slot| slot.presence.load(Ordering::Acquire) > since.0)
        })
    }

    /// Learns the rooms of a user who may never have polled; `rooms` are asked for only when they are not known.
    pub fn know_rooms<E>(
        &self,
        user: UserNid,
        rooms: impl FnOnce() -> Result<Vec<RoomNid>, E>,
    ) -> Result<(), E> {
        let slot = self.user(user);
        if !slot.knows_rooms.load(Ordering::Acquire) {
            let rooms = rooms()?;
            slot.rooms.lock().extend(rooms.iter().map(|room| room.0));
            slot.knows_rooms.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// The rooms whose events concern a user, as far as the hub knows.
    pub fn rooms_of(&self, user: UserNid) -> RoaringBitmap {
        self.user(user).rooms.lock().clone()
    }

    /// The first of some rooms, from `from` on, whose events concern a user, as far as the hub knows.
    pub fn room_among(
        &self,
        user: UserNid,
        rooms: &RoaringBitmap,
        from: RoomNid,
    ) -> Option<RoomNid> {
        let slot = self.user(user);
        let of_user = slot.rooms.lock();
        let (mut some, mut others) = (rooms.range(from.0..), of_user.range(from.0..));
        // Two sorted lists, each of which runs ahead to where the other is: people in thousands of rooms are found to
        // share one without a look at all of them.
        let mut candidate = some.next()?;
        loop {
            others.advance_to(candidate);
            let found = others.next()?;
            if found == candidate {
                return Some(RoomNid(found));
            }
            some.advance_to(found);
            candidate = some.next()?;
            if found == candidate {
                return Some(RoomNid(found));
            }
        }
    }

    /// Whether the events of one of some rooms may concern a user.
    pub fn may_be_in(&self, user: UserNid, rooms: &RoaringBitmap) -> bool {
        !self.user(user).rooms.lock().is_disjoint(rooms)
    }

    /// Until when a session has to wait to be told of nothing but ephemeral changes; none if it need not.
    pub fn pause(&self, user: UserNid, session: &str) -> Option<Instant> {
        let slot = self.user(user);
        let pauses = slot.pauses.lock();
        let until = *pauses.get(session)? + EPHEMERAL_PAUSE;
        (until > Instant::now()).then_some(until)
    }

    /// Notes that a session is told of ephemeral changes now.
    pub fn begin_pause(&self, user: UserNid, session: &str) {
        let slot = self.user(user);
        let mut pauses = slot.pauses.lock();
        let now = Instant::now();
        pauses.retain(|_, told| now.duration_since(*told) < EPHEMERAL_PAUSE);
        pauses.insert(session.to_owned(), now);
    }

    /// The position that orders a room in lists, when one was seen since the start.
    pub fn bump(&self, room: RoomNid) -> Option<StreamPos> {
        let rooms = self.inner.rooms.read();
        let bump = rooms.get(&room)?.bump.load(Ordering::Acquire);
        (bump != 0).then_some(StreamPos(bump))
    }

    /// Remembers a bump position found in the database.
    pub fn learn_bump(&self, room: RoomNid, position: StreamPos) {
        self.room(room).bump.fetch_max(position.0, Ordering::AcqRel);
    }

    /// The position of a room's last event, when it is known.
    pub fn last_event(&self, room: RoomNid) -> Option<StreamPos> {
        let rooms = self.inner.rooms.read();
        let last = rooms.get(&room)?.last_event.load(Ordering::Acquire);
        (last != 0).then_some(StreamPos(last))
    }

    /// Remembers the position of a room's last event that was found in the database.
    pub fn learn_last_event(&self, room: RoomNid, position: StreamPos) {
        let slot = self.room(room);
        slot.last_event.fetch_max(position.0, Ordering::AcqRel);
    }

    fn room_position(&self, room: RoomNid, which: impl Fn(&RoomSlot) -> &AtomicU64) -> StreamPos {
        let rooms = self.inner.rooms.read();
        rooms.get(&room).map_or(self.inner.start, |slot| {
            StreamPos(which(slot).load(Ordering::Acquire))
        })
    }

    fn room(&self, room: RoomNid) -> Arc<RoomSlot> {
        self.inner.room(room)
    }

    fn user(&self, user: UserNid) -> Arc<UserSlot> {
        self.inner.user(user)
    }

    fn now(&self) -> u64 {
        self.inner.now()
    }
}

impl Inner {
    fn room(&self, room: RoomNid) -> Arc<RoomSlot> {
        if let Some(slot) = self.rooms.read().get(&room) {
            return Arc::clone(slot);
        }
        let start = self.start.0;
        let slot = || {
            Arc::new(RoomSlot {
                event: AtomicU64::new(start),
                ephemeral: AtomicU64::new(start),
                presence: AtomicU64::new(0),
                bump: AtomicU64::new(0),
                last_event: AtomicU64::new(0),
                online: Mutex::default(),
            })
        };
        Arc::clone(self.rooms.write().entry(room).or_insert_with(slot))
    }

    fn user(&self, user: UserNid) -> Arc<UserSlot> {
        if let Some(slot) = self.users.read().get(&user) {
            return Arc::clone(slot);
        }
        let start = self.start;
        let slot = || {
            Arc::new(UserSlot {
                change: AtomicU64::new(start.0),
                wake: watch::Sender::new(start),
                polled: AtomicU64::new(0),
                presence: AtomicU64::new(0),
                rooms: Mutex::default(),
                knows_rooms: AtomicBool::new(false),
                pauses: Mutex::default(),
                echoes: Mutex::default(),
            })
        };
        Arc::clone(self.users.write().entry(user).or_insert_with(slot))
    }

    /// Milliseconds, never zero.
    fn now(&self) -> u64 {
        (self.clock.elapsed().as_millis() as u64).max(1)
    }

    /// Users who have not polled for a while cost nothing until they come back.
    fn detach_idle(&self) {
        let limit = self.now().saturating_sub(ATTACHED_FOR.as_millis() as u64);
        let mut gone = RoaringBitmap::new();
        for (user, slot) in self.users.read().iter() {
            let polled = slot.polled.load(Ordering::Acquire);
            let idle = polled != 0 && polled < limit && slot.wake.receiver_count() == 0;
            if idle
                && slot
                    .polled
                    .compare_exchange(polled, 0, Ordering::AcqRel, Ordering::Acquire)
                    .is_ok()
            {
                gone.insert(user.0);
            }
        }
        if !gone.is_empty() {
            for slot in self.rooms.read().values() {
                *slot.online.lock() -= &gone;
            }
        }
    }
}

impl Observer for Hub {
    fn committed(&self, changes: &[(StreamPos, Change)]) {
        for &(position, change) in changes {
            match change {
                Change::Event { room, bump } => {
                    let slot = self.room(room);
                    slot.event.fetch_max(position.0, Ordering::AcqRel);
                    slot.last_event.fetch_max(position.0, Ordering::AcqRel);
                    if bump {
                        slot.bump.fetch_max(position.0, Ordering::AcqRel);
                    }
                }
                Change::Ephemeral(room) => {
                    self.room(room)
                        .ephemeral
                        .fetch_max(position.0, Ordering::AcqRel);
                }
                Change::Membership { room, user, joined } => {
                    let of_user = self.user(user);
                    of_user.change.fetch_max(position.0, Ordering::AcqRel);
                    let of_room = self.room(room);
                    if joined {
                        of_room.online.lock().insert(user.0);
                        of_user.rooms.lock().insert(room.0);
                    } else {
                        of_room.online.lock().remove(user.0);
                        of_user.rooms.lock().remove(room.0);
                    }
                }
                Change::User(user) => {
                    self.user(user)
                        .change
                        .fetch_max(position.0, Ordering::AcqRel);
                }
                Change::Presence(user) => {
                    let slot = self.user(user);
                    slot.presence.fetch_max(position.0, Ordering::AcqRel);
                    let rooms = slot.rooms.lock().clone();
                    for room in rooms.iter().map(RoomNid) {
                        self.room(room)
                            .presence
                            .fetch_max(position.0, Ordering::AcqRel);
                    }
                }
            }
            // The waker ends only with the runtime.
            if self.inner.wakes.send((position, change)).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;

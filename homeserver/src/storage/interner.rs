//! Texts as small numbers.
//!
//! A number is written before the commit that first uses it, without an fsync of its own: the log keeps the order, so
//! whoever finds the commit finds the number. A crash in between leaves a number nobody uses.

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use quick_cache::sync::Cache;
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};

use super::{Batch, Error, Key, Result, Snapshot, Table, options::Database, tables};
use crate::ids::{EventNid, RoomNid, StateKeyNid, TypeNid, UserNid};

/// Texts kept in memory per kind and direction.
const CACHED: usize = 20_000;

/// Numbers for rooms, users, event types and state keys, and fresh numbers for events.
pub struct Interner {
    db: Arc<Database>,
    rooms: Kind<RoomNid>,
    users: Kind<UserNid>,
    types: Kind<TypeNid>,
    state_keys: Kind<StateKeyNid>,
    next_event: AtomicU64,
}

impl Interner {
    pub(super) fn open(db: Arc<Database>) -> Result<Self> {
        let snapshot = Snapshot::new(&db);
        let next_event = match tables::EVENT.scan_back(&snapshot, ())?.next() {
            Some(row) => row?.0.0 + 1,
            None => 1,
        };
        let floor = tables::NEXT_EVENT.get(&snapshot, ())?;
        let next_event = next_event.max(floor.map_or(1, |floor| floor.0));
        let interner = Self {
            rooms: Kind::open(&snapshot, tables::ROOM_NID, tables::ROOM_TEXT)?,
            users: Kind::open(&snapshot, tables::USER_NID, tables::USER_TEXT)?,
            types: Kind::open(&snapshot, tables::TYPE_NID, tables::TYPE_TEXT)?,
            state_keys: Kind::open(&snapshot, tables::STATE_KEY_NID, tables::STATE_KEY_TEXT)?,
            next_event: AtomicU64::new(next_event),
            db: Arc::clone(&db),
        };
        drop(snapshot);
        Ok(interner)
    }

    /// A number no event has. The mapping is written with the event itself, under the room's lock.
    pub fn next_event(&self) -> EventNid {
        EventNid(self.next_event.fetch_add(1, Ordering::Relaxed))
    }

    /// A number that every event from now on is beyond. Whoever removes events stores it as `NEXT_EVENT` with that.
    pub fn event_floor(&self) -> EventNid {
        EventNid(self.next_event.load(Ordering::Relaxed))
    }

    /// The number of a room, given now if it has none.
    pub fn room(&self, id: &RoomId) -> Result<RoomNid> {
        self.rooms.intern(&self.db, id.as_str())
    }

    /// The number of a room this server has met.
    pub fn find_room(&self, id: &RoomId) -> Result<Option<RoomNid>> {
        self.rooms.find(&self.db, id.as_str())
    }

    /// The room of a number.
    pub fn room_id(&self, nid: RoomNid) -> Result<OwnedRoomId> {
        self.rooms
            .text(&self.db, nid)?
            .as_ref()
            .try_into()
            .map_err(|_| Error::Corrupt("an interned room id is malformed"))
    }

    /// The number of a user, given now if they have none.
    pub fn user(&self, id: &UserId) -> Result<UserNid> {
        self.users.intern(&self.db, id.as_str())
    }

    /// The number of a user this server has met.
    pub fn find_user(&self, id: &UserId) -> Result<Option<UserNid>> {
        self.users.find(&self.db, id.as_str())
    }

    /// The user of a number.
    pub fn user_id(&self, nid: UserNid) -> Result<OwnedUserId> {
        self.users
            .text(&self.db, nid)?
            .as_ref()
            .try_into()
            .map_err(|_| Error::Corrupt("an interned user id is malformed"))
    }

    /// The number of an event type.
    pub fn event_type(&self, name: &str) -> Result<TypeNid> {
        self.types.intern(&self.db, name)
    }

    /// The number of an event type that was used before.
    pub fn find_event_type(&self, name: &str) -> Result<Option<TypeNid>> {
        self.types.find(&self.db, name)
    }

    /// The event type of a number.
    pub fn type_name(&self, nid: TypeNid) -> Result<Arc<str>> {
        self.types.text(&self.db, nid)
    }

    /// The number of an event type and state key.
    pub fn state_key(&self, event_type: &str, state_key: &str) -> Result<StateKeyNid> {
        self.state_keys
            .intern(&self.db, &state_key_pair(event_type, state_key))
    }

    /// The number of an event type and state key that were used before.
    pub fn find_state_key(&self, event_type: &str, state_key: &str) -> Result<Option<StateKeyNid>> {
        self.state_keys
            .find(&self.db, &state_key_pair(event_type, state_key))
    }

    /// The event type and the state key of a number.
    pub fn state_key_text(&self, nid: StateKeyNid) -> Result<(String, String)> {
        let pair = self.state_keys.text(&self.db, nid)?;
        let malformed = Error::Corrupt("an interned state key is malformed");
        let (length, rest) = pair.split_once(' ').ok_or(malformed)?;
        let at = length.parse().ok().filter(|&at| rest.is_char_boundary(at));
        let (event_type, state_key) =
            rest.split_at(at.ok_or(Error::Corrupt("an interned state key is malformed"))?);
        Ok((event_type.to_owned(), state_key.to_owned()))
    }
}

/// How a pair of event type and state key is interned. Both may hold any character, so the first one's length leads.
pub fn state_key_pair(event_type: &str, state_key: &str) -> String {
    format!("{} {event_type}{state_key}", event_type.len())
}

/// A number type that is handed out in order.
trait Number: Key + Copy + Eq + std::hash::Hash {
    fn new(n: u64) -> Option<Self>;
    fn get(self) -> u64;
}

macro_rules! numbers {
    ($($type:ident($inner:ty)),*) => {$(
        impl Number for $type {
            fn new(n: u64) -> Option<Self> {
                <$inner>::try_from(n).ok().map(Self)
            }
            fn get(self) -> u64 {
                self.0.into()
            }
        }
    )*};
}
numbers!(RoomNid(u32), UserNid(u32), TypeNid(u32), StateKeyNid(u64));

struct Kind<N> {
    by_text: Table<String, N>,
    by_number: Table<N, String>,
    numbers: Cache<Arc<str>, u64>,
    texts: Cache<u64, Arc<str>>,
    next: Mutex<u64>,
    number: PhantomData<fn() -> N>,
}

impl<N: Number + super::Value + super::KeyOf<N>> Kind<N> {
    fn open(
        snapshot: &Snapshot<'_>,
        by_text: Table<String, N>,
        by_number: Table<N, String>,
    ) -> Result<Self> {
        let next = match by_number.scan_back(snapshot, ())?.next() {
            Some(row) => row?.0.get() + 1,
            None => 1,
        };
        Ok(Self {
            by_text,
            by_number,
            numbers: Cache::new(CACHED),
            texts: Cache::new(CACHED),
            next: Mutex::new(next),
            number: PhantomData,
        })
    }

    fn find(&self, db: &Database, text: &str) -> Result<Option<N>> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(N::new(number));
        }
        let found = self.by_text.get(&Snapshot::new(db), text)?;
        if let Some(number) = found {
            self.numbers.insert(text.into(), number.get());
        }
        Ok(found)
    }

    fn intern(&self, db: &Database, text: &str) -> Result<N> {
        if let Some(number) = self.find(db, text)? {
            return Ok(number);
        }
        let mut next = self.next.lock();
        // Somebody else may have been quicker.
        if let Some(number) = self.find(db, text)? {
            return Ok(number);
        }
        let number = N::new(*next).ok_or(Error::Corrupt("all numbers of a kind are used up"))?;
        let mut batch = Batch::new(db);
        self.by_text.put(&mut batch, text, &number);
        self.by_number.put(&mut batch, number, &text.to_owned());
        db.write(batch.finish()?)?;
        *next += 1;
        self.numbers.insert(text.into(), number.get());
        Ok(number)
    }

    fn text(&self, db: &Database, number: N) -> Result<Arc<str>> {
        if let Some(text) = self.texts.get(&number.get()) {
            return Ok(text);
        }
        let text: Arc<str> = self
            .by_number
            .get(&Snapshot::new(db), number)?
            .ok_or(Error::Corrupt("a number stands for nothing"))?
            .into();
        self.texts.insert(number.get(), Arc::clone(&text));
        Ok(text)
    }
}

//! What a client of sliding sync has been told.
//!
//! A connection is kept in memory: for each room the position up to which the client knows it. An answer may be lost on
//! its way, so what it told counts only when the client comes back with its `pos`; a client that repeats the position
//! before gets another answer, and the lost one is void. Connections that are lost (a restart, too many) are refused with
//! `M_UNKNOWN_POS`, upon which clients begin again.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use ruma::{OwnedDeviceId, api::error::ErrorKind};
use tokio::sync::OwnedMutexGuard;

use crate::{
    error::{ApiError, ApiResult},
    ids::{RoomNid, StreamPos, UserNid},
};

/// Connections one device may have.
const PER_DEVICE: usize = 8;

type Slot = Arc<tokio::sync::Mutex<Connection>>;

/// A connection with the time of its last use.
struct Known {
    name: String,
    slot: Slot,
    used: u64,
}

/// All connections.
#[derive(Default)]
pub struct Connections {
    devices: Mutex<HashMap<(UserNid, OwnedDeviceId), Vec<Known>>>,
    uses: std::sync::atomic::AtomicU64,
}

/// What a client knows of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Everything up to here.
    pub upto: StreamPos,
    /// How many events it asked for.
    pub timeline_limit: usize,
    /// Which state it asked for.
    pub required_state: Arc<Vec<(String, String)>>,
    /// Whether the room was a direct chat.
    pub is_direct: bool,
}

/// What is told beside the events of rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Beside {
    /// Account data; that of the user as a whole belongs to [`NO_ROOM`].
    AccountData,
    /// Receipts.
    Receipts,
    /// Who is typing.
    Typing,
    /// Subscriptions to threads, which belong to [`NO_ROOM`].
    ThreadSubscriptions,
}

/// Stands for no room.
pub const NO_ROOM: RoomNid = RoomNid(0);

/// What an answer tells, for when the client has it.
#[derive(Default)]
pub struct Telling {
    /// What the client knows of each room that is told.
    pub rooms: Vec<(RoomNid, Told)>,
    /// What was told completely beside the events of rooms.
    pub beside: Vec<(Beside, RoomNid)>,
}

/// One connection.
#[derive(Default)]
pub struct Connection {
    /// Tells this connection from an earlier one of the same name.
    instance: u64,
    /// The number of the last answer the client is known to have.
    serial: u64,
    /// Up to where the stream was told with that answer.
    upto: Option<StreamPos>,
    rooms: HashMap<RoomNid, Told>,
    beside: HashMap<(Beside, RoomNid), StreamPos>,
    /// The answer after that one, which the client may or may not have.
    sent: Option<Sent>,
}

/// What an answer told, and up to where.
struct Sent {
    upto: StreamPos,
    telling: Telling,
}

impl Connections {
    /// Takes a device's connection for one request.
    pub async fn take(
        &self,
        user: UserNid,
        device: &OwnedDeviceId,
        name: &str,
    ) -> OwnedMutexGuard<Connection> {
        let used = self.uses.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let slot = {
            let mut devices = self.devices.lock();
            let known = devices.entry((user, device.clone())).or_default();
            if let Some(found) = known.iter_mut().find(|known| known.name == name) {
                found.used = used;
                Arc::clone(&found.slot)
            } else {
                if known.len() >= PER_DEVICE
                    && let Some(oldest) = (0..known.len()).min_by_key(|at| known[*at].used)
                {
                    known.swap_remove(oldest);
                }
                let slot = Slot::default();
                known.push(Known {
                    name: name.to_owned(),
                    slot: Arc::clone(&slot),
                    used,
                });
                slot
            }
        };
        slot.lock_owned().await
    }

    /// Forgets what a device was told.
    pub fn forget(&self, user: UserNid, device: &OwnedDeviceId) {
        self.devices.lock().remove(&(user, device.clone()));
    }
}

impl Connection {
    /// Goes to the position a client comes with; without one the connection begins anew.
    pub fn resume(&mut self, pos: Option<&str>) -> ApiResult<()> {
        let Some(pos) = pos else {
            *self = Self {
                instance: rand::random(),
                ..Self::default()
            };
            return Ok(());
        };
        if let Some(sent) = &self.sent
            && pos == self.token(self.serial + 1, sent.upto)
            && let Some(Sent { upto, telling }) = self.sent.take()
        {
            self.serial += 1;
            self.upto = Some(upto);
            self.rooms.extend(telling.rooms);
            let beside = telling.beside.into_iter().map(|key| (key, upto));
            self.beside.extend(beside);
            return Ok(());
        }
        if let Some(upto) = self.upto
            && pos == self.token(self.serial, upto)
        {
            self.sent = None;
            return Ok(());
        }
        let message = "The server does not remember this connection: begin again without pos.";
        Err(ApiError::bad_request(ErrorKind::UnknownPos, message))
    }

    /// The `pos` of an answer. It ends with the position in the stream, so that `/messages` can begin there.
    fn token(&self, serial: u64, upto: StreamPos) -> String {
        format!("p{:x}.{serial}.{upto}", self.instance)
    }

    /// Up to where the client knows the stream.
    pub fn upto(&self) -> Option<StreamPos> {
        self.upto
    }

    /// Every room the client knows.
    pub fn rooms(&self) -> &HashMap<RoomNid, Told> {
        &self.rooms
    }

    /// Up to where the client knows something beside a room's events, if it knows anything of it.
    pub fn beside(&self, what: Beside, room: RoomNid) -> Option<StreamPos> {
        self.beside.get(&(what, room)).copied()
    }

    /// Notes an answer and returns its `pos`.
    pub fn send(&mut self, upto: StreamPos, telling: Telling) -> String {
        self.sent = Some(Sent { upto, telling });
        self.token(self.serial + 1, upto)
    }
}

/// The position in the stream that a `pos` stands for.
pub fn position_of(pos: &str) -> Option<StreamPos> {
    let (_, upto) = pos.strip_prefix('p')?.rsplit_once('.')?;
    upto.parse().ok().map(StreamPos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telling(upto: u64) -> Telling {
        Telling {
            rooms: vec![(RoomNid(1), told(upto))],
            beside: vec![(Beside::Receipts, RoomNid(1))],
        }
    }

    fn told(upto: u64) -> Told {
        Told {
            upto: StreamPos(upto),
            timeline_limit: 1,
            required_state: Arc::default(),
            is_direct: false,
        }
    }

    #[test]
    fn answer_counts_once_the_client_comes_back_with_it() {
        let mut connection = Connection::default();
        connection.resume(None).unwrap();
        let first = connection.send(StreamPos(5), telling(5));
        assert!(connection.rooms().is_empty());
        assert_eq!(connection.beside(Beside::Receipts, RoomNid(1)), None);
        connection.resume(Some(&first)).unwrap();
        assert_eq!(connection.rooms().get(&RoomNid(1)), Some(&told(5)));
        let receipts = connection.beside(Beside::Receipts, RoomNid(1));
        assert_eq!(receipts, Some(StreamPos(5)));
        assert_eq!(connection.beside(Beside::Typing, RoomNid(1)), None);
        assert_eq!(connection.upto(), Some(StreamPos(5)));
    }

    #[test]
    fn lost_answer_is_made_anew_and_void() {
        let mut connection = Connection::default();
        connection.resume(None).unwrap();
        let first = connection.send(StreamPos(5), Telling::default());
        connection.resume(Some(&first)).unwrap();
        let lost = connection.send(StreamPos(6), telling(6));
        connection.resume(Some(&first)).unwrap();
        assert!(connection.rooms().is_empty());
        assert_eq!(connection.upto(), Some(StreamPos(5)));
        let next = connection.send(StreamPos(7), Telling::default());
        assert!(connection.resume(Some(&lost)).is_err());
        connection.resume(Some(&next)).unwrap();
        assert_eq!(connection.upto(), Some(StreamPos(7)));
    }

    #[test]
    fn unknown_positions_are_refused() {
        let mut connection = Connection::default();
        assert!(connection.resume(Some("p1.1.1")).is_err());
        connection.resume(None).unwrap();
        let first = connection.send(StreamPos(5), Telling::default());
        connection.resume(None).unwrap();
        assert!(connection.resume(Some(&first)).is_err());
    }

    #[test]
    fn pos_stands_for_a_position() {
        let mut connection = Connection::default();
        connection.resume(None).unwrap();
        let pos = connection.send(StreamPos(5), Telling::default());
        assert_eq!(position_of(&pos), Some(StreamPos(5)));
        for other in ["", "p", "p1", "p1.", "s1_5", "p1.1.x"] {
            assert_eq!(position_of(other), None, "{other}");
        }
    }
}

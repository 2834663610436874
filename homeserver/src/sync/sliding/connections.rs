//! What a client of sliding sync has been told.
//!
//! A connection is kept in memory: for each room the position up to which the client knows it. An answer may be lost on
//! its way, so what it told counts only when the client comes back with its `pos`; a client that repeats the position
//! before gets the answer anew. Connections that are lost (a restart, too many) are refused with `M_UNKNOWN_POS`, upon
//! which clients begin again.

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
    /// The answer after that one, which the client may or may not have.
    sent: Option<Sent>,
}

/// What an answer told.
struct Sent {
    upto: StreamPos,
    rooms: Vec<(RoomNid, Told)>,
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
        if pos == self.token(self.serial + 1)
            && let Some(sent) = self.sent.take()
        {
            self.serial += 1;
            self.upto = Some(sent.upto);
            self.rooms.extend(sent.rooms);
            return Ok(());
        }
        if self.upto.is_some() && pos == self.token(self.serial) {
            self.sent = None;
            return Ok(());
        }
        let message = "The server does not remember this connection: begin again without pos.";
        Err(ApiError::bad_request(ErrorKind::UnknownPos, message))
    }

    fn token(&self, serial: u64) -> String {
        format!("{:x}_{serial}", self.instance)
    }

    /// Up to where the client knows the stream.
    pub fn upto(&self) -> Option<StreamPos> {
        self.upto
    }

    /// Every room the client knows.
    pub fn rooms(&self) -> &HashMap<RoomNid, Told> {
        &self.rooms
    }

    /// Notes an answer and returns its `pos`.
    pub fn send(&mut self, upto: StreamPos, rooms: Vec<(RoomNid, Told)>) -> String {
        self.sent = Some(Sent { upto, rooms });
        self.token(self.serial + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(upto: u64) -> Told {
        Told {
            upto: StreamPos(upto),
            timeline_limit: 1,
            required_state: Arc::default(),
        }
    }

    #[test]
    fn answer_counts_once_the_client_comes_back_with_it() {
        let mut connection = Connection::default();
        connection.resume(None).unwrap();
        let first = connection.send(StreamPos(5), vec![(RoomNid(1), told(5))]);
        assert!(connection.rooms().is_empty());
        connection.resume(Some(&first)).unwrap();
        assert_eq!(connection.rooms().get(&RoomNid(1)), Some(&told(5)));
        assert_eq!(connection.upto(), Some(StreamPos(5)));
    }

    #[test]
    fn lost_answer_is_made_anew() {
        let mut connection = Connection::default();
        connection.resume(None).unwrap();
        let first = connection.send(StreamPos(5), vec![]);
        connection.resume(Some(&first)).unwrap();
        let lost = connection.send(StreamPos(6), vec![(RoomNid(1), told(6))]);
        connection.resume(Some(&first)).unwrap();
        assert!(connection.rooms().is_empty());
        assert_eq!(connection.upto(), Some(StreamPos(5)));
        assert_eq!(connection.send(StreamPos(7), vec![]), lost);
    }

    #[test]
    fn unknown_positions_are_refused() {
        let mut connection = Connection::default();
        assert!(connection.resume(Some("1_1")).is_err());
        connection.resume(None).unwrap();
        let first = connection.send(StreamPos(5), vec![]);
        connection.resume(None).unwrap();
        assert!(connection.resume(Some(&first)).is_err());
    }
}

//! What is kept for other servers until they have it.

use ruma::OwnedServerName;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{EventNid, RoomNid, StreamPos},
    records,
};

/// An event that other servers wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedEvent {
    /// The room; its servers are who waits.
    pub room: RoomNid,
    /// The event.
    pub event: EventNid,
    /// Servers that have to know beside those in the room: those whose last user it removes.
    #[serde(default)]
    pub also: Vec<OwnedServerName>,
    /// The server the event came from, where this server only passes it on.
    #[serde(default)]
    pub except: Option<OwnedServerName>,
    /// The event itself, as it is exchanged, where it will be gone from the room before everybody has it.
    #[serde(default)]
    pub pdu: Option<String>,
}

/// How far another server is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationRow {
    /// Everything logged up to here has been taken by the server, or does not concern it.
    pub sent: StreamPos,
    /// Whether part of the log was forgotten before the server took it: then it is told the newest event of each room.
    #[serde(default)]
    pub is_behind: bool,
    /// Since when the server does not answer, in milliseconds; zero while it does.
    #[serde(default)]
    pub failing_since: u64,
    /// For a server that is behind: how far it will be once it knows the newest event of each room, or zero.
    #[serde(default)]
    pub catching_up_to: StreamPos,
    /// For a server that is behind: it knows the newest events of rooms from here on. Those of other rooms are older.
    #[serde(default)]
    pub told_from: StreamPos,
}

impl DestinationRow {
    /// The row of a server that has everything up to a position.
    pub fn up_to(sent: StreamPos) -> Self {
        Self {
            sent,
            ..Self::default()
        }
    }
}

records!(LoggedEvent = 1, DestinationRow = 1);

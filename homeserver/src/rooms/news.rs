//! What passes in rooms and is told to those who listen, such as other servers: it is true for a moment only, and
//! nobody waits for it.

use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedServerName, OwnedUserId};
use tokio::sync::broadcast;

use super::{Rooms, receipts::ReceiptThread};
use crate::ids::{RoomNid, UserNid};

/// News that nobody has looked at yet; older ones are forgotten.
pub(super) const UNSEEN: usize = 1_000;

/// Something that passed.
#[derive(Clone, Debug)]
pub enum News {
    /// A user began or ended typing.
    Typing {
        /// Where.
        room: RoomNid,
        /// Who.
        user: UserNid,
        /// Whether they type now.
        typing: bool,
    },
    /// A user has read up to an event, for all to know.
    Read {
        /// Where.
        room: RoomNid,
        /// Who.
        user: OwnedUserId,
        /// Up to which event.
        event: OwnedEventId,
        /// In which part of the room.
        thread: ReceiptThread,
        /// When.
        ts: MilliSecondsSinceUnixEpoch,
    },
    /// A user of this server has entered a room that other servers are in.
    Entered {
        /// Where.
        room: RoomNid,
        /// Who.
        user: UserNid,
    },
    /// A user of another server has entered a room, the first one from there.
    EnteredFrom {
        /// Where.
        room: RoomNid,
        /// From where.
        server: OwnedServerName,
    },
}

impl Rooms {
    /// Listens from now on.
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.inner.news.subscribe()
    }

    /// Tells those who listen.
    pub fn tell(&self, news: News) {
        // Nobody listening is fine.
        drop(self.inner.news.send(news));
    }
}

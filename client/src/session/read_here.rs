//! What was read on this computer, until the server tells it back.
//!
//! The SDK counts what stands below the receipt that the server has told last, and that comes with the sync after the
//! one that is under way: for a second or two an opened room would keep its number.

use std::collections::HashMap;

use matrix_sdk::{
    Room,
    ruma::{OwnedEventId, OwnedRoomId},
};

use super::room_row::unread;
use crate::rows::RoomRow;

/// What the SDK counts in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Count {
    /// The message at which the receipt stands that it counts from.
    receipt: Option<OwnedEventId>,
    unread: u64,
    mentions: u64,
}

/// What was counted in each room when it was read here.
#[derive(Default)]
pub(super) struct ReadHere(HashMap<OwnedRoomId, Count>);

impl ReadHere {
    /// All that is in the room was read. Tells whether there is something to take away from its numbers.
    pub(super) fn read(&mut self, room: &Room) -> bool {
        let count = Count::of(room);
        let counts = count.unread > 0 || count.mentions > 0;
        if counts {
            self.0.insert(room.room_id().to_owned(), count);
        }
        counts
    }

    /// Takes away from the numbers of a room what was read here.
    pub(super) fn take_away(&mut self, room: &Room, row: &mut RoomRow) {
        let Some(read) = self.0.get(room.room_id()) else {
            return;
        };
        match Count::of(room).without(read) {
            Some((unread, mentions)) => (row.unread, row.mentions) = (unread, mentions),
            None => drop(self.0.remove(room.room_id())),
        }
    }
}

impl Count {
    fn of(room: &Room) -> Self {
        let receipt = room.read_receipts().latest_active;
        Self {
            receipt: receipt.map(|receipt| receipt.event_id),
            unread: unread(room),
            mentions: room.num_unread_mentions(),
        }
    }

    /// What came after something was read; `None` once that is counted no more.
    fn without(&self, read: &Self) -> Option<(u64, u64)> {
        let is_told = self.receipt != read.receipt || self.unread < read.unread;
        (!is_told).then(|| {
            (
                self.unread - read.unread,
                self.mentions.saturating_sub(read.mentions),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use matrix_sdk::ruma::EventId;

    use super::Count;

    fn count(receipt: &str, unread: u64, mentions: u64) -> Count {
        let receipt = EventId::parse(receipt).ok();
        Count {
            receipt,
            unread,
            mentions,
        }
    }

    #[test]
    fn what_was_read_is_taken_away_until_the_server_has_told_it() {
        let read = count("$a", 3, 1);
        assert_eq!(count("$a", 3, 1).without(&read), Some((0, 0)));
        assert_eq!(count("$a", 5, 1).without(&read), Some((2, 0)));
        assert_eq!(count("$d", 0, 0).without(&read), None);
        assert_eq!(count("$d", 3, 1).without(&read), None, "three new ones");
    }

    #[test]
    fn a_mark_set_by_hand_is_gone_when_the_server_has_taken_it_off() {
        let read = count("$a", 1, 0);
        assert_eq!(count("$a", 1, 0).without(&read), Some((0, 0)));
        assert_eq!(count("$a", 0, 0).without(&read), None);
    }
}

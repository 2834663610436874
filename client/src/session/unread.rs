//! How many messages are new, in the light of what was read here and on other computers.
//!
//! The SDK counts what stands below the receipt that the server has told last, and that comes with the sync after the
//! one that is under way: for a second or two an opened room would keep its number. Of a room that was not opened it
//! knows few messages, so what the server has counted counts too; but that comes with the next message only, not when
//! something is read on another computer.

use std::collections::HashMap;

use matrix_sdk::{
    Room,
    ruma::{OwnedEventId, OwnedRoomId},
};

use crate::rows::RoomRow;

/// What the SDK counts in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Count {
    /// The message at which the receipt stands that it counts from.
    receipt: Option<OwnedEventId>,
    unread: u64,
    mentions: u64,
}

/// What the server has counted, and where the receipt stood when it told that.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    unread: u64,
    receipt: Option<OwnedEventId>,
}

/// What is new in each room.
#[derive(Default)]
pub(super) struct Unread {
    told: HashMap<OwnedRoomId, Told>,
    /// What was counted when all of it was read here.
    read: HashMap<OwnedRoomId, Count>,
}

impl Unread {
    /// All that is in the room was read. Tells whether there is something to take away from its numbers.
    pub(super) fn read(&mut self, room: &Room) -> bool {
        let count = self.count(room);
        let counts = count.unread > 0 || count.mentions > 0;
        if counts {
            self.read.insert(room.room_id().to_owned(), count);
        }
        counts
    }

    /// Gives a row its numbers.
    pub(super) fn number(&mut self, room: &Room, row: &mut RoomRow) {
        let count = self.count(room);
        (row.unread, row.mentions) = (count.unread, count.mentions);
        let Some(read) = self.read.get(room.room_id()) else {
            return;
        };
        match count.without(read) {
            Some((unread, mentions)) => (row.unread, row.mentions) = (unread, mentions),
            None => drop(self.read.remove(room.room_id())),
        }
    }

    /// Somebody who marks a room as unread by hand gets a count of one.
    fn count(&mut self, room: &Room) -> Count {
        let receipt = room.read_receipts().latest_active;
        let receipt = receipt.map(|receipt| receipt.event_id);
        let server = Told {
            unread: room.unread_notification_counts().notification_count,
            receipt: receipt.clone(),
        };
        let told = self.told.entry(room.room_id().to_owned());
        let told = told.or_insert_with(|| server.clone());
        let unread = match room.num_unread_messages() {
            0 => u64::from(room.is_marked_unread()),
            known => known.max(told.hear(server)),
        };
        Count {
            receipt,
            unread,
            mentions: room.num_unread_mentions(),
        }
    }
}

impl Told {
    /// What the server has counted; nothing when it is a number from before something was read.
    fn hear(&mut self, now: Self) -> u64 {
        if now.unread != self.unread {
            *self = now;
        } else if now.receipt != self.receipt {
            return 0;
        }
        self.unread
    }
}

impl Count {
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

    use super::{Count, Told};

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

    #[test]
    fn a_number_from_before_something_was_read_elsewhere_does_not_count() {
        let told = |unread, receipt: &str| Told {
            unread,
            receipt: EventId::parse(receipt).ok(),
        };
        let mut server = told(3, "$a");
        assert_eq!(server.hear(told(3, "$a")), 3);
        assert_eq!(server.hear(told(3, "$c")), 0, "two of them were read");
        assert_eq!(server.hear(told(3, "$c")), 0);
        assert_eq!(server.hear(told(2, "$c")), 2, "another one has come");
        assert_eq!(server.hear(told(2, "$c")), 2);
    }
}

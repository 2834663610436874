//! How much a user has not read.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#receiving-notifications)

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::{RoomNid, StreamPos, UserNid},
    rooms::{
        Rooms,
        deletion::history_start,
        rows::{Place, UserRoomRow},
    },
    storage::{Result, Snapshot, tables},
};

/// Notifying events and mentions after what was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Events that notify.
    pub notifications: u64,
    /// Events that mention the user.
    pub highlights: u64,
}

/// What is unread in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// Outside of threads.
    pub main: Count,
    /// In each thread with something unread, by the id of its first event.
    pub threads: BTreeMap<String, Count>,
}

impl Unread {
    /// Everything together, for clients that do not tell threads apart.
    pub fn total(&self) -> Count {
        self.threads.values().fold(self.main, |sum, count| Count {
            notifications: sum.notifications + count.notifications,
            highlights: sum.highlights + count.highlights,
        })
    }

    /// Counts what a member has not read up to a position.
    pub fn count(
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        room: RoomNid,
        row: &UserRoomRow,
        upto: StreamPos,
    ) -> Result<Self> {
        let read = ReadUpTo::load(rooms, snapshot, user, room, row.joined_at)?;
        let mut unread = Self::default();
        let now = notifying_at(snapshot, room, upto)?;
        unread.main.notifications = now.saturating_sub(notifying_at(snapshot, room, read.main)?);
        let (after, end) = ((room, read.oldest().plus(1)), (room, upto.plus(1)));
        let mut retracted = BTreeSet::new();
        for row in tables::RETRACTED.range(snapshot, after, end)? {
            let ((_, pos), counted) = row?;
            retracted.insert(pos);
            if pos > read.main {
                unread.main.notifications -= u64::from(counted).min(unread.main.notifications);
            }
        }
        for row in tables::THREAD_NOTIFYING.range(snapshot, after, end)? {
            let ((_, pos), (root, sender)) = row?;
            if sender != user && pos > read.of(&root) && !retracted.contains(&pos) {
                unread.threads.entry(root).or_default().notifications += 1;
            }
        }
        // Where the user's own rules say something else, the mention of everybody is part of that.
        let mut mentions = BTreeMap::new();
        for row in tables::MENTIONING_ALL.range(snapshot, after, end)? {
            let ((_, pos), (root, sender)) = row?;
            if sender != user {
                mentions.insert(pos, root);
            }
        }
        let personal = (user, room, after.1);
        for row in tables::PERSONAL_NOTIFYING.range(snapshot, personal, (user, room, end.1))? {
            let ((_, _, pos), (difference, highlight, root)) = row?;
            mentions.remove(&pos);
            if pos > read.of_root(&root) && !retracted.contains(&pos) {
                unread.of_root(root).add(difference, highlight);
            }
        }
        for (pos, root) in mentions {
            if pos > read.of_root(&root) && !retracted.contains(&pos) {
                unread.of_root(root).highlights += 1;
            }
        }
        unread.threads.retain(|_, count| *count != Count::default());
        Ok(unread)
    }

    /// The count of a thread, or of what is in none.
    fn of_root(&mut self, root: String) -> &mut Count {
        if root.is_empty() {
            &mut self.main
        } else {
            self.threads.entry(root).or_default()
        }
    }
}

impl Count {
    /// Adds a personal row, see `PERSONAL_NOTIFYING`.
    fn add(&mut self, difference: u8, highlight: u8) {
        self.notifications = (self.notifications + u64::from(difference)).saturating_sub(1);
        self.highlights += u64::from(highlight);
    }
}

/// Up to where a user has read a room.
pub(super) struct ReadUpTo {
    main: StreamPos,
    /// What is read wherever it stands.
    everywhere: StreamPos,
    threads: BTreeMap<String, StreamPos>,
}

impl ReadUpTo {
    pub(super) fn load(
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        room: RoomNid,
        joined_at: StreamPos,
    ) -> Result<Self> {
        let receipts = rooms.read_positions(snapshot, user, room)?;
        // What was removed is not unread.
        let (start, _) = history_start(snapshot, room)?;
        let earliest = joined_at.max(start);
        let everywhere = receipts
            .unthreaded
            .map_or(earliest, |place| place.pos.max(earliest));
        let mut read = Self {
            main: everywhere,
            everywhere,
            threads: BTreeMap::new(),
        };
        for (thread, place) in receipts.threads {
            read.advance(thread, place.pos);
        }
        for row in tables::READ.scan(snapshot, (user, room))? {
            let ((_, _, thread), pos) = row?;
            read.advance(thread, pos);
        }
        Ok(read)
    }

    fn advance(&mut self, thread: String, pos: StreamPos) {
        let read = if thread == "main" {
            &mut self.main
        } else {
            self.threads.entry(thread).or_insert(pos)
        };
        *read = pos.max(*read);
    }

    fn of(&self, thread: &str) -> StreamPos {
        self.threads
            .get(thread)
            .copied()
            .unwrap_or(StreamPos::ZERO)
            .max(self.everywhere)
    }

    /// The same where an empty name stands for what is in no thread.
    pub(super) fn of_root(&self, root: &str) -> StreamPos {
        if root.is_empty() {
            self.main
        } else {
            self.of(root)
        }
    }

    /// Nothing before here is unread.
    fn oldest(&self) -> StreamPos {
        self.main.min(self.everywhere)
    }
}

/// How many events of a room notify by default, up to a position.
fn notifying_at(snapshot: &Snapshot<'_>, room: RoomNid, position: StreamPos) -> Result<u64> {
    let first = (room, Place::FIRST.pos, Place::FIRST.sub);
    let mut rows = tables::TIMELINE.range_back(snapshot, first, (room, position.plus(1), 0))?;
    let counted = rows.next().transpose()?.map_or(0, |(_, row)| row.notifying);
    // The rows that counted what was removed are gone, too.
    Ok(counted.max(history_start(snapshot, room)?.1))
}

//! The index: which events have a term.
//!
//! Events with a term are a list of ascending numbers, cut into chunks of some hundred. A chunk is one row under the
//! room, the hash of the term, and the number its list counts from. In it every event is the distance to the one before
//! and a byte that says where the term stands there and how much it means. Words themselves are not stored: what is redacted leaves nothing
//! that could be read.
//!
//! Only the indexer writes these rows. It adds events mostly in the order of their numbers, which within a room is the
//! order they came in, and passes over those that are there already. So whatever was interrupted can be done again.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use crate::{
    ids::{EventNid, RoomNid},
    storage::{Error, Result, Snapshot, tables},
};

/// A chunk of so many bytes is full.
const CHUNK: usize = 2_048;

/// Where in an event a term stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// `content.body`
    Body = 1,
    /// `content.name`
    Name = 2,
    /// `content.topic`
    Topic = 3,
}

/// The hash of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TermHash(pub(super) u64);

impl TermHash {
    /// FNV-1a: short, the same on every machine, and good enough where what is found is looked at again.
    pub(super) fn new(term: &str) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in term.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self(hash)
    }
}

/// What a term is in an event: the field it stands in, how often it stands there, up to 3, and how long the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weight(u8);

impl Weight {
    pub(super) fn new(field: Field, count: u32, words: u32) -> Self {
        // Every step of the length is a factor of two.
        let length = u32::BITS - words.leading_zeros();
        Self((field as u8) << 6 | (count.min(3) as u8) << 4 | length.min(15) as u8)
    }

    /// Whether the term stands in a field.
    pub(super) fn is_in(self, field: Field) -> bool {
        self.0 >> 6 == field as u8
    }

    /// How often the term stands in the text.
    pub(super) fn count(self) -> u8 {
        self.0 >> 4 & 3
    }

    /// The number of binary digits of the number of words.
    pub(super) fn length(self) -> u8 {
        self.0 & 15
    }
}

/// An event that has a term.
pub(super) type Posting = (EventNid, Weight);

/// One row of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// The number from which distances count.
    pub(super) base: EventNid,
    pub(super) bytes: Vec<u8>,
}

impl Chunk {
    fn new(base: EventNid) -> Self {
        let bytes = Vec::with_capacity(8);
        Self { base, bytes }
    }

    /// The events in a chunk.
    pub(super) fn postings(&self) -> Result<Vec<Posting>> {
        let mut found = Vec::with_capacity(self.bytes.len() / 2);
        decode(self.base, &self.bytes, &mut found)?;
        Ok(found)
    }

    fn of(base: EventNid, postings: &[Posting]) -> Self {
        let mut chunk = Self::new(base);
        let mut last = base;
        for &posting in postings {
            chunk.push(&mut last, posting);
        }
        chunk
    }

    fn push(&mut self, last: &mut EventNid, (event, weight): Posting) {
        let mut distance = event.0 - last.0;
        while distance >= 0x80 {
            self.bytes.push(distance as u8 | 0x80);
            distance >>= 7;
        }
        self.bytes.extend([distance as u8, weight.0]);
        *last = event;
    }
}

fn decode(base: EventNid, bytes: &[u8], into: &mut Vec<Posting>) -> Result<()> {
    let malformed = Error::Corrupt("a row of the search index is malformed");
    let mut last = base.0;
    let (mut distance, mut shift) = (0_u64, 0);
    let mut bytes = bytes.iter();
    while let Some(&byte) = bytes.next() {
        if shift > 63 {
            return Err(malformed);
        }
        distance |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            let Some(&weight) = bytes.next() else {
                return Err(malformed);
            };
            last = last.wrapping_add(distance);
            into.push((EventNid(last), Weight(weight)));
            (distance, shift) = (0, 0);
        }
    }
    if shift != 0 {
        return Err(Error::Corrupt("a row of the search index is cut off"));
    }
    Ok(())
}

/// The events of a room that have a term, in the order of their numbers.
pub(super) fn postings(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    term: TermHash,
) -> Result<Vec<Posting>> {
    let mut found = Vec::new();
    for row in tables::POSTING.scan(snapshot, (room, term.0))? {
        let ((_, _, base), bytes) = row?;
        decode(base, &bytes, &mut found)?;
    }
    Ok(found)
}

/// The chunks that change when events are added to the list of a term. They have to be given in ascending order.
pub(super) fn add(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    term: TermHash,
    new: &[Posting],
) -> Result<Vec<Chunk>> {
    let last_row = tables::POSTING
        .scan_back(snapshot, (room, term.0))?
        .next()
        .transpose()?;
    let Some(((_, _, base), bytes)) = last_row else {
        return Ok(append(None, new));
    };
    let chunk = Chunk { base, bytes };
    let postings = chunk.postings()?;
    let last = postings.last().map_or(base, |posting| posting.0);
    let newer = new.partition_point(|posting| posting.0 <= last);
    // Nearly always there are none: events of other servers can get their place later than their number.
    let (older, newer) = new.split_at(newer);
    let mut changed: BTreeMap<EventNid, Vec<Posting>> = BTreeMap::new();
    for &posting in older {
        insert(snapshot, (room, term), posting, &mut changed)?;
    }
    let open = match changed.remove(&base) {
        Some(postings) => Chunk::of(base, &postings),
        None if newer.is_empty() => return Ok(chunks_of(changed)),
        None => chunk,
    };
    let mut chunks = append(Some((open, last)), newer);
    chunks.extend(chunks_of(changed));
    Ok(chunks)
}

fn chunks_of(changed: BTreeMap<EventNid, Vec<Posting>>) -> Vec<Chunk> {
    let chunks = changed.iter();
    chunks
        .map(|(base, postings)| Chunk::of(*base, postings))
        .collect()
}

/// Adds postings behind an open chunk and its last event. Returns it and those that follow.
fn append(open: Option<(Chunk, EventNid)>, new: &[Posting]) -> Vec<Chunk> {
    let (mut chunks, mut last) = match open {
        Some((chunk, last)) => (vec![chunk], last),
        None => (Vec::new(), EventNid(0)),
    };
    for &posting in new {
        if chunks.last().is_none_or(|chunk| chunk.bytes.len() >= CHUNK) {
            chunks.push(Chunk::new(posting.0));
            last = posting.0;
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(&mut last, posting);
        }
    }
    chunks
}

/// Puts a posting where its number belongs, unless it is there.
fn insert(
    snapshot: &Snapshot<'_>,
    (room, term): (RoomNid, TermHash),
    posting: Posting,
    changed: &mut BTreeMap<EventNid, Vec<Posting>>,
) -> Result<()> {
    let from = (room, term.0, EventNid(0));
    let to = (room, term.0, EventNid(posting.0.0 + 1));
    let row = tables::POSTING.range_back(snapshot, from, to)?.next();
    let (base, bytes) = match row.transpose()? {
        Some(((_, _, base), bytes)) => (base, bytes),
        None => (posting.0, Vec::new()),
    };
    let postings = match changed.entry(base) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => new.insert(Chunk { base, bytes }.postings()?),
    };
    if let Err(at) = postings.binary_search_by_key(&posting.0, |known| known.0) {
        postings.insert(at, posting);
    }
    Ok(())
}

/// The chunks that change when events are taken from the list of a term. They may be empty then.
pub(super) fn remove(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    term: TermHash,
    events: &BTreeSet<EventNid>,
) -> Result<Vec<Chunk>> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return Ok(Vec::new());
    };
    let from = (room, term.0, EventNid(0));
    let to = (room, term.0, EventNid(last.0 + 1));
    let mut changed = Vec::new();
    for row in tables::POSTING.range_back(snapshot, from, to)? {
        let ((_, _, base), bytes) = row?;
        let mut postings = Chunk { base, bytes }.postings()?;
        let before = postings.len();
        postings.retain(|posting| !events.contains(&posting.0));
        if postings.len() != before {
            changed.push(Chunk::of(base, &postings));
        }
        if base <= *first {
            break;
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Commit, OpenOptions, Storage};

    const ROOM: RoomNid = RoomNid(1);

    fn posting(event: u64) -> Posting {
        (EventNid(event), Weight::new(Field::Body, 1, 5))
    }

    fn numbers(postings: &[Posting]) -> Vec<u64> {
        postings.iter().map(|posting| posting.0.0).collect()
    }

    fn put(storage: &Storage, term: TermHash, chunks: Vec<Chunk>) {
        let commit = Commit::silent(move |batch| {
            for chunk in chunks {
                let key = (ROOM, term.0, chunk.base);
                match chunk.bytes.is_empty() {
                    true => tables::POSTING.delete(batch, key),
                    false => tables::POSTING.put(batch, key, &chunk.bytes),
                }
            }
        });
        storage.commit_blocking(commit).unwrap();
    }

    #[test]
    fn lists_grow_over_many_chunks_and_shrink_again() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path(), OpenOptions { sync: false }).unwrap();
        let term = TermHash::new("кот");
        let mut expected = Vec::new();
        for batch in 0..40 {
            let new: Vec<_> = (0..50)
                .map(|n| posting(batch * 100_000 + n * n + 1))
                .collect();
            expected.extend(numbers(&new));
            // Twice, as after a kill.
            for _ in 0..2 {
                let chunks = add(&storage.snapshot(), ROOM, term, &new).unwrap();
                put(&storage, term, chunks);
            }
        }
        let found = postings(&storage.snapshot(), ROOM, term).unwrap();
        assert_eq!(numbers(&found), expected);
        assert!(
            tables::POSTING
                .scan(&storage.snapshot(), ())
                .unwrap()
                .count()
                > 1
        );
        let all: Vec<EventNid> = expected.iter().map(|event| EventNid(*event)).collect();
        for some in all.chunks(300) {
            let gone: BTreeSet<_> = some.iter().copied().filter(|nid| nid.0 % 3 != 1).collect();
            let chunks = remove(&storage.snapshot(), ROOM, term, &gone).unwrap();
            put(&storage, term, chunks);
        }
        expected.retain(|event| event % 3 == 1);
        let found = postings(&storage.snapshot(), ROOM, term).unwrap();
        assert_eq!(numbers(&found), expected);
        let absent = BTreeSet::from([EventNid(77)]);
        assert!(
            remove(&storage.snapshot(), ROOM, term, &absent)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn late_events_get_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path(), OpenOptions { sync: false }).unwrap();
        let term = TermHash::new("кот");
        let all: Vec<u64> = (1..4_000).map(|n| n * 5).collect();
        let (late, early): (Vec<u64>, Vec<u64>) = all.iter().partition(|n| *n % 7 == 0);
        for some in [&early, &late, &early] {
            for some in some.chunks(900) {
                let new: Vec<_> = some.iter().map(|n| posting(*n)).collect();
                let chunks = add(&storage.snapshot(), ROOM, term, &new).unwrap();
                put(&storage, term, chunks);
            }
        }
        let found = postings(&storage.snapshot(), ROOM, term).unwrap();
        assert_eq!(numbers(&found), all);
        put(
            &storage,
            term,
            add(&storage.snapshot(), ROOM, term, &[posting(2)]).unwrap(),
        );
        let found = postings(&storage.snapshot(), ROOM, term).unwrap();
        assert_eq!(numbers(&found)[..2], [2, 5]);
    }

    #[test]
    fn bytes_of_a_chunk_are_fixed() {
        let postings = [
            (EventNid(10), Weight::new(Field::Body, 1, 4)),
            (EventNid(310), Weight::new(Field::Topic, 20, 100_000)),
        ];
        let chunk = Chunk::of(EventNid(10), &postings);
        assert_eq!(chunk.bytes, [0, 0x53, 0xac, 2, 0xff]);
        assert_eq!(chunk.postings().unwrap(), postings);
        assert_eq!(TermHash::new("a").0, 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn damaged_chunks_are_refused() {
        for bytes in [&[1][..], &[0x80], &[0xff; 12]] {
            let chunk = Chunk {
                base: EventNid(1),
                bytes: bytes.to_vec(),
            };
            assert!(chunk.postings().is_err(), "{bytes:?}");
        }
    }
}

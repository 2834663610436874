//! The job that files events under the terms of their texts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
    time::Duration,
};

use super::{
    Search,
    postings::{self, Chunk, Posting, TermHash, Weight},
    text::{self, field},
    words::Terms,
};
use crate::{
    error::ApiResult,
    events::StoredEvent,
    ids::{EventNid, RoomNid, StreamPos},
    jobs::Jobs,
    rooms::rows::{EventRow, Standing},
    storage::{Commit, Fill, Result, Snapshot, tables},
};

/// How long events may wait in the queue, where searches look at them one by one.
const PATIENCE: Duration = Duration::from_secs(3);
/// The pause after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Events that are filed together.
const EVENTS: usize = 2_000;
/// Rows of the index in one commit, so that no sender waits long for its own.
const ROWS: usize = 1_000;

/// Events by the term and room they are to be filed under, in the order of their numbers.
#[derive(Default)]
struct Filing {
    lists: BTreeMap<(RoomNid, TermHash), Vec<Posting>>,
}

/// Rows of the index that change.
type Changed = Vec<(RoomNid, TermHash, Chunk)>;

impl Search {
    /// Files events until the server stops.
    pub async fn run_indexer(self, jobs: Jobs) {
        loop {
            let mut pause = PATIENCE;
            if let Err(error) = self.catch_up(|| jobs.is_stopping()).await {
                tracing::error!("the search index could not be brought up to date: {error:?}");
                pause = AFTER_FAILURE;
            }
            tokio::select! {
                () = self.inner.hurry.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = jobs.stopping() => {}
            }
            if jobs.is_stopping() {
                return;
            }
        }
    }

    /// Files everything that waits, unless the server stops meanwhile.
    pub async fn catch_up(&self, is_stopping: impl Fn() -> bool) -> ApiResult<()> {
        self.inner.queued.store(0, Ordering::Relaxed);
        while !is_stopping() && self.file_old().await? {}
        while !is_stopping() && self.file_queued().await? {}
        while !is_stopping() && self.take_out().await? {}
        self.forget_gone_rooms().await
    }

    /// Files some of the events that are older than the index. Returns whether there may be more.
    async fn file_old(&self) -> ApiResult<bool> {
        let begins_at = self.inner.begins_at;
        let found = self
            .inner
            .rooms
            .read(move |_, snapshot| {
                let range = tables::INDEX_BACKFILL.get(snapshot, ())?;
                // The first time, everything that was there when the server started is old.
                let (next, end) = range.unwrap_or((EventNid(0), begins_at));
                if range.is_some() && next >= end {
                    return Ok(None);
                }
                let mut filing = Filing::default();
                let mut after = end;
                for (seen, row) in tables::EVENT.range(snapshot, next, end)?.enumerate() {
                    let (nid, row) = row?;
                    if seen >= EVENTS {
                        after = nid;
                        break;
                    }
                    filing.add(nid, &row);
                }
                Ok(Some((filing.changes(snapshot)?, after, end)))
            })
            .await?;
        let Some((changed, next, end)) = found else {
            return Ok(false);
        };
        let done: Fill = Box::new(move |batch, _| {
            tables::INDEX_BACKFILL.put(batch, (), &(next, end));
        });
        self.write(changed, done).await?;
        Ok(next < end)
    }

    /// Files some of the events in the queue. Returns whether there may be more.
    async fn file_queued(&self) -> ApiResult<bool> {
        let (changed, positions) = self
            .inner
            .rooms
            .read(|_, snapshot| {
                let mut filing = Filing::default();
                let mut positions: Vec<StreamPos> = Vec::new();
                for row in tables::INDEX_QUEUE.scan(snapshot, ())?.take(EVENTS) {
                    let (pos, (_, nid)) = row?;
                    positions.push(pos);
                    if let Some(row) = tables::EVENT.get(snapshot, nid)? {
                        filing.add(nid, &row);
                    }
                }
                Ok((filing.changes(snapshot)?, positions))
            })
            .await?;
        let is_full = positions.len() >= EVENTS;
        if !positions.is_empty() {
            let done: Fill = Box::new(move |batch, _| {
                for pos in positions {
                    tables::INDEX_QUEUE.delete(batch, pos);
                }
            });
            self.write(changed, done).await?;
        }
        Ok(is_full)
    }

    /// Takes some events out of the index whose texts are gone. Returns whether there may be more.
    async fn take_out(&self) -> ApiResult<bool> {
        let (changed, gone) = self
            .inner
            .rooms
            .read(|_, snapshot| {
                let mut lists: BTreeMap<(RoomNid, TermHash), BTreeSet<EventNid>> = BTreeMap::new();
                let mut gone = Vec::new();
                for row in tables::INDEX_REMOVAL.scan(snapshot, ())?.take(EVENTS) {
                    let ((room, nid), hashes) = row?;
                    gone.push((room, nid));
                    for hash in hashes.as_chunks::<8>().0 {
                        let term = TermHash(u64::from_be_bytes(*hash));
                        lists.entry((room, term)).or_default().insert(nid);
                    }
                }
                let mut changed = Changed::new();
                for ((room, term), events) in lists {
                    let chunks = postings::remove(snapshot, room, term, &events)?;
                    changed.extend(chunks.into_iter().map(|chunk| (room, term, chunk)));
                }
                Ok((changed, gone))
            })
            .await?;
        let is_full = gone.len() >= EVENTS;
        if !gone.is_empty() {
            let done: Fill = Box::new(move |batch, _| {
                for (room, nid) in gone {
                    tables::INDEX_REMOVAL.delete(batch, (room, nid));
                }
            });
            self.write(changed, done).await?;
        }
        Ok(is_full)
    }

    /// Removes the index of rooms that were deleted.
    async fn forget_gone_rooms(&self) -> ApiResult<()> {
        let gone = self
            .inner
            .rooms
            .read(|_, snapshot| {
                let rows = tables::INDEX_GONE.scan(snapshot, ())?;
                Ok(rows
                    .map(|row| row.map(|row| row.0))
                    .collect::<Result<Vec<_>>>()?)
            })
            .await?;
        for room in gone {
            let forget = Commit::silent(move |batch| {
                tables::POSTING.delete_prefix(batch, (room,));
                tables::INDEX_REMOVAL.delete_prefix(batch, (room,));
                tables::INDEX_GONE.delete(batch, room);
            });
            self.inner.rooms.storage().commit(forget).await?;
            self.inner
                .rooms
                .read(move |rooms, _| Ok(tables::POSTING.compact(rooms.storage(), (room,))?))
                .await?;
        }
        Ok(())
    }

    /// Writes rows of the index in bounded commits, and with the last of them that the work is done. Should the server
    /// be killed in between, the work is done again, which changes nothing.
    async fn write(&self, mut changed: Changed, done: Fill) -> ApiResult<()> {
        let storage = self.inner.rooms.storage();
        while changed.len() > ROWS {
            let rest = changed.split_off(ROWS);
            storage.commit(commit(changed, None)).await?;
            changed = rest;
        }
        storage.commit(commit(changed, Some(done))).await?;
        Ok(())
    }
}

/// No client waits for the index, so it needs no fsync of its own: the log keeps the order.
fn commit(changed: Changed, done: Option<Fill>) -> Commit {
    Commit {
        positions: 0,
        durable: false,
        fill: Box::new(move |batch, first| {
            for (room, term, chunk) in changed {
                let key = (room, term.0, chunk.base);
                if chunk.bytes.is_empty() {
                    tables::POSTING.delete(batch, key);
                } else {
                    tables::POSTING.put(batch, key, &chunk.bytes);
                }
            }
            if let Some(done) = done {
                done(batch, first);
            }
        }),
        changes: Vec::new(),
    }
}

impl Filing {
    fn add(&mut self, nid: EventNid, row: &EventRow) {
        if row.standing != Standing::Accepted || row.redacted_by != EventNid(0) {
            return;
        }
        let Ok(event) = StoredEvent::parse(&row.pdu) else {
            return;
        };
        let Some(field) = field(event.event_type()) else {
            return;
        };
        let Some(text) = text::text(field, event.content()) else {
            return;
        };
        let terms = Terms::of(&text);
        for (term, count) in terms.counts {
            let key = (row.room, TermHash::new(&term));
            let weight = Weight::new(field, count, terms.words);
            self.lists.entry(key).or_default().push((nid, weight));
        }
    }

    fn changes(self, snapshot: &Snapshot<'_>) -> Result<Changed> {
        let mut changed = Changed::new();
        for ((room, term), mut list) in self.lists {
            list.sort_unstable_by_key(|posting| posting.0);
            let chunks = postings::add(snapshot, room, term, &list)?;
            changed.extend(chunks.into_iter().map(|chunk| (room, term, chunk)));
        }
        Ok(changed)
    }
}

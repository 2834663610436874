//! The threads of a room.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#querying-threads-in-a-room)

use std::sync::Arc;

use ruma::{OwnedEventId, serde::Raw};

use super::{Aggregate, bundle::Bundler, relation_of};
use crate::{
    error::{ApiError, ApiResult},
    events::{redact::redact, versions},
    ids::EventNid,
    rooms::{event::RoomEvent, look::Look},
    storage::{Result, tables},
};

/// Threads of one page, unless the client says otherwise.
const DEFAULT_LIMIT: usize = 50;
/// Threads of one page at most.
const MAX_LIMIT: usize = 100;
/// Threads that are looked at for one page, however few of them are wanted.
const SCAN_LIMIT: usize = 2_000;

/// Which threads are asked for.
#[derive(Clone, Copy, Debug)]
pub struct ThreadsQuery {
    /// Only those in which the user said something.
    pub participated: bool,
    /// The newest reply of the last thread of the page before.
    pub after: Option<EventNid>,
    /// How many threads to return.
    pub limit: Option<usize>,
}

/// Some threads of a room.
pub struct ThreadsPage<T> {
    /// The events they begin with, each shown with its newest reply.
    pub roots: Vec<Raw<T>>,
    /// The newest reply of the last one, if there may be more.
    pub next: Option<EventNid>,
}

/// A thread as the user sees it.
struct Thread {
    /// The newest reply that the user may be shown.
    latest: EventNid,
    root: Arc<RoomEvent>,
}

impl Look<'_> {
    /// A page of the room's threads, the one with the newest reply first.
    pub fn threads<T>(&self, query: ThreadsQuery) -> ApiResult<ThreadsPage<T>> {
        self.access()?;
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
        let by = self.bundler();
        let (threads, next) = if self.sees_every_reply()? {
            self.threads_in_order(&by, query, limit)?
        } else {
            self.threads_sorted(&by, query, limit)?
        };
        let mut roots = Vec::with_capacity(threads.len());
        for thread in threads {
            roots.push(self.show_root(&thread.root)?);
        }
        Ok(ThreadsPage { roots, next })
    }

    /// Whether the newest reply of a thread is the newest one for the user as well.
    fn sees_every_reply(&self) -> Result<bool> {
        Ok(self.viewer.joined_row().is_some() && self.viewer.ignored()?.is_empty())
    }

    /// Reads threads in the order in which the database has them.
    fn threads_in_order(
        &self,
        by: &Bundler<'_>,
        query: ThreadsQuery,
        limit: usize,
    ) -> ApiResult<(Vec<Thread>, Option<EventNid>)> {
        let before = query.after.unwrap_or(EventNid(u64::MAX));
        let (from, to) = ((self.room, EventNid(0)), (self.room, before));
        let mut threads = Vec::new();
        let mut last = None;
        let rows = tables::THREAD.range_back(self.snapshot, from, to)?;
        for (seen, row) in rows.enumerate() {
            if threads.len() >= limit || seen >= SCAN_LIMIT {
                return Ok((threads, last));
            }
            let ((_, latest), root) = row?;
            last = Some(latest);
            threads.extend(self.thread(by, &root, query.participated)?);
        }
        Ok((threads, None))
    }

    /// Sorts threads by what the user may see of them: replies of ignored users do not count, and who has left sees none
    /// of what came after.
    fn threads_sorted(
        &self,
        by: &Bundler<'_>,
        query: ThreadsQuery,
        limit: usize,
    ) -> ApiResult<(Vec<Thread>, Option<EventNid>)> {
        let mut threads = Vec::new();
        let rows = tables::THREAD.scan_back(self.snapshot, (self.room,))?;
        for row in rows.take(SCAN_LIMIT) {
            let (_, root) = row?;
            let thread = self.thread(by, &root, query.participated)?;
            let is_next = |latest| query.after.is_none_or(|after| latest < after);
            threads.extend(thread.filter(|thread| is_next(thread.latest)));
        }
        threads.sort_by_key(|thread| std::cmp::Reverse(thread.latest));
        let next = (threads.len() > limit).then(|| threads[limit - 1].latest);
        threads.truncate(limit);
        Ok((threads, next))
    }

    /// A thread, if the user may see how it begins and something in it.
    fn thread(
        &self,
        by: &Bundler<'_>,
        root: &OwnedEventId,
        participated: bool,
    ) -> ApiResult<Option<Thread>> {
        let Some(root) = self.rooms.event_by_id(self.snapshot, root)? else {
            return Ok(None);
        };
        let is_root = root.row.room == self.room && relation_of(&root.pdu).is_none();
        if !is_root || !self.may_begin(&root)? || (participated && !by.has_participated(&root)?) {
            return Ok(None);
        }
        let children: Option<Aggregate> =
            tables::AGGREGATE.get(self.snapshot, (self.room, root.id()))?;
        let latest = match children {
            Some(children) => by.latest_reply(&root, children)?,
            None => None,
        };
        Ok(latest.map(|latest| Thread {
            latest: latest.nid,
            root,
        }))
    }

    /// Whether the user may know how a thread begins, also if they ignore who began it.
    fn may_begin(&self, root: &RoomEvent) -> Result<bool> {
        Ok(root.is_accepted() && self.viewer.had_access(root)?)
    }

    /// The event a thread begins with. What an ignored user wrote is taken out of it.
    fn show_root<T>(&self, root: &RoomEvent) -> ApiResult<Raw<T>> {
        if !self.viewer.ignored()?.has(root.pdu.sender()) {
            return self.show(root);
        }
        let version = self.summary.version.as_str().try_into().ok();
        let rules = version.and_then(|version| versions::rules(&version));
        let unknown = || ApiError::internal(anyhow::anyhow!("a room has an unknown version"));
        let redacted = RoomEvent {
            nid: root.nid,
            row: root.row.clone(),
            pdu: redact(&root.pdu, rules.ok_or_else(unknown)?).map_err(ApiError::internal)?,
        };
        self.show(&redacted)
    }
}

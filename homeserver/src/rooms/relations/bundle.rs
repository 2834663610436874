//! What an event is shown with of the events that refer to it.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#aggregations-of-child-events)

use std::sync::Arc;

use ruma::{OwnedEventId, serde::Raw};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{Aggregate, REFERENCE, REPLACE, THREAD, relation_of};
use crate::{
    error::{ApiError, ApiResult},
    rooms::{Rooms, event::RoomEvent, rows::Place, show::Show, viewer::Viewer},
    storage::{Result, Snapshot, tables},
};

/// References that are listed.
const MAX_REFERENCES: usize = 1_000;
/// Edits or replies that are looked at to find the newest one that the user may be shown.
const MAX_LOOK_BACK: usize = 1_000;
/// Replies that are counted one by one for somebody who may not see all of them.
const MAX_COUNTED: usize = 1_000;

#[derive(Serialize)]
struct Bundle {
    #[serde(rename = "m.replace", skip_serializing_if = "Option::is_none")]
    replace: Option<Raw<()>>,
    #[serde(rename = "m.thread", skip_serializing_if = "Option::is_none")]
    thread: Option<Thread>,
    #[serde(rename = "m.reference", skip_serializing_if = "Option::is_none")]
    reference: Option<References>,
}

#[derive(Serialize)]
struct Thread {
    latest_event: Raw<()>,
    count: u64,
    current_user_participated: bool,
}

#[derive(Serialize)]
struct References {
    chunk: Vec<Reference>,
}

#[derive(Serialize)]
struct Reference {
    event_id: OwnedEventId,
}

/// Who is shown events, and how.
#[derive(Clone, Copy)]
pub(in crate::rooms) struct Bundler<'a> {
    pub(in crate::rooms) rooms: &'a Rooms,
    pub(in crate::rooms) snapshot: &'a Snapshot<'a>,
    pub(in crate::rooms) viewer: &'a Viewer<'a>,
    pub(in crate::rooms) how: Show<'a>,
}

/// Which of some events have children, in one read. State events are shown without any.
pub(in crate::rooms) fn aggregates<'e>(
    snapshot: &Snapshot<'_>,
    events: impl Iterator<Item = &'e RoomEvent> + Clone,
) -> Result<Vec<Option<Aggregate>>> {
    let messages = events.clone().filter(|event| can_have_bundle(event));
    let rows =
        tables::AGGREGATE.get_many(snapshot, messages.map(|event| (event.row.room, event.id())))?;
    let mut rows = rows.into_iter();
    Ok(events
        .map(|event| {
            can_have_bundle(event)
                .then(|| rows.next().flatten())
                .flatten()
        })
        .collect())
}

fn can_have_bundle(event: &RoomEvent) -> bool {
    event.pdu.state_key().is_none()
}

impl Bundler<'_> {
    /// What an event is shown with; nothing if nothing refers to it that the user may know of.
    pub(in crate::rooms) fn bundle(
        &self,
        event: &RoomEvent,
        aggregate: Aggregate,
    ) -> ApiResult<Option<Box<RawValue>>> {
        self.bundled(event, aggregate, true)
    }

    fn bundled(
        &self,
        event: &RoomEvent,
        aggregate: Aggregate,
        with_thread: bool,
    ) -> ApiResult<Option<Box<RawValue>>> {
        let bundle = Bundle {
            replace: match aggregate.edits {
                0 => None,
                _ => self.replacement(event)?,
            },
            thread: match aggregate.replies {
                0 => None,
                _ if !with_thread => None,
                _ => self.thread(event, aggregate)?,
            },
            reference: match aggregate.references {
                0 => None,
                _ => self.references(event)?,
            },
        };
        if bundle.replace.is_none() && bundle.thread.is_none() && bundle.reference.is_none() {
            return Ok(None);
        }
        to_raw_value(&bundle).map(Some).map_err(ApiError::internal)
    }

    /// The newest valid edit. Edits are found by sender and in order of their time and id, so the first one that is
    /// valid otherwise is it.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-aggregation-of-mreplace-relationships)
    fn replacement(&self, event: &RoomEvent) -> ApiResult<Option<Raw<()>>> {
        let is_edit = || relation_of(&event.pdu).is_some_and(|own| own.rel_type == REPLACE);
        let ignored = self.viewer.ignored()?.has(event.pdu.sender());
        if event.is_redacted() || ignored || is_edit() {
            return Ok(None);
        }
        let interner = self.rooms.storage().interner();
        let sender = interner.user(event.pdu.sender())?;
        let edits = tables::EDIT.scan_back(self.snapshot, (event.row.room, event.id(), sender))?;
        for row in edits.take(MAX_LOOK_BACK) {
            let edit = self.rooms.known_event(self.snapshot, row?.1)?;
            if edit.pdu.event_type() == event.pdu.event_type() && self.may_see(&edit)? {
                return self.rooms.show_plain(self, &edit, None).map(Some);
            }
        }
        Ok(None)
    }

    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-aggregation-of-mthread-relationships)
    fn thread(&self, root: &RoomEvent, aggregate: Aggregate) -> ApiResult<Option<Thread>> {
        // A thread cannot begin with an event that itself refers to another one.
        if relation_of(&root.pdu).is_some() {
            return Ok(None);
        }
        let Some(latest) = self.latest_reply(root, aggregate)? else {
            return Ok(None);
        };
        let count = self.count_replies(root, aggregate)?;
        let children = aggregates(self.snapshot, std::iter::once(&*latest))?;
        let bundle = match children.first() {
            Some(Some(children)) => self.bundled(&latest, *children, false)?,
            _ => None,
        };
        Ok(Some(Thread {
            latest_event: self.rooms.show_plain(self, &latest, bundle.as_deref())?,
            count,
            current_user_participated: self.has_participated(root)?,
        }))
    }

    /// Whether the user has begun a thread or said something in it.
    pub(super) fn has_participated(&self, root: &RoomEvent) -> Result<bool> {
        let key = (root.row.room, root.id(), self.viewer.user);
        Ok(root.pdu.sender() == self.viewer.user_id
            || tables::THREAD_SENDER.contains(self.snapshot, key)?)
    }

    /// The newest reply of somebody who is not ignored.
    pub(super) fn latest_reply(
        &self,
        root: &RoomEvent,
        aggregate: Aggregate,
    ) -> Result<Option<Arc<RoomEvent>>> {
        // Nearly always the newest one of all.
        if let Some(latest) = self.rooms.event(self.snapshot, aggregate.latest_reply)?
            && self.may_be_shown(&latest)?
        {
            return Ok(Some(latest));
        }
        let key = (root.row.room, root.id(), &THREAD);
        for row in tables::RELATED
            .scan_back(self.snapshot, key)?
            .take(MAX_LOOK_BACK)
        {
            let (_, (nid, ..)) = row?;
            let reply = self.rooms.known_event(self.snapshot, nid)?;
            if self.may_be_shown(&reply)? {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    /// The replies of those who are not ignored, as far as the user may know of them.
    fn count_replies(&self, root: &RoomEvent, aggregate: Aggregate) -> Result<u64> {
        if !self.sees_all_after(root)? {
            return self.count_one_by_one(root);
        }
        let ignored = self.viewer.ignored()?;
        let interner = self.rooms.storage().interner();
        let mut keys = Vec::new();
        for user in ignored.iter() {
            let user = interner.find_user(user)?;
            keys.extend(user.map(|user| (root.row.room, root.id(), user)));
        }
        let unwanted: u64 = tables::THREAD_SENDER
            .get_many(self.snapshot, keys)?
            .into_iter()
            .flatten()
            .sum();
        Ok(aggregate.replies.saturating_sub(unwanted))
    }

    fn count_one_by_one(&self, root: &RoomEvent) -> Result<u64> {
        let key = (root.row.room, root.id(), &THREAD);
        let mut count = 0;
        for row in tables::RELATED
            .scan_back(self.snapshot, key)?
            .take(MAX_COUNTED)
        {
            let (_, (nid, ..)) = row?;
            let reply = self.rooms.known_event(self.snapshot, nid)?;
            count += u64::from(self.may_be_shown(&reply)?);
        }
        Ok(count)
    }

    /// Whether it can be told without looking that the user may see what followed an event: they have been in the room
    /// since, or are in a room whose history is open to members.
    fn sees_all_after(&self, event: &RoomEvent) -> Result<bool> {
        let Some(row) = self.viewer.joined_row() else {
            return Ok(false);
        };
        if row.is_in_since(event.row.place) {
            return Ok(true);
        }
        let summary = self.rooms.summary(self.snapshot, event.row.room)?;
        let visibility = summary.and_then(|summary| summary.history_visibility);
        Ok(matches!(
            visibility.as_deref(),
            None | Some("shared" | "world_readable")
        ))
    }

    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-aggregation-of-mreference)
    fn references(&self, event: &RoomEvent) -> ApiResult<Option<References>> {
        let key = (event.row.room, event.id(), &REFERENCE);
        let mut chunk = Vec::new();
        for row in tables::RELATED
            .scan(self.snapshot, key)?
            .take(MAX_REFERENCES)
        {
            let (_, (nid, ..)) = row?;
            let child = self.rooms.known_event(self.snapshot, nid)?;
            if self.may_be_shown(&child)? {
                let event_id = child.id().to_owned();
                chunk.push(Reference { event_id });
            }
        }
        Ok((!chunk.is_empty()).then_some(References { chunk }))
    }

    /// Whether a child may be told of: the user may see it and does not ignore its sender.
    pub(super) fn may_be_shown(&self, event: &RoomEvent) -> Result<bool> {
        Ok(!self.viewer.ignored()?.has(event.pdu.sender()) && self.may_see(event)?)
    }

    /// Whether the user may see an event. For those who have left, nothing after that exists.
    fn may_see(&self, event: &RoomEvent) -> Result<bool> {
        Ok(event.is_accepted()
            && event.row.place != Place::default()
            && self.viewer.may_see(event)?)
    }
}

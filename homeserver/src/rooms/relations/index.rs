//! The rows that go with a related event, and come away with its redaction.

use std::sync::Arc;

use ruma::OwnedEventId;
use serde::Deserialize;

use super::{ANNOTATION, REFERENCE, REPLACE, Relation, THREAD, relation_of};
use crate::{
    error::ApiResult,
    events::Pdu,
    ids::{EventNid, RoomNid, TypeNid, UserNid},
    rooms::{
        event::RoomEvent,
        rows::Place,
        txn::{NewEvent, Txn},
    },
    storage::{Batch, Key, Result, Value, tables},
};

/// What there is of children of one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aggregate {
    /// Events that may be edits of it.
    pub edits: u64,
    /// Events that reference it.
    pub references: u64,
    /// Events in the thread that begins with it.
    pub replies: u64,
    /// The newest of those, or zero.
    pub latest_reply: EventNid,
    /// Other children.
    pub others: u64,
}

impl Value for Aggregate {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(40);
        let Self {
            edits,
            references,
            replies,
            latest_reply,
            others,
        } = *self;
        (edits, references, replies, latest_reply, others).encode(&mut out);
        Ok(out)
    }

    fn from_bytes(mut bytes: &[u8]) -> Result<Self> {
        let (edits, references, replies, latest_reply, others) = Key::decode(&mut bytes)?;
        Ok(Self {
            edits,
            references,
            replies,
            latest_reply,
            others,
        })
    }
}

/// A child of an event: its number, its sender, its type, its id.
pub type RelatedRow = (EventNid, UserNid, TypeNid, String);

/// What may be there once: the event that is annotated, by whom, and with which type and key.
pub(super) type AnnotationKey = (OwnedEventId, UserNid, String);

/// What an event is to its parent.
struct Child {
    parent: OwnedEventId,
    relation: Relation,
    sender: UserNid,
    is_edit: bool,
}

impl Child {
    fn of(txn: &Txn<'_>, pdu: &Pdu) -> ApiResult<Option<Self>> {
        let Some(relation) = relation_of(pdu) else {
            return Ok(None);
        };
        let Some(parent) = relation.parent().map(ToOwned::to_owned) else {
            return Ok(None);
        };
        Ok(Some(Self {
            parent,
            sender: txn.rooms.storage().interner().user(pdu.sender())?,
            is_edit: relation.rel_type == REPLACE && may_replace(pdu),
            relation,
        }))
    }

    /// The count it belongs to.
    fn count<'a>(&self, aggregate: &'a mut Aggregate) -> &'a mut u64 {
        match &*self.relation.rel_type {
            REPLACE if self.is_edit => &mut aggregate.edits,
            REFERENCE => &mut aggregate.references,
            THREAD => &mut aggregate.replies,
            _ => &mut aggregate.others,
        }
    }

    fn annotation(&self, kind: &str) -> Option<AnnotationKey> {
        let key = self
            .relation
            .key()
            .filter(|_| self.relation.rel_type == ANNOTATION)?;
        Some(annotation_key(&self.parent, self.sender, kind, key))
    }
}

/// The key of an annotation. Type and key may hold any character, so the first one's length leads.
pub(super) fn annotation_key(
    parent: &OwnedEventId,
    sender: UserNid,
    kind: &str,
    key: &str,
) -> AnnotationKey {
    let text = format!("{} {kind}{key}", kind.len());
    (parent.clone(), sender, text)
}

/// Whether an event can be an edit, by what it says itself.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#validity-of-replacement-events)
fn may_replace(pdu: &Pdu) -> bool {
    #[derive(Deserialize)]
    struct Content {
        #[serde(rename = "m.new_content")]
        new_content: Option<serde::de::IgnoredAny>,
    }
    if pdu.state_key().is_some() {
        return false;
    }
    // The new content of an encrypted event is encrypted with it.
    pdu.event_type().to_string() == "m.room.encrypted"
        || pdu
            .content_as::<Content>()
            .is_ok_and(|content| content.new_content.is_some())
}

/// Writes the rows of an event that refers to another one.
pub(in crate::rooms) fn record(txn: &mut Txn<'_>, new: &mut NewEvent) -> ApiResult<()> {
    let event = Arc::clone(&new.event);
    if let Some(write) = rows_of(txn, &event, None)? {
        new.write(move |batch, pos| write(batch, Place::live(pos)));
    }
    Ok(())
}

/// The same for an event that is put in at a place of the past.
pub(in crate::rooms) fn record_past(
    txn: &mut Txn<'_>,
    event: &Arc<RoomEvent>,
    place: Place,
) -> ApiResult<()> {
    if let Some(write) = rows_of(txn, event, Some(place))? {
        txn.write(move |batch, _| write(batch, place));
    }
    Ok(())
}

type WriteAt = Box<dyn FnOnce(&mut Batch<'_>, Place) + Send>;

/// Counts an event that refers to another one, and says what to write once its place is known.
fn rows_of(
    txn: &mut Txn<'_>,
    event: &Arc<RoomEvent>,
    past: Option<Place>,
) -> ApiResult<Option<WriteAt>> {
    let event = Arc::clone(event);
    let Some(child) = Child::of(txn, &event.pdu)? else {
        return Ok(None);
    };
    let kind = event.pdu.event_type().to_string();
    let mut aggregate = txn.aggregate(&child.parent)?;
    *child.count(&mut aggregate) += 1;
    if child.relation.rel_type == THREAD {
        if is_latest(txn, aggregate.latest_reply, past)? {
            let before = std::mem::replace(&mut aggregate.latest_reply, event.nid);
            move_thread(txn, &child.parent, before, event.nid);
        }
        count_sender(txn, &child, |count| count + 1)?;
    }
    if let Some(key) = child.annotation(&kind) {
        txn.head.recent.set_annotation(key.clone(), Some(event.nid));
        let (room, nid) = (txn.room, event.nid);
        txn.write(move |batch, _| {
            tables::ANNOTATION.put(batch, (room, key.0, key.1, key.2), &nid);
        });
    }
    put_aggregate(txn, child.parent.clone(), aggregate);
    let row: RelatedRow = (
        event.nid,
        child.sender,
        txn.rooms.storage().interner().event_type(&kind)?,
        event.id().to_string(),
    );
    let room = txn.room;
    Ok(Some(Box::new(move |batch, place| {
        let Child {
            parent,
            relation,
            sender,
            is_edit,
        } = child;
        let rel_type = relation.rel_type;
        tables::RELATED.put(
            batch,
            (room, &parent, &rel_type, place.pos, place.sub),
            &row,
        );
        if is_edit {
            let time: u64 = event.pdu.origin_server_ts().0.into();
            tables::EDIT.put(batch, (room, &parent, sender, time, event.id()), &event.nid);
        }
        tables::RELATION.put(
            batch,
            (room, &parent, place.pos, place.sub),
            &(event.nid, rel_type),
        );
    })))
}

/// Whether a reply is newer than the newest one so far.
fn is_latest(txn: &Txn<'_>, so_far: EventNid, past: Option<Place>) -> ApiResult<bool> {
    let Some(place) = past.filter(|_| so_far != EventNid(0)) else {
        return Ok(true);
    };
    let so_far = match txn.stored_nids.get(&so_far) {
        Some(event) => Arc::clone(event),
        None => txn.rooms.known_event(txn.snapshot, so_far)?,
    };
    // Those of this change come in order.
    Ok(so_far.row.place == Place::default() || so_far.row.place < place)
}

/// Removes the rows of an event that is being redacted: without content it refers to nothing.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#aggregations-of-child-events)
pub(in crate::rooms) fn forget(txn: &mut Txn<'_>, target: &RoomEvent) -> ApiResult<()> {
    let Some(child) = Child::of(txn, &target.pdu)? else {
        return Ok(());
    };
    let mut aggregate = txn.aggregate(&child.parent)?;
    let count = child.count(&mut aggregate);
    // Where the parent is gone for good, nothing is counted any more.
    let is_counted = *count > 0;
    *count = count.saturating_sub(1);
    if is_counted && child.relation.rel_type == THREAD {
        count_sender(txn, &child, |count| count.saturating_sub(1))?;
        if aggregate.latest_reply == target.nid {
            aggregate.latest_reply = match aggregate.replies {
                0 => EventNid(0),
                _ => latest_reply(txn, &child.parent, target)?,
            };
            move_thread(txn, &child.parent, target.nid, aggregate.latest_reply);
        }
    }
    if let Some(key) = child.annotation(&target.pdu.event_type().to_string()) {
        forget_annotation(txn, key, target)?;
    }
    put_aggregate(txn, child.parent.clone(), aggregate);
    let (room, place) = (txn.room, target.row.place);
    let time: u64 = target.pdu.origin_server_ts().0.into();
    let id = target.id().to_owned();
    txn.write(move |batch, _| {
        let Child {
            parent,
            relation,
            sender,
            is_edit,
        } = child;
        tables::RELATED.delete(
            batch,
            (room, &parent, &relation.rel_type, place.pos, place.sub),
        );
        tables::RELATION.delete(batch, (room, &parent, place.pos, place.sub));
        if is_edit {
            tables::EDIT.delete(batch, (room, &parent, sender, time, &id));
        }
    });
    Ok(())
}

/// Removes the rows that say what refers to an event, when the event itself is removed for good.
pub(in crate::rooms) fn forget_children(txn: &mut Txn<'_>, event: &RoomEvent) -> Result<()> {
    let (room, id) = (txn.room, event.id().to_owned());
    let aggregate = txn.aggregate(&id)?;
    if aggregate == Aggregate::default() {
        return Ok(());
    }
    move_thread(txn, &id, aggregate.latest_reply, EventNid(0));
    txn.write(move |batch, _| tables::THREAD_SENDER.delete_prefix(batch, (room, &id)));
    put_aggregate(txn, event.id().to_owned(), Aggregate::default());
    // The numbers of its senders may be among what is remembered.
    txn.head.waits = true;
    Ok(())
}

/// Removes all that is left of relations in a room.
pub(in crate::rooms) fn erase(batch: &mut Batch<'_>, room: RoomNid) {
    tables::RELATION.delete_prefix(batch, (room,));
    tables::RELATED.delete_prefix(batch, (room,));
    tables::EDIT.delete_prefix(batch, (room,));
    tables::AGGREGATE.delete_prefix(batch, (room,));
    tables::THREAD_SENDER.delete_prefix(batch, (room,));
    tables::THREAD.delete_prefix(batch, (room,));
    tables::ANNOTATION.delete_prefix(batch, (room,));
}

fn forget_annotation(txn: &mut Txn<'_>, key: AnnotationKey, target: &RoomEvent) -> ApiResult<()> {
    // A second one, which another server let pass, is not what the row names.
    if txn.annotation(&key)? != Some(target.nid) {
        return Ok(());
    }
    txn.head.recent.set_annotation(key.clone(), None);
    let room = txn.room;
    txn.write(move |batch, _| tables::ANNOTATION.delete(batch, (room, key.0, key.1, key.2)));
    Ok(())
}

fn put_aggregate(txn: &mut Txn<'_>, parent: OwnedEventId, aggregate: Aggregate) {
    let room = txn.room;
    txn.head.recent.set_aggregate(parent.clone(), aggregate);
    txn.head.waits |= txn.head.recent.is_full();
    txn.write(move |batch, _| {
        if aggregate == Aggregate::default() {
            tables::AGGREGATE.delete(batch, (room, &parent));
        } else {
            tables::AGGREGATE.put(batch, (room, &parent), &aggregate);
        }
    });
}

fn count_sender(txn: &mut Txn<'_>, child: &Child, change: impl Fn(u64) -> u64) -> ApiResult<()> {
    let (room, key) = (txn.room, (child.parent.clone(), child.sender));
    let before = match txn.head.recent.sender(&key) {
        Some(count) => count,
        None => tables::THREAD_SENDER
            .get(txn.snapshot, (room, &key.0, key.1))?
            .unwrap_or(0),
    };
    let count = change(before);
    txn.head.recent.set_sender(key.clone(), count);
    txn.write(move |batch, _| {
        if count == 0 {
            tables::THREAD_SENDER.delete(batch, (room, &key.0, key.1));
        } else {
            tables::THREAD_SENDER.put(batch, (room, &key.0, key.1), &count);
        }
    });
    Ok(())
}

/// Moves a thread in the list of threads, which is ordered by the newest reply of each.
fn move_thread(txn: &mut Txn<'_>, root: &OwnedEventId, from: EventNid, to: EventNid) {
    let (room, root) = (txn.room, root.clone());
    txn.write(move |batch, _| {
        if from != EventNid(0) {
            tables::THREAD.delete(batch, (room, from));
        }
        if to != EventNid(0) {
            tables::THREAD.put(batch, (room, to), &root);
        }
    });
}

/// The newest reply in a thread beside one.
fn latest_reply(txn: &Txn<'_>, root: &OwnedEventId, without: &RoomEvent) -> Result<EventNid> {
    for row in tables::RELATED.scan_back(txn.snapshot, (txn.room, root, &THREAD))? {
        let (_, (nid, ..)) = row?;
        if nid != without.nid {
            return Ok(nid);
        }
    }
    Ok(EventNid(0))
}

impl Txn<'_> {
    /// What there is of children of an event, as this change leaves it.
    fn aggregate(&self, parent: &OwnedEventId) -> Result<Aggregate> {
        match self.head.recent.aggregate(parent) {
            Some(aggregate) => Ok(aggregate),
            None => {
                let row = tables::AGGREGATE.get(self.snapshot, (self.room, parent))?;
                Ok(row.unwrap_or_default())
            }
        }
    }

    /// The annotation that an event has from somebody already.
    pub(super) fn annotation(&self, key: &AnnotationKey) -> Result<Option<EventNid>> {
        match self.head.recent.annotation(key) {
            Some(known) => Ok(known),
            None => {
                let (parent, sender, text) = key;
                tables::ANNOTATION.get(self.snapshot, (self.room, parent, *sender, text))
            }
        }
    }
}

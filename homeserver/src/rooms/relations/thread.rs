//! Which thread an event is in.

use std::sync::Arc;

use ruma::{EventId, OwnedEventId};

use super::{THREAD, relation_of};
use crate::{
    rooms::{Rooms, event::RoomEvent},
    storage::{Result, Snapshot},
};

/// Relations that are followed, as the specification recommends.
const MAX_HOPS: usize = 3;

/// Where an event's relations lead.
pub(in crate::rooms) struct Ancestry {
    /// The thread it is in.
    pub(in crate::rooms) thread: Option<OwnedEventId>,
    /// The event it is about in the end, itself if it has no relation.
    pub(in crate::rooms) top: OwnedEventId,
}

/// Follows an event's relations.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#threaded-read-receipts)
pub(in crate::rooms) fn ancestry(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    event: &RoomEvent,
) -> Result<Ancestry> {
    let mut found: Option<Arc<RoomEvent>> = None;
    for _ in 0..MAX_HOPS {
        let last = found.as_deref().unwrap_or(event);
        let Some(relation) = relation_of(&last.pdu) else {
            break;
        };
        let Ok(parent) = EventId::parse(&relation.event_id) else {
            break;
        };
        if relation.rel_type == THREAD {
            let (top, thread) = (parent.clone(), Some(parent));
            return Ok(Ancestry { thread, top });
        }
        match rooms.event_by_id(snapshot, &parent)? {
            Some(parent) if parent.row.room == event.row.room => found = Some(parent),
            _ => break,
        }
    }
    let top = found.as_deref().unwrap_or(event).id().to_owned();
    Ok(Ancestry { thread: None, top })
}

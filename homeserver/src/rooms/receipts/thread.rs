//! Which thread an event is in.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#threaded-read-receipts)

use std::sync::Arc;

use ruma::{EventId, OwnedEventId};

use super::ReceiptThread;
use crate::{
    error::{ApiError, ApiResult},
    rooms::{Rooms, event::RoomEvent, project::relation_of},
    storage::{Result, Snapshot},
};

/// Relations that are followed, as the specification recommends.
const MAX_HOPS: usize = 3;

/// Where an event's relations lead.
struct Ancestry {
    /// The thread it is in.
    thread: Option<OwnedEventId>,
    /// The event it is about in the end, itself if it has no relation.
    top: OwnedEventId,
}

/// Refuses a receipt for a thread that the event is not in. The event a thread begins with counts as in the thread and
/// as in the main timeline, and so does what relates to it in other ways.
pub(super) fn require_in_thread(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    event: &Arc<RoomEvent>,
    thread: &ReceiptThread,
) -> ApiResult<()> {
    if *thread == ReceiptThread::Unthreaded {
        return Ok(());
    }
    let ancestry = ancestry(rooms, snapshot, event)?;
    let fits = match thread {
        ReceiptThread::Unthreaded => true,
        ReceiptThread::Main => ancestry.thread.is_none(),
        ReceiptThread::Thread(root) => ancestry.thread.unwrap_or(ancestry.top) == *root,
    };
    if fits {
        return Ok(());
    }
    Err(ApiError::invalid_param(
        "The event is not in the thread that thread_id names.",
    ))
}

impl Rooms {
    /// The thread that an event is in, found by following its relations.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#marking-notifications-as-read)
    pub fn thread_of(
        &self,
        snapshot: &Snapshot<'_>,
        event: &Arc<RoomEvent>,
    ) -> Result<Option<OwnedEventId>> {
        Ok(ancestry(self, snapshot, event)?.thread)
    }
}

fn ancestry(rooms: &Rooms, snapshot: &Snapshot<'_>, event: &Arc<RoomEvent>) -> Result<Ancestry> {
    let mut event = Arc::clone(event);
    for _ in 0..MAX_HOPS {
        let Some(relation) = relation_of(&event.pdu) else {
            break;
        };
        let Ok(parent) = EventId::parse(&relation.event_id) else {
            break;
        };
        if relation.rel_type == "m.thread" {
            let (top, thread) = (parent.clone(), Some(parent));
            return Ok(Ancestry { thread, top });
        }
        match rooms.event_by_id(snapshot, &parent)? {
            Some(found) if found.row.room == event.row.room => event = found,
            _ => break,
        }
    }
    let (thread, top) = (None, event.id().to_owned());
    Ok(Ancestry { thread, top })
}

//! Which thread a receipt may be for.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#threaded-read-receipts)

use std::sync::Arc;

use ruma::OwnedEventId;

use super::ReceiptThread;
use crate::{
    error::{ApiError, ApiResult},
    rooms::{Rooms, event::RoomEvent, relations::ancestry},
    storage::{Result, Snapshot},
};

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

//! Finding an event by its time.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event)

use std::sync::Arc;

use ruma::MilliSecondsSinceUnixEpoch;

use super::{event::RoomEvent, look::Look, rows::Place, timeline::Direction};
use crate::{
    error::{ApiError, ApiResult},
    storage::tables,
};

/// Events that are looked at to find one that the user may see.
const SCAN_LIMIT: usize = 5_000;

impl Look<'_> {
    /// The event nearest to a time, at or after it, or at or before it.
    pub fn event_at(
        &self,
        time: MilliSecondsSinceUnixEpoch,
        direction: Direction,
    ) -> ApiResult<Arc<RoomEvent>> {
        let end = self.end()?;
        let time = u64::from(time.0);
        let bound = |time| (self.room, time, Place::FIRST.pos, Place::FIRST.sub);
        let last = (self.room, u64::MAX, Place::END.pos, Place::END.sub);
        let rows = match direction {
            Direction::Forward => tables::BY_TIME.range(self.snapshot, bound(time), last)?,
            Direction::Backward => {
                let after = bound(time.saturating_add(1));
                tables::BY_TIME.range_back(self.snapshot, bound(0), after)?
            }
        };
        for row in rows.take(SCAN_LIMIT) {
            let ((.., pos, sub), event) = row?;
            let event = self.rooms.known_event(self.snapshot, event)?;
            if (Place { pos, sub }) < end && self.may_see(&event)? {
                return Ok(event);
            }
        }
        let side = match direction {
            Direction::Forward => "at or after",
            Direction::Backward => "at or before",
        };
        Err(ApiError::not_found(format!(
            "There is no event {side} {time} that you may see."
        )))
    }
}

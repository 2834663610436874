//! Finding an event by its time.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event)

use std::sync::Arc;

use ruma::MilliSecondsSinceUnixEpoch;

use super::{
    Rooms,
    event::RoomEvent,
    gaps,
    look::Look,
    rows::Place,
    timeline::{self, Direction},
};
use crate::{
    error::{ApiError, ApiResult},
    ids::RoomNid,
    storage::{Result, Snapshot, tables},
};

/// Events that are looked at to find one that may be told.
const SCAN_LIMIT: usize = 5_000;

/// The event nearest to a time, as far as this server knows.
pub struct Nearest {
    /// The event.
    pub event: Option<Arc<RoomEvent>>,
    /// Where events are missing of which one may be nearer.
    pub gap: Option<Place>,
}

impl Nearest {
    /// The event, or what is told where there is none.
    pub fn found(
        self,
        time: MilliSecondsSinceUnixEpoch,
        direction: Direction,
    ) -> ApiResult<Arc<RoomEvent>> {
        self.event.ok_or_else(|| {
            let side = match direction {
                Direction::Forward => "at or after",
                Direction::Backward => "at or before",
            };
            let time = u64::from(time.0);
            ApiError::not_found(format!("There is no event {side} {time} that you may see."))
        })
    }
}

impl Look<'_> {
    /// The event nearest to a time, at or after it, or at or before it.
    pub fn event_at(
        &self,
        time: MilliSecondsSinceUnixEpoch,
        direction: Direction,
    ) -> ApiResult<Nearest> {
        let end = self.end()?;
        let (rooms, snapshot, room) = (self.rooms, self.snapshot, self.room);
        let event = rooms.nearest(snapshot, room, (time, direction), |event| {
            Ok(event.row.place < end && self.may_see(event)?)
        })?;
        let gap = match (&event, direction) {
            (Some(event), Direction::Forward) => {
                let place = event.row.place;
                gaps::is_open(snapshot, room, place)?.then_some(place)
            }
            (None, Direction::Forward) => None,
            (Some(event), Direction::Backward) => {
                let after = event.row.place.next();
                let mut rows = timeline::rows(snapshot, room, after, end, Direction::Forward)?;
                match rows.next().transpose()? {
                    Some((next, _)) if gaps::is_open(snapshot, room, next)? => Some(next),
                    _ => None,
                }
            }
            (None, Direction::Backward) => gaps::oldest_open(snapshot, room, Place::FIRST, end)?,
        };
        Ok(Nearest { event, gap })
    }
}

impl Rooms {
    /// The event nearest to a time that `wanted` takes.
    pub(super) fn nearest(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        (time, direction): (MilliSecondsSinceUnixEpoch, Direction),
        mut wanted: impl FnMut(&RoomEvent) -> Result<bool>,
    ) -> Result<Option<Arc<RoomEvent>>> {
        let time = u64::from(time.0);
        let bound = |time| (room, time, Place::FIRST.pos, Place::FIRST.sub);
        let last = (room, u64::MAX, Place::END.pos, Place::END.sub);
        let rows = match direction {
            Direction::Forward => tables::BY_TIME.range(snapshot, bound(time), last)?,
            Direction::Backward => {
                let after = bound(time.saturating_add(1));
                tables::BY_TIME.range_back(snapshot, bound(0), after)?
            }
        };
        for row in rows.take(SCAN_LIMIT) {
            let (_, event) = row?;
            let event = self.known_event(snapshot, event)?;
            if wanted(&event)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

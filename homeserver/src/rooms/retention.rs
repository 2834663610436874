//! How long messages stay.
//!
//! A room says it in `m.room.retention` ([MSC1763](https://github.com/matrix-org/matrix-spec-proposals/pull/1763)); for
//! rooms that do not, the configuration may. State events stay for ever. Messages go in the order they came: what an
//! event says of its own time is believed only if the ones before it are gone, too.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;

use super::{
    Rooms,
    deletion::Reclaim,
    event::RoomEvent,
    rows::Place,
    timeline::{Direction, rows},
};
use crate::{
    error::ApiResult,
    ids::RoomNid,
    storage::{Result, Snapshot, tables},
};

/// The type of the state event with which a room says how long messages stay.
pub const RETENTION: &str = "m.room.retention";

/// What a room says of the lifetime of its messages, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
struct Policy {
    #[serde(default)]
    max_lifetime: Option<u64>,
    #[serde(default)]
    min_lifetime: Option<u64>,
}

impl Policy {
    /// The policy in a state event. One that makes no sense is none.
    fn of(event: Option<&Arc<RoomEvent>>) -> Self {
        let policy: Option<Self> = event.and_then(|event| event.pdu.content_as().ok());
        policy
            .filter(|policy| match (policy.min_lifetime, policy.max_lifetime) {
                (Some(min), Some(max)) => min <= max,
                _ => true,
            })
            .unwrap_or_default()
    }

    /// How long messages stay; for ever if there is no answer.
    fn lifetime(self, default: Option<Duration>) -> Option<Duration> {
        let longest = self.max_lifetime.map(Duration::from_millis);
        let shortest = self.min_lifetime.map(Duration::from_millis);
        longest.or_else(|| default.map(|default| default.max(shortest.unwrap_or_default())))
    }
}

impl Rooms {
    /// Has messages removed whose time is over, soon.
    pub(super) fn look_for_expired(&self) {
        self.inner.deletion_wake.notify_one();
    }

    /// Removes the messages whose time is over, in all rooms.
    pub(super) async fn expire_messages(
        &self,
        default: Option<Duration>,
        reclaim: &mut Reclaim,
    ) -> ApiResult<()> {
        let found = self
            .read(move |rooms, snapshot| {
                let mut found = Vec::new();
                for row in tables::ROOM.scan(snapshot, ())? {
                    let (room, _) = row?;
                    let event = rooms.state_event(snapshot, room, RETENTION, "")?;
                    if let Some(lifetime) = Policy::of(event.as_ref()).lifetime(default)
                        && let Some(end) = rooms.end_of_expired(snapshot, room, lifetime)?
                    {
                        found.push((room, end));
                    }
                }
                Ok(found)
            })
            .await?;
        for (room, end) in found {
            match self.expire(room, end, reclaim).await {
                // It is being deleted, or is gone.
                Err(error) if !error.status().is_server_error() => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// The place after the last message whose time is over.
    fn end_of_expired(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        lifetime: Duration,
    ) -> Result<Option<Place>> {
        let now = u64::from(self.clock().now().0);
        let oldest = now.saturating_sub(lifetime.as_millis() as u64);
        let mut end = None;
        for row in rows(snapshot, room, Place::FIRST, Place::END, Direction::Forward)? {
            let (place, row) = row?;
            if row.is_state {
                continue;
            }
            let Some(event) = self.event(snapshot, row.event)? else {
                continue;
            };
            let sent = u64::from(event.pdu.origin_server_ts().0);
            if sent < oldest {
                end = Some(place.next());
            } else if sent <= now {
                break;
            }
        }
        Ok(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifetime(max: Option<u64>, min: Option<u64>, default: Option<u64>) -> Option<u64> {
        let policy = Policy {
            max_lifetime: max,
            min_lifetime: min,
        };
        let lifetime = policy.lifetime(default.map(Duration::from_millis));
        lifetime.map(|lifetime| lifetime.as_millis() as u64)
    }

    #[test]
    fn a_room_decides_before_the_configuration() {
        assert_eq!(lifetime(None, None, None), None);
        assert_eq!(lifetime(None, None, Some(50)), Some(50));
        assert_eq!(lifetime(Some(9), None, Some(50)), Some(9));
        assert_eq!(lifetime(Some(90), None, Some(50)), Some(90));
    }

    #[test]
    fn the_default_does_not_undercut_what_a_room_keeps() {
        assert_eq!(lifetime(None, Some(90), Some(50)), Some(90));
        assert_eq!(lifetime(None, Some(90), None), None);
    }
}

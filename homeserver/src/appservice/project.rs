//! Putting events into the queues of the services they concern.

use std::sync::Arc;

use ruma::{UserId, events::TimelineEventType};

use super::{Inner, interest::Happening};
use crate::{
    error::ApiResult,
    rooms::{
        project::Projection,
        txn::{NewEvent, Txn},
    },
    storage::tables,
};

/// Writes rows for application services with every event.
pub struct AppserviceProjection(pub(super) Arc<Inner>);

impl Projection for AppserviceProjection {
    fn project(&self, txn: &Txn<'_>, new: &mut NewEvent) -> ApiResult<bool> {
        let event = Arc::clone(&new.event);
        let target = event
            .pdu
            .state_key()
            .filter(|_| *event.pdu.event_type() == TimelineEventType::RoomMember)
            .and_then(|key| <&UserId>::try_from(key).ok());
        let what = Happening {
            room: txn.room,
            room_id: &txn.room_id,
            sender: event.pdu.sender(),
            target,
            members: txn.local_members()?,
        };
        for one in self.0.all.iter().filter(|one| one.service.url.is_some()) {
            if !one.is_interested(&self.0.storage, txn.snapshot, &what)? {
                continue;
            }
            let (id, nid) = (Arc::clone(&one.service.id), event.nid);
            let bell = Arc::clone(&one.events);
            new.write(move |batch, pos| {
                tables::APPSERVICE_EVENT.put(batch, (&*id, pos), &nid);
                bell.ring(pos);
            });
        }
        Ok(false)
    }
}

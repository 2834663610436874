//! Events as a particular user's device sees them.

use std::sync::Arc;

use ruma::{OwnedDeviceId, OwnedTransactionId, events::room::member::MembershipState, serde::Raw};

use serde_json::value::RawValue;

use super::{
    Rooms,
    event::RoomEvent,
    project::membership_of,
    relations::bundle::{self, Bundler},
    rows::{Membership, Standing},
    viewer::Viewer,
};
use crate::{
    error::{ApiError, ApiResult},
    events::client_format::{ClientEvent, Unsigned, age},
    ids::EventNid,
    storage::{Result, Snapshot, tables},
};

/// How events are to be shown.
#[derive(Clone, Copy, Default)]
pub struct Show<'a> {
    /// The device that asks: it learns the transaction ids of what it sent itself.
    pub device: Option<&'a OwnedDeviceId>,
    /// Whether each event carries the room's id.
    pub room_id: bool,
    /// Whether each event carries what refers to it.
    pub bundle: bool,
}

impl Rooms {
    /// An event as JSON for a client.
    pub fn show<T>(
        &self,
        snapshot: &Snapshot<'_>,
        event: &RoomEvent,
        viewer: &Viewer<'_>,
        how: Show<'_>,
    ) -> ApiResult<Raw<T>> {
        let shown = self.show_each(snapshot, std::iter::once(event), viewer, how)?;
        let shown = shown.into_iter().next();
        shown.ok_or_else(|| ApiError::internal(anyhow::anyhow!("one event was shown as none")))
    }

    /// Events as JSON for a client, each as [`Rooms::show`] does.
    pub fn show_all<'e, T>(
        &self,
        snapshot: &Snapshot<'_>,
        events: impl IntoIterator<Item = &'e Arc<RoomEvent>>,
        viewer: &Viewer<'_>,
        how: Show<'_>,
    ) -> ApiResult<Vec<Raw<T>>> {
        let events: Vec<&RoomEvent> = events.into_iter().map(|event| &**event).collect();
        self.show_each(snapshot, events.iter().copied(), viewer, how)
    }

    fn show_each<'e, T>(
        &self,
        snapshot: &Snapshot<'_>,
        events: impl Iterator<Item = &'e RoomEvent> + Clone,
        viewer: &Viewer<'_>,
        how: Show<'_>,
    ) -> ApiResult<Vec<Raw<T>>> {
        let by = Bundler {
            rooms: self,
            snapshot,
            viewer,
            how,
        };
        if !how.bundle {
            return events
                .map(|event| self.show_plain(&by, event, None))
                .collect();
        }
        let children = bundle::aggregates(snapshot, events.clone())?;
        let mut shown = Vec::with_capacity(children.len());
        for (event, children) in events.zip(children) {
            let relations = match children {
                Some(children) => by.bundle(event, children)?,
                None => None,
            };
            shown.push(self.show_plain(&by, event, relations.as_deref())?);
        }
        Ok(shown)
    }

    /// An event with what is known already of those that refer to it.
    pub(super) fn show_plain<T>(
        &self,
        by: &Bundler<'_>,
        event: &RoomEvent,
        relations: Option<&RawValue>,
    ) -> ApiResult<Raw<T>> {
        let Bundler {
            snapshot,
            viewer,
            how,
            ..
        } = *by;
        let erased = self.erased_for(snapshot, event, viewer)?;
        let event = erased.as_deref().unwrap_or(event);
        let replaced = self.other(snapshot, event.row.replaces)?;
        // What came before may be hidden from the user; its id is told anyway.
        let seen = match &replaced {
            Some(replaced) if viewer.knew(event, replaced)? => Some(replaced),
            _ => None,
        };
        let redaction = self.other(snapshot, event.row.redacted_by)?;
        let redacting = match &redaction {
            Some(redaction) => Some(self.asked_about(snapshot, redaction, viewer, how)?),
            None => None,
        };
        let asked = self.asked_about(snapshot, event, viewer, how)?;
        let unsigned = Unsigned {
            prev_content: seen.map(|event| event.pdu.content()),
            prev_sender: seen.map(|event| event.pdu.sender().as_str()),
            redacted_because: redaction
                .as_ref()
                .zip(redacting.as_ref())
                .map(|(event, asked)| Box::new(shown_as(event, asked.unsigned(), how))),
            redacted_by: redaction.as_ref().map(|event| event.id()),
            replaces_state: replaced.as_ref().map(|event| event.id()),
            relations,
            ..asked.unsigned()
        };
        shown_as(event, unsigned, how)
            .to_raw()
            .map_err(ApiError::internal)
    }

    fn asked_about(
        &self,
        snapshot: &Snapshot<'_>,
        event: &RoomEvent,
        viewer: &Viewer<'_>,
        how: Show<'_>,
    ) -> Result<Asked> {
        Ok(Asked {
            age: age(event.pdu.origin_server_ts(), self.clock().now()),
            membership: MembershipState::from(viewer.membership_at(event)?.as_str()),
            transaction_id: self.transaction_of(snapshot, event, viewer, how)?,
        })
    }

    fn other(&self, snapshot: &Snapshot<'_>, nid: EventNid) -> Result<Option<Arc<RoomEvent>>> {
        if nid == EventNid(0) {
            Ok(None)
        } else {
            self.event(snapshot, nid)
        }
    }

    /// The transaction id of an event that the asking device sent.
    fn transaction_of(
        &self,
        snapshot: &Snapshot<'_>,
        event: &RoomEvent,
        viewer: &Viewer<'_>,
        how: Show<'_>,
    ) -> Result<Option<OwnedTransactionId>> {
        let Some(device) = how.device.filter(|_| event.pdu.sender() == viewer.user_id) else {
            return Ok(None);
        };
        let sent = tables::EVENT_TRANSACTION.get(snapshot, event.nid)?;
        Ok(sent
            .filter(|(by, _)| by == device.as_str())
            .map(|(_, id)| id.into()))
    }
}

/// What the server tells one device about any event.
struct Asked {
    age: u64,
    membership: MembershipState,
    transaction_id: Option<OwnedTransactionId>,
}

impl Asked {
    fn unsigned(&self) -> Unsigned<'_> {
        Unsigned {
            age: Some(self.age),
            membership: Some(&self.membership),
            transaction_id: self.transaction_id.as_deref(),
            ..Unsigned::default()
        }
    }
}

fn shown_as<'a>(event: &'a RoomEvent, unsigned: Unsigned<'a>, how: Show<'_>) -> ClientEvent<'a> {
    let shown = ClientEvent::from_pdu(&event.pdu).with_unsigned(unsigned);
    if how.room_id {
        shown.in_room(event.pdu.room_id())
    } else {
        shown
    }
}

impl Viewer<'_> {
    /// Whether the user could see the state that a state event replaced: their own membership, what was the current state
    /// of a room they were in, however old it was, and what they see in the history.
    fn knew(&self, event: &RoomEvent, replaced: &RoomEvent) -> Result<bool> {
        let is_own =
            event.pdu.state_key() == Some(self.user_id.as_str()) && membership_of(event).is_some();
        Ok(is_own
            || self.membership_in(event.row.state_before)? == Membership::Join
            || self.had_access(replaced)?)
    }

    /// The user's membership at the time of an event.
    pub fn membership_at(&self, event: &RoomEvent) -> Result<Membership> {
        match &self.row {
            Some(row) if row.is_in_since(event.row.place) => Ok(Membership::Join),
            Some(_) => self.membership_in(event.row.state_after),
            None => Ok(Membership::Leave),
        }
    }
}

impl RoomEvent {
    /// Whether clients may be shown the event at all.
    pub fn is_accepted(&self) -> bool {
        self.row.standing == Standing::Accepted
    }
}

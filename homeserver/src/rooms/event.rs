//! Stored events, and how they are read.

use std::sync::Arc;

use ruma::EventId;

use super::{
    Rooms,
    rows::EventRow,
    state::tree::{self, StateRoot},
};
use crate::{
    events::Pdu,
    ids::{EventNid, RoomNid},
    storage::{Error, Result, Snapshot, tables},
};

/// Changed events that readers with old snapshots might still bring back into the cache as they were.
const CHANGED_LATELY: usize = 2048;

/// What happened to an event that was stored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// Its content was removed.
    Redacted,
    /// The room's state at it became known.
    Settled,
}

/// An event with what the server knows about it. Shared, never changed: a redaction stores a new one.
#[derive(Debug)]
pub struct RoomEvent {
    /// The event's number.
    pub nid: EventNid,
    /// The row as stored, except that the event itself is kept in `pdu` only.
    pub row: EventRow,
    /// The event itself.
    pub pdu: Pdu,
}

impl RoomEvent {
    fn from_row(nid: EventNid, mut row: EventRow) -> Result<Self> {
        let bytes = std::mem::take(&mut row.pdu);
        let pdu =
            Pdu::from_stored(&bytes).map_err(|_| Error::Corrupt("a stored event is malformed"))?;
        Ok(Self { nid, row, pdu })
    }

    /// The event's id.
    pub fn id(&self) -> &EventId {
        self.pdu.event_id()
    }

    /// Whether the content was removed by a redaction.
    pub fn is_redacted(&self) -> bool {
        self.row.redacted_by != EventNid(0)
    }
}

impl Rooms {
    /// An event by number.
    pub fn event(&self, snapshot: &Snapshot<'_>, nid: EventNid) -> Result<Option<Arc<RoomEvent>>> {
        if let Some(event) = self.inner.events.get(&nid) {
            return Ok(Some(event));
        }
        let Some(row) = tables::EVENT.get(snapshot, nid)? else {
            return Ok(None);
        };
        let event = Arc::new(RoomEvent::from_row(nid, row)?);
        self.remember(&event);
        Ok(Some(event))
    }

    /// An event that another row names, so that it must be there.
    pub fn known_event(&self, snapshot: &Snapshot<'_>, nid: EventNid) -> Result<Arc<RoomEvent>> {
        self.event(snapshot, nid)?
            .ok_or(Error::Corrupt("an event that is referred to is missing"))
    }

    /// An event by id.
    pub fn event_by_id(
        &self,
        snapshot: &Snapshot<'_>,
        id: &EventId,
    ) -> Result<Option<Arc<RoomEvent>>> {
        match tables::EVENT_NID.get(snapshot, id)? {
            Some(nid) => self.event(snapshot, nid),
            None => Ok(None),
        }
    }

    /// The state event of a key in the current state.
    pub fn state_event(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        kind: &str,
        state_key: &str,
    ) -> Result<Option<Arc<RoomEvent>>> {
        match tables::CURRENT_STATE.get(snapshot, (room, kind, state_key))? {
            Some(nid) => self.known_event(snapshot, nid).map(Some),
            None => Ok(None),
        }
    }

    /// The current state as types, state keys and events: of one type, or of every type for `*`.
    pub fn current_state(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        kind: &str,
    ) -> Result<Vec<(String, String, EventNid)>> {
        let rows = match kind {
            "*" => tables::CURRENT_STATE.scan(snapshot, (room,))?,
            kind => tables::CURRENT_STATE.scan(snapshot, (room, kind))?,
        };
        rows.map(|row| row.map(|((_, kind, state_key), event)| (kind, state_key, event)))
            .collect()
    }

    /// The state event of a key in any state of the room.
    pub fn state_event_at(
        &self,
        snapshot: &Snapshot<'_>,
        root: StateRoot,
        kind: &str,
        state_key: &str,
    ) -> Result<Option<Arc<RoomEvent>>> {
        let Some(key) = self.storage().interner().find_state_key(kind, state_key)? else {
            return Ok(None);
        };
        match tree::get(&self.nodes(snapshot), root, key)? {
            Some(nid) => self.known_event(snapshot, nid).map(Some),
            None => Ok(None),
        }
    }

    /// Keeps an event in memory. A reader with an old snapshot must not bring back what has changed meanwhile.
    pub(super) fn remember(&self, event: &Arc<RoomEvent>) {
        let is_old = |(nid, changed): &(EventNid, Changed)| {
            *nid == event.nid
                && match changed {
                    Changed::Redacted => !event.is_redacted(),
                    Changed::Settled => !event.has_state(),
                }
        };
        if !self.inner.changed.lock().iter().any(is_old) {
            self.inner.events.insert(event.nid, Arc::clone(event));
        }
    }

    /// Forgets an event that no row will name any longer.
    pub(super) fn drop_event(&self, nid: EventNid) {
        self.inner.events.remove(&nid);
    }

    /// Forgets an event whose row is about to change.
    pub(super) fn forget_event(&self, nid: EventNid, change: Changed) {
        let mut changed = self.inner.changed.lock();
        if changed.len() >= CHANGED_LATELY {
            changed.pop_front();
        }
        changed.push_back((nid, change));
        self.inner.events.remove(&nid);
    }
}

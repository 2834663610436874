//! A room as the next event finds it.

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};

use roaring::RoaringBitmap;
use ruma::{OwnedEventId, RoomVersionId, room_version_rules::RoomVersionRules};

use super::{
    Rooms, deletion::history_start, relations::recent::Recent, rows::RoomSummary,
    state::tree::StateRoot,
};
use crate::{
    events::versions,
    ids::{EventNid, RoomNid},
    storage::{Error, Result, Snapshot, tables},
};

/// Transaction ids of messages that may still be on their way to the disk.
const PENDING: usize = 512;

/// What the next event of a room is built on. Kept in memory under the room's lock, a few commits ahead of the disk.
#[derive(Clone)]
pub struct Head {
    /// The room version's rules.
    rules: &'static RoomVersionRules,
    /// The events without successors.
    pub extremities: Vec<(EventNid, OwnedEventId)>,
    /// The greatest depth so far.
    pub depth: u64,
    /// The current state.
    pub state: StateRoot,
    /// Events that notify by default, see [`super::rows::TimelineRow::notifying`].
    pub notifying: u64,
    /// The room's summary.
    summary: Arc<RoomSummary>,
    summary_changed: bool,
    /// Whether the next change has to see this one on disk.
    pub(super) waits: bool,
    /// Whether there are changes that the next snapshot may not show yet.
    pub(super) is_ahead: bool,
    /// The members of this server who are in the room, once somebody has asked for them.
    pub(super) local_members: Arc<OnceLock<Arc<RoaringBitmap>>>,
    /// Whether this change touches the members, so that the disk does not show them yet.
    pub(super) members_change: bool,
    /// Transactions whose rows the next snapshot may not show yet.
    pending: VecDeque<(String, OwnedEventId)>,
    /// Counts of related events that the next snapshot may not show yet.
    pub(super) recent: Recent,
}

impl Head {
    /// A room without events.
    pub(super) fn empty(rules: &'static RoomVersionRules, version: &str) -> Self {
        let summary = RoomSummary {
            version: version.to_owned(),
            ..RoomSummary::default()
        };
        Self {
            rules,
            extremities: Vec::new(),
            depth: 0,
            state: StateRoot::EMPTY,
            notifying: 0,
            summary: Arc::new(summary),
            summary_changed: false,
            waits: true,
            is_ahead: false,
            local_members: Arc::default(),
            members_change: false,
            pending: VecDeque::new(),
            recent: Recent::default(),
        }
    }

    /// The room as it is on disk, if it has events.
    pub(super) fn load(
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
    ) -> Result<Option<Self>> {
        let Some(summary) = tables::ROOM.get(snapshot, room)? else {
            return Ok(None);
        };
        let version = RoomVersionId::try_from(summary.version.as_str()).ok();
        let rules = version
            .and_then(|version| versions::rules(&version))
            .ok_or(Error::Corrupt("a room has an unknown version"))?;
        let mut head = Self::empty(rules, &summary.version);
        for row in tables::EXTREMITY.scan(snapshot, (room,))? {
            let ((_, nid), ()) = row?;
            let event = rooms.known_event(snapshot, nid)?;
            head.depth = head.depth.max(event.pdu.depth());
            head.extremities.push((nid, event.id().to_owned()));
        }
        let last = tables::TIMELINE
            .scan_back(snapshot, (room,))?
            .next()
            .transpose()?;
        let (_, removed) = history_start(snapshot, room)?;
        head.notifying = last.map_or(0, |(_, row)| row.notifying).max(removed);
        head.state = summary.state_root();
        head.summary = Arc::new(summary);
        Ok(Some(head))
    }

    /// The rules of the room's version.
    pub fn rules(&self) -> &'static RoomVersionRules {
        self.rules
    }

    /// The room's summary.
    pub fn summary(&self) -> &RoomSummary {
        &self.summary
    }

    /// The summary, to be changed and stored with the commit.
    pub fn summary_mut(&mut self) -> &mut RoomSummary {
        self.summary_changed = true;
        Arc::make_mut(&mut self.summary)
    }

    /// The summary to store, if the change touched it or the state.
    pub(super) fn changed_summary(&self) -> Option<RoomSummary> {
        (self.summary_changed || self.summary.state != self.state.0).then(|| {
            let mut summary = (*self.summary).clone();
            summary.state = self.state.0;
            summary
        })
    }

    /// The head once the change is queued.
    pub(super) fn settled(mut self) -> Self {
        if let Some(summary) = self.changed_summary() {
            self.summary = Arc::new(summary);
        }
        if self.waits {
            self.recent.clear();
        }
        self.is_ahead = !self.waits;
        self.summary_changed = false;
        self.members_change = false;
        self.waits = false;
        self
    }

    /// The event a transaction made, if it is among the latest.
    pub fn pending(&self, transaction: &str) -> Option<&OwnedEventId> {
        self.pending
            .iter()
            .find(|(key, _)| key == transaction)
            .map(|(_, id)| id)
    }

    /// Remembers what a transaction made.
    pub fn remember(&mut self, transaction: String, event: OwnedEventId) {
        if self.pending.len() >= PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back((transaction, event));
    }

    /// Whether the room has no events yet.
    pub(super) fn is_empty(&self) -> bool {
        self.extremities.is_empty()
    }
}

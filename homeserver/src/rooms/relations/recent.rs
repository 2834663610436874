//! Counts that are on their way to the disk.
//!
//! A room's next event may be built before the one before it is on disk, so what a relation changes is read from here
//! first. Once there is much of it, the room waits for the disk and begins anew.

use std::{collections::HashMap, sync::Arc};

use ruma::OwnedEventId;

use super::{Aggregate, index::AnnotationKey};
use crate::ids::{EventNid, UserNid};

/// Rows that may be kept.
const MAX_ROWS: usize = 128;

/// The newest counts of a room's related events. A clone shares them until one of both changes.
#[derive(Clone, Default)]
pub(in crate::rooms) struct Recent(Arc<Rows>);

#[derive(Clone, Default)]
struct Rows {
    aggregates: HashMap<OwnedEventId, Aggregate>,
    senders: HashMap<(OwnedEventId, UserNid), u64>,
    annotations: HashMap<AnnotationKey, Option<EventNid>>,
}

impl Recent {
    /// Whether the disk has to catch up before the next change.
    pub(in crate::rooms) fn is_full(&self) -> bool {
        self.0.aggregates.len() + self.0.senders.len() + self.0.annotations.len() >= MAX_ROWS
    }

    /// Forgets what is on disk.
    pub(in crate::rooms) fn clear(&mut self) {
        if !self.0.aggregates.is_empty() || !self.0.annotations.is_empty() {
            *self = Self::default();
        }
    }

    pub(super) fn aggregate(&self, parent: &OwnedEventId) -> Option<Aggregate> {
        self.0.aggregates.get(parent).copied()
    }

    pub(super) fn set_aggregate(&mut self, parent: OwnedEventId, row: Aggregate) {
        Arc::make_mut(&mut self.0).aggregates.insert(parent, row);
    }

    pub(super) fn sender(&self, key: &(OwnedEventId, UserNid)) -> Option<u64> {
        self.0.senders.get(key).copied()
    }

    pub(super) fn set_sender(&mut self, key: (OwnedEventId, UserNid), count: u64) {
        Arc::make_mut(&mut self.0).senders.insert(key, count);
    }

    /// The annotation, if that is known: none where it was redacted.
    pub(super) fn annotation(&self, key: &AnnotationKey) -> Option<Option<EventNid>> {
        self.0.annotations.get(key).copied()
    }

    pub(super) fn set_annotation(&mut self, key: AnnotationKey, event: Option<EventNid>) {
        Arc::make_mut(&mut self.0).annotations.insert(key, event);
    }
}

//! What is in an open room, and the rows made of it: only while somebody looks, since they take more memory than anything
//! else of a room that stays at hand.

use std::sync::Arc;

use eyeball_im::VectorDiff;
use imbl::Vector;
use matrix_sdk_ui::timeline::{EventTimelineItem, TimelineItem};

use crate::rows::{
    RowId,
    timeline::{People, RowContext, RowDiff, TimelineRows},
};

/// The SDK's items of a room, with or without rows.
pub(super) struct ShownRows {
    items: Vector<Arc<TimelineItem>>,
    rows: Option<TimelineRows>,
    /// Senders who were introduced before the rows went.
    people: Arc<People>,
}

impl ShownRows {
    /// What the SDK has, without rows.
    pub(super) fn new(items: Vector<Arc<TimelineItem>>) -> Self {
        Self {
            items,
            rows: None,
            people: Arc::default(),
        }
    }

    /// Makes the rows, or makes those anew whose looks have changed.
    pub(super) fn show(&mut self, context: RowContext) {
        if let Some(rows) = &mut self.rows {
            rows.set_context(context);
            return;
        }
        let mut rows = TimelineRows::new(context);
        let values = self.items.clone();
        rows.apply_all([VectorDiff::Reset { values }]);
        // Some may have been found while nobody looked, and share a name.
        if !self.people.is_empty() {
            rows.introduce(People::new());
        }
        self.rows = Some(rows);
    }

    /// Lets go of the rows.
    pub(super) fn hide(&mut self) {
        self.people = self.people();
        self.rows = None;
    }

    /// The rows, while they are shown.
    pub(super) fn shown(&self) -> Option<&TimelineRows> {
        self.rows.as_ref()
    }

    /// Follows the SDK's changes.
    pub(super) fn apply_all(&mut self, diffs: Vec<VectorDiff<Arc<TimelineItem>>>) -> Vec<RowDiff> {
        for diff in &diffs {
            diff.clone().apply(&mut self.items);
        }
        let rows = self.rows.as_mut();
        rows.map(|rows| rows.apply_all(diffs)).unwrap_or_default()
    }

    /// Makes rows anew when rights have changed.
    pub(super) fn set_context(&mut self, context: RowContext) -> Vec<RowDiff> {
        let rows = self.rows.as_mut();
        rows.map(|rows| rows.set_context(context))
            .unwrap_or_default()
    }

    /// Calls senders by their names.
    pub(super) fn introduce(&mut self, found: People) -> Vec<RowDiff> {
        match &mut self.rows {
            Some(rows) => rows.introduce(found),
            None => {
                Arc::make_mut(&mut self.people).extend(found);
                Vec::new()
            }
        }
    }

    /// Those who were introduced.
    pub(super) fn people(&self) -> Arc<People> {
        match &self.rows {
            Some(rows) => rows.people(),
            None => Arc::clone(&self.people),
        }
    }

    /// The event behind a row.
    pub(super) fn event(&self, row: &RowId) -> Option<&EventTimelineItem> {
        // From the end: people act on what is new.
        let mut items = self.items.iter().rev();
        items
            .find(|item| item.unique_id().0 == row.as_str())?
            .as_event()
    }

    /// How much is in the room: messages, notices and days.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}

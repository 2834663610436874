//! A Slint model fed by vector diffs.

use std::{any::Any, cell::RefCell, collections::VecDeque};

use eyeball_im::VectorDiff;
use slint::{Model, ModelNotify, ModelTracker};

/// Rows for a Slint list, changed only by [`VectorDiff`]s, so that a change of one row repaints one row.
///
/// Views map the rows to their Slint structs with `slint::ModelExt::map`, or with
/// [`KeptMap`](super::kept_map::KeptMap). A diff that does not fit the rows (which would be an error of the sender) is
/// ignored rather than allowed to end the program.
pub struct DiffModel<T> {
    rows: RefCell<VecDeque<T>>,
    notify: ModelNotify,
}

impl<T> Default for DiffModel<T> {
    fn default() -> Self {
        Self {
            rows: RefCell::default(),
            notify: ModelNotify::default(),
        }
    }
}

impl<T: Clone + 'static> DiffModel<T> {
    /// An empty model.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies one change and tells the views.
    pub fn apply(&self, diff: VectorDiff<T>) {
        match diff {
            VectorDiff::Append { values } => {
                self.insert_all(self.len(), values.into_iter().collect());
            }
            VectorDiff::PushFront { value } => self.insert_all(0, vec![value]),
            VectorDiff::PushBack { value } => self.insert_all(self.len(), vec![value]),
            VectorDiff::Insert { index, value } => self.insert_all(index, vec![value]),
            VectorDiff::Set { index, value } => self.set(index, value),
            VectorDiff::Remove { index } => self.remove_range(index, 1),
            VectorDiff::PopFront => self.remove_range(0, 1),
            VectorDiff::PopBack => self.remove_range(self.len().saturating_sub(1), 1),
            VectorDiff::Truncate { length } => {
                self.remove_range(length, self.len().saturating_sub(length));
            }
            VectorDiff::Clear => self.reset(VecDeque::new()),
            VectorDiff::Reset { values } => self.reset(values.into_iter().collect()),
        }
    }

    /// Applies several changes in their order.
    pub fn apply_all(&self, diffs: impl IntoIterator<Item = VectorDiff<T>>) {
        for diff in diffs {
            self.apply(diff);
        }
    }

    /// Puts a row in the place of the one that it is the news of, if there is one.
    pub fn replace(&self, value: T, is_old: impl Fn(&T, &T) -> bool) {
        let found = self
            .rows
            .borrow()
            .iter()
            .position(|old| is_old(old, &value));
        if let Some(index) = found {
            self.set(index, value);
        }
    }

    /// Puts rows before the row at `index`, with one notification for all of them.
    pub fn insert_all(&self, index: usize, values: Vec<T>) {
        let count = values.len();
        if count == 0 || index > self.len() {
            return;
        }
        {
            let mut rows = self.rows.borrow_mut();
            let tail = rows.split_off(index);
            rows.extend(values);
            rows.extend(tail);
        }
        self.notify.row_added(index, count);
    }

    /// Takes `count` rows away, starting at `index`.
    pub fn remove_range(&self, index: usize, count: usize) {
        if count == 0 || index + count > self.len() {
            return;
        }
        self.rows.borrow_mut().drain(index..index + count);
        self.notify.row_removed(index, count);
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.borrow().len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows as they are now.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        self.rows.borrow().iter().cloned().collect()
    }

    /// The first row for which `wanted` holds, and its position.
    pub fn find(&self, wanted: impl Fn(&T) -> bool) -> Option<(usize, T)> {
        let rows = self.rows.borrow();
        let index = rows.iter().position(wanted)?;
        Some((index, rows[index].clone()))
    }

    fn set(&self, index: usize, value: T) {
        match self.rows.borrow_mut().get_mut(index) {
            Some(row) => *row = value,
            None => return,
        }
        self.notify.row_changed(index);
    }

    fn reset(&self, rows: VecDeque<T>) {
        *self.rows.borrow_mut() = rows;
        self.notify.reset();
    }
}

impl<T: Clone + 'static> Model for DiffModel<T> {
    type Data = T;

    fn row_count(&self) -> usize {
        self.len()
    }

    fn row_data(&self, row: usize) -> Option<T> {
        self.rows.borrow().get(row).cloned()
    }

    fn model_tracker(&self) -> &dyn ModelTracker {
        &self.notify
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

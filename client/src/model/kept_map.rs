//! What rows look like, worked out once for each of them.
//!
//! Whenever rows come or go, Slint asks again for all rows behind them, since their numbers have changed.
//! [`slint::MapModel`] works each of them out anew, and a row that holds a model of its own, such as the words of a
//! text, is then never equal to what it was: all of them would be laid out again.

use std::{any::Any, cell::RefCell, collections::VecDeque, pin::Pin, rc::Rc};

use i_slint_core::model::{ModelChangeListener, ModelChangeListenerBox};
use slint::{Model, ModelNotify, ModelTracker};

use super::diff_model::DiffModel;

/// Maps the rows of a [`DiffModel`]. A row is mapped again when the model says that it has changed, and not before; what it
/// was before is at hand then.
pub struct KeptMap<T: Clone + 'static, U: Clone + 'static>(ModelChangeListenerBox<Inner<T, U>>);

struct Inner<T: Clone + 'static, U: Clone + 'static> {
    source: Rc<DiffModel<T>>,
    map: Box<Map<T, U>>,
    kept: RefCell<VecDeque<Option<Kept<T, U>>>>,
    notify: ModelNotify,
}

type Map<T, U> = dyn Fn(&T, Option<(&T, &U)>) -> U;

/// A row and what it became.
#[derive(Clone)]
struct Kept<T, U> {
    row: T,
    mapped: U,
    /// The row has changed since.
    stale: bool,
}

impl<T: Clone + 'static, U: Clone + 'static> KeptMap<T, U> {
    /// A model with as many rows as `source`. `map` is given a row and, if it has changed, what it was and what became of
    /// that.
    pub fn new(
        source: Rc<DiffModel<T>>,
        map: impl Fn(&T, Option<(&T, &U)>) -> U + 'static,
    ) -> Self {
        let kept = RefCell::new(vec![None; source.len()].into());
        let inner = Inner {
            source: source.clone(),
            map: Box::new(map),
            kept,
            notify: ModelNotify::default(),
        };
        let listener = ModelChangeListenerBox::new(inner);
        source
            .model_tracker()
            .attach_peer(listener.as_ref().model_peer());
        Self(listener)
    }
}

impl<T: Clone + 'static, U: Clone + 'static> ModelChangeListener for Inner<T, U> {
    fn row_changed(self: Pin<&Self>, row: usize) {
        if let Some(Some(kept)) = self.kept.borrow_mut().get_mut(row) {
            kept.stale = true;
        }
        self.notify.row_changed(row);
    }

    fn row_added(self: Pin<&Self>, index: usize, count: usize) {
        {
            let mut kept = self.kept.borrow_mut();
            let at = index.min(kept.len());
            let tail = kept.split_off(at);
            kept.extend(std::iter::repeat_with(|| None).take(count));
            kept.extend(tail);
        }
        self.notify.row_added(index, count);
    }

    fn row_removed(self: Pin<&Self>, index: usize, count: usize) {
        {
            let mut kept = self.kept.borrow_mut();
            let end = (index + count).min(kept.len());
            kept.drain(index.min(end)..end);
        }
        self.notify.row_removed(index, count);
    }

    fn reset(self: Pin<&Self>) {
        *self.kept.borrow_mut() = vec![None; self.source.len()].into();
        self.notify.reset();
    }
}

impl<T: Clone + 'static, U: Clone + 'static> Model for KeptMap<T, U> {
    type Data = U;

    fn row_count(&self) -> usize {
        self.0.source.row_count()
    }

    fn row_data(&self, index: usize) -> Option<U> {
        let before = match self.0.kept.borrow().get(index) {
            Some(Some(kept)) if !kept.stale => return Some(kept.mapped.clone()),
            Some(before) => before.clone(),
            None => None,
        };
        let row = self.0.source.row_data(index)?;
        let before = before.as_ref().map(|kept| (&kept.row, &kept.mapped));
        let mapped = (self.0.map)(&row, before);
        if let Some(kept) = self.0.kept.borrow_mut().get_mut(index) {
            *kept = Some(Kept {
                row,
                mapped: mapped.clone(),
                stale: false,
            });
        }
        Some(mapped)
    }

    fn model_tracker(&self) -> &dyn ModelTracker {
        &self.0.notify
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

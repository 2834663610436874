//! The part of a long list that is on the screen, and some rows around it.
//!
//! Slint's `ListView` guesses heights, so a timeline in it jumps. A `ScrollView` over some dozens of rows has exact
//! heights instead. This type holds all rows that are known and lets the view walk over them.
//!
//! One step changes one end only, so that the view can keep the text where it is: [`show_older`](Window::show_older)
//! adds rows at the front, [`show_newer`](Window::show_newer) at the back, and what has become too much at the other
//! end is taken away by [`settle`](Window::settle), which the view calls after the next layout. Each change at the
//! front counts up [`front_epoch`](Window::front_epoch); the view then shifts its scroll position by the difference of
//! the content's height.

use std::rc::Rc;

use eyeball_im::VectorDiff;
use imbl::Vector;

use super::diff_model::DiffModel;

/// Rows in the window after [`Window::settle`] where they are as high as most messages: every frame costs time for each.
pub const LIMIT: usize = 70;
/// Rows in the window however low they are.
pub const MOST: usize = 400;
/// Its smallest size when there are enough rows.
pub const PAGE: usize = 50;
/// Rows by which the window grows when the view comes near its end: few, since all of them are laid out in one frame.
pub const STEP: usize = 3;
/// Rows by which it grows when the view has all but reached its end.
pub const LEAP: usize = 24;

/// A bounded window over a list of rows, moved by the view and kept true by diffs.
pub struct Window<T: Clone + 'static> {
    all: Vector<T>,
    start: usize,
    end: usize,
    following: bool,
    front_epoch: u64,
    model: Rc<DiffModel<T>>,
}

impl<T: Clone + 'static> Default for Window<T> {
    fn default() -> Self {
        Self {
            all: Vector::new(),
            start: 0,
            end: 0,
            following: true,
            front_epoch: 0,
            model: Rc::default(),
        }
    }
}

impl<T: Clone + 'static> Window<T> {
    /// An empty window that follows the end of the list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The rows in the window, for the view.
    #[must_use]
    pub fn model(&self) -> Rc<DiffModel<T>> {
        self.model.clone()
    }

    /// Counts the changes at the front of the window.
    #[must_use]
    pub fn front_epoch(&self) -> u64 {
        self.front_epoch
    }

    /// Tells whether the view stands at the very bottom: then new rows push old ones out, otherwise the rows being
    /// read stay.
    pub fn set_following(&mut self, following: bool) {
        self.following = following && self.at_end();
    }

    /// Whether new rows push old ones out.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.following
    }

    /// How many known rows stand above the window.
    #[must_use]
    pub fn start(&self) -> usize {
        self.start
    }

    /// Whether the window begins at the first known row: time to ask the server for more.
    #[must_use]
    pub fn at_start(&self) -> bool {
        self.start == 0
    }

    /// Whether the window ends at the newest row.
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.end == self.all.len()
    }

    /// The known rows below the window.
    #[must_use]
    pub fn newer_rows(&self) -> usize {
        self.all.len() - self.end
    }

    /// All known rows.
    #[must_use]
    pub fn all(&self) -> &Vector<T> {
        &self.all
    }

    /// Applies changes of the list, all of them before the next frame.
    pub fn apply_all(&mut self, diffs: impl IntoIterator<Item = VectorDiff<T>>) {
        for diff in diffs {
            self.apply(diff);
        }
        if self.following {
            self.extend_to_end();
            self.trim_front(MOST);
        }
        self.fill();
    }

    /// Adds rows at the front, more of them where the view falls short. Returns whether there was anything to add.
    pub fn show_older(&mut self, short: bool) -> bool {
        self.extend_front(if short { LEAP } else { STEP })
    }

    /// The same at the back.
    pub fn show_newer(&mut self, short: bool) -> bool {
        self.extend_back(if short { LEAP } else { STEP })
    }

    /// Takes away what is too much, at the end the view is not near. Call it after the layout that followed `show_older`
    /// (`near_end = false`), and `show_newer` or new rows at the end (`near_end = true`). `spare` says that the view is far
    /// enough from what goes: otherwise it would ask for the same rows again.
    pub fn settle(&mut self, near_end: bool, spare: bool) {
        let kept = if spare { LIMIT } else { MOST };
        if near_end {
            self.trim_front(kept);
        } else if self.end - self.start > kept {
            let new_end = self.start + kept;
            self.model.remove_range(kept, self.end - new_end);
            self.end = new_end;
            self.following = false;
        }
    }

    /// Jumps to the newest rows and follows them.
    pub fn show_end(&mut self) {
        self.following = true;
        if !self.at_end() {
            self.place(self.all.len().saturating_sub(PAGE), self.all.len());
        }
    }

    /// Moves the window so that the row is inside. Returns its position in the window, `None` when it is not known.
    pub fn reveal(&mut self, wanted: impl Fn(&T) -> bool) -> Option<usize> {
        let index = self.all.iter().position(wanted)?;
        if index < self.start || index >= self.end {
            let start = index.saturating_sub(PAGE / 2);
            self.place(start, (start + PAGE).min(self.all.len()));
            self.following = false;
        }
        Some(index - self.start)
    }

    fn apply(&mut self, diff: VectorDiff<T>) {
        match diff {
            VectorDiff::Append { values } => self.all.append(values),
            VectorDiff::PushBack { value } => self.all.push_back(value),
            VectorDiff::PushFront { value } => self.insert(0, value),
            VectorDiff::Insert { index, value } => self.insert(index, value),
            VectorDiff::Set { index, value } => self.set(index, value),
            VectorDiff::Remove { index } => self.remove(index),
            VectorDiff::PopFront => self.remove(0),
            VectorDiff::PopBack => self.remove(self.all.len().saturating_sub(1)),
            VectorDiff::Truncate { length } => {
                while self.all.len() > length {
                    self.remove(self.all.len() - 1);
                }
            }
            VectorDiff::Clear => self.reset(Vector::new()),
            VectorDiff::Reset { values } => self.reset(values),
        }
    }

    /// A row at the front edge goes above the window: rows in view must not move by themselves. A row at the back
    /// edge waits for `extend_to_end` or `fill`.
    fn insert(&mut self, index: usize, value: T) {
        if index > self.all.len() {
            return;
        }
        let is_empty = self.end == self.start;
        if index < self.start || (index == self.start && !is_empty) {
            self.start += 1;
            self.end += 1;
        } else if index < self.end {
            self.model
                .insert_all(index - self.start, vec![value.clone()]);
            self.end += 1;
        }
        self.all.insert(index, value);
    }

    fn set(&mut self, index: usize, value: T) {
        if index >= self.all.len() {
            return;
        }
        if (self.start..self.end).contains(&index) {
            self.model.apply(VectorDiff::Set {
                index: index - self.start,
                value: value.clone(),
            });
        }
        self.all.set(index, value);
    }

    fn remove(&mut self, index: usize) {
        if index >= self.all.len() {
            return;
        }
        self.all.remove(index);
        if index < self.start {
            self.start -= 1;
            self.end -= 1;
        } else if index < self.end {
            self.model.remove_range(index - self.start, 1);
            self.end -= 1;
        }
    }

    fn reset(&mut self, values: Vector<T>) {
        self.all = values;
        self.place(self.all.len().saturating_sub(PAGE), self.all.len());
    }

    fn place(&mut self, start: usize, end: usize) {
        self.start = start;
        self.end = end;
        let values = self.slice(start, end).into_iter().collect();
        self.model.apply(VectorDiff::Reset { values });
    }

    fn extend_to_end(&mut self) {
        let len = self.all.len();
        // A batch larger than the window would be shown only to be taken away again.
        if len - self.end > LIMIT {
            self.place(len - LIMIT, len);
            return;
        }
        let values = self.slice(self.end, len);
        self.model.insert_all(self.end - self.start, values);
        self.end = len;
    }

    fn extend_front(&mut self, count: usize) -> bool {
        let old_start = self.start;
        self.start = old_start.saturating_sub(count);
        if self.start == old_start {
            return false;
        }
        let values = self.slice(self.start, old_start);
        self.model.insert_all(0, values);
        self.front_epoch += 1;
        true
    }

    fn extend_back(&mut self, count: usize) -> bool {
        let old_end = self.end;
        self.end = (old_end + count).min(self.all.len());
        let values = self.slice(old_end, self.end);
        self.model.insert_all(old_end - self.start, values);
        self.end > old_end
    }

    /// A window smaller than a page takes what there is, below first.
    fn fill(&mut self) {
        if self.end - self.start < PAGE && !self.at_end() {
            self.extend_back(PAGE);
        }
        let missing = PAGE.saturating_sub(self.end - self.start);
        self.extend_front(missing);
    }

    fn trim_front(&mut self, kept: usize) {
        let surplus = (self.end - self.start).saturating_sub(kept);
        if surplus > 0 {
            self.start += surplus;
            self.model.remove_range(0, surplus);
            self.front_epoch += 1;
        }
    }

    fn slice(&self, start: usize, end: usize) -> Vec<T> {
        self.all
            .iter()
            .skip(start)
            .take(end - start)
            .cloned()
            .collect()
    }
}

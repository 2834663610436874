//! Holds back what was told of the room while somebody reads older messages.
//!
//! When more has come than the server tells at once, the SDK begins its list anew with the newest messages. What is read
//! stays on the screen until it is among the rows again, at the same place.

use std::{rc::Rc, sync::Arc, time::Duration};

use eyeball_im::VectorDiff;
use imbl::Vector;
use matrix_sdk::ruma::OwnedEventId;
use slint::{ComponentHandle, Timer};

use super::{TimelineAdapter, read_line::ReadLine, timeline::Timeline};
use crate::{
    bridge::command::{Command, TimelineCommand},
    rows::{RowKind, TimelineRow},
};

/// The view tells at once what is read; without an answer nothing is held longer than this.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

type Rows = Vector<Arc<TimelineRow>>;

/// What is held back.
pub(super) struct Held {
    /// All rows as they are.
    rows: Rows,
    place: Option<Place>,
}

/// The message that is read, and how far below the upper edge it begins.
#[derive(Clone, PartialEq)]
pub(super) struct Place {
    event: OwnedEventId,
    offset: f32,
}

impl Timeline {
    /// Holds changes of rows back, if what is read would go with them. Tells whether it does.
    pub(super) fn hold_back(self: &Rc<Self>, diffs: &[VectorDiff<Arc<TimelineRow>>]) -> bool {
        if let Some(held) = &mut *self.held.borrow_mut() {
            apply(&mut held.rows, diffs);
        } else {
            let Some(rows) = self.rows_begun_anew(diffs) else {
                return false;
            };
            self.hold(rows);
        }
        self.come_back();
        true
    }

    fn hold(self: &Rc<Self>, rows: Rows) {
        self.held.replace(Some(Held { rows, place: None }));
        // The view may not have come back yet since the last time.
        match self.returning.take().filter(|_| self.on_the_way.get()) {
            Some(place) => self.go_back_to(place),
            None => self.ask_for_place(),
        }
    }

    /// All rows after these changes, if somebody reads older messages and those are gone then.
    fn rows_begun_anew(&self, diffs: &[VectorDiff<Arc<TimelineRow>>]) -> Option<Rows> {
        let is_sought = self.sought.borrow().is_some() || self.line_pages.get().is_some();
        let window = self.window.borrow();
        if window.is_following() || is_sought {
            return None;
        }
        let first = slint::Model::iter(&*window.model()).find(|row| event_of(row).is_some())?;
        let goes = |diff: &VectorDiff<_>| {
            matches!(
                diff,
                VectorDiff::Clear | VectorDiff::Reset { .. } | VectorDiff::Remove { .. }
            )
        };
        if !diffs.iter().any(goes) {
            return None;
        }
        let mut rows = window.all().clone();
        apply(&mut rows, diffs);
        (!rows.iter().any(|row| row.id == first.id)).then_some(rows)
    }

    fn ask_for_place(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<TimelineAdapter>();
            adapter.set_place_epoch(adapter.get_place_epoch().wrapping_add(1));
        });
        let timeline = self.clone();
        Timer::single_shot(TOLD_WITHIN, move || {
            let is_told = |held: &Held| held.place.is_some();
            if !timeline.held.borrow().as_ref().is_none_or(is_told) {
                timeline.give_up();
            }
        });
    }

    /// The view tells at which row somebody reads, and how far below the upper edge it begins.
    pub(super) fn place_told(self: &Rc<Self>, row: &str, offset: f32) {
        let event = {
            let window = self.window.borrow();
            let from = window
                .all()
                .iter()
                .skip_while(|other| other.id.as_str() != row);
            from.filter_map(event_of).next().cloned()
        };
        let Some(event) = event else {
            self.give_up();
            return;
        };
        self.go_back_to(Place { event, offset });
    }

    fn go_back_to(self: &Rc<Self>, place: Place) {
        match &mut *self.held.borrow_mut() {
            Some(held) => held.place = Some(place.clone()),
            None => return,
        }
        let Some(room) = self.room().filter(|_| !self.come_back()) else {
            return;
        };
        let event = place.event.clone();
        let command = Command::Timeline(room, TimelineCommand::Seek { event });
        let timeline = self.clone();
        self.context.ask(command, move |result| {
            let is_it = |held: &Held| held.place.as_ref() == Some(&place);
            if result.is_err() && timeline.held.borrow().as_ref().is_some_and(is_it) {
                timeline.give_up();
            }
        });
    }

    /// Shows the new rows with what is read at its place, once it is among them.
    fn come_back(&self) -> bool {
        let place = match &*self.held.borrow() {
            Some(Held {
                rows,
                place: Some(place),
            }) if rows.iter().any(|row| event_of(row) == Some(&place.event)) => place.clone(),
            _ => return false,
        };
        self.let_go();
        self.reveal_at(place.offset, |row| event_of(row) == Some(&place.event));
        self.returning.replace(Some(place));
        true
    }

    /// What was read cannot be shown again: somebody goes on where the known messages begin.
    fn give_up(&self) {
        if self.let_go() {
            let first = self.window.borrow().all().front().cloned();
            if let Some(first) = first {
                self.reveal_row(first.id.as_str());
            }
        }
    }

    /// Holds nothing back any more. Tells whether it did.
    pub(super) fn let_go(&self) -> bool {
        let Some(held) = self.held.take() else {
            return false;
        };
        // The SDK has forgotten its mark with its list.
        let new = self.list.unread(self.room().as_deref());
        self.read_line.replace(ReadLine::opened(new));
        self.take(vec![VectorDiff::Reset { values: held.rows }]);
        true
    }
}

fn apply(rows: &mut Rows, diffs: &[VectorDiff<Arc<TimelineRow>>]) {
    for diff in diffs {
        diff.clone().apply(rows);
    }
}

fn event_of(row: &Arc<TimelineRow>) -> Option<&OwnedEventId> {
    match &row.kind {
        RowKind::Message(message) => message.event_id.as_ref(),
        _ => None,
    }
}

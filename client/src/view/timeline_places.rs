//! Finding places in the timeline: a message that is looked for, the one chosen with the keyboard, neighbours.

use std::{rc::Rc, sync::Arc};

use chrono::Local;
use matrix_sdk::ruma::EventId;
use slint::{ComponentHandle, ModelRc, SharedString, VecModel};

use super::{TextAdapter, TimelineAdapter, clock, messages, read_line, timeline::Timeline};
use crate::{
    bridge::{
        command::{Command, TimelineCommand},
        update::Pagination,
    },
    render::{text::beginning, time},
    rows::{Body, MessageRow, RowId, RowKind, TimelineRow},
};

/// A page of a long text in its own window, in bytes, and how many there are at most.
const TEXT_PAGE: usize = 4096;
const TEXT_PAGES: usize = 64;

/// So far below the upper edge begins what is scrolled to.
const MARGIN: f32 = 40.0;

/// Pages of older messages that are fetched at most to find where the new ones begin, for one press.
const LINE_PAGES: u8 = 20;

impl Timeline {
    pub(super) fn bind_line(self: &Rc<Self>, adapter: &TimelineAdapter<'_>) {
        let timeline = self.clone();
        adapter.on_line_seen(move || timeline.see_line());
        let timeline = self.clone();
        adapter.on_line_requested(move || {
            timeline.let_go();
            timeline.line_pages.set(Some(0));
            timeline.look_for_line();
        });
    }

    /// Shows where the new messages begin, if somebody wants to see that, and fetches older ones until it is known.
    pub(super) fn look_for_line(&self) {
        let Some(pages) = self.line_pages.get() else {
            return;
        };
        let (row, is_line) = {
            let (window, line) = (self.window.borrow(), self.read_line.borrow());
            let at = line.new_messages(window.all()).and_then(|(at, _)| at);
            let row = window.all().get(at.unwrap_or(0));
            (row.map(|row| row.id.clone()), at.is_some())
        };
        if !is_line && !self.is_complete() && pages < LINE_PAGES {
            if self.ask_for_older() {
                self.line_pages.set(Some(pages + 1));
            }
            return;
        }
        self.line_pages.set(None);
        if is_line {
            self.see_line();
        }
        if let Some(row) = row {
            self.reveal_row(row.as_str());
        }
    }

    fn see_line(&self) {
        self.line_seen.set(true);
        self.show_line();
    }

    /// Says how many messages are new, until somebody has seen where they begin.
    pub(super) fn show_line(&self) {
        let (window, line) = (self.window.borrow(), self.read_line.borrow());
        let new = line.new_messages(window.all());
        let new = new.filter(|_| !self.line_seen.get());
        let (at, new) = new.unwrap_or_default();
        let is_out = at.is_none_or(|at| at < window.start());
        let first = at.and_then(|at| window.all().get(at));
        let since = first.and_then(|row| today(row)).unwrap_or_default();
        self.context.with_window(|view| {
            let adapter = view.global::<TimelineAdapter>();
            adapter.set_line_out(is_out);
            adapter.set_new_since(since.as_str().into());
            adapter.set_new_messages(i32::try_from(new).unwrap_or(i32::MAX));
        });
    }

    pub(super) fn show_older(&self, short: bool) {
        let shown = self.window.borrow_mut().show_older(short);
        if shown {
            self.show_position();
        } else {
            self.ask_for_older();
        }
    }

    /// Asks the server for older messages. Tells whether it was time for that.
    fn ask_for_older(&self) -> bool {
        let is_time =
            *self.pagination.borrow() == Pagination::Idle && !self.window.borrow().all().is_empty();
        if is_time {
            *self.pagination.borrow_mut() = Pagination::Loading;
            self.send(TimelineCommand::Paginate);
        }
        is_time
    }

    /// The newest message somebody has written here.
    pub(super) fn message_of(&self, user: &str) -> Option<MessageRow> {
        let window = self.window.borrow();
        window.all().iter().rev().find_map(|row| match &row.kind {
            RowKind::Message(message) if message.sender == user => Some((**message).clone()),
            _ => None,
        })
    }

    /// Scrolls to a message, loading older ones if need be.
    pub(super) fn seek(self: &Rc<Self>, event: &str) {
        let (Ok(event), Some(room)) = (EventId::parse(event), self.room()) else {
            return;
        };
        self.let_go();
        *self.sought.borrow_mut() = Some(event.clone());
        self.on_the_way.set(true);
        self.reveal_sought();
        if self.sought.borrow().is_none() {
            return;
        }
        let timeline = self.clone();
        let command = Command::Timeline(room, TimelineCommand::Seek { event });
        self.context.ask(command, move |result| match result {
            Ok(_) => timeline.reveal_sought(),
            Err(trouble) => {
                *timeline.sought.borrow_mut() = None;
                timeline.on_the_way.set(false);
                timeline.read_if_seen();
                timeline.context.show_failure(&trouble);
            }
        });
    }

    /// Scrolls to a row that is known.
    pub(super) fn reveal_row(&self, id: &str) {
        self.reveal(|row| row.id.as_str() == id);
    }

    pub(super) fn bind_current(self: &Rc<Self>, adapter: &TimelineAdapter<'_>) {
        let timeline = self.clone();
        adapter.on_current_moved(move |step| timeline.move_current(step));
        let timeline = self.clone();
        adapter.on_current_first(move || timeline.choose_first());
        let timeline = self.clone();
        adapter.on_current_last(move || timeline.choose_last());
        let timeline = self.clone();
        adapter.on_current_left(move || timeline.choose_current(None));
        let timeline = self.clone();
        adapter.on_current_needed(move || timeline.show_current());
    }

    fn choose_first(&self) {
        let first = self
            .window
            .borrow()
            .all()
            .iter()
            .find(|row| is_message(row))
            .cloned();
        if let Some(first) = first {
            self.reveal_row(first.id.as_str());
            self.choose_current(Some(first.id.clone()));
        }
    }

    fn choose_last(&self) {
        self.jump_to_end();
        let last = read_line::last_message(self.window.borrow().all());
        self.choose_current(last);
    }

    /// Scrolls to the chosen message where it is out of sight: what is done with it is seen.
    fn show_current(&self) {
        let current = self.current.borrow().clone();
        if let Some(current) = current {
            self.reveal_row(current.as_str());
            self.context
                .with_window(|window| window.global::<TimelineAdapter>().set_if_hidden(true));
        }
    }

    /// Whether a message is here and was deleted.
    pub(super) fn is_deleted(&self, event: &EventId) -> bool {
        let window = self.window.borrow();
        let mut newest_first = window.all().iter().rev();
        newest_first.any(|row| match &row.kind {
            RowKind::Message(message) => {
                message.event_id.as_deref() == Some(event) && matches!(message.body, Body::Deleted)
            }
            _ => false,
        })
    }

    pub(super) fn reveal_sought(&self) {
        let Some(event) = self.sought.borrow().clone() else {
            return;
        };
        let found = self.reveal(|row| match &row.kind {
            RowKind::Message(message) => message.event_id.as_ref() == Some(&event),
            _ => false,
        });
        if let Some(row) = found {
            *self.sought.borrow_mut() = None;
            self.choose_current(Some(row));
        }
    }

    /// Moves the choice to the message above or below.
    pub(super) fn move_current(&self, step: i32) {
        let next = {
            let window = self.window.borrow();
            let messages: Vec<&RowId> = window
                .all()
                .iter()
                .filter(|row| is_message(row))
                .map(|row| &row.id)
                .collect();
            let here = self
                .current
                .borrow()
                .as_ref()
                .and_then(|row| messages.iter().position(|other| *other == row));
            let last = messages.len().saturating_sub(1);
            let at = match here {
                Some(index) => index.saturating_add_signed(step as isize).min(last),
                None => last,
            };
            messages.get(at).map(|row| (*row).clone())
        };
        if let Some(row) = next {
            self.reveal_row(row.as_str());
            self.choose_current(Some(row));
        }
    }

    pub(super) fn choose_current(&self, row: Option<RowId>) {
        self.context.with_window(|window| {
            let id = row.as_ref().map(RowId::as_str).unwrap_or_default();
            window.global::<TimelineAdapter>().set_current(id.into());
        });
        *self.current.borrow_mut() = row;
    }

    pub(super) fn show_text(&self, row: &str) {
        let Some(message) = self.message(row) else {
            return;
        };
        let Body::Text(text) = message.body else {
            return;
        };
        // One huge text is laid out as a whole at every change; pages are not.
        let mut pages: Vec<SharedString> = Vec::new();
        let mut rest = text.plain.as_str();
        while !rest.is_empty() && pages.len() < TEXT_PAGES {
            let (page, _) = beginning(rest, TEXT_PAGE);
            pages.push(page.into());
            rest = &rest[page.len()..];
        }
        self.context.with_window(|window| {
            let adapter = window.global::<TextAdapter>();
            adapter.set_title(message.sender_name.as_str().into());
            adapter.set_pages(ModelRc::from(Rc::new(VecModel::from(pages))));
            adapter.set_open(true);
            let plain = text.plain.clone();
            adapter.on_copy(move || super::clipboard::copy(&plain));
        });
    }

    /// The newest own message that may be edited and says something: a file without a caption is passed over.
    pub(super) fn last_editable(&self) -> Option<RowId> {
        let window = self.window.borrow();
        let mut newest_first = window.all().iter().rev();
        newest_first
            .find(|row| match &row.kind {
                RowKind::Message(message) => {
                    message.can_edit && messages::copyable(message).is_some()
                }
                _ => false,
            })
            .map(|row| row.id.clone())
    }

    /// The picture messages around this one, for the viewer: the neighbour `step` away.
    pub(super) fn neighbouring_picture(&self, id: &str, step: i32) -> Option<RowId> {
        let window = self.window.borrow();
        let pictures: Vec<_> = window.all().iter().filter(|row| is_picture(row)).collect();
        let here = pictures.iter().position(|row| row.id.as_str() == id)?;
        let there = i64::try_from(here).ok()? + i64::from(step);
        let row = pictures.get(usize::try_from(there).ok()?)?;
        Some(row.id.clone())
    }

    pub(super) fn reveal_answered(self: &Rc<Self>, id: &str) {
        let reply = self.message(id).and_then(|message| message.reply);
        if let Some(reply) = reply {
            self.seek(reply.event_id.as_str());
        }
    }

    fn reveal(&self, wanted: impl Fn(&TimelineRow) -> bool) -> Option<RowId> {
        self.reveal_at(MARGIN, |row| wanted(row))
    }

    /// Scrolls to a row so that it begins so far below the upper edge.
    pub(super) fn reveal_at(
        &self,
        offset: f32,
        wanted: impl Fn(&Arc<TimelineRow>) -> bool,
    ) -> Option<RowId> {
        let index = self.window.borrow_mut().reveal(|row| wanted(row))?;
        self.show_position();
        let model = self.window.borrow().model();
        let row = slint::Model::row_data(&*model, index)?.id.clone();
        self.on_the_way.set(true);
        self.context.with_window(|window| {
            let adapter = window.global::<TimelineAdapter>();
            adapter.set_revealed(row.as_str().into());
            adapter.set_revealed_at(offset);
            adapter.set_if_hidden(false);
            adapter.set_reveal_epoch(adapter.get_reveal_epoch().wrapping_add(1));
        });
        Some(row)
    }
}

fn is_message(row: &TimelineRow) -> bool {
    matches!(row.kind, RowKind::Message(_))
}

fn is_picture(row: &TimelineRow) -> bool {
    matches!(&row.kind, RowKind::Message(message) if matches!(message.body, Body::Picture(_)))
}

/// The time of a message of today.
fn today(row: &TimelineRow) -> Option<String> {
    let RowKind::Message(message) = &row.kind else {
        return None;
    };
    let is_today = message.sent_at.date(&Local) == clock::now().date(&Local);
    is_today.then(|| time::clock(message.sent_at, &Local))
}

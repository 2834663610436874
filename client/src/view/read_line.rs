//! The line before new messages. It stands where somebody left off, so it stays out of sight while they read along: a
//! line that comes and goes with every message would only make the messages jump.

use std::sync::Arc;

use imbl::Vector;

use crate::rows::{RowId, RowKind, TimelineRow};

/// Where somebody has read along from.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadLine {
    /// The first message that came before their eyes.
    live_from: Option<RowId>,
    hidden: bool,
}

impl ReadLine {
    /// Looks again after the rows have changed; `last` was the last message before. Returns whether the line comes or
    /// goes.
    pub(super) fn place(
        &mut self,
        rows: &Vector<Arc<TimelineRow>>,
        last: Option<&RowId>,
        reading: bool,
    ) -> bool {
        let at = |wanted: &RowId| rows.iter().position(|row| row.id == *wanted);
        let message_from = |from: usize| (from..rows.len()).find(|at| is_message(&rows[*at]));
        if !reading {
            self.live_from = None;
        } else if self.live_from.is_none() {
            let new = last.and_then(at).and_then(|last| message_from(last + 1));
            self.live_from = new.map(|at| rows[at].id.clone());
        }
        let line = rows
            .iter()
            .position(|row| matches!(row.kind, RowKind::ReadMarker));
        let unread = line.and_then(message_from);
        let live = self.live_from.as_ref().and_then(at);
        let hidden = matches!((unread, live), (Some(unread), Some(live)) if unread >= live);
        std::mem::replace(&mut self.hidden, hidden) != hidden
    }

    /// Whether this row is the line, and out of sight.
    pub(super) fn hides(&self, row: &TimelineRow) -> bool {
        self.hidden && matches!(row.kind, RowKind::ReadMarker)
    }
}

/// The newest message.
pub(super) fn last_message(rows: &Vector<Arc<TimelineRow>>) -> Option<RowId> {
    let last = rows.iter().rev().find(|row| is_message(row))?;
    Some(last.id.clone())
}

fn is_message(row: &TimelineRow) -> bool {
    matches!(row.kind, RowKind::Message(_))
}

#[cfg(test)]
mod tests {
    use matrix_sdk::ruma::user_id;

    use super::*;
    use crate::{
        render::time::Timestamp,
        rows::{Body, Delivery, MessageRow, Role},
    };

    fn message(id: &str) -> Arc<TimelineRow> {
        let kind = RowKind::Message(Box::new(MessageRow {
            event_id: None,
            sender: user_id!("@anna:campus.example").to_owned(),
            sender_name: "Анна".to_owned(),
            sender_avatar: None,
            sender_role: Role::Member,
            own: false,
            sent_at: Timestamp(0),
            starts_group: true,
            ends_group: true,
            body: Body::Deleted,
            reply: None,
            reactions: Vec::new(),
            edited: false,
            mentions_me: false,
            delivery: Delivery::Received,
            can_edit: false,
            can_redact: false,
            can_reply: true,
        }));
        row(id, kind)
    }

    fn line() -> Arc<TimelineRow> {
        row("line", RowKind::ReadMarker)
    }

    fn row(id: &str, kind: RowKind) -> Arc<TimelineRow> {
        Arc::new(TimelineRow {
            id: RowId::new(id),
            kind,
        })
    }

    fn hides(line_of: &ReadLine) -> bool {
        line_of.hides(&line())
    }

    #[test]
    fn what_was_new_on_opening_stands_behind_a_line() {
        let mut read = ReadLine::default();
        let rows = Vector::from_iter([message("1"), line(), message("2")]);
        read.place(&rows, None, true);
        assert!(!hides(&read));
        // It stays when more comes.
        let last = last_message(&rows);
        let rows = Vector::from_iter([message("1"), line(), message("2"), message("3")]);
        read.place(&rows, last.as_ref(), true);
        assert!(!hides(&read));
    }

    #[test]
    fn no_line_comes_while_somebody_reads_along() {
        let mut read = ReadLine::default();
        let before = Vector::from_iter([message("1")]);
        read.place(&before, None, true);
        let after = Vector::from_iter([message("1"), line(), message("2")]);
        assert!(read.place(&after, last_message(&before).as_ref(), true));
        assert!(hides(&read));
        // The line may also come after the message.
        let mut read = ReadLine::default();
        read.place(&before, None, true);
        let first = Vector::from_iter([message("1"), message("2")]);
        read.place(&first, last_message(&before).as_ref(), true);
        read.place(&after, last_message(&first).as_ref(), true);
        assert!(hides(&read));
    }

    #[test]
    fn whoever_was_away_finds_the_line() {
        let mut read = ReadLine::default();
        let before = Vector::from_iter([message("1")]);
        read.place(&before, None, false);
        let after = Vector::from_iter([message("1"), line(), message("2")]);
        read.place(&after, last_message(&before).as_ref(), false);
        assert!(!hides(&read));
    }
}

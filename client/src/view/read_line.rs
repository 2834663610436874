//! The line before new messages. The server moves its own mark to the end as soon as somebody reads; people want to see
//! where they left off. So the line stands before the first message that was new on opening, and goes on only when more
//! has come while nobody looked. It does not follow somebody who reads along: the messages would jump.

use std::sync::Arc;

use imbl::Vector;

use crate::rows::{RowId, RowKind, TimelineRow};

/// Where the line stands.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadLine {
    /// The first message after it. Rows are numbered anew when the timeline is, events are not.
    before: Option<String>,
    /// The first message that came before somebody's eyes.
    live_from: Option<RowId>,
    /// How many messages were new on opening, and the last message then: where the mark is not among the rows, the
    /// line stands before so many messages of others.
    new: usize,
    newest: Option<String>,
}

impl ReadLine {
    /// The line of a room that is opened with so many new messages.
    pub(super) fn opened(new: u64) -> Self {
        Self {
            new: usize::try_from(new).unwrap_or(usize::MAX),
            ..Self::default()
        }
    }

    /// Looks again after the rows have changed; `last` was the last message before. Returns whether the line comes or
    /// moves.
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
        let mark = rows
            .iter()
            .position(|row| matches!(row.kind, RowKind::ReadMarker));
        let Some(unread) = mark.and_then(message_from) else {
            return self.count(rows);
        };
        let live = self.live_from.as_ref().and_then(at);
        let stands = position(rows, self.before.as_deref());
        if live.is_some_and(|live| unread >= live) || stands.is_some_and(|stands| unread <= stands)
        {
            return false;
        }
        self.before = Some(key(&rows[unread]).to_owned());
        true
    }

    /// The first message after the line.
    pub(super) fn first_new(&self) -> Option<String> {
        self.before.clone()
    }

    /// Places the line by the number of new messages.
    fn count(&mut self, rows: &Vector<Arc<TimelineRow>>) -> bool {
        if self.before.is_some() || self.new == 0 {
            return false;
        }
        let last = || rows.iter().rposition(|row| is_message(row));
        let Some(at) = position(rows, self.newest.as_deref()).or_else(last) else {
            return false;
        };
        self.newest = Some(key(&rows[at]).to_owned());
        let known = rows.iter().take(at + 1);
        let mut others = known.rev().filter(|row| is_of_another(row));
        self.before = others.nth(self.new - 1).map(|row| key(row).to_owned());
        self.before.is_some()
    }

    /// Whether the line stands before this row.
    pub(super) fn stands_before(&self, row: &TimelineRow) -> bool {
        self.before.as_deref() == Some(key(row))
    }

    /// The message after the line, if it is among the rows, and how many messages are new.
    pub(super) fn new_messages(
        &self,
        rows: &Vector<Arc<TimelineRow>>,
    ) -> Option<(Option<usize>, usize)> {
        if self.before.is_none() {
            return (self.new > 0 && !rows.is_empty()).then_some((None, self.new));
        }
        let at = position(rows, self.before.as_deref())?;
        let new = rows.iter().skip(at).filter(|row| is_of_another(row));
        Some((Some(at), new.count()))
    }
}

/// What a row is known by.
pub(super) fn key(row: &TimelineRow) -> &str {
    match &row.kind {
        RowKind::Message(message) => match &message.event_id {
            Some(event) => event.as_str(),
            None => row.id.as_str(),
        },
        _ => row.id.as_str(),
    }
}

fn position(rows: &Vector<Arc<TimelineRow>>, wanted: Option<&str>) -> Option<usize> {
    let wanted = wanted?;
    rows.iter().position(|row| key(row) == wanted)
}

/// The newest message.
pub(super) fn last_message(rows: &Vector<Arc<TimelineRow>>) -> Option<RowId> {
    let last = rows.iter().rev().find(|row| is_message(row))?;
    Some(last.id.clone())
}

/// What the newest message is known by that keeps its name: one's own get theirs when they are sent.
pub(super) fn last_known(rows: &Vector<Arc<TimelineRow>>) -> Option<String> {
    let is_known = |row: &&Arc<TimelineRow>| match &row.kind {
        RowKind::Message(message) => !message.own || message.event_id.is_some(),
        _ => false,
    };
    let last = rows.iter().rev().find(is_known)?;
    Some(key(last).to_owned())
}

fn is_message(row: &TimelineRow) -> bool {
    matches!(row.kind, RowKind::Message(_))
}

pub(super) fn is_of_another(row: &TimelineRow) -> bool {
    matches!(&row.kind, RowKind::Message(message) if !message.own)
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

    fn stands(line: &ReadLine) -> Option<&str> {
        line.before.as_deref()
    }

    #[test]
    fn what_was_new_on_opening_stands_behind_a_line() {
        let mut read = ReadLine::default();
        let rows = Vector::from_iter([message("1"), line(), message("2"), message("3")]);
        assert!(read.place(&rows, None, true));
        assert_eq!(stands(&read), Some("2"));
        assert_eq!(read.new_messages(&rows), Some((Some(2), 2)));
        // It stays when the server has been told, and when more comes.
        let last = last_message(&rows);
        let rows = Vector::from_iter([message("1"), message("2"), message("3")]);
        assert!(!read.place(&rows, last.as_ref(), true));
        let last = last_message(&rows);
        let rows = Vector::from_iter([
            message("1"),
            message("2"),
            message("3"),
            line(),
            message("4"),
        ]);
        assert!(!read.place(&rows, last.as_ref(), true));
        assert_eq!(stands(&read), Some("2"));
    }

    #[test]
    fn without_a_mark_the_number_of_new_messages_says_where_the_line_stands() {
        let mut read = ReadLine::opened(3);
        let rows = Vector::from_iter([message("3"), message("4")]);
        assert!(!read.place(&rows, None, true));
        assert_eq!(read.new_messages(&rows), Some((None, 3)));
        // Older ones are loaded, and a new one comes.
        let last = last_message(&rows);
        let rows = ["1", "2", "3", "4", "5"].map(message).into_iter().collect();
        assert!(read.place(&rows, last.as_ref(), true));
        assert_eq!(stands(&read), Some("2"));
    }

    #[test]
    fn no_line_comes_while_somebody_reads_along() {
        let mut read = ReadLine::default();
        let before = Vector::from_iter([message("1")]);
        read.place(&before, None, true);
        let after = Vector::from_iter([message("1"), line(), message("2")]);
        read.place(&after, last_message(&before).as_ref(), true);
        assert_eq!(stands(&read), None);
        // The mark may also come after the message.
        let mut read = ReadLine::default();
        read.place(&before, None, true);
        let first = Vector::from_iter([message("1"), message("2")]);
        read.place(&first, last_message(&before).as_ref(), true);
        read.place(&after, last_message(&first).as_ref(), true);
        assert_eq!(stands(&read), None);
    }

    #[test]
    fn whoever_was_away_finds_the_line() {
        let mut read = ReadLine::default();
        let before = Vector::from_iter([message("1"), line(), message("2")]);
        read.place(&before, None, true);
        let after = Vector::from_iter([message("1"), message("2"), line(), message("3")]);
        assert!(read.place(&after, last_message(&before).as_ref(), false));
        assert_eq!(stands(&read), Some("3"));
    }
}

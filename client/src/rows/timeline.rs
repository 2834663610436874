//! Keeps the rows of an open room in step with the SDK's items.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use eyeball_im::VectorDiff;
use imbl::Vector;
use matrix_sdk::{deserialized_responses::DisplayName, ruma::OwnedUserId};
use matrix_sdk_ui::timeline::{
    EventTimelineItem, Profile, TimelineDetails, TimelineItem, TimelineItemContent,
    TimelineItemKind, VirtualTimelineItem,
};

use super::{
    Body, Delivery, NoticeRow, Role, RowId, RowKind, TimelineRow,
    arrange::{Facts, Flags, arrange},
    message::{message_row, nameless},
    notice,
};
use crate::render::time::Timestamp;

/// What rows depend on besides their event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowContext {
    pub own_user: OwnedUserId,
    pub may_send: bool,
    pub may_redact_others: bool,
    /// Those who may do more than others here.
    pub leaders: BTreeMap<OwnedUserId, Role>,
    /// Senders whom the SDK does not know: of a large room it knows only those who were there lately.
    pub people: Arc<People>,
}

/// Who somebody is in a room.
pub type People = BTreeMap<OwnedUserId, Profile>;

/// The items of a timeline, each with the row made of it.
pub struct TimelineRows {
    context: RowContext,
    entries: Vector<Entry>,
}

#[derive(Clone)]
struct Entry {
    item: Arc<TimelineItem>,
    facts: Facts,
    read_here: bool,
    /// The same event stands further down.
    is_double: bool,
    flags: Flags,
    row: Arc<TimelineRow>,
}

/// A change of rows for the views.
pub type RowDiff = VectorDiff<Arc<TimelineRow>>;

impl TimelineRows {
    /// No rows yet.
    #[must_use]
    pub fn new(context: RowContext) -> Self {
        Self {
            context,
            entries: Vector::new(),
        }
    }

    /// Follows the SDK's changes and tells the same as changes of rows, followed by what changes at the neighbours.
    pub fn apply_all(
        &mut self,
        diffs: impl IntoIterator<Item = VectorDiff<Arc<TimelineItem>>>,
    ) -> Vec<RowDiff> {
        let mut out = Vec::new();
        for diff in diffs {
            let diff = diff.map(|item| self.entry(item, false));
            out.push(diff.clone().map(|entry| entry.row));
            diff.apply(&mut self.entries);
        }
        self.hide_doubles(&mut out);
        self.arrange(&mut out);
        out
    }

    /// Makes all rows anew when rights have changed.
    pub fn set_context(&mut self, context: RowContext) -> Vec<RowDiff> {
        if context == self.context {
            return Vec::new();
        }
        self.context = context;
        let mut out = Vec::new();
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            let mut made = self.entry(entry.item.clone(), entry.is_double);
            made.flags = entry.flags;
            made.row = Arc::new(with_flags(&made.row, made.flags));
            if made.row != entry.row {
                let value = made.row.clone();
                self.entries.set(index, made);
                out.push(VectorDiff::Set { index, value });
            }
        }
        out
    }

    /// The senders of what is shown whose names nobody knows.
    #[must_use]
    pub fn nameless(&self) -> BTreeSet<OwnedUserId> {
        let shown = self.entries.iter().filter(|entry| match &entry.row.kind {
            RowKind::Notice(notice) => !notice.collapsed,
            _ => true,
        });
        shown
            .filter_map(|entry| entry.item.as_event())
            .flat_map(nameless)
            .filter(|user| !self.context.people.contains_key(*user))
            .map(ToOwned::to_owned)
            .collect()
    }

    /// Calls senders by their names. Those who share one carry their ids, as far as these rows tell.
    pub fn introduce(&mut self, found: People) -> Vec<RowDiff> {
        let mut people = People::clone(&self.context.people);
        people.extend(found);
        let mut called: HashMap<DisplayName, HashSet<OwnedUserId>> = HashMap::new();
        let shown = self.entries.iter().filter_map(|entry| {
            let event = entry.item.as_event()?;
            match event.sender_profile() {
                TimelineDetails::Ready(profile) => Some((event.sender(), profile)),
                _ => None,
            }
        });
        let asked = people.iter().map(|(user, profile)| (&**user, profile));
        for (user, profile) in shown.chain(asked) {
            if let Some(name) = &profile.display_name {
                let users = called.entry(DisplayName::new(name)).or_default();
                users.insert(user.to_owned());
            }
        }
        for profile in people.values_mut() {
            let name = profile.display_name.as_deref().map(DisplayName::new);
            profile.display_name_ambiguous |= name.is_some_and(|name| {
                name.is_inherently_ambiguous()
                    || called.get(&name).is_some_and(|users| users.len() > 1)
            });
        }
        self.set_context(RowContext {
            people: Arc::new(people),
            ..self.context.clone()
        })
    }

    /// Those who were introduced.
    #[must_use]
    pub fn people(&self) -> Arc<People> {
        Arc::clone(&self.context.people)
    }

    /// The rows as they are.
    #[must_use]
    pub fn rows(&self) -> Vector<Arc<TimelineRow>> {
        self.entries.iter().map(|entry| entry.row.clone()).collect()
    }

    /// The number of messages.
    #[must_use]
    pub fn messages(&self) -> usize {
        let is_message = |entry: &&Entry| matches!(entry.facts, Facts::Message { .. });
        self.entries.iter().filter(is_message).count()
    }

    /// After the program was killed while it sent, the SDK may have an event twice: as it was sent, and as the server
    /// tells it. It is shown where it stands last.
    fn hide_doubles(&mut self, out: &mut Vec<RowDiff>) {
        let mut seen = HashSet::new();
        let mut changed = Vec::new();
        for (index, entry) in self.entries.iter().enumerate().rev() {
            let id = entry.item.as_event().and_then(EventTimelineItem::event_id);
            let is_double = id.is_some_and(|id| !seen.insert(id));
            if is_double != entry.is_double {
                changed.push((index, is_double));
            }
        }
        for (index, is_double) in changed {
            let entry = self.entry(self.entries[index].item.clone(), is_double);
            let value = entry.row.clone();
            self.entries.set(index, entry);
            out.push(VectorDiff::Set { index, value });
        }
    }

    fn entry(&self, item: Arc<TimelineItem>, is_double: bool) -> Entry {
        let row = TimelineRow {
            id: RowId::new(&item.unique_id().0),
            kind: match item.as_event().filter(|_| is_double) {
                Some(event) => silent(event),
                None => kind_of(&item, &self.context),
            },
        };
        let facts = match &row.kind {
            RowKind::Message(message) => Facts::Message {
                sender: message.sender.clone(),
                sent_at: message.sent_at,
            },
            RowKind::Notice(notice) if notice.collapsed => Facts::Silent,
            RowKind::Notice(notice) => Facts::Notice {
                actor: notice.actor.clone(),
                target: notice.target.clone(),
                notice: notice.notice.clone(),
            },
            RowKind::Day(_) | RowKind::ReadMarker | RowKind::Start => Facts::Divider,
        };
        // Whoever writes has read what stands above: their receipt may stand at their own message.
        let read_here = item.as_event().is_some_and(|event| {
            let mut readers = event.read_receipts().keys();
            readers.any(|reader| *reader != self.context.own_user)
        });
        let flags = Flags {
            starts_group: true,
            ends_group: true,
            ..Flags::default()
        };
        Entry {
            item,
            facts,
            read_here,
            is_double,
            flags,
            row: Arc::new(row),
        }
    }

    fn arrange(&mut self, out: &mut Vec<RowDiff>) {
        let flags = arrange(
            self.entries
                .iter()
                .map(|entry| (&entry.facts, entry.read_here)),
        );
        for (index, flags) in flags.into_iter().enumerate() {
            if self.entries[index].flags == flags {
                continue;
            }
            let entry = &mut self.entries[index];
            entry.flags = flags;
            let row = with_flags(&entry.row, flags);
            if row != *entry.row {
                entry.row = Arc::new(row);
                out.push(VectorDiff::Set {
                    index,
                    value: entry.row.clone(),
                });
            }
        }
    }
}

fn with_flags(row: &TimelineRow, flags: Flags) -> TimelineRow {
    let mut row = row.clone();
    match &mut row.kind {
        RowKind::Message(message) => {
            message.starts_group = flags.starts_group;
            message.ends_group = flags.ends_group;
            if message.delivery == Delivery::Sent && flags.read {
                message.delivery = Delivery::Read;
            } else if message.delivery == Delivery::Read && !flags.read {
                message.delivery = Delivery::Sent;
            }
        }
        RowKind::Notice(notice) => {
            notice.more = flags.more;
            notice.collapsed = flags.collapsed;
        }
        RowKind::Day(_) | RowKind::ReadMarker | RowKind::Start => {}
    }
    row
}

fn kind_of(item: &TimelineItem, context: &RowContext) -> RowKind {
    match item.kind() {
        TimelineItemKind::Virtual(VirtualTimelineItem::DateDivider(day)) => {
            RowKind::Day(Timestamp(day.get().into()))
        }
        TimelineItemKind::Virtual(VirtualTimelineItem::ReadMarker) => RowKind::ReadMarker,
        TimelineItemKind::Virtual(VirtualTimelineItem::TimelineStart) => RowKind::Start,
        TimelineItemKind::Event(event) => event_kind(event, context),
    }
}

fn event_kind(event: &EventTimelineItem, context: &RowContext) -> RowKind {
    match event.content() {
        TimelineItemContent::MsgLike(content) => {
            RowKind::Message(Box::new(message_row(event, content, context)))
        }
        content => match notice::happening(content) {
            Some(happening) => RowKind::Notice(NoticeRow {
                actor: happening
                    .former_name
                    .unwrap_or_else(|| context.name_of(event.sender(), event.sender_profile())),
                target: happening.target,
                notice: happening.notice,
                sent_at: Timestamp(event.timestamp().get().into()),
                more: 0,
                collapsed: false,
            }),
            None => quiet(event, context),
        },
    }
}

/// An event without anything to say keeps its place in the list, so that positions agree with the SDK's.
fn quiet(event: &EventTimelineItem, context: &RowContext) -> RowKind {
    let is_unreadable = matches!(
        event.content(),
        TimelineItemContent::FailedToParseMessageLike { .. }
    );
    if is_unreadable {
        unreadable(event, context)
    } else {
        silent(event)
    }
}

fn unreadable(event: &EventTimelineItem, context: &RowContext) -> RowKind {
    let content = matrix_sdk_ui::timeline::MsgLikeContent::redacted();
    let context = RowContext {
        own_user: event.sender().to_owned(),
        may_send: false,
        may_redact_others: false,
        leaders: BTreeMap::new(),
        people: Arc::clone(&context.people),
    };
    let mut message = message_row(event, &content, &context);
    message.body = Body::Unknown(None);
    RowKind::Message(Box::new(message))
}

fn silent(event: &EventTimelineItem) -> RowKind {
    RowKind::Notice(NoticeRow {
        // Nobody reads it.
        actor: event.sender().localpart().to_owned(),
        target: None,
        notice: super::Notice::SettingsChanged,
        sent_at: Timestamp(event.timestamp().get().into()),
        more: 0,
        collapsed: true,
    })
}

//! The messages of the open room.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};

use eyeball_im::VectorDiff;
use slint::{ComponentHandle, ModelRc};

use super::{
    TimelineAdapter, TimelineItem,
    context::Context,
    held::{Held, Place},
    kept_item, messages,
    read_line::{self, ReadLine},
    room_list::RoomList,
};
use crate::{
    bridge::{
        command::{Command, TimelineCommand},
        update::Pagination,
    },
    model::{diff_model::DiffModel, kept_map::KeptMap, window::Window},
    render::words,
    rows::{MediaKey, MessageRow, RowId, RowKind, TimelineRow},
};
use matrix_sdk::ruma::{OwnedEventId, OwnedRoomId};

/// Rows, the window over them, and where loading stands.
pub(super) struct Timeline {
    pub(super) context: Rc<Context>,
    pub(super) list: Rc<RoomList>,
    room: RefCell<Option<OwnedRoomId>>,
    pub(super) window: RefCell<Window<Arc<TimelineRow>>>,
    pub(super) pagination: RefCell<Pagination>,
    typing: RefCell<Vec<String>>,
    /// What may be pinned, and what is.
    pins: RefCell<Pins>,
    /// This is the room of a class.
    in_class: Cell<bool>,
    /// The message chosen with the keyboard.
    pub(super) current: RefCell<Option<RowId>>,
    /// A message that is looked for; shown when it is among the rows.
    pub(super) sought: RefCell<Option<OwnedEventId>>,
    /// Nobody looks at the window: nothing counts as read.
    pub(super) away: Cell<bool>,
    /// The view is on its way to another message: whether it shows the end is not known yet.
    pub(super) on_the_way: Cell<bool>,
    /// The line before new messages.
    pub(super) read_line: RefCell<ReadLine>,
    /// Somebody has seen where the new messages begin.
    pub(super) line_seen: Cell<bool>,
    /// Somebody wants to see it; so many pages were fetched for that.
    pub(super) line_pages: Cell<Option<u8>>,
    /// The last message when the end was last before somebody's eyes.
    pub(super) seen: RefCell<Option<String>>,
    /// What is held back while somebody reads older messages.
    pub(super) held: RefCell<Option<Held>>,
    /// Where the view was led back to.
    pub(super) returning: RefCell<Option<Place>>,
}

/// The pins of the open room.
#[derive(Debug, Clone, Default)]
pub(super) struct Pins {
    pub(super) may: bool,
    pub(super) events: Vec<OwnedEventId>,
}

impl Timeline {
    pub(super) fn new(context: &Rc<Context>, list: &Rc<RoomList>) -> Rc<Self> {
        let timeline = Rc::new(Self {
            context: context.clone(),
            list: list.clone(),
            room: RefCell::default(),
            window: RefCell::default(),
            pagination: RefCell::new(Pagination::Idle),
            typing: RefCell::default(),
            pins: RefCell::default(),
            in_class: Cell::default(),
            current: RefCell::default(),
            sought: RefCell::default(),
            away: Cell::new(false),
            on_the_way: Cell::default(),
            read_line: RefCell::default(),
            line_seen: Cell::default(),
            line_pages: Cell::default(),
            seen: RefCell::default(),
            held: RefCell::default(),
            returning: RefCell::default(),
        });
        timeline.bind();
        timeline
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<TimelineAdapter>();
            if let Some(like) = super::emoji::image("👍") {
                adapter.set_like(like);
            }
            self.bind_scrolling(&adapter);
            self.bind_messages(&adapter);
        });
        self.show_rows();
    }

    fn bind_scrolling(self: &Rc<Self>, adapter: &TimelineAdapter<'_>) {
        let timeline = self.clone();
        adapter.on_near_start(move |short| timeline.show_older(short));
        let timeline = self.clone();
        adapter.on_near_end(move |short| {
            timeline.window.borrow_mut().show_newer(short);
            timeline.show_position();
        });
        let timeline = self.clone();
        adapter.on_settled(move |near_end, spare| {
            timeline.window.borrow_mut().settle(near_end, spare);
            timeline.show_position();
        });
        let timeline = self.clone();
        adapter.on_following_changed(move |following| timeline.follow(following));
        let timeline = self.clone();
        adapter.on_jump_to_end(move || timeline.jump_to_end());
        let timeline = self.clone();
        adapter.on_place_told(move |row, offset| timeline.place_told(&row, offset));
        self.bind_line(adapter);
    }

    fn bind_messages(self: &Rc<Self>, adapter: &TimelineAdapter<'_>) {
        let timeline = self.clone();
        adapter.on_reaction_toggled(move |row, key| {
            timeline.send(TimelineCommand::ToggleReaction {
                row: RowId::new(&row),
                key: key.into(),
            });
        });
        let timeline = self.clone();
        adapter.on_send_retried(move |row| {
            timeline.send(TimelineCommand::RetrySend {
                row: RowId::new(&row),
            });
        });
        let timeline = self.clone();
        adapter.on_send_cancelled(move |row| {
            timeline.send(TimelineCommand::CancelSend {
                row: RowId::new(&row),
            });
        });
        let timeline = self.clone();
        adapter.on_copy_requested(move |row| {
            if let Some(message) = timeline.message(&row)
                && let Some(text) = messages::copyable(&message)
            {
                super::clipboard::copy(&text);
            }
        });
        adapter.on_text_copied(|text| super::clipboard::copy(&text));
        let timeline = self.clone();
        adapter.on_reply_opened(move |row| timeline.reveal_answered(&row));
        self.bind_current(adapter);
        let timeline = self.clone();
        adapter.on_text_shown(move |row| timeline.show_text(&row));
    }

    /// Opens a room with so many new messages: its rows follow as updates.
    pub(super) fn open(self: &Rc<Self>, room: Option<OwnedRoomId>, new: u64) {
        if let Some(old) = self.room.replace(room.clone()) {
            self.context
                .send(Command::Timeline(old, TimelineCommand::Close));
        }
        *self.window.borrow_mut() = Window::new();
        self.typing.borrow_mut().clear();
        *self.pins.borrow_mut() = Pins::default();
        *self.read_line.borrow_mut() = ReadLine::opened(new);
        self.line_seen.set(false);
        self.line_pages.set(None);
        self.seen.replace(None);
        self.held.replace(None);
        self.returning.replace(None);
        *self.sought.borrow_mut() = None;
        self.on_the_way.set(false);
        self.set_pagination(Pagination::Idle);
        self.choose_current(None);
        self.show_rows();
        self.show_typing();
        if room.is_some() {
            self.send(TimelineCommand::Open);
            self.jump_to_end();
        }
    }

    /// The room that is open.
    pub(super) fn room(&self) -> Option<OwnedRoomId> {
        self.room.borrow().clone()
    }

    /// Sends a command for the open room.
    pub(super) fn send(&self, command: TimelineCommand) {
        if let Some(room) = self.room() {
            self.context.send(Command::Timeline(room, command));
        }
    }

    /// Applies changes of rows, at once or when what is read is among them again.
    pub(super) fn apply(self: &Rc<Self>, diffs: Vec<VectorDiff<Arc<TimelineRow>>>) {
        if !self.hold_back(&diffs) {
            self.take(diffs);
        }
    }

    pub(super) fn take(&self, diffs: Vec<VectorDiff<Arc<TimelineRow>>>) {
        let first = self.window.borrow().all().is_empty();
        let last = read_line::last_message(self.window.borrow().all());
        let line = self.read_line.borrow().first_new();
        self.window.borrow_mut().apply_all(diffs);
        let moved = self.read_line.borrow_mut().place(
            self.window.borrow().all(),
            last.as_ref(),
            self.is_read_live(),
        );
        if moved {
            self.line_seen.set(false);
            self.refresh(|row| {
                line.as_deref() == Some(read_line::key(row))
                    || self.read_line.borrow().stands_before(row)
            });
        }
        if first && !self.window.borrow().all().is_empty() {
            tracing::info!("its messages are shown");
        }
        self.show_position();
        self.reveal_sought();
        self.look_for_line();
        self.read_if_seen();
    }

    /// Remembers where loading older messages stands.
    pub(super) fn set_pagination(&self, pagination: Pagination) {
        *self.pagination.borrow_mut() = pagination;
        self.context.with_window(|window| {
            let adapter = window.global::<TimelineAdapter>();
            adapter.set_complete(pagination == Pagination::AtStart);
        });
        self.look_for_line();
    }

    /// Says who is typing.
    pub(super) fn set_typing(&self, names: Vec<String>) {
        *self.typing.borrow_mut() = names;
        self.show_typing();
    }

    /// Draws the rows again that show a picture which has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        self.refresh(|row| messages::shows(row, media));
    }

    /// Whether one of the messages that are laid out is this picture.
    pub(super) fn has_picture(&self, media: &MediaKey) -> bool {
        let model = self.window.borrow().model();
        slint::Model::iter(&*model).any(|row| messages::shows(&row, media))
    }

    /// Draws everything again, in another language or way.
    pub(super) fn refresh_all(&self) {
        self.refresh(|_| true);
        self.show_typing();
    }

    /// The message with this id.
    pub(super) fn message(&self, id: &str) -> Option<MessageRow> {
        let window = self.window.borrow();
        let row = window.all().iter().find(|row| row.id.as_str() == id)?;
        match &row.kind {
            RowKind::Message(message) => Some((**message).clone()),
            _ => None,
        }
    }

    /// The message with this id, if it may be answered.
    pub(super) fn answerable(&self, id: &str) -> Option<MessageRow> {
        self.message(id).filter(|message| message.can_reply)
    }

    /// Something of the rows, from the newest on.
    pub(super) fn newest_first<T>(
        &self,
        pick: impl Fn(&TimelineRow) -> Option<T>,
        limit: usize,
    ) -> Vec<T> {
        let window = self.window.borrow();
        let rows = window.all().iter().rev();
        rows.filter_map(|row| pick(row)).take(limit).collect()
    }

    /// Whether the room's first message is known.
    pub(super) fn is_complete(&self) -> bool {
        *self.pagination.borrow() == Pagination::AtStart
    }

    /// What may be pinned, and what is.
    pub(super) fn set_pinned(&self, may: bool, events: Vec<OwnedEventId>) {
        let before = self.pins.replace(Pins { may, events });
        let pins = self.pins.borrow().clone();
        let changed =
            |event: &OwnedEventId| before.events.contains(event) != pins.events.contains(event);
        self.refresh(|row| match &row.kind {
            RowKind::Message(message) => {
                before.may != pins.may || message.event_id.as_ref().is_some_and(changed)
            }
            _ => false,
        });
    }

    /// Says whether this is the room of a class: who leads it is a teacher.
    pub(super) fn set_class(&self, in_class: bool) {
        if self.in_class.replace(in_class) != in_class {
            self.refresh(|_| true);
        }
    }

    /// Jumps to the newest row.
    pub(super) fn jump_to_end(&self) {
        self.let_go();
        self.line_pages.set(None);
        self.on_the_way.set(false);
        self.window.borrow_mut().show_end();
        self.show_position();
        self.context.with_window(|window| {
            let adapter = window.global::<TimelineAdapter>();
            adapter.set_end_epoch(adapter.get_end_epoch().wrapping_add(1));
        });
        self.mark_read();
    }

    fn refresh(&self, wanted: impl Fn(&TimelineRow) -> bool) {
        let model = self.window.borrow().model();
        for (index, value) in model.to_vec().into_iter().enumerate() {
            if wanted(&value) {
                model.apply(VectorDiff::Set { index, value });
            }
        }
    }

    fn show_rows(self: &Rc<Self>) {
        let rows: Rc<DiffModel<_>> = self.window.borrow().model();
        let context = self.context.clone();
        let timeline = Rc::downgrade(self);
        let items = KeptMap::new(rows, move |row: &Arc<TimelineRow>, before| {
            let Some(timeline) = timeline.upgrade() else {
                return TimelineItem::default();
            };
            let unread = timeline.read_line.borrow().stands_before(row);
            let pins = timeline.pins.borrow().clone();
            let item = messages::item(&context, row, &pins, timeline.in_class.get(), unread);
            let item = messages::comparable(item);
            match before {
                Some((was, drawn)) => kept_item::keep(was, drawn, row, item),
                None => item,
            }
        });
        self.context.with_window(|window| {
            window
                .global::<TimelineAdapter>()
                .set_rows(ModelRc::new(items));
        });
        self.show_position();
    }

    pub(super) fn show_position(&self) {
        let window = self.window.borrow();
        let epoch = i32::try_from(window.front_epoch() % 0x4000_0000).unwrap_or(0);
        self.context.with_window(|view| {
            let adapter = view.global::<TimelineAdapter>();
            adapter.set_front_epoch(epoch);
            adapter.set_at_end(window.at_end());
        });
        drop(window);
        self.show_unseen();
        self.show_line();
    }

    fn show_typing(&self) {
        let sentence = words::typing(self.context.language(), &self.typing.borrow());
        self.context.with_window(|window| {
            window
                .global::<TimelineAdapter>()
                .set_typing(sentence.as_str().into());
        });
    }
}

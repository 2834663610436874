//! Writing messages.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use slint::ComponentHandle;

use super::{
    ComposerAdapter, ReplyItem, TimelineAdapter, avatars::colour, context::Context, messages,
    suggestions::Suggestions, timeline::Timeline, written,
};
use crate::{
    bridge::command::{Mention, TimelineCommand},
    rows::{MemberRow, MessageRow, RowId},
};

/// What the text in the composer is for.
#[derive(Debug, Clone, Default, PartialEq)]
enum Purpose {
    #[default]
    Message,
    Reply(RowId),
    Edit(RowId),
}

/// The composer of the open room.
pub(super) struct Composer {
    context: Rc<Context>,
    timeline: Rc<Timeline>,
    purpose: RefCell<Purpose>,
    /// Counts what somebody writes.
    written: Cell<u64>,
    /// Where the caret is, in bytes.
    caret: Cell<usize>,
    suggestions: Suggestions,
    /// People named with a suggestion; those whose names were deleted again are left out when the text is sent.
    mentions: RefCell<Vec<Mention>>,
}

impl Composer {
    pub(super) fn new(context: &Rc<Context>, timeline: &Rc<Timeline>) -> Rc<Self> {
        let composer = Rc::new(Self {
            context: context.clone(),
            timeline: timeline.clone(),
            purpose: RefCell::default(),
            written: Cell::default(),
            caret: Cell::default(),
            suggestions: Suggestions::new(context),
            mentions: RefCell::default(),
        });
        composer.bind();
        composer.bind_suggestions();
        written::bind(context);
        composer
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<ComposerAdapter>();
            let composer = self.clone();
            adapter.on_send(move |text| composer.submit(&text));
            let composer = self.clone();
            adapter.on_edited(move |text| composer.edited(&text));
            let composer = self.clone();
            adapter.on_strip_closed(move || composer.reset(""));
            let composer = self.clone();
            adapter.on_edit_last(move || {
                if let Some(row) = composer.timeline.last_editable() {
                    composer.edit(row.as_str());
                }
            });

            let adapter = window.global::<TimelineAdapter>();
            let composer = self.clone();
            adapter.on_reply_requested(move |row| composer.reply(&row));
            let composer = self.clone();
            adapter.on_edit_requested(move |row| composer.edit(&row));
        });
    }

    fn bind_suggestions(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<ComposerAdapter>();
            let composer = self.clone();
            adapter.on_caret_moved(move |text, byte| {
                composer.caret.set(usize::try_from(byte).unwrap_or(0));
                composer.suggest(&text);
            });
            let composer = self.clone();
            adapter.on_suggestion_moved(move |step| composer.suggestions.step(step));
            let composer = self.clone();
            adapter.on_suggestion_accepted(move |index| composer.accept(index));
            let composer = self.clone();
            adapter.on_suggestions_closed(move || composer.suggestions.clear());
        });
    }

    /// The people who can be named here.
    pub(super) fn set_people(&self, people: Vec<MemberRow>) {
        self.suggestions.set_people(people);
        if self.suggestions.is_waiting() {
            let mut text = slint::SharedString::default();
            self.context
                .with_window(|window| text = window.global::<ComposerAdapter>().get_text());
            self.suggest(&text);
        }
    }

    fn suggest(&self, text: &str) {
        if self.suggestions.show(text, self.caret.get()) {
            self.timeline.send(TimelineCommand::LoadMembers);
        }
    }

    fn accept(&self, index: i32) {
        let mut text = slint::SharedString::default();
        self.context
            .with_window(|window| text = window.global::<ComposerAdapter>().get_text());
        let Some(choice) = self.suggestions.choose(&text, self.caret.get(), index) else {
            return;
        };
        self.mentions.borrow_mut().extend(choice.mention);
        self.put(&choice.text, choice.caret);
        self.edited(&choice.text);
    }

    /// Puts something where the caret is.
    pub(super) fn insert(&self, piece: &str) {
        let mut text = String::new();
        self.context.with_window(|window| {
            text = window.global::<ComposerAdapter>().get_text().into();
        });
        let at = self.caret.get().min(text.len());
        if text.is_char_boundary(at) {
            text.insert_str(at, piece);
            self.put(&text, at + piece.len());
            self.edited(&text);
        }
    }

    /// Names somebody, e.g. from the list of people.
    pub(super) fn mention(&self, person: &MemberRow) {
        let text = format!("@{}", person.name);
        self.insert(&format!("{text} "));
        self.mentions.borrow_mut().push(Mention {
            text,
            user: person.user_id.clone(),
        });
    }

    /// Lets the next key press go into the text.
    pub(super) fn focus(&self) {
        self.context.with_window(|window| {
            let adapter = window.global::<ComposerAdapter>();
            adapter.set_focus_epoch(adapter.get_focus_epoch().wrapping_add(1));
        });
    }

    fn put(&self, text: &str, caret: usize) {
        self.caret.set(caret);
        self.suggestions.clear();
        self.context.with_window(|window| {
            let adapter = window.global::<ComposerAdapter>();
            adapter.set_text(text.into());
            adapter.set_caret(i32::try_from(caret).unwrap_or(0));
            adapter.set_caret_epoch(adapter.get_caret_epoch().wrapping_add(1));
        });
    }

    /// Shows the text kept for the room.
    pub(super) fn set_draft(&self, draft: &str) {
        self.reset(draft);
    }

    /// Empties the composer, e.g. before another room opens.
    pub(super) fn reset(&self, text: &str) {
        self.fill(text);
        self.focus();
    }

    /// Another room is open, or none: then there is nothing to write in.
    pub(super) fn room_changed(&self, is_open: bool) {
        self.fill("");
        if is_open {
            self.focus();
        }
        self.set_people(Vec::new());
    }

    fn fill(&self, text: &str) {
        *self.purpose.borrow_mut() = Purpose::Message;
        self.suggestions.clear();
        self.mentions.borrow_mut().clear();
        self.caret.set(text.len());
        self.context.with_window(|window| {
            let adapter = window.global::<ComposerAdapter>();
            adapter.set_text(text.into());
            if !text.is_empty() {
                adapter.set_caret(i32::try_from(text.len()).unwrap_or(0));
                adapter.set_caret_epoch(adapter.get_caret_epoch().wrapping_add(1));
            }
            adapter.set_editing(false);
            adapter.set_reply(ReplyItem::default());
        });
    }

    fn reply(&self, row: &str) {
        let Some(message) = self.timeline.message(row) else {
            return;
        };
        *self.purpose.borrow_mut() = Purpose::Reply(RowId::new(row));
        self.context.with_window(|window| {
            let adapter = window.global::<ComposerAdapter>();
            adapter.set_editing(false);
            adapter.set_reply(self.strip(&message));
            adapter.set_focus_epoch(adapter.get_focus_epoch().wrapping_add(1));
        });
    }

    fn edit(&self, row: &str) {
        let Some(message) = self
            .timeline
            .message(row)
            .filter(|message| message.can_edit)
        else {
            return;
        };
        *self.purpose.borrow_mut() = Purpose::Edit(RowId::new(row));
        let text = messages::copyable(&message).unwrap_or_default();
        self.context.with_window(|window| {
            let adapter = window.global::<ComposerAdapter>();
            adapter.set_reply(ReplyItem::default());
            adapter.set_editing(true);
            adapter.set_edited_text(self.strip(&message).text);
            adapter.set_text((*text).into());
            adapter.set_caret(i32::try_from(text.len()).unwrap_or(0));
            adapter.set_caret_epoch(adapter.get_caret_epoch().wrapping_add(1));
        });
    }

    fn strip(&self, message: &MessageRow) -> ReplyItem {
        ReplyItem {
            shown: true,
            name: message.sender_name.as_str().into(),
            colour: colour(message.sender.as_str()),
            text: messages::one_line(self.context.language(), message)
                .as_str()
                .into(),
        }
    }

    fn submit(&self, text: &str) {
        let markdown = text.trim().to_owned();
        if markdown.is_empty() {
            return;
        }
        let mut mentions = self.mentions.take();
        mentions.retain(|mention| markdown.contains(mention.text.as_str()));
        let command = match self.purpose.replace(Purpose::Message) {
            Purpose::Message => TimelineCommand::SendText {
                markdown,
                mentions,
                reply_to: None,
            },
            Purpose::Reply(row) => TimelineCommand::SendText {
                markdown,
                mentions,
                reply_to: Some(row),
            },
            Purpose::Edit(row) => TimelineCommand::Edit {
                row,
                markdown,
                mentions,
            },
        };
        let is_edit = matches!(command, TimelineCommand::Edit { .. });
        self.timeline.send(command);
        self.reset("");
        self.edited("");
        if !is_edit {
            self.timeline.jump_to_end();
        }
    }

    /// Counts what somebody writes: whoever goes on writing is not led away.
    pub(super) fn written(&self) -> u64 {
        self.written.get()
    }

    fn edited(&self, text: &str) {
        self.written.set(self.written.get() + 1);
        self.timeline.send(TimelineCommand::Typing {
            typing: !text.is_empty(),
        });
        // The text of an edit is no draft: closing the strip brings nothing back.
        if !matches!(*self.purpose.borrow(), Purpose::Edit(_)) {
            self.timeline.send(TimelineCommand::SaveDraft {
                markdown: text.to_owned(),
            });
        }
    }

    /// The message that is being answered, if any; the answer is given with a file then.
    pub(super) fn take_reply(&self) -> Option<RowId> {
        let row = match &*self.purpose.borrow() {
            Purpose::Reply(row) => row.clone(),
            Purpose::Message | Purpose::Edit(_) => return None,
        };
        *self.purpose.borrow_mut() = Purpose::Message;
        self.context.with_window(|window| {
            window
                .global::<ComposerAdapter>()
                .set_reply(ReplyItem::default());
        });
        Some(row)
    }
}

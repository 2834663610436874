//! Writing messages.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use matrix_sdk::ruma::{OwnedEventId, OwnedRoomId, RoomId};
use slint::{ComponentHandle, SharedString};

use super::{
    ComposerAdapter, ReplyItem, TimelineAdapter,
    context::Context,
    draft::{self, Draft, Purpose},
    suggestions::Suggestions,
    timeline::Timeline,
    written,
};
use crate::{
    bridge::{
        command::{Command, KeptText, Mention, TimelineCommand},
        trouble::Trouble,
    },
    rows::MemberRow,
};

/// The composer of the open room.
pub(super) struct Composer {
    pub(super) context: Rc<Context>,
    pub(super) timeline: Rc<Timeline>,
    /// What is being written; its text stands in the window.
    pub(super) draft: RefCell<Draft>,
    /// What was being written when an edit began, and comes back after it.
    pub(super) aside: RefCell<Option<Draft>>,
    /// What was left unfinished in other rooms.
    drafts: RefCell<HashMap<OwnedRoomId, Draft>>,
    /// The text kept for the room is on its way; so much had been written when it was asked for.
    kept_due: Cell<Option<u64>>,
    /// Counts what somebody writes.
    written: Cell<u64>,
    /// Where the caret is, in bytes.
    caret: Cell<usize>,
    suggestions: Suggestions,
}

impl Composer {
    pub(super) fn new(context: &Rc<Context>, timeline: &Rc<Timeline>) -> Rc<Self> {
        let composer = Rc::new(Self {
            context: context.clone(),
            timeline: timeline.clone(),
            draft: RefCell::default(),
            aside: RefCell::default(),
            drafts: RefCell::default(),
            kept_due: Cell::default(),
            written: Cell::default(),
            caret: Cell::default(),
            suggestions: Suggestions::new(context),
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
            adapter.on_send(move |_| composer.submit());
            let composer = self.clone();
            adapter.on_edited(move |text| composer.edited(&text));
            let composer = self.clone();
            adapter.on_strip_closed(move || composer.close_strip());
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
            self.suggest(&self.text());
        }
    }

    fn suggest(&self, text: &str) {
        if self.suggestions.show(text, self.caret.get()) {
            self.timeline.send(TimelineCommand::LoadMembers);
        }
    }

    fn accept(&self, index: i32) {
        let (text, caret) = (self.text(), self.caret.get());
        let Some(choice) = self.suggestions.choose(&text, caret, index) else {
            return;
        };
        self.draft.borrow_mut().mentions.extend(choice.mention);
        self.put(&choice.text, choice.caret);
        self.edited(&choice.text);
    }

    /// Puts something where the caret is.
    pub(super) fn insert(&self, piece: &str) {
        let mut text = String::from(self.text());
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
        let word = format!("{text} ");
        let user = person.user_id.clone();
        self.draft
            .borrow_mut()
            .mentions
            .push(Mention { text, user });
        self.insert(&word);
    }

    fn text(&self) -> SharedString {
        let mut text = SharedString::default();
        self.context
            .with_window(|window| text = window.global::<ComposerAdapter>().get_text());
        text
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

    /// Shows the text kept for the room, before what was typed until it came.
    pub(super) fn set_draft(&self, kept: &KeptText) {
        let Some(written) = self.kept_due.take() else {
            return;
        };
        if kept.markdown.is_empty() {
            return;
        }
        let whole = match &mut *self.aside.borrow_mut() {
            Some(aside) => {
                aside.put_before(kept);
                aside.clone()
            }
            None => {
                let mut whole = self.draft();
                whole.put_before(kept);
                self.draft.replace(whole.clone());
                self.put(&whole.text, kept.markdown.len() + self.caret.get());
                whole
            }
        };
        // What was typed has taken its place.
        if self.written.get() != written {
            self.timeline.send(whole.keep());
        }
    }

    /// Counts what somebody writes: whoever goes on writing is not led away.
    pub(super) fn written(&self) -> u64 {
        self.written.get()
    }

    /// Another room opens, or none: then there is nothing to write in.
    pub(super) fn room_changed(&self, next: Option<&RoomId>) {
        if let Some(left) = self.timeline.room() {
            let draft = self.unfinished();
            if !draft.is_empty() {
                self.drafts.borrow_mut().insert(left, draft);
            }
        }
        let known = next.and_then(|room| self.drafts.borrow_mut().remove(room));
        self.kept_due
            .set(known.is_none().then(|| self.written.get()));
        self.show(known.unwrap_or_default());
        if next.is_some() {
            self.focus();
        }
        self.set_people(Vec::new());
    }

    /// Nobody is signed in any more.
    pub(super) fn clear(&self) {
        self.drafts.borrow_mut().clear();
    }

    /// What somebody may go on with later; an edit is given up.
    fn unfinished(&self) -> Draft {
        let draft = self.draft();
        let aside = self.aside.take();
        match draft.is_edit() {
            true => aside.unwrap_or_default(),
            false => draft,
        }
    }

    pub(super) fn draft(&self) -> Draft {
        Draft {
            text: self.text().into(),
            ..self.draft.borrow().clone()
        }
    }

    pub(super) fn show(&self, draft: Draft) {
        self.suggestions.clear();
        self.caret.set(draft.text.len());
        self.context.with_window(|window| {
            let adapter = window.global::<ComposerAdapter>();
            adapter.set_text(draft.text.as_str().into());
            if !draft.text.is_empty() {
                adapter.set_caret(i32::try_from(draft.text.len()).unwrap_or(0));
                adapter.set_caret_epoch(adapter.get_caret_epoch().wrapping_add(1));
            }
        });
        self.draft.replace(draft);
        self.show_strip();
    }

    fn show_strip(&self) {
        let draft = self.draft.borrow();
        let (answered, edited) = match draft.is_edit() {
            true => (ReplyItem::default(), draft.strip.text.clone()),
            false => (draft.strip.clone(), SharedString::default()),
        };
        self.context.with_window(|window| {
            let adapter = window.global::<ComposerAdapter>();
            adapter.set_editing(draft.is_edit());
            adapter.set_edited_text(edited);
            adapter.set_reply(answered);
        });
    }

    /// What the text is for, and the message above it.
    pub(super) fn set_purpose(&self, purpose: Purpose, strip: ReplyItem) {
        self.draft.borrow_mut().purpose = purpose;
        self.draft.borrow_mut().strip = strip;
        self.show_strip();
        self.focus();
    }

    /// Answers nothing and changes nothing any more. What was being written stays, or comes back after an edit.
    fn close_strip(&self) {
        if self.draft.borrow().is_edit() {
            self.show(self.aside.take().unwrap_or_default());
            self.focus();
        } else {
            self.set_purpose(Purpose::Message, ReplyItem::default());
        }
    }

    fn reply(&self, row: &str) {
        let Some(message) = self.timeline.answerable(row) else {
            return;
        };
        let Some(event) = message.event_id.clone() else {
            return;
        };
        if let Some(aside) = self.aside.take() {
            self.show(aside);
        }
        let strip = draft::strip(&self.context, &message);
        self.set_purpose(Purpose::Reply(event), strip);
    }

    fn edit(&self, row: &str) {
        let Some(message) = self
            .timeline
            .message(row)
            .filter(|message| message.can_edit)
        else {
            return;
        };
        let before = self.draft();
        if !before.is_edit() {
            self.aside.replace(Some(before));
        }
        self.show(Draft::edit(&self.context, row, &message));
        self.focus();
    }

    fn submit(self: &Rc<Self>) {
        let draft = self.draft();
        let (Some(room), Some(command)) = (self.timeline.room(), draft.command()) else {
            return;
        };
        let (composer, place, is_edit) = (self.clone(), room.clone(), draft.is_edit());
        self.context
            .ask(Command::Timeline(room, command), move |result| {
                if let Err(trouble) = result {
                    composer.give_back(place, draft, &trouble);
                }
            });
        self.show(self.aside.take().unwrap_or_default());
        self.focus();
        if is_edit {
            self.note(&self.text());
        } else {
            self.edited("");
            self.timeline.jump_to_end();
        }
    }

    /// What could not be sent is there to be sent again, unless somebody has begun something else.
    fn give_back(&self, room: OwnedRoomId, draft: Draft, trouble: &Trouble) {
        self.context.show_failure(trouble);
        let is_here = self.timeline.room().as_ref() == Some(&room);
        let is_free = match is_here {
            true => self.draft().is_empty(),
            false => !self.drafts.borrow().contains_key(&room),
        };
        if !is_free {
            return;
        }
        if !draft.is_edit() {
            let command = Command::Timeline(room.clone(), draft.keep());
            self.context.send(command);
        }
        match is_here {
            true => self.show(draft),
            false => {
                self.drafts.borrow_mut().insert(room, draft);
            }
        }
    }

    fn edited(&self, text: &str) {
        self.note(text);
        // The text of an edit is no draft: the draft is what comes back after it.
        let draft = self.draft();
        if !draft.is_edit() {
            self.timeline.send(draft.keep());
        }
    }

    /// Somebody writes, or has written.
    fn note(&self, text: &str) {
        self.written.set(self.written.get() + 1);
        self.timeline.send(TimelineCommand::Typing {
            typing: !text.is_empty(),
        });
    }

    /// The message that is being answered, if any; the answer is given with a file then.
    pub(super) fn take_reply(&self) -> Option<OwnedEventId> {
        let event = match &self.draft.borrow().purpose {
            Purpose::Reply(event) => event.clone(),
            Purpose::Message | Purpose::Edit(_) => return None,
        };
        self.close_strip();
        Some(event)
    }
}

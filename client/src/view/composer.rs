//! Writing messages.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use slint::ComponentHandle;

use super::{
    ComposerAdapter, ReplyItem, TimelineAdapter, avatars::colour, clipboard, context::Context,
    messages, timeline::Timeline,
};
use crate::{
    bridge::command::{FileSource, TimelineCommand},
    rows::{MessageRow, RowId},
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
}

impl Composer {
    pub(super) fn new(context: &Rc<Context>, timeline: &Rc<Timeline>) -> Rc<Self> {
        let composer = Rc::new(Self {
            context: context.clone(),
            timeline: timeline.clone(),
            purpose: RefCell::default(),
        });
        composer.bind();
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
            let composer = self.clone();
            adapter.on_attach(move || composer.attach());
            let composer = self.clone();
            adapter.on_paste_picture(move || composer.paste_picture());

            let adapter = window.global::<TimelineAdapter>();
            let composer = self.clone();
            adapter.on_reply_requested(move |row| composer.reply(&row));
            let composer = self.clone();
            adapter.on_edit_requested(move |row| composer.edit(&row));
        });
    }

    /// Shows the text kept for the room.
    pub(super) fn set_draft(&self, draft: &str) {
        self.reset(draft);
    }

    /// Empties the composer, e.g. before another room opens.
    pub(super) fn reset(&self, text: &str) {
        *self.purpose.borrow_mut() = Purpose::Message;
        self.context.with_window(|window| {
            let adapter = window.global::<ComposerAdapter>();
            adapter.set_text(text.into());
            adapter.set_editing(false);
            adapter.set_reply(ReplyItem::default());
            adapter.set_focus_epoch(adapter.get_focus_epoch().wrapping_add(1));
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
            adapter.set_text(text.into());
            adapter.set_focus_epoch(adapter.get_focus_epoch().wrapping_add(1));
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
        let command = match self.purpose.replace(Purpose::Message) {
            Purpose::Message => TimelineCommand::SendText {
                markdown,
                reply_to: None,
            },
            Purpose::Reply(row) => TimelineCommand::SendText {
                markdown,
                reply_to: Some(row),
            },
            Purpose::Edit(row) => TimelineCommand::Edit { row, markdown },
        };
        let is_edit = matches!(command, TimelineCommand::Edit { .. });
        self.timeline.send(command);
        self.reset("");
        self.edited("");
        if !is_edit {
            self.timeline.jump_to_end();
        }
    }

    fn edited(&self, text: &str) {
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

    fn attach(self: &Rc<Self>) {
        let composer = self.clone();
        let choose = async move {
            let files = rfd::AsyncFileDialog::new().pick_files().await;
            for file in files.unwrap_or_default() {
                composer.send_file(FileSource::Path(file.path().to_owned()));
            }
        };
        if let Err(error) = slint::spawn_local(choose) {
            tracing::warn!(%error, "no file can be chosen");
        }
    }

    fn paste_picture(&self) -> bool {
        let Some(png) = clipboard::picture() else {
            return false;
        };
        self.send_file(FileSource::Bytes {
            name: "picture.png".to_owned(),
            bytes: Arc::from(png),
        });
        true
    }

    fn send_file(&self, file: FileSource) {
        let reply_to = match self.purpose.replace(Purpose::Message) {
            Purpose::Reply(row) => Some(row),
            _ => None,
        };
        self.timeline.send(TimelineCommand::SendFile {
            file,
            caption: String::new(),
            reply_to,
        });
        self.context.with_window(|window| {
            window
                .global::<ComposerAdapter>()
                .set_reply(ReplyItem::default());
        });
        self.timeline.jump_to_end();
    }
}

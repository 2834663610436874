//! What is being written, and what for.

use matrix_sdk::ruma::OwnedEventId;

use super::{ReplyItem, avatars::colour, context::Context, messages};
use crate::{
    bridge::command::{KeptText, Mention, TimelineCommand},
    rows::{MessageRow, RowId},
};

/// What the text in the composer is for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Purpose {
    #[default]
    Message,
    Reply(OwnedEventId),
    Edit(Edited),
}

/// An own message that is being changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Edited {
    row: RowId,
    /// `None` while the server did not have it.
    event: Option<OwnedEventId>,
    /// It is a file: its caption is changed.
    caption: bool,
}

/// Something that is being written.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) text: String,
    pub(super) purpose: Purpose,
    /// The message that is answered or changed, as the strip above the text shows it.
    pub(super) strip: ReplyItem,
    /// People named with a suggestion; those whose names were deleted again are left out when the text is sent.
    pub(super) mentions: Vec<Mention>,
}

impl Draft {
    /// What an own message says, to be changed.
    pub(super) fn edit(context: &Context, row: &str, message: &MessageRow) -> Self {
        Self {
            text: messages::copyable(message).unwrap_or_default().into_owned(),
            purpose: Purpose::Edit(Edited {
                row: RowId::new(row),
                event: message.event_id.clone(),
                caption: messages::is_file(message),
            }),
            strip: strip(context, message),
            mentions: messages::mentions(message),
        }
    }

    pub(super) fn is_edit(&self) -> bool {
        matches!(self.purpose, Purpose::Edit(_))
    }

    /// The message that is answered or changed, if the server has it.
    pub(super) fn about(&self) -> Option<&OwnedEventId> {
        match &self.purpose {
            Purpose::Message => None,
            Purpose::Reply(event) => Some(event),
            Purpose::Edit(edited) => edited.event.as_ref(),
        }
    }

    /// What was being written before an edit, with the words of the edit below.
    pub(super) fn joined(before: Option<Self>, edit: Self) -> Self {
        let mut whole = before.unwrap_or_default();
        if !whole.text.is_empty() {
            whole.text.push('\n');
        }
        whole.text.push_str(&edit.text);
        whole.mentions.extend(edit.mentions);
        whole
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.purpose == Purpose::Message
    }

    /// What was kept of it stands before what was written meanwhile.
    pub(super) fn put_before(&mut self, kept: &KeptText) {
        self.text.insert_str(0, &kept.markdown);
        self.mentions.extend_from_slice(&kept.mentions);
    }

    /// Keeps it for the next time.
    pub(super) fn keep(&self) -> TimelineCommand {
        TimelineCommand::SaveDraft(KeptText {
            markdown: self.text.clone(),
            mentions: self.named(),
        })
    }

    /// The people whose names stand in the text.
    fn named(&self) -> Vec<Mention> {
        let mut mentions = self.mentions.clone();
        mentions.retain(|mention| self.text.contains(mention.text.as_str()));
        mentions
    }

    /// What the session is told, unless there is nothing to send.
    pub(super) fn command(&self) -> Option<TimelineCommand> {
        let markdown = self.text.trim().to_owned();
        let mentions = self.named();
        // Without text, a file is left without a caption.
        let may_be_empty = matches!(&self.purpose, Purpose::Edit(edited) if edited.caption);
        if markdown.is_empty() && !may_be_empty {
            return None;
        }
        Some(match self.purpose.clone() {
            Purpose::Message => TimelineCommand::SendText {
                markdown,
                mentions,
                reply_to: None,
            },
            Purpose::Reply(event) => TimelineCommand::SendText {
                markdown,
                mentions,
                reply_to: Some(event),
            },
            Purpose::Edit(edited) => TimelineCommand::Edit {
                row: edited.row,
                event: edited.event,
                caption: edited.caption,
                markdown,
                mentions,
            },
        })
    }
}

/// A message as the strip above the text shows it.
pub(super) fn strip(context: &Context, message: &MessageRow) -> ReplyItem {
    ReplyItem {
        shown: true,
        name: message.sender_name.as_str().into(),
        colour: colour(message.sender.as_str()),
        text: messages::one_line(context.language(), message)
            .as_str()
            .into(),
    }
}

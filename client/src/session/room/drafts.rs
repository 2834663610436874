//! The text in the composer is kept in the local store, with the people it names: as the HTML it would be sent as.

use matrix_sdk::{
    ComposerDraft, ComposerDraftType, Room, ruma::events::room::message::FormattedBody,
};

use super::Task;
use crate::{
    bridge::{command::KeptText, trouble::Trouble},
    render::{html, mentions},
    session::room_list::Nudge,
};

impl Task {
    pub(super) async fn save_draft(&self, text: KeptText) -> Result<(), Trouble> {
        if text.markdown.trim().is_empty() {
            self.room.clear_composer_draft(None).await?;
        } else {
            let linked = mentions::link(&text.markdown, &text.mentions);
            let html = FormattedBody::markdown(linked).map(|formatted| formatted.body);
            let draft = ComposerDraft {
                plain_text: text.markdown,
                html_text: html.filter(|_| !text.mentions.is_empty()),
                draft_type: ComposerDraftType::NewMessage,
                attachments: Vec::new(),
            };
            self.room.save_composer_draft(draft, None).await?;
        }
        let room = self.room.room_id().to_owned();
        if self.nudges.send(Nudge::Draft(room)).is_err() {
            tracing::debug!("a draft was kept after the room list had ended");
        }
        Ok(())
    }
}

/// The text kept for a room; empty where none is.
pub(super) async fn kept(room: &Room) -> KeptText {
    let Ok(Some(draft)) = room.load_composer_draft(None).await else {
        return KeptText::default();
    };
    let html = draft.html_text.as_deref().unwrap_or_default();
    KeptText {
        markdown: draft.plain_text,
        mentions: mentions::of(&html::parse(html)),
    }
}

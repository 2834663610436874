//! Carries out what is asked of an open room.

use futures_util::FutureExt;
use matrix_sdk::{
    room::edit::EditedContent,
    ruma::{
        OwnedEventId,
        api::client::receipt::create_receipt::v3::ReceiptType,
        events::Mentions,
        events::room::message::{
            FormattedBody, MessageType, RoomMessageEventContent,
            RoomMessageEventContentWithoutRelation, TextMessageEventContent,
        },
    },
};
use matrix_sdk_ui::timeline::{AttachmentConfig, AttachmentSource, EventTimelineItem};

use super::{
    Task,
    files::{describe, read, size_of},
    older::PAGE,
};
use crate::{
    bridge::{
        command::{FileSource, Mention, RequestId, TimelineCommand},
        trouble::Trouble,
        update::Answer,
    },
    render::mentions::link as link_mentions,
    rows::RowId,
    session::{room_list::Nudge, search},
};

/// How far back a message is sought, in pages.
const SEEK_PAGES: usize = 40;
/// Messages in such a page.
const SEEK_PAGE: u16 = 100;

impl Task {
    /// What goes into the send queue happens here, so that messages keep their order; what waits for the server
    /// happens beside.
    pub(super) async fn carry_out(&mut self, request: RequestId, command: TimelineCommand) {
        let result = match command {
            TimelineCommand::SendText {
                markdown,
                mentions,
                reply_to,
            } => self.send_text(text(&markdown, &mentions), reply_to).await,
            TimelineCommand::SendFile {
                file,
                caption,
                reply_to,
            } => self.send_file(file, &caption, reply_to).await,
            TimelineCommand::Edit {
                row,
                event,
                caption,
                markdown,
                mentions,
            } => {
                let content = match caption {
                    true => edited_caption(&markdown, &mentions),
                    false => EditedContent::RoomMessage(text(&markdown, &mentions)),
                };
                self.edit(&row, event, content).await
            }
            TimelineCommand::ToggleReaction { row, key } => self.toggle_reaction(&row, &key).await,
            TimelineCommand::CancelSend { row } => self.cancel_send(&row).await,
            TimelineCommand::RetrySend { row } => self.retry_send(&row).await,
            TimelineCommand::SaveDraft(text) => self.save_draft(text).await,
            TimelineCommand::Redact { row } => return self.redact(request, &row),
            TimelineCommand::Paginate => return self.paginate(request),
            TimelineCommand::MarkRead => return self.mark_read(request),
            TimelineCommand::Typing { typing } => return self.typing(request, typing),
            TimelineCommand::LoadMembers => return self.load_members(request),
            TimelineCommand::SetPinned { event, pinned } => {
                return self.set_pinned(request, event, pinned);
            }
            TimelineCommand::LoadPinned => return self.load_pinned(request),
            TimelineCommand::Seek { event } => return self.seek(request, event),
            TimelineCommand::Report { row, reason } => return self.report(request, &row, reason),
            TimelineCommand::Open | TimelineCommand::Close => Ok(()),
        };
        self.outbox
            .answer(request, result.map(|()| Answer::Done))
            .await;
    }

    async fn send_text(
        &self,
        content: RoomMessageEventContentWithoutRelation,
        reply_to: Option<OwnedEventId>,
    ) -> Result<(), Trouble> {
        match reply_to {
            Some(event) => self.timeline.send_reply(content, event).await?,
            None => {
                self.timeline
                    .send(RoomMessageEventContent::from(content).into())
                    .await?;
            }
        }
        Ok(())
    }

    async fn send_file(
        &self,
        file: FileSource,
        caption: &str,
        in_reply_to: Option<OwnedEventId>,
    ) -> Result<(), Trouble> {
        self.refuse_too_large(size_of(&file).await?)?;
        let (name, bytes) = read(file).await?;
        let mime = mime_guess::from_path(&name).first_or_octet_stream();
        let (bytes, mime, info) = describe(bytes, mime).await;
        let config = AttachmentConfig {
            info: Some(info),
            caption: (!caption.trim().is_empty()).then(|| caption_of(caption, &[])),
            in_reply_to,
            ..AttachmentConfig::default()
        };
        let source = AttachmentSource::Data {
            bytes,
            filename: name,
        };
        self.timeline
            .send_attachment(source, mime, config)
            .use_send_queue()
            .await?;
        Ok(())
    }

    /// Says "too large" before the file is read and uploaded rather than after it. Where the limit is not known yet, the
    /// server will refuse by itself: what was typed after the file does not wait for an answer.
    fn refuse_too_large(&self, size: u64) -> Result<(), Trouble> {
        let client = self.room.client();
        match client.load_or_fetch_max_upload_size().now_or_never() {
            Some(Ok(limit)) if u64::from(limit) < size => {
                Err(Trouble::TooLarge(Some(limit.into())))
            }
            _ => Ok(()),
        }
    }

    async fn edit(
        &self,
        row: &RowId,
        event: Option<OwnedEventId>,
        content: EditedContent,
    ) -> Result<(), Trouble> {
        match event {
            Some(event) => {
                let edit = self.room.make_edit_event(&event, content).await?;
                self.timeline.send(edit).await?;
            }
            None => {
                let item = self.event(row)?.identifier();
                self.timeline.edit(&item, content).await?;
            }
        }
        Ok(())
    }

    async fn toggle_reaction(&self, row: &RowId, key: &str) -> Result<(), Trouble> {
        self.timeline
            .toggle_reaction(&self.event(row)?.identifier(), key)
            .await?;
        Ok(())
    }

    async fn cancel_send(&self, row: &RowId) -> Result<(), Trouble> {
        let handle = self
            .event(row)?
            .local_echo_send_handle()
            .ok_or(Trouble::NotFound)?;
        match handle.abort().await {
            Ok(true) => Ok(()),
            // Too late: the server has it.
            Ok(false) => Err(Trouble::NotFound),
            Err(error) => Err(Trouble::Other(error.to_string())),
        }
    }

    async fn retry_send(&self, row: &RowId) -> Result<(), Trouble> {
        let handle = self
            .event(row)?
            .local_echo_send_handle()
            .ok_or(Trouble::NotFound)?;
        self.room.send_queue().set_enabled(true);
        handle
            .unwedge()
            .await
            .map_err(|error| Trouble::Other(error.to_string()))
    }

    fn redact(&self, request: RequestId, row: &RowId) {
        let (timeline, event) = (
            self.timeline.clone(),
            self.event(row).map(EventTimelineItem::identifier),
        );
        self.outbox.answer_later(request, async move {
            timeline.redact(&event?, None).await?;
            Ok(Answer::Done)
        });
    }

    fn paginate(&self, request: RequestId) {
        let timeline = self.timeline.clone();
        self.outbox.answer_later(request, async move {
            timeline.paginate_backwards(PAGE).await?;
            Ok(Answer::Done)
        });
    }

    fn mark_read(&self, request: RequestId) {
        let timeline = self.timeline.clone();
        let read = Nudge::Read(self.room.room_id().to_owned());
        if self.nudges.send(read).is_err() {
            tracing::debug!("a room was read after the room list had ended");
        }
        self.quietly(request, async move {
            timeline.mark_as_read(ReceiptType::Read).await?;
            timeline.mark_as_read(ReceiptType::FullyRead).await?;
            Ok(())
        });
    }

    fn typing(&self, request: RequestId, typing: bool) {
        let room = self.room.clone();
        self.quietly(request, async move {
            // The SDK sends no more than one notice in a few seconds.
            Ok(room.typing_notice(typing).await?)
        });
    }

    /// Does what nobody has asked for in so many words: that it has failed is not worth a word either.
    fn quietly(
        &self,
        request: RequestId,
        work: impl Future<Output = Result<(), Trouble>> + Send + 'static,
    ) {
        self.outbox.answer_later(request, async move {
            if let Err(trouble) = work.await {
                tracing::debug!(?trouble, "the server was not told");
            }
            Ok(Answer::Done)
        });
    }

    fn set_pinned(&self, request: RequestId, event: OwnedEventId, pinned: bool) {
        let room = self.room.clone();
        self.outbox.answer_later(request, async move {
            match pinned {
                true => room.pin_event(&event).await?,
                false => room.unpin_event(&event).await?,
            };
            Ok(Answer::Done)
        });
    }

    fn load_pinned(&self, request: RequestId) {
        let room = self.room.clone();
        self.outbox.answer_later(request, async move {
            Ok(Answer::Hits(search::pinned(&room).await))
        });
    }

    /// The rows arrive through the timeline's own stream, before or after this answer.
    fn seek(&self, request: RequestId, event: OwnedEventId) {
        let timeline = self.timeline.clone();
        self.outbox.answer_later(request, async move {
            for _ in 0..SEEK_PAGES {
                if timeline.item_by_event_id(&event).await.is_some() {
                    return Ok(Answer::Done);
                }
                if timeline.paginate_backwards(SEEK_PAGE).await? {
                    break;
                }
            }
            match timeline.item_by_event_id(&event).await {
                Some(_) => Ok(Answer::Done),
                None => Err(Trouble::NotFound),
            }
        });
    }

    fn report(&self, request: RequestId, row: &RowId, reason: String) {
        let (room, event) = (self.room.clone(), self.event_id(row));
        self.outbox.answer_later(request, async move {
            room.report_content(event?, Some(reason)).await?;
            Ok(Answer::Done)
        });
    }

    fn event(&self, row: &RowId) -> Result<&EventTimelineItem, Trouble> {
        self.rows.event(row).ok_or(Trouble::NotFound)
    }

    fn event_id(&self, row: &RowId) -> Result<OwnedEventId, Trouble> {
        self.event(row)?
            .event_id()
            .map(ToOwned::to_owned)
            .ok_or(Trouble::NotFound)
    }
}

/// A message from what was typed; `/me` is the one command everybody knows.
fn text(markdown: &str, mentions: &[Mention]) -> RoomMessageEventContentWithoutRelation {
    let linked = link_mentions(markdown, mentions);
    let content = match linked.strip_prefix("/me ") {
        Some(rest) => RoomMessageEventContentWithoutRelation::emote_markdown(rest),
        None => RoomMessageEventContentWithoutRelation::text_markdown(linked),
    };
    if mentions.is_empty() {
        return content;
    }
    let users = mentions.iter().map(|mention| mention.user.clone());
    let mut content = content.add_mentions(Mentions::with_user_ids(users));
    // Readers without formatting see the names, not the links.
    if let MessageType::Text(text) = &mut content.msgtype {
        markdown.clone_into(&mut text.body);
    }
    content
}

/// The text is as it was typed; its formatting links to those who are named.
fn caption_of(markdown: &str, mentions: &[Mention]) -> TextMessageEventContent {
    let mut text = TextMessageEventContent::plain(markdown);
    text.formatted = FormattedBody::markdown(link_mentions(markdown, mentions));
    text
}

/// Without text, the caption is taken away.
fn edited_caption(markdown: &str, mentions: &[Mention]) -> EditedContent {
    let caption = (!markdown.trim().is_empty()).then(|| caption_of(markdown, mentions));
    let users = mentions.iter().map(|mention| mention.user.clone());
    EditedContent::MediaCaption {
        caption: caption.as_ref().map(|text| text.body.clone()),
        formatted_caption: caption.and_then(|text| text.formatted),
        mentions: (!mentions.is_empty()).then(|| Mentions::with_user_ids(users)),
    }
}

#[cfg(test)]
mod tests {
    use matrix_sdk::{room::edit::EditedContent, ruma::user_id};

    use super::{Mention, edited_caption};

    #[test]
    fn a_changed_caption_tells_those_it_names() {
        let anna = Mention {
            text: "@Анна".to_owned(),
            user: user_id!("@a:campus.example").to_owned(),
        };
        let EditedContent::MediaCaption {
            caption,
            formatted_caption,
            mentions,
        } = edited_caption("@Анна, смотри", &[anna])
        else {
            panic!("a caption is changed");
        };
        assert_eq!(caption.unwrap(), "@Анна, смотри");
        assert!(
            formatted_caption
                .unwrap()
                .body
                .contains("https://matrix.to/#/@a:campus.example")
        );
        assert!(
            mentions
                .unwrap()
                .user_ids
                .contains(user_id!("@a:campus.example"))
        );
    }
}

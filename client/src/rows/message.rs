//! From the SDK's timeline events to message rows.

use matrix_sdk::ruma::{OwnedMxcUri, UserId, events::room::MediaSource};
use matrix_sdk_ui::timeline::{
    EventSendState, EventTimelineItem, InReplyToDetails, MsgLikeContent, Profile,
    ReactionsByKeyBySender, TimelineDetails, TimelineItemContent,
};

use super::{
    Delivery, MediaKey, MessageRow, Progress, ReactionRow, ReplyRow, Role, body, preview,
    timeline::RowContext,
};
use crate::render::{names, time::Timestamp};

/// Senders listed for a reaction's tooltip.
const REACTION_SENDERS: usize = 20;

/// A message row before it is known what stands next to it.
pub(super) fn message_row(
    event: &EventTimelineItem,
    content: &MsgLikeContent,
    context: &RowContext,
) -> MessageRow {
    let own = event.is_own();
    let is_on_server = event.event_id().is_some();
    let is_redacted = event.content().is_redacted();
    MessageRow {
        event_id: event.event_id().map(ToOwned::to_owned),
        sender: event.sender().to_owned(),
        sender_name: context.name_of(event.sender(), event.sender_profile()),
        sender_avatar: avatar_of(context.profile(event.sender(), event.sender_profile())),
        sender_role: context
            .leaders
            .get(event.sender())
            .copied()
            .unwrap_or(Role::Member),
        own,
        sent_at: Timestamp(event.timestamp().get().into()),
        starts_group: true,
        ends_group: true,
        body: body::body_of(event, content),
        reply: content
            .in_reply_to
            .as_ref()
            .map(|reply| reply_row(reply, context)),
        reactions: match is_redacted {
            true => Vec::new(),
            false => reaction_rows(&content.reactions, &context.own_user),
        },
        edited: event
            .content()
            .as_message()
            .is_some_and(|message| message.is_edited()),
        mentions_me: event.is_highlighted(),
        delivery: delivery_of(event, own),
        can_edit: context.may_send && event.is_editable(),
        can_redact: !is_redacted && (own || (context.may_redact_others && is_on_server)),
        can_reply: context.may_send && event.can_be_replied_to(),
    }
}

impl RowContext {
    /// What is known of a sender.
    fn profile<'a>(
        &'a self,
        user: &UserId,
        profile: &'a TimelineDetails<Profile>,
    ) -> Option<&'a Profile> {
        match profile {
            TimelineDetails::Ready(profile) => Some(profile),
            _ => self.people.get(user),
        }
    }

    /// The name to show for a sender: the display name, with the user id where two people share it.
    pub(super) fn name_of(&self, user: &UserId, profile: &TimelineDetails<Profile>) -> String {
        match self.profile(user, profile) {
            Some(Profile {
                display_name: Some(name),
                display_name_ambiguous: true,
                ..
            }) => {
                format!("{} ({user})", names::line(name))
            }
            Some(Profile {
                display_name: Some(name),
                ..
            }) => names::person(name, user.as_str()),
            _ => user.localpart().to_owned(),
        }
    }
}

/// Those whose names the row of an event needs and the SDK does not know.
pub(super) fn nameless(event: &EventTimelineItem) -> impl Iterator<Item = &UserId> {
    let reply = match event.content() {
        TimelineItemContent::MsgLike(content) => content.in_reply_to.as_ref(),
        _ => None,
    };
    let answered = reply.and_then(|reply| match &reply.event {
        TimelineDetails::Ready(event) => Some((&*event.sender, &event.sender_profile)),
        _ => None,
    });
    [Some((event.sender(), event.sender_profile())), answered]
        .into_iter()
        .flatten()
        .filter(|(_, profile)| !profile.is_ready())
        .map(|(user, _)| user)
}

fn avatar_of(profile: Option<&Profile>) -> Option<MediaKey> {
    profile?.avatar_url.clone().map(avatar_key)
}

/// The key of a picture that is never encrypted: avatars.
pub(crate) fn avatar_key(uri: OwnedMxcUri) -> MediaKey {
    media_key(&MediaSource::Plain(uri))
}

/// The key of any media. The session reads it back with the same format.
pub(crate) fn media_key(source: &MediaSource) -> MediaKey {
    // A source is two or three strings; writing them as JSON cannot fail. An empty key finds nothing.
    MediaKey::new(&serde_json::to_string(source).unwrap_or_default())
}

fn delivery_of(event: &EventTimelineItem, own: bool) -> Delivery {
    match event.send_state() {
        Some(EventSendState::NotSentYet { progress }) => {
            Delivery::Queued(progress.as_ref().map(|upload| Progress {
                done: upload.progress.current as u64,
                total: upload.progress.total as u64,
            }))
        }
        // Out of reach is not a failure: the queue tries again by itself.
        Some(EventSendState::SendingFailed {
            is_recoverable: true,
            ..
        }) => Delivery::Queued(None),
        Some(EventSendState::SendingFailed { .. }) => Delivery::Failed { can_retry: true },
        Some(EventSendState::Sent { .. }) => Delivery::Sent,
        None if own => Delivery::Sent,
        None => Delivery::Received,
    }
}

fn reply_row(reply: &InReplyToDetails, context: &RowContext) -> ReplyRow {
    let (sender, sender_name, kind) = match &reply.event {
        TimelineDetails::Ready(event) => {
            let name = context.name_of(&event.sender, &event.sender_profile);
            let kind = preview::kind_of(&event.content, &name);
            (Some(event.sender.clone()), name, Some(kind))
        }
        _ => (None, String::new(), None),
    };
    ReplyRow {
        event_id: reply.event_id.clone(),
        sender,
        sender_name,
        kind,
    }
}

fn reaction_rows(reactions: &ReactionsByKeyBySender, own_user: &UserId) -> Vec<ReactionRow> {
    let mut given: Vec<_> = reactions
        .iter()
        .filter_map(|(key, senders)| {
            let first = senders.values().map(|given| given.timestamp).min()?;
            Some((first, key, senders))
        })
        .collect();
    // Not in the order they came to this computer: the answers of a quiz stand in theirs.
    given.sort_by_key(|(first, ..)| *first);
    let rows = given.into_iter().map(|(_, key, senders)| ReactionRow {
        key: key.clone(),
        count: senders.len(),
        own: senders.contains_key(own_user),
        senders: senders.keys().take(REACTION_SENDERS).cloned().collect(),
    });
    rows.collect()
}

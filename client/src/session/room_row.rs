//! From the SDK's rooms to rows of the room list.

use matrix_sdk::{
    Room, RoomDisplayName, RoomState,
    notification_settings::RoomNotificationMode,
    ruma::{OwnedUserId, UserId, events::MessageLikeEventType},
};
use matrix_sdk_ui::timeline::{
    LatestEventValue, LatestEventValueLocalState, Profile, RoomExt, TimelineDetails,
    TimelineItemContent,
};

use crate::{
    render::{names, text::one_line, time::Timestamp},
    rows::{
        Invitation, MediaKey, Preview, PreviewKind, RoomRow, Section, message::avatar_key, preview,
    },
};

/// Letters of a draft: the list shows no more.
const DRAFT_SHOWN: usize = 120;

/// Makes the row of a room, but for what is new there. Everything comes from the local store; nothing is asked of the
/// server.
pub(super) async fn room_row(room: &Room, typing: Vec<String>) -> RoomRow {
    let latest = RoomExt::latest_event(room).await;
    let direct_with = match direct_with(room) {
        Some(user) => Some(user),
        None => invites_directly(room, &latest).await,
    };
    RoomRow {
        id: room.room_id().to_owned(),
        name: name_of(room),
        avatar: avatar_of(room),
        section: section_of(room, direct_with.is_some()).await,
        encrypted: room.encryption_state().is_encrypted(),
        muted: room.cached_user_defined_notification_mode() == Some(RoomNotificationMode::Mute),
        unread: 0,
        mentions: 0,
        invitation: invitation(room, &latest),
        latest_at: latest_at(room, &latest),
        preview: preview_of(&latest, direct_with.is_some()),
        draft: draft_of(room).await,
        direct_with,
        typing,
    }
}

/// The room's name; empty for a room without a name and without other people. A direct chat has the other person's,
/// marked like theirs.
///
/// The SDK makes the name after every answer with something of the room. Asking it to do so meanwhile
/// (`Room::display_name`) can leave a name there that was made of half an answer, until the next one.
pub(super) fn name_of(room: &Room) -> String {
    match room.cached_display_name() {
        Some(RoomDisplayName::Empty) | None => String::new(),
        Some(
            RoomDisplayName::EmptyWas(name)
            | RoomDisplayName::Named(name)
            | RoomDisplayName::Aliased(name)
            | RoomDisplayName::Calculated(name),
        ) => match direct_with(room) {
            Some(user) => names::person(&name, user.as_str()),
            None => names::line(&name),
        },
    }
}

/// The room's picture, or the other person's in a direct chat.
pub(super) fn avatar_of(room: &Room) -> Option<MediaKey> {
    let heroes = room.heroes();
    let own = room.avatar_url();
    let other = || match (room.direct_targets_length(), heroes.as_slice()) {
        (1.., [hero]) => hero.avatar_url.clone(),
        _ => None,
    };
    own.or_else(other).map(avatar_key)
}

/// The other person of a direct chat.
pub(super) fn direct_with(room: &Room) -> Option<OwnedUserId> {
    let targets = room.direct_targets();
    let target = targets.iter().next().filter(|_| targets.len() == 1)?;
    UserId::parse(target.as_str()).ok()
}

/// Who invites the reader to a chat of two.
async fn invites_directly(room: &Room, latest: &LatestEventValue) -> Option<OwnedUserId> {
    let LatestEventValue::RemoteInvite { inviter, .. } = latest else {
        return None;
    };
    match room.is_direct().await {
        Ok(true) => inviter.clone(),
        _ => None,
    }
}

/// The beginning of the draft kept for the composer, in one line.
async fn draft_of(room: &Room) -> Option<String> {
    let draft = room.load_composer_draft(None).await.ok()??;
    let line = one_line(&draft.plain_text, DRAFT_SHOWN);
    (!line.is_empty()).then_some(line)
}

/// Whether only those in charge speak here, and the reader is not among them.
async fn only_reads(room: &Room) -> bool {
    let levels = room.power_levels_or_default().await;
    let needed = levels.for_message(MessageLikeEventType::RoomMessage);
    needed > levels.users_default
        && !levels.user_can_send_message(room.own_user_id(), MessageLikeEventType::RoomMessage)
}

async fn section_of(room: &Room, direct: bool) -> Section {
    match room.state() {
        RoomState::Invited | RoomState::Knocked => Section::Invitations,
        _ if room.is_favourite() => Section::Favourites,
        _ if room.is_low_priority() => Section::LowPriority,
        _ if direct => Section::Direct,
        _ if only_reads(room).await => Section::Announcements,
        _ => Section::Groups,
    }
}

fn invitation(room: &Room, latest: &LatestEventValue) -> Option<Invitation> {
    if room.state() != RoomState::Invited {
        return None;
    }
    let from = match latest {
        LatestEventValue::RemoteInvite {
            inviter: Some(inviter),
            inviter_profile,
            ..
        } => Some(name(inviter, inviter_profile)),
        _ => None,
    };
    Some(Invitation { from })
}

fn latest_at(room: &Room, latest: &LatestEventValue) -> Option<Timestamp> {
    let from_event = match latest {
        LatestEventValue::Remote { timestamp, .. }
        | LatestEventValue::RemoteInvite { timestamp, .. }
        | LatestEventValue::Local { timestamp, .. } => Some(*timestamp),
        LatestEventValue::None => room.latest_event_timestamp(),
    };
    from_event.map(|at| Timestamp(at.get().into()))
}

fn preview_of(latest: &LatestEventValue, direct: bool) -> Option<Preview> {
    match latest {
        LatestEventValue::Remote {
            sender,
            is_own,
            profile,
            content,
            ..
        } => {
            let sender = name(sender, profile);
            let kind = match content {
                // Of all that happens to people the SDK takes only this for the newest.
                TimelineItemContent::MembershipChange(_) if *is_own => PreviewKind::Entered,
                _ => preview::kind_of(content, &sender),
            };
            let said_by_somebody = !direct && content.as_msglike().is_some();
            let sender = (said_by_somebody && !is_own).then_some(sender);
            Some(Preview {
                sender,
                own: *is_own && content.as_msglike().is_some(),
                waiting: false,
                failed: false,
                kind,
            })
        }
        LatestEventValue::Local {
            sender,
            profile,
            content,
            state,
            ..
        } => {
            let kind = preview::kind_of(content, &name(sender, profile));
            let waiting = !matches!(state, LatestEventValueLocalState::HasBeenSent);
            let failed = matches!(state, LatestEventValueLocalState::CannotBeSent);
            Some(Preview {
                sender: None,
                own: true,
                waiting,
                failed,
                kind,
            })
        }
        LatestEventValue::None | LatestEventValue::RemoteInvite { .. } => None,
    }
}

fn name(user: &UserId, profile: &TimelineDetails<Profile>) -> String {
    match profile {
        TimelineDetails::Ready(Profile {
            display_name: Some(name),
            ..
        }) => names::person(name, user.as_str()),
        _ => user.localpart().to_owned(),
    }
}

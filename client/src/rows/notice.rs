//! From state events to notices.

use matrix_sdk::ruma::events::StateEventContentChange;
use matrix_sdk_ui::timeline::{
    AnyOtherStateEventContentChange as State, MemberProfileChange, MembershipChange, OtherState,
    RoomMembershipChange, TimelineItemContent,
};

use super::Notice;
use crate::render::names;

/// What happened, and to whom if not to the one who did it.
pub(super) struct Happening {
    pub(super) notice: Notice,
    pub(super) target: Option<String>,
    /// What the one who did it was called until then, if that has changed.
    pub(super) former_name: Option<String>,
}

/// What a state event tells, `None` for messages and for events that tell nothing.
pub(super) fn happening(content: &TimelineItemContent) -> Option<Happening> {
    match content {
        TimelineItemContent::MembershipChange(change) => membership(change),
        TimelineItemContent::ProfileChange(change) => profile(change),
        TimelineItemContent::OtherState(state) => other(state).map(alone),
        TimelineItemContent::FailedToParseState { .. } => Some(alone(Notice::SettingsChanged)),
        _ => None,
    }
}

fn alone(notice: Notice) -> Happening {
    Happening {
        notice,
        target: None,
        former_name: None,
    }
}

fn membership(change: &RoomMembershipChange) -> Option<Happening> {
    let notice = match change.change()? {
        MembershipChange::Joined | MembershipChange::InvitationAccepted => {
            return Some(alone(Notice::Joined));
        }
        MembershipChange::Left => return Some(alone(Notice::Left)),
        MembershipChange::Knocked => return Some(alone(Notice::Knocked)),
        MembershipChange::Invited | MembershipChange::KnockAccepted => Notice::Invited,
        MembershipChange::InvitationRejected
        | MembershipChange::InvitationRevoked
        | MembershipChange::KnockRetracted
        | MembershipChange::KnockDenied => Notice::InvitationEnded,
        MembershipChange::Kicked => Notice::Removed,
        MembershipChange::Banned | MembershipChange::KickedAndBanned => Notice::Banned,
        MembershipChange::Unbanned => Notice::Unbanned,
        MembershipChange::None | MembershipChange::Error | MembershipChange::NotImplemented => {
            return None;
        }
    };
    let target = change.display_name().map_or_else(
        || change.user_id().localpart().to_owned(),
        |name| names::person(&name, change.user_id().as_str()),
    );
    Some(Happening {
        notice,
        target: Some(target),
        former_name: None,
    })
}

fn profile(change: &MemberProfileChange) -> Option<Happening> {
    let Some(name) = change.displayname_change() else {
        return change
            .avatar_url_change()
            .map(|_| alone(Notice::AvatarChanged));
    };
    let user = change.user_id();
    let former_name = match &name.old {
        Some(old) => names::person(old, user.as_str()),
        None => user.localpart().to_owned(),
    };
    Some(Happening {
        former_name: Some(former_name),
        ..alone(Notice::NameChanged(name.new.as_deref().map(names::line)))
    })
}

fn other(state: &OtherState) -> Option<Notice> {
    let notice = match state.content() {
        State::RoomCreate(_) => Notice::RoomCreated,
        State::RoomName(StateEventContentChange::Original { content, .. }) => {
            Notice::RoomNamed(names::line(&content.name))
        }
        State::RoomTopic(StateEventContentChange::Original { content, .. }) => {
            Notice::TopicChanged(names::tame(&content.topic))
        }
        State::RoomAvatar(_) => Notice::RoomAvatarChanged,
        State::RoomEncryption(_) => Notice::EncryptionEnabled,
        State::RoomPowerLevels(StateEventContentChange::Original {
            prev_content: Some(_),
            ..
        }) => Notice::RightsChanged,
        State::RoomPinnedEvents(_) => Notice::PinsChanged,
        State::RoomTombstone(_) => Notice::SettingsChanged,
        // What every new room sets at its birth says nothing to its people.
        _ => return None,
    };
    Some(notice)
}

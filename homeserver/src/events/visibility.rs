//! Who may see which past event.

use ruma::events::room::{history_visibility::HistoryVisibility, member::MembershipState};
use serde::Deserialize;

use super::Pdu;

/// What decides whether a user may see an event: the room's state around it and what the user did since.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The history visibility before the event.
    pub visibility: HistoryVisibility,
    /// The history visibility after it: another one only if the event itself changes it.
    pub visibility_after: HistoryVisibility,
    /// The user's membership before the event.
    pub membership: MembershipState,
    /// The user's membership after it: another one only if the event itself changes it.
    pub membership_after: MembershipState,
    /// Whether the user has joined the room at any time after the event.
    pub joined_later: bool,
}

impl Circumstances {
    /// The circumstances of an event that changes neither the visibility nor the user's membership.
    pub fn constant(
        visibility: HistoryVisibility,
        membership: MembershipState,
        joined_later: bool,
    ) -> Self {
        Self {
            visibility_after: visibility.clone(),
            visibility,
            membership_after: membership.clone(),
            membership,
            joined_later,
        }
    }

    /// Whether the user may see the event.
    ///
    /// A change of the visibility is judged from both sides of it, and so is a user's own membership event: otherwise
    /// nobody could see themselves leave.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility)
    pub fn allow(&self) -> bool {
        [&self.visibility, &self.visibility_after]
            .into_iter()
            .any(|visibility| {
                [&self.membership, &self.membership_after]
                    .into_iter()
                    .any(|membership| may_see(visibility, membership, self.joined_later))
            })
    }
}

fn may_see(
    visibility: &HistoryVisibility,
    membership: &MembershipState,
    joined_later: bool,
) -> bool {
    match (visibility, membership) {
        (HistoryVisibility::WorldReadable, _) | (_, MembershipState::Join) => true,
        (HistoryVisibility::Shared, _) => joined_later,
        (HistoryVisibility::Invited, MembershipState::Invite) => true,
        _ => false,
    }
}

/// The visibility that an `m.room.history_visibility` event sets. Without such an event, and with a value that nobody
/// knows, history is shared.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility)
pub fn history_visibility(event: Option<&Pdu>) -> HistoryVisibility {
    #[derive(Deserialize)]
    struct Content {
        history_visibility: HistoryVisibility,
    }
    let content = event.and_then(|event| event.content_as::<Content>().ok());
    match content.map(|content| content.history_visibility) {
        Some(
            known @ (HistoryVisibility::WorldReadable
            | HistoryVisibility::Shared
            | HistoryVisibility::Invited
            | HistoryVisibility::Joined),
        ) => known,
        _ => HistoryVisibility::Shared,
    }
}

#[cfg(test)]
mod tests {
    use ruma::RoomVersionId;
    use serde_json::json;

    use super::*;
    use crate::events::testing::TestRoom;
    use HistoryVisibility::{Invited, Joined, Shared, WorldReadable};
    use MembershipState::{Ban, Invite, Join, Knock, Leave};

    #[test]
    fn the_table_of_the_specification() {
        // For each membership at the time of the event: whether it is seen by one who has not joined since, and by one
        // who has.
        for (visibility, membership, never_joined, joined_later) in [
            (WorldReadable, Join, true, true),
            (WorldReadable, Invite, true, true),
            (WorldReadable, Leave, true, true),
            (WorldReadable, Knock, true, true),
            (WorldReadable, Ban, true, true),
            (Shared, Join, true, true),
            (Shared, Invite, false, true),
            (Shared, Leave, false, true),
            (Shared, Knock, false, true),
            (Shared, Ban, false, true),
            (Invited, Join, true, true),
            (Invited, Invite, true, true),
            (Invited, Leave, false, false),
            (Invited, Knock, false, false),
            (Invited, Ban, false, false),
            (Joined, Join, true, true),
            (Joined, Invite, false, false),
            (Joined, Leave, false, false),
            (Joined, Knock, false, false),
            (Joined, Ban, false, false),
        ] {
            let seen = |later| {
                Circumstances::constant(visibility.clone(), membership.clone(), later).allow()
            };
            assert_eq!(
                seen(false),
                never_joined,
                "{visibility} {membership}, never joined since"
            );
            assert_eq!(
                seen(true),
                joined_later,
                "{visibility} {membership}, joined later"
            );
        }
    }

    #[test]
    fn ones_own_membership_event_is_seen_from_both_sides() {
        for (before, after, seen) in [
            (Invite, Join, true),
            (Leave, Join, true),
            (Join, Leave, true),
            (Join, Ban, true),
            (Leave, Ban, false),
            (Invite, Leave, false),
            (Leave, Invite, false),
        ] {
            let circumstances = Circumstances {
                membership_after: after.clone(),
                ..Circumstances::constant(Joined, before.clone(), false)
            };
            assert_eq!(circumstances.allow(), seen, "{before} to {after}");
        }
        let invited = Circumstances {
            membership_after: Invite,
            ..Circumstances::constant(Invited, Leave, false)
        };
        assert!(invited.allow());
    }

    #[test]
    fn a_change_of_the_visibility_is_seen_from_both_sides() {
        for (before, after, seen) in [
            (WorldReadable, Joined, true),
            (Joined, WorldReadable, true),
            (Joined, Shared, true),
            (Shared, Joined, true),
            (Invited, Joined, false),
        ] {
            let circumstances = Circumstances {
                visibility_after: after.clone(),
                ..Circumstances::constant(before.clone(), Leave, true)
            };
            assert_eq!(circumstances.allow(), seen, "{before} to {after}");
        }
    }

    #[test]
    fn history_is_shared_unless_the_room_says_otherwise() {
        assert_eq!(history_visibility(None), Shared);
        let room = TestRoom::new(&RoomVersionId::V12);
        for (content, visibility) in [
            (
                json!({ "history_visibility": "world_readable" }),
                WorldReadable,
            ),
            (json!({ "history_visibility": "invited" }), Invited),
            (json!({ "history_visibility": "joined" }), Joined),
            (json!({ "history_visibility": "secret" }), Shared),
            (json!({ "history_visibility": 5 }), Shared),
            (json!({}), Shared),
        ] {
            let event = room.build(
                "@alice:local",
                "m.room.history_visibility",
                Some(""),
                content,
            );
            assert_eq!(history_visibility(Some(&event)), visibility, "{event:?}");
        }
    }
}

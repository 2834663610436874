//! Power levels: what somebody may do in a room, and a sentence that says why not.
//!
//! The authorisation rules have the last word. This answers before an event is made, and tells the user what it takes.

use std::fmt;

use ruma::{
    UserId,
    events::{
        MessageLikeEventType, StateEventType,
        room::power_levels::{RoomPowerLevels, RoomPowerLevelsEventContent, UserPowerLevel},
    },
    room_version_rules::RoomVersionRules,
    state_res::events::RoomCreateEvent,
};

use super::{Pdu, auth::StateView};

/// The power levels of a room.
pub fn power_levels<V: StateView>(
    state: &V,
    rules: &RoomVersionRules,
) -> Result<RoomPowerLevels, V::Error> {
    let create = state.get(&StateEventType::RoomCreate, "")?;
    let levels = state.get(&StateEventType::RoomPowerLevels, "")?;
    Ok(power_levels_of(create.as_ref(), levels.as_ref(), rules))
}

/// The power levels that a create event and a power levels event make.
pub fn power_levels_of(
    create: Option<&Pdu>,
    levels: Option<&Pdu>,
    rules: &RoomVersionRules,
) -> RoomPowerLevels {
    let creators = create.and_then(|create| {
        RoomCreateEvent::new(create)
            .creators(&rules.authorization)
            .ok()
    });
    // Content that cannot be read gives nobody more than the default; the rules refuse such events since version 10.
    let content = levels.map(|levels| {
        let content: Option<RoomPowerLevelsEventContent> = levels.content_as().ok();
        content.unwrap_or_else(|| RoomPowerLevelsEventContent::new(&rules.authorization))
    });
    RoomPowerLevels::new(
        content.into(),
        &rules.authorization,
        creators.unwrap_or_default(),
    )
}

/// Something that needs power.
#[derive(Clone, Debug)]
pub enum Action<'a> {
    /// Invite somebody.
    Invite,
    /// Remove a user from the room.
    Kick(&'a UserId),
    /// Ban a user.
    Ban(&'a UserId),
    /// Lift a ban.
    Unban(&'a UserId),
    /// Redact an event of somebody else.
    RedactOther,
    /// Send a message event.
    SendMessage(MessageLikeEventType),
    /// Send a state event.
    SendState(StateEventType),
}

/// Why somebody may not do something: a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Denied(String);

/// Whether somebody may do something.
pub fn check(levels: &RoomPowerLevels, user: &UserId, action: &Action<'_>) -> Result<(), Denied> {
    let needed = match action {
        Action::Invite => levels.invite,
        Action::Kick(_) => levels.kick,
        Action::Ban(_) => levels.ban,
        Action::Unban(_) => levels.ban.max(levels.kick),
        Action::RedactOther => levels
            .redact
            .max(levels.for_message(MessageLikeEventType::RoomRedaction)),
        Action::SendMessage(event_type) => levels.for_message(event_type.clone()),
        Action::SendState(event_type) => levels.for_state(event_type.clone()),
    };
    let own = levels.for_user(user);
    if own < needed {
        return Err(Denied(format!(
            "You need power level {needed} to {action}; yours is {}.",
            Level(own)
        )));
    }
    match action {
        Action::Kick(target) | Action::Ban(target) if levels.for_user(target) >= own => {
            Err(Denied(format!(
                "You cannot {action}: their power level is not lower than yours."
            )))
        }
        _ => Ok(()),
    }
}

impl fmt::Display for Action<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invite => f.write_str("invite users"),
            Self::Kick(target) => write!(f, "remove {target}"),
            Self::Ban(target) => write!(f, "ban {target}"),
            Self::Unban(target) => write!(f, "unban {target}"),
            Self::RedactOther => f.write_str("redact events of others"),
            Self::SendMessage(event_type) => write!(f, "send {event_type}"),
            Self::SendState(event_type) => write!(f, "send {event_type}"),
        }
    }
}

struct Level(UserPowerLevel);

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            UserPowerLevel::Int(level) => level.fmt(f),
            // Only creators have it, and no level is above theirs.
            _ => f.write_str("unlimited"),
        }
    }
}

#[cfg(test)]
mod tests {
    use ruma::{RoomVersionId, user_id};
    use serde_json::json;

    use super::*;
    use crate::events::{testing::TestRoom, versions::OFFERED};

    fn levels(room: &TestRoom) -> RoomPowerLevels {
        power_levels(room, room.rules()).unwrap()
    }

    #[test]
    fn the_creator_may_do_what_others_may_not() {
        let (alice, bob) = (user_id!("@alice:local"), user_id!("@bob:local"));
        for version in OFFERED {
            let room = TestRoom::new(&version);
            let levels = levels(&room);
            for action in [
                Action::Kick(bob),
                Action::Ban(bob),
                Action::SendState(StateEventType::RoomName),
            ] {
                assert_eq!(
                    check(&levels, alice, &action),
                    Ok(()),
                    "room version {version}"
                );
                assert!(
                    check(&levels, bob, &action).is_err(),
                    "room version {version}"
                );
            }
            assert_eq!(check(&levels, bob, &Action::Invite), Ok(()));
            assert_eq!(
                check(
                    &levels,
                    bob,
                    &Action::SendMessage(MessageLikeEventType::RoomMessage)
                ),
                Ok(())
            );
        }
    }

    #[test]
    fn a_refusal_says_what_is_missing() {
        let room = TestRoom::new(&RoomVersionId::V11);
        let bob = user_id!("@bob:local");
        let refusal = check(
            &levels(&room),
            bob,
            &Action::SendState(StateEventType::RoomName),
        )
        .unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "You need power level 50 to send m.room.name; yours is 0."
        );
    }

    #[test]
    fn nobody_outranks_a_creator_since_version_12() {
        let (alice, bob) = (user_id!("@alice:local"), user_id!("@bob:local"));
        let mut room = TestRoom::new(&RoomVersionId::V12);
        room.join("@bob:local");
        room.state(
            "@alice:local",
            "m.room.power_levels",
            "",
            json!({ "users": { "@bob:local": 9_000 } }),
        );
        let levels = levels(&room);
        let refusal = check(&levels, bob, &Action::Kick(alice)).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "You cannot remove @alice:local: their power level is not lower than yours."
        );
        assert_eq!(check(&levels, alice, &Action::Kick(bob)), Ok(()));
    }

    #[test]
    fn levels_may_be_strings_before_version_10() {
        let room = TestRoom::new(&RoomVersionId::V9);
        let event = room.build(
            "@alice:local",
            "m.room.power_levels",
            Some(""),
            json!({ "invite": "70" }),
        );
        let levels = power_levels_of(Some(&room.timeline()[0]), Some(&event), room.rules());
        assert!(check(&levels, user_id!("@bob:local"), &Action::Invite).is_err());
    }
}

//! Who may send what: the authorisation rules, asked of a room's state.
//!
//! The rules themselves are ruma's; here they get their state from a [`StateView`] that may fail to read.

use std::cell::RefCell;

use ruma::{
    EventId, UserId,
    events::{StateEventType, TimelineEventType},
    room_version_rules::RoomVersionRules,
    state_res,
};
use serde_json::value::RawValue;

use super::Pdu;

/// The state of a room at some point.
pub trait StateView {
    /// What reading fails with.
    type Error;

    /// The event of a state entry.
    fn get(&self, event_type: &StateEventType, state_key: &str)
    -> Result<Option<Pdu>, Self::Error>;
}

impl<V: StateView> StateView for &V {
    type Error = V::Error;

    fn get(&self, event_type: &StateEventType, state_key: &str) -> Result<Option<Pdu>, V::Error> {
        (**self).get(event_type, state_key)
    }
}

/// Why an event is not allowed.
#[derive(Debug, thiserror::Error)]
pub enum AuthError<E> {
    /// The rules forbid it.
    #[error("the event is not allowed: {0}")]
    Forbidden(String),
    /// The state could not be read.
    #[error(transparent)]
    Read(E),
}

/// The events of the state that an event has to name as its `auth_events`.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#auth-events-selection)
pub fn auth_events<V: StateView>(
    event_type: &TimelineEventType,
    sender: &UserId,
    state_key: Option<&str>,
    content: &RawValue,
    rules: &RoomVersionRules,
    state: &V,
) -> Result<Vec<Pdu>, AuthError<V::Error>> {
    let entries = state_res::auth_types_for_event(
        event_type,
        sender,
        state_key,
        content,
        &rules.authorization,
    );
    let mut found = Vec::with_capacity(4);
    for (event_type, state_key) in entries.map_err(AuthError::Forbidden)? {
        found.extend(
            state
                .get(&event_type, &state_key)
                .map_err(AuthError::Read)?,
        );
    }
    Ok(found)
}

/// Whether an event is allowed by a state of its room.
///
/// Asked of an event from another server three times: with the state that its auth events make, with the state before
/// it, and with the current state of the room.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#authorisation-rules)
pub fn check_state_dependent<V: StateView>(
    pdu: &Pdu,
    rules: &RoomVersionRules,
    state: &V,
) -> Result<(), AuthError<V::Error>> {
    let failure = RefCell::new(None);
    let fetch = |event_type: &StateEventType, state_key: &str| {
        let found = remember_failure(state.get(event_type, state_key), &failure);
        match *event_type {
            StateEventType::RoomJoinRules => found.or_else(|| usual_join_rule(pdu, rules)),
            _ => found,
        }
    };
    let verdict = state_res::check_state_dependent_auth_rules(&rules.authorization, pdu, fetch);
    conclude(verdict, failure)
}

/// The rule of a room whose state has none, as a fork can leave it: who is invited may enter. Without it the rules of ruma
/// let nobody in, while other servers do, and no longer have the same state.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mroomjoin_rules)
fn usual_join_rule(pdu: &Pdu, rules: &RoomVersionRules) -> Option<Pdu> {
    let event = serde_json::json!({
        "auth_events": [],
        "content": { "join_rule": "invite" },
        "depth": 0,
        "origin_server_ts": 0,
        "prev_events": [],
        "room_id": pdu.room_id(),
        "sender": pdu.sender(),
        "state_key": "",
        "type": "m.room.join_rules",
    });
    Pdu::from_json(pdu.event_id().clone(), event.to_string(), rules).ok()
}

/// Whether an event is allowed as far as that does not depend on the state: whether it is a valid create event, or its
/// auth events are those it should have, all from its room and none rejected.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#authorisation-rules)
pub fn check_state_independent<E>(
    pdu: &Pdu,
    rules: &RoomVersionRules,
    fetch_event: impl Fn(&EventId) -> Result<Option<Pdu>, E>,
) -> Result<(), AuthError<E>> {
    let failure = RefCell::new(None);
    let fetch = |event_id: &EventId| remember_failure(fetch_event(event_id), &failure);
    let verdict = state_res::check_state_independent_auth_rules(&rules.authorization, pdu, fetch);
    conclude(verdict, failure)
}

fn remember_failure<E>(read: Result<Option<Pdu>, E>, failure: &RefCell<Option<E>>) -> Option<Pdu> {
    read.unwrap_or_else(|error| {
        failure.replace(Some(error));
        None
    })
}

/// A verdict on a state that could not be read means nothing, whichever it is.
fn conclude<E>(
    verdict: Result<(), String>,
    failure: RefCell<Option<E>>,
) -> Result<(), AuthError<E>> {
    match failure.into_inner() {
        Some(error) => Err(AuthError::Read(error)),
        None => verdict.map_err(AuthError::Forbidden),
    }
}

#[cfg(test)]
mod tests {
    use ruma::RoomVersionId;
    use serde_json::json;

    use super::*;
    use crate::events::{testing::TestRoom, versions::OFFERED};

    #[test]
    fn members_may_speak_and_strangers_may_not() {
        for version in OFFERED {
            let mut room = TestRoom::new(&version);
            room.join("@bob:local");
            for (sender, allowed) in [("@bob:local", true), ("@eve:local", false)] {
                let message = room.build(sender, "m.room.message", None, json!({ "body": "hi" }));
                let verdict = check_state_dependent(&message, room.rules(), &room);
                assert_eq!(
                    verdict.is_ok(),
                    allowed,
                    "{sender} in room version {version}"
                );
            }
        }
    }

    #[test]
    fn who_is_invited_may_enter_a_room_without_a_join_rule() {
        struct WithoutRule<'r>(&'r TestRoom);
        impl StateView for WithoutRule<'_> {
            type Error = std::convert::Infallible;
            fn get(&self, kind: &StateEventType, key: &str) -> Result<Option<Pdu>, Self::Error> {
                let entry = (kind.to_string(), key.to_owned());
                let found = self.0.current_state().get(&entry).cloned();
                Ok(found.filter(|_| *kind != StateEventType::RoomJoinRules))
            }
        }
        for version in OFFERED {
            let mut room = TestRoom::new(&version);
            room.member("@alice:local", "@bob:local", "invite");
            for (user, allowed) in [("@bob:local", true), ("@eve:local", false)] {
                let join = json!({ "membership": "join" });
                let join = room.build(user, "m.room.member", Some(user), join);
                let verdict = check_state_dependent(&join, room.rules(), &WithoutRule(&room));
                assert_eq!(verdict.is_ok(), allowed, "{user} in room version {version}");
            }
        }
    }

    #[test]
    fn auth_events_are_selected_by_type() {
        for (version, create) in [(RoomVersionId::V11, 1), (RoomVersionId::V12, 0)] {
            let mut room = TestRoom::new(&version);
            let message = room.message("@alice:local", "hi");
            assert_eq!(
                message.auth_events().len(),
                2 + create,
                "power levels and the sender's membership"
            );
            let join = room.join("@bob:local");
            assert_eq!(
                join.auth_events().len(),
                2 + create,
                "power levels and the join rule"
            );
        }
    }

    #[test]
    fn an_event_with_foreign_auth_events_is_refused() {
        let mut room = TestRoom::new(&RoomVersionId::V11);
        let topic = room.state(
            "@alice:local",
            "m.room.topic",
            "",
            json!({ "topic": "Tea" }),
        );
        let message = room.message("@alice:local", "hi");
        let known = |event_id: &EventId| Ok::<_, ()>(room.event(event_id));
        assert!(check_state_independent(&message, room.rules(), known).is_ok());
        let wrong = |event_id: &EventId| Ok::<_, ()>(room.event(event_id).map(|_| topic.clone()));
        let verdict = check_state_independent(&message, room.rules(), wrong);
        assert!(matches!(verdict, Err(AuthError::Forbidden(_))));
    }

    #[test]
    fn a_state_that_cannot_be_read_is_no_verdict() {
        struct Broken;
        impl StateView for Broken {
            type Error = &'static str;
            fn get(&self, _: &StateEventType, _: &str) -> Result<Option<Pdu>, &'static str> {
                Err("disk on fire")
            }
        }
        let mut room = TestRoom::new(&RoomVersionId::V12);
        let message = room.message("@alice:local", "hi");
        let verdict = check_state_dependent(&message, room.rules(), &Broken);
        assert!(matches!(verdict, Err(AuthError::Read("disk on fire"))));
    }
}

//! Events as clients see them.
//!
//! A client event is written straight from the stored JSON: the content is copied as it stands, never parsed.

use std::borrow::Cow;

use ruma::{
    EventId, MilliSecondsSinceUnixEpoch, RoomId, TransactionId,
    events::{TimelineEventType, room::member::MembershipState},
    serde::Raw,
};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::{Pdu, StoredEvent};

/// An event in the format of the client-server API.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#room-event-format)
#[derive(Clone, Debug, Serialize)]
pub struct ClientEvent<'a> {
    content: Cow<'a, RawValue>,
    event_id: &'a EventId,
    origin_server_ts: MilliSecondsSinceUnixEpoch,
    #[serde(skip_serializing_if = "Option::is_none")]
    redacts: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<&'a RoomId>,
    sender: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_key: Option<&'a str>,
    #[serde(rename = "type")]
    event_type: Cow<'a, str>,
    #[serde(skip_serializing_if = "Unsigned::is_empty")]
    unsigned: Unsigned<'a>,
}

/// What a server tells a client about an event beside what the sender signed.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#definition-clientevent_unsigneddata)
#[derive(Clone, Debug, Default, Serialize)]
pub struct Unsigned<'a> {
    /// How many milliseconds ago it was sent, see [`age`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<u64>,
    /// The membership of the user who asks, at the time of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub membership: Option<&'a MembershipState>,
    /// The content of the state event that this one replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_content: Option<&'a RawValue>,
    /// The sender of the state event that this one replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_sender: Option<&'a str>,
    /// The event that redacted this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redacted_because: Option<Box<ClientEvent<'a>>>,
    /// Its id, which older clients look for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redacted_by: Option<&'a EventId>,
    /// Bundled aggregations of related events.
    #[serde(rename = "m.relations", skip_serializing_if = "Option::is_none")]
    pub relations: Option<&'a RawValue>,
    /// The state event that this one replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces_state: Option<&'a EventId>,
    /// The transaction id with which the device that asks has sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<&'a TransactionId>,
}

impl Unsigned<'_> {
    fn is_empty(&self) -> bool {
        let Self {
            age,
            membership,
            prev_content,
            prev_sender,
            redacted_because,
            redacted_by,
            relations,
            replaces_state,
            transaction_id,
        } = self;
        age.is_none()
            && membership.is_none()
            && prev_content.is_none()
            && prev_sender.is_none()
            && redacted_because.is_none()
            && redacted_by.is_none()
            && relations.is_none()
            && replaces_state.is_none()
            && transaction_id.is_none()
    }
}

/// How many milliseconds ago an event was sent. An event from the future, by the clock of its server, is new.
pub fn age(origin_server_ts: MilliSecondsSinceUnixEpoch, now: MilliSecondsSinceUnixEpoch) -> u64 {
    u64::from(now.0).saturating_sub(u64::from(origin_server_ts.0))
}

impl<'a> ClientEvent<'a> {
    /// A stored event, without room id, as `/sync` shows it.
    pub fn from_stored(event: &'a StoredEvent<'a>) -> Self {
        Self {
            content: Cow::Borrowed(event.content()),
            event_id: event.event_id,
            origin_server_ts: event.origin_server_ts(),
            redacts: None,
            room_id: None,
            sender: event.sender(),
            state_key: event.state_key(),
            event_type: Cow::Borrowed(event.event_type()),
            unsigned: Unsigned::default(),
        }
        .with_redacts(event.redacts().map(Cow::Owned), event.redacts_in_content())
    }

    /// An event, without room id, as `/sync` shows it.
    pub fn from_pdu(pdu: &'a Pdu) -> Self {
        Self {
            content: Cow::Borrowed(pdu.content()),
            event_id: pdu.event_id(),
            origin_server_ts: pdu.origin_server_ts(),
            redacts: None,
            room_id: None,
            sender: pdu.sender().as_str(),
            state_key: pdu.state_key(),
            event_type: Cow::Owned(pdu.event_type().to_string()),
            unsigned: Unsigned::default(),
        }
        .with_redacts(
            pdu.redacts().map(|target| Cow::Borrowed(target.as_str())),
            pdu.redacts_in_content(),
        )
    }

    /// The same with the room's id.
    #[must_use]
    pub fn in_room(self, room_id: &'a RoomId) -> Self {
        Self {
            room_id: Some(room_id),
            ..self
        }
    }

    /// The same with what the server adds.
    #[must_use]
    pub fn with_unsigned(self, unsigned: Unsigned<'a>) -> Self {
        Self { unsigned, ..self }
    }

    /// The event as JSON, to be put into an answer.
    pub fn to_raw<T>(&self) -> serde_json::Result<Raw<T>> {
        to_raw_value(self).map(Raw::from_json)
    }

    /// Clients look for `redacts` where the newest or the oldest room version has it, so it is shown in both places.
    /// [spec](https://spec.matrix.org/v1.19/rooms/v11/#moving-the-redacts-property-of-mroomredaction-events-to-a-content-property)
    fn with_redacts(mut self, redacts: Option<Cow<'a, str>>, in_content: bool) -> Self {
        let Some(target) = redacts else { return self };
        if !in_content && let Some(content) = content_with_redacts(&self.content, &target) {
            self.content = Cow::Owned(content);
        }
        Self {
            redacts: Some(target),
            ..self
        }
    }
}

fn content_with_redacts(content: &RawValue, target: &str) -> Option<Box<RawValue>> {
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(content.get()).ok()?;
    fields.insert("redacts".to_owned(), target.into());
    to_raw_value(&fields).ok()
}

/// A state event reduced to what somebody may see who is not in the room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#stripped-state)
#[derive(Clone, Copy, Debug)]
pub struct StrippedState<'a>(pub &'a Pdu);

impl Serialize for StrippedState<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Stripped<'a> {
            content: &'a RawValue,
            #[serde(skip_serializing_if = "Option::is_none")]
            origin_server_ts: Option<MilliSecondsSinceUnixEpoch>,
            sender: &'a str,
            state_key: &'a str,
            r#type: String,
        }
        // Since MSC4311 servers say more of the event that made a room; clients learn how old it is.
        let is_create = *self.0.event_type() == TimelineEventType::RoomCreate;
        Stripped {
            content: self.0.content(),
            origin_server_ts: is_create.then(|| self.0.origin_server_ts()),
            sender: self.0.sender().as_str(),
            state_key: self.0.state_key().unwrap_or_default(),
            r#type: self.0.event_type().to_string(),
        }
        .serialize(serializer)
    }
}

impl StrippedState<'_> {
    /// The event as JSON, to be put into an answer.
    pub fn to_raw<T>(self) -> serde_json::Result<Raw<T>> {
        to_raw_value(&self).map(Raw::from_json)
    }
}

#[cfg(test)]
mod tests {
    use ruma::{RoomVersionId, events::AnySyncTimelineEvent, uint};
    use serde_json::{Value, json};

    use super::*;
    use crate::events::{redact::redact, testing::TestRoom, versions::OFFERED};

    fn shown(event: &ClientEvent<'_>) -> Value {
        serde_json::to_value(event).unwrap()
    }

    #[test]
    fn a_message_shows_no_more_than_clients_need() {
        let mut room = TestRoom::new(&RoomVersionId::V12);
        let pdu = room.message("@alice:local", "hi");
        let event = shown(&ClientEvent::from_pdu(&pdu));
        assert_eq!(
            event,
            json!({
                "content": { "body": "hi", "msgtype": "m.text" },
                "event_id": pdu.event_id(),
                "origin_server_ts": pdu.origin_server_ts(),
                "sender": "@alice:local",
                "type": "m.room.message",
            })
        );
        let in_room = shown(&ClientEvent::from_pdu(&pdu).in_room(pdu.room_id()));
        assert_eq!(in_room["room_id"], pdu.room_id().as_str());
    }

    #[test]
    fn a_stored_event_shows_the_same_as_a_parsed_one() {
        for version in OFFERED {
            let mut room = TestRoom::new(&version);
            let target = room.message("@alice:local", "a \"b\" \u{2}");
            room.redact("@alice:local", target.event_id());
            for pdu in room.timeline() {
                let bytes = pdu.to_stored();
                let stored = StoredEvent::parse(&bytes).unwrap();
                assert_eq!(
                    shown(&ClientEvent::from_stored(&stored)),
                    shown(&ClientEvent::from_pdu(pdu))
                );
            }
        }
    }

    #[test]
    fn a_redaction_names_its_target_in_both_places() {
        for version in OFFERED {
            let mut room = TestRoom::new(&version);
            let target = room.message("@alice:local", "oops");
            let redaction = room.redact("@alice:local", target.event_id());
            let event = shown(&ClientEvent::from_pdu(&redaction));
            assert_eq!(
                event["redacts"],
                target.event_id().as_str(),
                "room version {version}"
            );
            assert_eq!(
                event["content"]["redacts"],
                target.event_id().as_str(),
                "room version {version}"
            );
        }
    }

    #[test]
    fn unsigned_has_what_the_server_adds() {
        let mut room = TestRoom::new(&RoomVersionId::V12);
        let before = room.state(
            "@alice:local",
            "m.room.topic",
            "",
            json!({ "topic": "Tea" }),
        );
        let pdu = room.state(
            "@alice:local",
            "m.room.topic",
            "",
            json!({ "topic": "Coffee" }),
        );
        let redaction = room.redact("@alice:local", pdu.event_id());
        let redacted = redact(&pdu, room.rules()).unwrap();
        let event = ClientEvent::from_pdu(&redacted).with_unsigned(Unsigned {
            age: Some(5),
            membership: Some(&MembershipState::Join),
            prev_content: Some(before.content()),
            prev_sender: Some("@alice:local"),
            redacted_because: Some(Box::new(ClientEvent::from_pdu(&redaction))),
            redacted_by: Some(redaction.event_id()),
            replaces_state: Some(before.event_id()),
            transaction_id: Some("txn".into()),
            relations: None,
        });
        let unsigned = &shown(&event)["unsigned"];
        assert_eq!(unsigned["age"], 5);
        assert_eq!(unsigned["membership"], "join");
        assert_eq!(unsigned["prev_content"], json!({ "topic": "Tea" }));
        assert_eq!(unsigned["prev_sender"], "@alice:local");
        assert_eq!(
            unsigned["redacted_because"]["event_id"],
            redaction.event_id().as_str()
        );
        assert_eq!(unsigned["replaces_state"], before.event_id().as_str());
        assert_eq!(unsigned["transaction_id"], "txn");
        let parsed = event
            .to_raw::<AnySyncTimelineEvent>()
            .unwrap()
            .deserialize()
            .unwrap();
        assert_eq!(parsed.event_id(), pdu.event_id());
    }

    #[test]
    fn stripped_state_has_four_fields_and_the_age_of_the_room() {
        let mut room = TestRoom::new(&RoomVersionId::V12);
        let pdu = room.state("@alice:local", "m.room.name", "", json!({ "name": "Tea" }));
        let stripped = serde_json::to_value(StrippedState(&pdu)).unwrap();
        assert_eq!(
            stripped,
            json!({ "content": { "name": "Tea" }, "sender": "@alice:local", "state_key": "", "type": "m.room.name" })
        );
        let create = &room.timeline()[0];
        let stripped = serde_json::to_value(StrippedState(create)).unwrap();
        assert!(stripped["origin_server_ts"].is_u64());
    }

    #[test]
    fn an_event_from_the_future_is_new() {
        let at = |ms| MilliSecondsSinceUnixEpoch(ms);
        assert_eq!(age(at(uint!(70)), at(uint!(100))), 30);
        assert_eq!(age(at(uint!(100)), at(uint!(70))), 0);
    }
}

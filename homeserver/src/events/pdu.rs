//! Events as servers exchange and store them.

use std::{fmt, sync::Arc};

use ruma::{
    EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId,
    events::{StateEventType, TimelineEventType},
    room_version_rules::RoomVersionRules,
    state_res::Event,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::stored::{Flags, Header, join, split};

/// A persistent data unit: an event of a room, with its canonical JSON. Cheap to clone.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#pdus)
#[derive(Clone)]
pub struct Pdu(Arc<Inner>);

struct Inner {
    event_id: OwnedEventId,
    room_id: OwnedRoomId,
    sender: OwnedUserId,
    origin_server_ts: MilliSecondsSinceUnixEpoch,
    event_type: TimelineEventType,
    state_key: Option<String>,
    content: Box<RawValue>,
    prev_events: Vec<OwnedEventId>,
    auth_events: Vec<OwnedEventId>,
    depth: u64,
    redacts: Option<OwnedEventId>,
    /// Whether the JSON has a `room_id`: since room version 12 the create event has none, it gives the room its id.
    has_room_id: bool,
    flags: Flags,
    json: Box<str>,
}

/// Why bytes are no event.
#[derive(Debug, thiserror::Error)]
pub enum PduError {
    /// A field is missing or has the wrong type.
    #[error("the event is malformed: {0}")]
    Json(#[from] serde_json::Error),
    /// A field has the right type but is no identifier.
    #[error("the event is malformed: {field} is not a valid identifier: {source}")]
    Identifier {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        source: ruma::IdParseError,
    },
    /// The bytes are not what [`Pdu::to_stored`] makes.
    #[error("the stored event is malformed")]
    Stored,
}

impl Pdu {
    /// Parses an event in canonical JSON whose id has been calculated already.
    pub fn from_json(
        event_id: OwnedEventId,
        json: String,
        rules: &RoomVersionRules,
    ) -> Result<Self, PduError> {
        let flags = if rules.redaction.content_field_redacts {
            Flags::REDACTS_IN_CONTENT
        } else {
            Flags::NONE
        };
        Self::parse(event_id, json.into_boxed_str(), flags)
    }

    /// The event from what [`Self::to_stored`] made of it.
    pub fn from_stored(bytes: &[u8]) -> Result<Self, PduError> {
        let (flags, event_id, json) = split(bytes)?;
        Self::parse(event_id.to_owned(), json.into(), flags)
    }

    /// A compact form for storage, with what the JSON lacks.
    pub fn to_stored(&self) -> Vec<u8> {
        join(self.0.flags, &self.0.event_id, &self.0.json)
    }

    fn parse(event_id: OwnedEventId, json: Box<str>, flags: Flags) -> Result<Self, PduError> {
        let header: Header<'_> = serde_json::from_str(&json)?;
        let event_type = TimelineEventType::from(&*header.event_type.0);
        let room_id = match &header.room_id {
            Some(room_id) => RoomId::parse(&*room_id.0),
            None => RoomId::new_v2(event_id.as_str().trim_start_matches('$')),
        };
        let redacts = header.redacts(flags).map(EventId::parse).transpose();
        let inner = Inner {
            room_id: room_id.map_err(invalid("room_id"))?,
            sender: UserId::parse(&*header.sender.0).map_err(invalid("sender"))?,
            origin_server_ts: header.origin_server_ts,
            state_key: header.state_key.as_ref().map(|key| key.0.to_string()),
            content: header.content.to_owned(),
            prev_events: serde_json::from_str(header.prev_events.get())?,
            auth_events: serde_json::from_str(header.auth_events.get())?,
            depth: header.depth,
            // A redaction of something that is no event id redacts nothing.
            redacts: redacts.unwrap_or_default(),
            has_room_id: header.room_id.is_some(),
            event_id,
            event_type,
            flags,
            json,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The same event, marked as rejected: kept so that others can refer to it, but never shown and never state.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#rejection)
    #[must_use]
    pub fn into_rejected(self) -> Self {
        let inner = Arc::try_unwrap(self.0).unwrap_or_else(|shared| shared.to_owned_inner());
        Self(Arc::new(Inner {
            flags: inner.flags.with(Flags::REJECTED),
            ..inner
        }))
    }

    /// The id.
    pub fn event_id(&self) -> &OwnedEventId {
        &self.0.event_id
    }

    /// The room; known also where the JSON does not tell it.
    pub fn room_id(&self) -> &RoomId {
        &self.0.room_id
    }

    /// Who sent it.
    pub fn sender(&self) -> &UserId {
        &self.0.sender
    }

    /// When it was sent, as the sender's server says.
    pub fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        self.0.origin_server_ts
    }

    /// The type.
    pub fn event_type(&self) -> &TimelineEventType {
        &self.0.event_type
    }

    /// The state key, if it is a state event.
    pub fn state_key(&self) -> Option<&str> {
        self.0.state_key.as_deref()
    }

    /// What entry of the room's state it sets, if it is a state event.
    pub fn state_entry(&self) -> Option<(StateEventType, &str)> {
        let event_type = StateEventType::from(self.0.event_type.to_string());
        Some((event_type, self.state_key()?))
    }

    /// The content as it was sent.
    pub fn content(&self) -> &RawValue {
        &self.0.content
    }

    /// Some fields of the content; an error where one has the wrong type.
    pub fn content_as<'a, T: Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        serde_json::from_str(self.0.content.get())
    }

    /// The last events before it.
    pub fn prev_events(&self) -> &[OwnedEventId] {
        &self.0.prev_events
    }

    /// The events that allow it to be sent.
    pub fn auth_events(&self) -> &[OwnedEventId] {
        &self.0.auth_events
    }

    /// How far it is from the create event.
    pub fn depth(&self) -> u64 {
        self.0.depth
    }

    /// The event it redacts, if it is a redaction; where that is written depends on the room version.
    pub fn redacts(&self) -> Option<&OwnedEventId> {
        self.0.redacts.as_ref()
    }

    pub(super) fn redacts_in_content(&self) -> bool {
        self.0.flags.redacts_in_content()
    }

    /// Whether the checks on receipt failed.
    pub fn is_rejected(&self) -> bool {
        self.0.flags.has(Flags::REJECTED)
    }

    /// The canonical JSON, as it is exchanged with other servers.
    pub fn json(&self) -> &str {
        &self.0.json
    }
}

impl Inner {
    fn to_owned_inner(&self) -> Self {
        Self {
            event_id: self.event_id.clone(),
            room_id: self.room_id.clone(),
            sender: self.sender.clone(),
            event_type: self.event_type.clone(),
            state_key: self.state_key.clone(),
            content: self.content.clone(),
            prev_events: self.prev_events.clone(),
            auth_events: self.auth_events.clone(),
            redacts: self.redacts.clone(),
            json: self.json.clone(),
            ..*self
        }
    }
}

impl fmt::Debug for Pdu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.event_id, self.0.json)
    }
}

impl PartialEq for Pdu {
    fn eq(&self, other: &Self) -> bool {
        self.0.event_id == other.0.event_id && self.0.json == other.0.json
    }
}

impl Event for Pdu {
    type Id = OwnedEventId;

    fn event_id(&self) -> &OwnedEventId {
        self.event_id()
    }

    fn room_id(&self) -> Option<&RoomId> {
        // The authorisation rules ask whether the field is there, not what the room is.
        self.0.has_room_id.then_some(&self.0.room_id)
    }

    fn sender(&self) -> &UserId {
        self.sender()
    }

    fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        self.origin_server_ts()
    }

    fn event_type(&self) -> &TimelineEventType {
        self.event_type()
    }

    fn content(&self) -> &RawValue {
        self.content()
    }

    fn state_key(&self) -> Option<&str> {
        self.state_key()
    }

    fn prev_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.0.prev_events.iter())
    }

    fn auth_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.0.auth_events.iter())
    }

    fn redacts(&self) -> Option<&OwnedEventId> {
        self.redacts()
    }

    fn rejected(&self) -> bool {
        self.is_rejected()
    }
}

fn invalid(field: &'static str) -> impl FnOnce(ruma::IdParseError) -> PduError {
    move |source| PduError::Identifier { field, source }
}

#[cfg(test)]
mod tests {
    use ruma::RoomVersionId;
    use serde_json::json;

    use super::*;
    use crate::events::{StoredEvent, testing::TestRoom, versions::OFFERED};

    #[test]
    fn an_event_survives_storage() {
        for version in OFFERED {
            let mut room = TestRoom::new(&version);
            let target = room.message("@alice:local", "a \"quoted\" \u{1} text");
            room.redact("@alice:local", target.event_id());
            for pdu in room.timeline() {
                let back = Pdu::from_stored(&pdu.to_stored()).unwrap();
                assert_eq!(&back, pdu);
                assert_eq!(back.room_id(), pdu.room_id());
                assert_eq!(back.redacts(), pdu.redacts());
                assert_eq!(Event::room_id(&back), Event::room_id(pdu));
                assert!(!back.is_rejected());
            }
        }
    }

    #[test]
    fn rejection_survives_storage() {
        let mut room = TestRoom::new(&RoomVersionId::V12);
        let pdu = room.message("@alice:local", "hi").into_rejected();
        assert!(pdu.is_rejected());
        assert!(Pdu::from_stored(&pdu.to_stored()).unwrap().is_rejected());
        assert!(!room.last().is_rejected(), "other copies are not touched");
    }

    #[test]
    fn a_stored_event_shows_what_clients_see() {
        let mut room = TestRoom::new(&RoomVersionId::V12);
        let pdu = room.state(
            "@alice:local",
            "m.room.topic",
            "",
            json!({ "topic": "Tea" }),
        );
        let bytes = pdu.to_stored();
        let stored = StoredEvent::parse(&bytes).unwrap();
        assert_eq!(stored.event_id, pdu.event_id());
        assert_eq!(stored.event_type(), "m.room.topic");
        assert_eq!(stored.state_key(), Some(""));
        assert_eq!(stored.sender(), "@alice:local");
        assert_eq!(stored.content().get(), r#"{"topic":"Tea"}"#);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let bytes = TestRoom::new(&RoomVersionId::V12).last().to_stored();
        for length in 0..bytes.len() {
            assert!(
                Pdu::from_stored(&bytes[..length]).is_err(),
                "the first {length} bytes"
            );
        }
        let unknown_flag = [&[0x80], &bytes[1..]].concat();
        assert!(matches!(
            Pdu::from_stored(&unknown_flag),
            Err(PduError::Stored)
        ));
    }

    #[test]
    fn malformed_events_are_refused() {
        let room = TestRoom::new(&RoomVersionId::V11);
        let json = room.last().json();
        let event_id = room.last().event_id();
        let parse = |json: String| Pdu::from_json(event_id.clone(), json, room.rules());
        assert!(parse(json.to_owned()).is_ok());
        for (from, to) in [
            ("\"@alice:local\"", "\"alice\""),
            ("\"@alice:local\"", "5"),
            ("\"!room:local\"", "\"room\""),
            ("\"prev_events\":[\"$", "\"prev_events\":[\""),
            ("\"depth\":", "\"depth\":-"),
            ("\"state_key\":\"\"", "\"state_key\":null"),
            ("\"type\"", "\"kind\""),
        ] {
            assert!(json.contains(from), "{from} in {json}");
            assert!(parse(json.replace(from, to)).is_err(), "{to}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_json_is_an_event_or_refused(
            json in crate::any_input::text_like(&[
                r#"{"auth_events":["$a"],"content":{"membership":"join"},"depth":3,"hashes":{"sha256":"AA"},"origin_server_ts":1,"prev_events":["$b"],"room_id":"!a:b.example","sender":"@a:b.example","signatures":{},"state_key":"@a:b.example","type":"m.room.member"}"#,
            ]),
        ) {
            for version in OFFERED {
                let rules = crate::events::versions::rules(&version).unwrap();
                let id = ruma::event_id!("$a").to_owned();
                if let Ok(pdu) = Pdu::from_json(id, json.clone(), rules) {
                    let again = Pdu::from_stored(&pdu.to_stored()).unwrap();
                    assert_eq!(again.sender(), pdu.sender());
                }
            }
        }
    }
}

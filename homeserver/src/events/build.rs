//! Making events: from what a client wants to send to a hashed and signed event with an id.
//!
//! The three JSON texts an event needs (to hash, to sign and to store) are written in order of the keys from the same
//! fields; only the content takes the way through a tree of values, which sorts its keys and checks its numbers.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use ruma::{
    CanonicalJsonObject, EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedUserId, RoomId,
    ServerName,
    canonical_json::{redact_content_in_place, redact_in_place},
    events::TimelineEventType,
    room_version_rules::{EventIdFormatVersion, RoomVersionRules},
    signatures::{Ed25519KeyPair, KeyPair},
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest, Sha256};

use super::{Pdu, PduError};

/// How large an event may be.
///
/// The specification's limit is one byte higher. Some servers refuse an event of exactly that size, and an event that
/// not all servers accept splits the room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#size-limits)
pub const MAX_PDU_BYTES: usize = 65_535;

/// How long the type, the state key and the identifiers of an event may be.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#size-limits)
pub const MAX_FIELD_BYTES: usize = 255;

/// The largest number in canonical JSON.
/// [spec](https://spec.matrix.org/v1.19/appendices/#canonical-json)
const MAX_DEPTH: u64 = (1 << 53) - 1;

/// An event that somebody wants to send.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Who sends it.
    pub sender: OwnedUserId,
    /// Its type.
    pub event_type: TimelineEventType,
    /// Its state key, if it is a state event.
    pub state_key: Option<String>,
    /// Its content: any JSON object.
    pub content: Box<RawValue>,
    /// The event to redact, if it is a redaction.
    pub redacts: Option<OwnedEventId>,
    /// The time of sending.
    pub origin_server_ts: MilliSecondsSinceUnixEpoch,
}

/// The place in a room where an event is to be put.
#[derive(Clone, Copy, Debug)]
pub struct RoomContext<'a> {
    /// The rules of the room's version.
    pub rules: &'a RoomVersionRules,
    /// The room; none for the create event since room version 12, which gives the room its id.
    pub room_id: Option<&'a RoomId>,
    /// The room's last events.
    pub prev_events: &'a [OwnedEventId],
    /// The events that allow this one, see [`super::auth::auth_events`].
    pub auth_events: &'a [OwnedEventId],
    /// One more than the greatest depth of `prev_events`.
    pub depth: u64,
}

/// In whose name events are signed.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// This server.
    pub server_name: &'a ServerName,
    /// Its key.
    pub key: &'a Ed25519KeyPair,
}

/// Why an event cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The event would be too large.
    #[error("The event would have {0} bytes; at most {MAX_PDU_BYTES} are allowed.")]
    TooLarge(usize),
    /// A field is too long.
    #[error("The {field} of the event has {length} bytes; at most {MAX_FIELD_BYTES} are allowed.")]
    FieldTooLong {
        /// The field in words.
        field: &'static str,
        /// Its length.
        length: usize,
    },
    /// The content is no JSON object or cannot be written as canonical JSON.
    #[error(
        "The content of the event must be a JSON object whose numbers are integers from -(2^53)+1 to (2^53)-1: {0}"
    )]
    NotCanonical(serde_json::Error),
    /// What was built cannot be read back.
    #[error("The event cannot be built: {0}")]
    Malformed(#[from] PduError),
}

/// Builds, hashes and signs an event.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#signing-events)
pub fn build(draft: &Draft, room: RoomContext<'_>, signer: Signer<'_>) -> Result<Pdu, BuildError> {
    check_length("type", draft.event_type.to_string().len())?;
    check_length("state key", draft.state_key.as_ref().map_or(0, String::len))?;
    let content: CanonicalJsonObject =
        serde_json::from_str(draft.content.get()).map_err(BuildError::NotCanonical)?;
    let content = contents(content, draft, room.rules).map_err(PduError::Json)?;
    let (event_id, json) = sign(draft, room, signer, &content).map_err(PduError::Json)?;
    if json.len() > MAX_PDU_BYTES {
        return Err(BuildError::TooLarge(json.len()));
    }
    let event_id = EventId::new_v2_or_v3(&event_id).map_err(|source| PduError::Identifier {
        field: "event_id",
        source,
    })?;
    Ok(Pdu::from_json(event_id, json, room.rules)?)
}

/// The reference hash of an event, which is its id without the sigil.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#calculating-the-reference-hash-for-an-event)
pub fn reference_hash(
    event: &CanonicalJsonObject,
    rules: &RoomVersionRules,
) -> Result<String, PduError> {
    let mut redacted = event.clone();
    redact_in_place(&mut redacted, &rules.redaction, None)
        .map_err(serde::de::Error::custom)
        .map_err(PduError::Json)?;
    redacted.remove("signatures");
    redacted.remove("unsigned");
    let json = serde_json::to_vec(&redacted)?;
    Ok(hash_in_id(&json, rules))
}

/// The hash of an event as its id has it: in room version 3 with the letters of base64 that addresses do not like.
/// [spec](https://spec.matrix.org/v1.19/rooms/v3/#event-ids)
fn hash_in_id(json: &[u8], rules: &RoomVersionRules) -> String {
    let hash = Sha256::digest(json);
    match rules.event_id_format {
        EventIdFormatVersion::V2 => BASE64_STANDARD_NO_PAD.encode(hash),
        _ => BASE64_URL_SAFE_NO_PAD.encode(hash),
    }
}

fn check_length(field: &'static str, length: usize) -> Result<(), BuildError> {
    if length > MAX_FIELD_BYTES {
        return Err(BuildError::FieldTooLong { field, length });
    }
    Ok(())
}

/// The content in canonical JSON, and what a redaction would leave of it.
struct Contents {
    full: Box<RawValue>,
    redacted: Box<RawValue>,
}

fn contents(
    mut content: CanonicalJsonObject,
    draft: &Draft,
    rules: &RoomVersionRules,
) -> serde_json::Result<Contents> {
    if rules.redaction.content_field_redacts
        && let Some(redacts) = &draft.redacts
    {
        content.insert("redacts".to_owned(), redacts.as_str().into());
    }
    let full = to_raw_value(&content)?;
    redact_content_in_place(&mut content, &rules.redaction, draft.event_type.to_string());
    let redacted = to_raw_value(&content)?;
    Ok(Contents { full, redacted })
}

/// The reference hash and the signed JSON.
fn sign(
    draft: &Draft,
    room: RoomContext<'_>,
    signer: Signer<'_>,
    contents: &Contents,
) -> serde_json::Result<(String, String)> {
    let mut fields = Fields {
        auth_events: room.auth_events,
        content: &contents.full,
        depth: room.depth.min(MAX_DEPTH),
        hashes: None,
        origin_server_ts: draft.origin_server_ts,
        prev_events: room.prev_events,
        redacts: draft
            .redacts
            .as_deref()
            .filter(|_| !room.rules.redaction.content_field_redacts),
        room_id: room.room_id,
        sender: &draft.sender,
        signatures: None,
        state_key: draft.state_key.as_deref(),
        event_type: &draft.event_type,
    };
    let content_hash = BASE64_STANDARD_NO_PAD.encode(Sha256::digest(serde_json::to_vec(&fields)?));
    fields.hashes = Some(Single("sha256", &content_hash));

    // The reference hash and the signature cover the same bytes: the redacted event without signatures.
    let redacted = Fields {
        content: &contents.redacted,
        redacts: None,
        ..fields
    };
    let redacted = serde_json::to_vec(&redacted)?;
    let reference_hash = hash_in_id(&redacted, room.rules);
    let signature = signer.key.sign(&redacted);
    let (key_id, signature) = (signature.id(), signature.base64());
    fields.signatures = Some(Single(
        signer.server_name.as_str(),
        Single(&key_id, &signature),
    ));
    Ok((reference_hash, serde_json::to_string(&fields)?))
}

/// The fields of an event in order of their keys, as canonical JSON wants them.
#[derive(Clone, Copy, Serialize)]
struct Fields<'a> {
    auth_events: &'a [OwnedEventId],
    content: &'a RawValue,
    depth: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashes: Option<Single<'a, &'a str>>,
    origin_server_ts: MilliSecondsSinceUnixEpoch,
    prev_events: &'a [OwnedEventId],
    #[serde(skip_serializing_if = "Option::is_none")]
    redacts: Option<&'a EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<&'a RoomId>,
    sender: &'a OwnedUserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    signatures: Option<Single<'a, Single<'a, &'a str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_key: Option<&'a str>,
    #[serde(rename = "type")]
    event_type: &'a TimelineEventType,
}

/// A JSON object with one key.
#[derive(Clone, Copy)]
struct Single<'a, T>(&'a str, T);

impl<T: Serialize> Serialize for Single<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use ruma::{
        RoomVersionId,
        signatures::{self, hash_and_sign_event},
    };
    use serde_json::json;

    use super::*;
    use crate::events::{
        testing::{TestRoom, key_pair},
        versions::OFFERED,
    };

    /// Hashes and signs the event once more, the way the specification's text goes.
    fn assert_signed_as_specified(pdu: &Pdu, rules: &RoomVersionRules) {
        let mut object: CanonicalJsonObject = serde_json::from_str(pdu.json()).unwrap();
        object.remove("hashes");
        object.remove("signatures");
        hash_and_sign_event("local", key_pair(), &mut object, &rules.redaction).unwrap();
        assert_eq!(serde_json::to_string(&object).unwrap(), pdu.json());
        let hash = signatures::reference_hash(&object, rules).unwrap();
        assert_eq!(format!("${hash}"), pdu.event_id().as_str());
    }

    #[test]
    fn hashes_signatures_and_ids_are_those_of_the_specification() {
        for version in OFFERED {
            let mut room = TestRoom::new(&version);
            room.message("@alice:local", "zwölf Boxkämpfer \"jagen\"\u{7f}\u{1}\n");
            room.state(
                "@alice:local",
                "m.room.topic",
                "",
                json!({ "topic": "Tee", "a": [1, { "z": null, "b": -4 }] }),
            );
            let target = room.last().event_id().clone();
            room.redact("@alice:local", &target);
            assert!(room.timeline().len() > 4);
            for pdu in room.timeline() {
                assert_signed_as_specified(pdu, room.rules());
            }
        }
    }

    #[test]
    fn a_redaction_names_its_target_where_the_room_version_wants_it() {
        for (version, in_content) in [(RoomVersionId::V10, false), (RoomVersionId::V11, true)] {
            let mut room = TestRoom::new(&version);
            let target = room.message("@alice:local", "oops");
            let redaction = room.redact("@alice:local", target.event_id());
            assert_eq!(redaction.redacts(), Some(target.event_id()));
            assert_eq!(redaction.content().get().contains("redacts"), in_content);
        }
    }

    #[test]
    fn since_version_12_the_create_event_gives_the_room_its_id() {
        let room = TestRoom::new(&RoomVersionId::V12);
        let create = &room.timeline()[0];
        assert_eq!(
            create.room_id().strip_sigil(),
            create.event_id().as_str().trim_start_matches('$')
        );
        assert!(!create.json().contains("room_id"));
        let next = &room.timeline()[1];
        assert_eq!(next.room_id(), create.room_id());
        assert!(!next.auth_events().contains(create.event_id()));
    }

    #[test]
    fn content_that_is_not_canonical_is_refused() {
        let room = TestRoom::new(&RoomVersionId::V12);
        for content in [
            "{\"a\":1.5}",
            "{\"a\":1e3}",
            "{\"a\":-0}",
            "{\"a\":9007199254740992}",
            "[]",
            "1",
            "null",
        ] {
            let content = RawValue::from_string(content.to_owned()).unwrap();
            let error = room
                .try_build("@alice:local", "m.room.message", None, content)
                .unwrap_err();
            assert!(matches!(error, BuildError::NotCanonical(_)), "{error}");
        }
        let deep =
            RawValue::from_string(format!("{{\"a\":{}1{}}}", "[".repeat(120), "]".repeat(120)))
                .unwrap();
        room.try_build("@alice:local", "m.room.message", None, deep)
            .unwrap();
    }

    #[test]
    fn an_event_that_is_too_large_is_refused() {
        let room = TestRoom::new(&RoomVersionId::V12);
        let message = |length| to_raw_value(&json!({ "body": "x".repeat(length) })).unwrap();
        let size = room
            .try_build("@alice:local", "m.room.message", None, message(0))
            .unwrap()
            .json()
            .len();
        let fits = message(MAX_PDU_BYTES - size);
        assert!(
            room.try_build("@alice:local", "m.room.message", None, fits)
                .is_ok()
        );
        let error = room.try_build(
            "@alice:local",
            "m.room.message",
            None,
            message(MAX_PDU_BYTES - size + 1),
        );
        assert!(matches!(error, Err(BuildError::TooLarge(65_536))));
    }

    #[test]
    fn a_long_type_or_state_key_is_refused() {
        let room = TestRoom::new(&RoomVersionId::V12);
        let long = "ä".repeat(128);
        let content = || to_raw_value(&json!({})).unwrap();
        for (event_type, state_key) in [(&*long, ""), ("m.room.topic", &*long)] {
            let error = room
                .try_build("@alice:local", event_type, Some(state_key), content())
                .unwrap_err();
            assert!(
                matches!(error, BuildError::FieldTooLong { length: 256, .. }),
                "{error}"
            );
        }
    }
}

//! Checking events that come from other servers.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, EventId, MilliSecondsSinceUnixEpoch, OwnedServerName,
    OwnedServerSigningKeyId, ServerName, SigningKeyAlgorithm,
    canonical_json::redact_in_place,
    room_version_rules::RoomVersionRules,
    serde::Base64,
    signatures::{
        self, PublicKeyMap, VerificationError, required_server_signatures_to_verify_event,
        to_canonical_json_string_for_signing, verify_canonical_json_bytes, verify_event,
    },
    state_res::check_pdu_format,
};

use super::{
    Pdu, PduError, Signer,
    build::{MAX_FIELD_BYTES, MAX_PDU_BYTES, reference_hash},
};

/// Why an event from another server is dropped.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is no canonical JSON object, or its fields are not those of an event.
    #[error("{0}")]
    Malformed(#[from] PduError),
    /// It breaks a rule of the event format or a size limit.
    #[error("the event breaks the format of its room version: {0}")]
    Format(String),
    /// A signature is missing or wrong.
    #[error("the event is not signed correctly: {0}")]
    Signature(#[from] VerificationError),
}

/// An event from another server whose format is right, but whose signatures have not been checked yet.
pub struct Unverified<'a> {
    object: CanonicalJsonObject,
    rules: &'a RoomVersionRules,
    event_id: String,
}

/// An event whose signatures are right.
#[derive(Debug)]
pub struct Verified {
    /// The event.
    pub pdu: Pdu,
    /// Whether only a redacted copy is left, because the content is not what was signed.
    pub redacted: bool,
}

impl<'a> Unverified<'a> {
    /// Checks the format, which depends on the version of the event's room.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu)
    pub fn parse(json: &str, rules: &'a RoomVersionRules) -> Result<Self, VerifyError> {
        let mut object: CanonicalJsonObject = serde_json::from_str(json).map_err(PduError::Json)?;
        // Not signed, and nothing in it is of use here.
        object.remove("unsigned");
        check_format(&object, rules).map_err(VerifyError::Format)?;
        if !object
            .get("content")
            .is_some_and(CanonicalJsonValue::is_object)
        {
            return Err(VerifyError::Format("`content` is not an object".to_owned()));
        }
        let event_id = format!("${}", reference_hash(&object, rules)?);
        Ok(Self {
            object,
            rules,
            event_id,
        })
    }

    /// The event's id.
    pub fn event_id(&self) -> &str {
        &self.event_id
    }

    /// The event as it claims to be.
    pub fn claimed(&self) -> Result<Pdu, VerifyError> {
        let id = EventId::parse(&*self.event_id).map_err(|source| PduError::Identifier {
            field: "event_id",
            source,
        })?;
        Ok(Pdu::from_json(id, self.to_json()?, self.rules)?)
    }

    /// The servers whose keys [`Self::verify`] needs.
    pub fn signing_servers(&self) -> Result<impl Iterator<Item = OwnedServerName>, VerifyError> {
        let servers =
            required_server_signatures_to_verify_event(&self.object, &self.rules.signatures)?;
        Ok(servers.into_iter())
    }

    /// The keys of these servers with which the event is signed.
    pub fn signing_keys(
        &self,
    ) -> Result<BTreeMap<OwnedServerName, BTreeSet<OwnedServerSigningKeyId>>, VerifyError> {
        let signatures = self
            .object
            .get("signatures")
            .and_then(CanonicalJsonValue::as_object);
        let keys_of = |server: &OwnedServerName| {
            let signatures = signatures?.get(server.as_str())?.as_object()?;
            let keys = signatures
                .keys()
                .filter_map(|id| id.as_str().try_into().ok());
            Some(keys.collect::<BTreeSet<_>>())
        };
        let servers = self.signing_servers()?;
        Ok(servers
            .map(|server| {
                let keys = keys_of(&server).unwrap_or_default();
                (server, keys)
            })
            .collect())
    }

    /// When the event was sent, as its sender's server says.
    pub fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        let ts = self.object.get("origin_server_ts").and_then(|ts| match ts {
            CanonicalJsonValue::Integer(ts) => u64::try_from(i64::from(*ts)).ok(),
            _ => None,
        });
        MilliSecondsSinceUnixEpoch(ts.and_then(|ts| ts.try_into().ok()).unwrap_or_default())
    }

    /// Adds this server's signature.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#signing-events)
    pub fn sign(&mut self, signer: Signer<'_>) -> Result<(), VerifyError> {
        let mut redacted = self.object.clone();
        redact_in_place(&mut redacted, &self.rules.redaction, None)
            .map_err(serde::de::Error::custom)
            .map_err(PduError::Json)?;
        signatures::sign_json(signer.server_name.as_str(), signer.key, &mut redacted)
            .map_err(serde::de::Error::custom)
            .map_err(PduError::Json)?;
        if let Some(signatures) = redacted.remove("signatures") {
            self.object.insert("signatures".to_owned(), signatures);
        }
        Ok(())
    }

    /// The event as JSON.
    pub fn to_json(&self) -> Result<String, VerifyError> {
        Ok(serde_json::to_string(&self.object).map_err(PduError::Json)?)
    }

    /// Checks signatures and content hash. Where the hash is wrong, the redacted event is what counts.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#validating-hashes-and-signatures-on-received-events)
    pub fn verify(mut self, keys: &PublicKeyMap) -> Result<Verified, VerifyError> {
        let redacted = verify_event(keys, &self.object, self.rules)? != signatures::Verified::All;
        if redacted {
            redact_in_place(&mut self.object, &self.rules.redaction, None)
                .map_err(serde::de::Error::custom)
                .map_err(PduError::Json)?;
        }
        let event_id = EventId::parse(self.event_id).map_err(|source| PduError::Identifier {
            field: "event_id",
            source,
        })?;
        let json = serde_json::to_string(&self.object).map_err(PduError::Json)?;
        Ok(Verified {
            pdu: Pdu::from_json(event_id, json, self.rules)?,
            redacted,
        })
    }
}

/// Checks fields and sizes. Before room version 11 servers disagreed whether a state key and a type have 255 bytes or 255
/// letters at most, so events of the rooms from then that have more bytes are part of them.
fn check_format(object: &CanonicalJsonObject, rules: &RoomVersionRules) -> Result<(), String> {
    // Which events may authorise others is for the authorisation rules: what breaks them is rejected, not dropped.
    let mut format = rules.event_format.clone();
    format.allow_room_create_in_auth_events = true;
    let verdict = check_pdu_format(object, &format);
    let counts_letters = !rules.redaction.content_field_redacts;
    if verdict.is_ok() || !counts_letters {
        return verdict;
    }
    let mut shorter = object.clone();
    for field in ["state_key", "type"] {
        if let Some(CanonicalJsonValue::String(text)) = shorter.get_mut(field)
            && text.chars().count() <= MAX_FIELD_BYTES
        {
            text.truncate(text.floor_char_boundary(MAX_FIELD_BYTES));
        }
    }
    let length = |object| serde_json::to_string(object).map_or(usize::MAX, |json| json.len());
    if length(object) > MAX_PDU_BYTES {
        return verdict;
    }
    check_pdu_format(&shorter, &format)
}

/// Whether a key has signed an event in the name of a server, as what is left of it when it is redacted.
/// [spec](https://spec.matrix.org/v1.19/appendices/#checking-for-a-signature)
pub fn is_signed_with(
    pdu: &Pdu,
    rules: &RoomVersionRules,
    (server, key_id): (&ServerName, &str),
    key: &[u8],
) -> bool {
    let is_signed = || {
        let mut object: CanonicalJsonObject = serde_json::from_str(pdu.json()).ok()?;
        let signatures = object.get("signatures")?.as_object()?;
        let signature = signatures.get(server.as_str())?.as_object()?.get(key_id)?;
        let signature: Base64 = Base64::parse(signature.as_str()?).ok()?;
        redact_in_place(&mut object, &rules.redaction, None).ok()?;
        let json = to_canonical_json_string_for_signing(&object).ok()?;
        let algorithm = SigningKeyAlgorithm::Ed25519;
        verify_canonical_json_bytes(&algorithm, key, signature.as_bytes(), json.as_bytes()).ok()
    };
    is_signed().is_some()
}

/// An event with one signature more.
pub fn with_signature(
    pdu: &Pdu,
    rules: &RoomVersionRules,
    (server, key_id): (&ServerName, &str),
    signature: &str,
) -> Result<Pdu, PduError> {
    let mut object: serde_json::Value = serde_json::from_str(pdu.json())?;
    object["signatures"][server.as_str()][key_id] = signature.into();
    let object: CanonicalJsonObject = serde_json::from_value(object)?;
    let json = serde_json::to_string(&object)?;
    Pdu::from_json(pdu.event_id().clone(), json, rules)
}

#[cfg(test)]
mod tests {
    use ruma::serde::Base64;
    use serde_json::{Value, json};

    use super::*;
    use crate::events::{
        testing::{TestRoom, key_pair},
        versions::OFFERED,
    };
    use ruma::RoomVersionId;

    fn keys() -> PublicKeyMap {
        let key = Base64::new(key_pair().public_key().to_vec());
        [(
            "local".to_owned(),
            [("ed25519:test".to_owned(), key)].into(),
        )]
        .into()
    }

    fn altered(pdu: &Pdu, alter: impl FnOnce(&mut Value)) -> String {
        let mut event = serde_json::from_str(pdu.json()).unwrap();
        alter(&mut event);
        event.to_string()
    }

    #[test]
    fn what_was_built_passes() {
        for version in OFFERED {
            let mut room = TestRoom::new(&version);
            room.message("@alice:local", "hi");
            for pdu in room.timeline() {
                let sent = altered(pdu, |event| event["unsigned"] = json!({ "age": 5 }));
                let unverified = Unverified::parse(&sent, room.rules()).unwrap();
                assert_eq!(unverified.event_id(), pdu.event_id().as_str());
                assert_eq!(
                    unverified.signing_servers().unwrap().collect::<Vec<_>>(),
                    ["local"]
                );
                let verified = unverified.verify(&keys()).unwrap();
                assert_eq!(&verified.pdu, pdu);
                assert!(!verified.redacted);
            }
        }
    }

    #[test]
    fn altered_content_is_redacted() {
        let mut room = TestRoom::new(&RoomVersionId::V10);
        let pdu = room.message("@alice:local", "hi");
        let sent = altered(&pdu, |event| {
            event["content"]["body"] = "I owe you money".into();
        });
        let verified = Unverified::parse(&sent, room.rules())
            .unwrap()
            .verify(&keys())
            .unwrap();
        assert!(verified.redacted);
        assert_eq!(verified.pdu.content().get(), "{}");
        assert_eq!(verified.pdu.event_id(), pdu.event_id());
    }

    #[test]
    fn an_altered_sender_breaks_the_signature() {
        let mut room = TestRoom::new(&RoomVersionId::V10);
        let pdu = room.message("@alice:local", "hi");
        let sent = altered(&pdu, |event| event["sender"] = "@bob:local".into());
        let verdict = Unverified::parse(&sent, room.rules())
            .unwrap()
            .verify(&keys());
        assert!(matches!(verdict, Err(VerifyError::Signature(_))));
        let unknown = Unverified::parse(pdu.json(), room.rules())
            .unwrap()
            .verify(&PublicKeyMap::new());
        assert!(matches!(unknown, Err(VerifyError::Signature(_))));
    }

    #[test]
    fn events_out_of_format_are_dropped() {
        let mut room = TestRoom::new(&RoomVersionId::V10);
        let pdu = room.message("@alice:local", "hi");
        let long = "ä".repeat(256);
        let many: Vec<_> = (0..21).map(|n| format!("$event{n}")).collect();
        for (field, value) in [
            ("type", json!(long)),
            ("sender", json!(format!("@{long}:local"))),
            ("room_id", json!(null)),
            ("state_key", json!(long)),
            ("depth", json!(-1)),
            ("depth", json!("1")),
            ("prev_events", json!(many)),
            ("auth_events", json!({})),
            ("content", json!("text")),
            ("content", json!({ "n": 1.5 })),
            ("content", json!({ "body": "x".repeat(65_536) })),
        ] {
            let sent = altered(&pdu, |event| event[field] = value.clone());
            let verdict = Unverified::parse(&sent, room.rules()).map(drop);
            assert!(verdict.is_err(), "{field}: {value}");
        }
        let long = "ä".repeat(128);
        for (version, is_part) in [(RoomVersionId::V10, true), (RoomVersionId::V11, false)] {
            let mut room = TestRoom::new(&version);
            let pdu = room.state("@alice:local", "org.example", "", json!({}));
            let sent = altered(&pdu, |event| event["state_key"] = long.as_str().into());
            let verdict = Unverified::parse(&sent, room.rules());
            assert_eq!(verdict.is_ok(), is_part, "{version}");
        }
        assert!(Unverified::parse("{", room.rules()).is_err());
        assert!(Unverified::parse("[]", room.rules()).is_err());
    }
}

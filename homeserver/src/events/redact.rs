//! Taking the content out of an event.

use ruma::{CanonicalJsonObject, canonical_json, room_version_rules::RoomVersionRules};

use super::{Pdu, PduError};

/// What is left of an event after its redaction. It keeps its id, its hashes and its signatures.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#redactions)
pub fn redact(pdu: &Pdu, rules: &RoomVersionRules) -> Result<Pdu, PduError> {
    let mut object: CanonicalJsonObject = serde_json::from_str(pdu.json())?;
    canonical_json::redact_in_place(&mut object, &rules.redaction, None)
        .map_err(serde::de::Error::custom)
        .map_err(PduError::Json)?;
    Pdu::from_json(
        pdu.event_id().clone(),
        serde_json::to_string(&object)?,
        rules,
    )
}

#[cfg(test)]
mod tests {
    use ruma::RoomVersionId;
    use serde_json::json;

    use super::*;
    use crate::events::{build::reference_hash, testing::TestRoom};

    #[test]
    fn a_redacted_message_has_no_content_and_the_same_id() {
        for version in crate::events::versions::OFFERED {
            let mut room = TestRoom::new(&version);
            let message = room.message("@alice:local", "secret");
            let redacted = redact(&message, room.rules()).unwrap();
            assert_eq!(redacted.content().get(), "{}");
            assert!(!redacted.json().contains("secret"));
            let object = serde_json::from_str(redacted.json()).unwrap();
            let hash = reference_hash(&object, room.rules()).unwrap();
            assert_eq!(
                format!("${hash}"),
                message.event_id().as_str(),
                "room version {version}"
            );
        }
    }

    #[test]
    fn what_a_member_event_keeps_depends_on_the_room_version() {
        let content = json!({
            "membership": "join",
            "displayname": "Alice",
            "join_authorised_via_users_server": "@bob:local",
        });
        for (version, kept) in [
            (RoomVersionId::V8, r#"{"membership":"join"}"#),
            (
                RoomVersionId::V9,
                r#"{"join_authorised_via_users_server":"@bob:local","membership":"join"}"#,
            ),
        ] {
            let room = TestRoom::new(&version);
            let member = room.build(
                "@alice:local",
                "m.room.member",
                Some("@alice:local"),
                content.clone(),
            );
            assert_eq!(redact(&member, room.rules()).unwrap().content().get(), kept);
        }
    }
}

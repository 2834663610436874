//! Checking what an invitation tells of a room.

use ruma::{
    RoomId, api::federation::membership::RawStrippedState, room_version_rules::RoomVersionRules,
    signatures::VerificationError,
};

use crate::{
    ApiError, ApiResult, Server, events::verify::VerifyError, federation::inbound::verify,
};

/// State events that an invitation tells at most.
const MOST: usize = 64;

/// Refuses an invitation whose events of the room's state are not in order, or without the create event. Servers do so
/// since room version 12, where the create event gives the room its id.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2inviteroomideventid)
pub(super) async fn check(
    server: &Server,
    rules: &'static RoomVersionRules,
    room_id: &RoomId,
    shown: &[RawStrippedState],
) -> ApiResult {
    if shown.len() > MOST {
        return Err(refused("has too many events"));
    }
    let mut events = Vec::with_capacity(shown.len());
    for event in shown {
        let RawStrippedState::Pdu(event) = event else {
            return Err(refused(
                "has an event that is not in the format of the room's version",
            ));
        };
        events.push(event.get().to_owned());
    }
    let mut has_create = false;
    for checked in verify::verify(server, rules, events).await? {
        let hash = checked
            .event_id
            .as_ref()
            .map(|id| id.as_str().trim_start_matches('$'));
        has_create |= hash == Some(room_id.strip_sigil());
        match checked.pdu {
            Ok(pdu) if pdu.room_id() == room_id => {}
            Ok(_) => return Err(refused("has an event of another room")),
            // Perhaps nobody is left who gives out the keys of somebody who left long ago.
            Err(VerifyError::Signature(VerificationError::NoPublicKeysForEntity(_))) => {}
            Err(error) => {
                return Err(refused(&format!(
                    "has an event that is not in order: {error}"
                )));
            }
        }
    }
    match has_create {
        true => Ok(()),
        false => Err(refused("lacks the room's create event")),
    }
}

fn refused(why: &str) -> ApiError {
    ApiError::invalid_param(format!("The field invite_room_state {why}."))
}

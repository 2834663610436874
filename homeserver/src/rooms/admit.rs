//! Membership changes of other servers' users that come through this server: it proposes an event, the other server
//! signs it, and this server takes it into the room and tells the others.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#joining-rooms)

use ruma::{OwnedUserId, RoomVersionId, events::TimelineEventType};
use serde_json::{Map, Value, json, value::to_raw_value};

use super::{Rooms, membership::Step, receive::Outcome, restricted, servers, txn::Txn};
use crate::{
    error::{ApiError, ApiResult},
    events::{Draft, Pdu},
    ids::{EventNid, RoomNid},
    rooms::rows::Membership,
};

/// What an admitted member's server is told of the room.
pub struct Admitted {
    /// The room's state before the event.
    pub state: Vec<String>,
    /// What allows that state.
    pub auth_chain: Vec<String>,
    /// The servers in the room before the event.
    pub servers: Vec<String>,
}

impl Rooms {
    /// The version of a room that this server is in.
    pub async fn version(&self, room: RoomNid) -> ApiResult<RoomVersionId> {
        self.write(room, |txn| {
            require_resident(txn)?;
            version_of(txn)
        })
        .await
    }

    /// The event with which a user of another server would join, leave or knock, unsigned, and the room's version.
    pub async fn propose(
        &self,
        room: RoomNid,
        user: OwnedUserId,
        step: Step,
    ) -> ApiResult<(RoomVersionId, Map<String, Value>)> {
        self.write(room, move |txn| {
            require_resident(txn)?;
            let membership = step.membership();
            let mut content = json!({ "membership": membership.as_str() });
            if step == Step::Join {
                let old = txn.membership(&user)?;
                if let Some(member) = restricted::authorising_member(txn, &user, old)? {
                    content["join_authorised_via_users_server"] = member.as_str().into();
                }
            }
            let draft = Draft {
                sender: user.clone(),
                event_type: TimelineEventType::RoomMember,
                state_key: Some(user.to_string()),
                content: to_raw_value(&content).map_err(ApiError::internal)?,
                redacts: None,
                origin_server_ts: txn.rooms.clock().now(),
            };
            let pdu = txn.build(&draft)?;
            txn.authorize(&pdu)?;
            let mut event: Map<String, Value> =
                serde_json::from_str(pdu.json()).map_err(ApiError::internal)?;
            event.remove("hashes");
            event.remove("signatures");
            // Events have no such field any more, but proposals still do.
            event.insert("origin".to_owned(), txn.rooms.server_name().as_str().into());
            Ok((version_of(txn)?, event))
        })
        .await
    }

    /// Refuses a join of a user of another server in the name of a member of this one, unless the room as it is now lets
    /// the user in: nobody has to have asked for a proposal before.
    pub async fn check_entry(&self, room: RoomNid, join: Pdu) -> ApiResult {
        self.write(room, move |txn| {
            require_resident(txn)?;
            let old = txn.membership(join.sender())?;
            restricted::authorising_member(txn, join.sender(), old)?;
            txn.authorize(&join)
        })
        .await
    }

    /// Takes in a membership event that this server proposed, checked and signed by the member's server, and passes it
    /// on to the other servers in the room.
    pub async fn admit(&self, room: RoomNid, pdu: Pdu, tells_state: bool) -> ApiResult<Admitted> {
        let event_id = pdu.event_id().clone();
        let servers = self
            .write_received(room, move |txn| {
                require_resident(txn)?;
                let servers = servers::servers_in(txn.snapshot, txn.room)?;
                txn.relayed_from = Some(pdu.sender().server_name().to_owned());
                match txn.receive(pdu, None)? {
                    Outcome::Accepted(_) | Outcome::Known => {}
                    Outcome::SoftFailed(reason) | Outcome::Rejected(reason) => {
                        return Err(ApiError::forbidden(format!("The room does not allow it: {reason}")));
                    }
                    Outcome::MissingAuth(_) | Outcome::MissingPrev(_) | Outcome::NextChange => {
                        return Err(ApiError::invalid_param(
                            "The event follows events that this server does not know: ask for a new template.",
                        ));
                    }
                }
                let mut names: Vec<String> = servers.iter().map(ToString::to_string).collect();
                names.push(txn.rooms.server_name().to_string());
                Ok(names)
            })
            .await?;
        self.read(move |rooms, snapshot| {
            let (mut state, mut auth_chain) = (Vec::new(), Vec::new());
            if tells_state {
                let event = rooms.event_by_id(snapshot, &event_id)?;
                let event = event.ok_or_else(|| ApiError::not_found("The event is not known."))?;
                let events = rooms.events_of_state(snapshot, event.row.state_before)?;
                let chain = rooms.auth_chain_of(snapshot, &events)?;
                let json = |events: &[EventNid]| -> ApiResult<Vec<String>> {
                    let mut all = Vec::with_capacity(events.len());
                    for event in events {
                        all.push(rooms.known_event(snapshot, *event)?.pdu.json().to_owned());
                    }
                    Ok(all)
                };
                (state, auth_chain) = (json(&events)?, json(&chain)?);
            }
            Ok(Admitted {
                state,
                auth_chain,
                servers,
            })
        })
        .await
    }

    /// The event with which a member of this server invites a user of another one, signed by this server only.
    pub async fn propose_invite(
        &self,
        room: RoomNid,
        sender: OwnedUserId,
        user: OwnedUserId,
        content: Value,
    ) -> ApiResult<(RoomVersionId, Pdu)> {
        self.write_own(room, move |txn| {
            // An invitation that waited for its receiver is good though its sender may have left.
            let waited = content.get("third_party_invite").is_some();
            if !waited && txn.membership(&sender)? != Some(Membership::Join) {
                return Err(super::refusal::not_joined());
            }
            Step::Invite { is_direct: false }.check(txn.membership(&user)?)?;
            let draft = Draft {
                sender: sender.clone(),
                event_type: TimelineEventType::RoomMember,
                state_key: Some(user.to_string()),
                content: to_raw_value(&content).map_err(ApiError::internal)?,
                redacts: None,
                origin_server_ts: txn.rooms.clock().now(),
            };
            let pdu = txn.checked(&draft)?;
            Ok((version_of(txn)?, txn.approved(pdu)?))
        })
        .await
    }
}

fn version_of(txn: &Txn<'_>) -> ApiResult<RoomVersionId> {
    let version = txn.head.summary().version.as_str();
    version.try_into().map_err(ApiError::internal)
}

fn require_resident(txn: &Txn<'_>) -> ApiResult<()> {
    if txn.is_resident() && !txn.head.is_empty() {
        return Ok(());
    }
    Err(ApiError::not_found("This server is not in the room."))
}

/// Why a server cannot take part for its room version, as joins are refused.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_joinroomiduserid)
pub fn incompatible_version(version: &RoomVersionId) -> ApiError {
    use ruma::api::error::{ErrorKind, IncompatibleRoomVersionErrorData};
    ApiError::bad_request(
        ErrorKind::IncompatibleRoomVersion(IncompatibleRoomVersionErrorData::new(version.clone())),
        "Your server does not take part in rooms of this version.",
    )
}
